package pdf

const maxPacked = 1 << 16 // objects in one object stream

// objectStream is an object stream, inflated (ISO 32000-1 section 7.5.7).
type objectStream struct {
	b      []byte
	places []place
}

// place is the number of an object and where in the stream it begins.
type place struct{ num, at int }

// unpack reads the object num from the object stream of its entry.
func (f *File) unpack(num int, e entry) (object, error) {
	s, err := f.objectStream(e.where)
	if err != nil {
		return nil, err
	}
	if e.index >= len(s.places) || s.places[e.index].num != num {
		return nil, errMalformed(0, "an object stream holds another object than the cross-reference says")
	}
	end := len(s.b)
	if e.index+1 < len(s.places) {
		end = s.places[e.index+1].at
	}
	at := s.places[e.index].at
	if at > end {
		return nil, errMalformed(0, "the objects of an object stream are not in their order")
	}
	l := &lexer{b: s.b[:end], pos: at, values: &f.budget.values}
	o, err := l.object(0)
	if err != nil {
		return nil, err
	}
	if l.space(); l.pos != end {
		return nil, errMalformed(0, "an object stream holds more than its objects")
	}
	return o, nil
}

// objectStream returns the object stream of a number, which is itself no part
// of another.
func (f *File) objectStream(num int) (*objectStream, error) {
	if s := f.streams[num]; s != nil {
		return s, nil
	}
	e := f.entries[num]
	if e.kind != plain {
		return nil, errMalformed(0, "an object stream is missing")
	}
	o, err := f.load(ref{num, e.index})
	if err != nil {
		return nil, err
	}
	raw, ok := o.(*stream)
	if !ok || raw.dict["Type"] != name("ObjStm") {
		return nil, errMalformed(e.where, "no object stream stands here")
	}
	s := &objectStream{}
	if s.b, err = raw.inflate(&f.budget.inflated); err != nil {
		return nil, err
	}
	if s.places, err = f.places(raw.dict, s.b); err != nil {
		return nil, err
	}
	f.streams[num] = s
	return s, nil
}

// places reads the pairs of numbers and offsets at the head of the stream.
func (f *File) places(d dict, b []byte) ([]place, error) {
	count, first := intOr(d["N"], -1), intOr(d["First"], -1)
	if count < 0 || count > maxPacked || first < 0 || first > len(b) {
		return nil, errMalformed(0, "an object stream does not say what it holds")
	}
	l := &lexer{b: b[:first], values: &f.budget.values}
	var out []place
	for range count {
		num, err := l.natural(maxNumber)
		if err != nil {
			return nil, err
		}
		at, err := l.natural(int64(len(b) - first))
		if err != nil {
			return nil, err
		}
		out = append(out, place{num, first + at})
	}
	return out, nil
}
