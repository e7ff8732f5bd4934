package pdf

import (
	"bytes"

	"mohr/internal/fault"
)

const (
	maxFile       = 64 << 20 // octets
	maxNumber     = 8388607  // of an object (ISO 32000-1 annex C.2)
	maxObjects    = 1 << 20
	maxGeneration = 65535
	maxChain      = 16 // references that lead to references
	maxSections   = 256
)

// File is a PDF whose cross-references were read. It keeps the octets it was
// opened with, which must not change, and is not safe for concurrent use.
type File struct {
	raw      []byte
	sections []section     // newest first
	entries  map[int]entry // by the number of the object
	trailer  dict          // the newest
	objects  map[int]object
	streams  map[int]*objectStream
	loading  map[int]bool // what is being read just now
	budget   *budget
}

// budget bounds what a file, and all looks at its earlier revisions, may cost.
type budget struct {
	values   int // objects to parse, those inside others included
	inflated int // octets that streams may become
	compared int // objects to compare
}

// Open reads the header, the end mark and all cross-references of a PDF;
// objects are read when they are asked for.
func Open(raw []byte) (*File, error) {
	if len(raw) > maxFile {
		return nil, errTooLarge()
	}
	return openWithin(raw, budgetFor(len(raw)))
}

// budgetFor is what a file of so many octets may cost: what a small one unfolds
// to must not take the memory that only a large one needs.
func budgetFor(octets int) *budget {
	return &budget{
		values:   min(maxValues, leastValues+valuesPerOctet*octets),
		inflated: min(maxInflatedSum, leastInflated+inflatedPerOctet*octets),
		compared: maxCompared,
	}
}

func openWithin(raw []byte, b *budget) (*File, error) {
	if !hasHeader(raw) {
		return nil, fault.New(fault.Invalid, "pdf_header", "the file does not begin like a PDF; take a PDF file of version 1.0 to 2.0")
	}
	f := &File{
		raw: raw, entries: map[int]entry{}, objects: map[int]object{}, streams: map[int]*objectStream{}, loading: map[int]bool{},
		budget: b,
	}
	start, err := f.startxref()
	if err != nil {
		return nil, err
	}
	if err := f.readSections(start); err != nil {
		return nil, err
	}
	if f.trailer["Encrypt"] != nil {
		return nil, fault.New(fault.Invalid, "pdf_encrypted", "the PDF is encrypted; take off its passwords and permissions first")
	}
	return f, nil
}

// hasHeader reports whether b begins with "%PDF-1.n" or "%PDF-2.0" and the end
// of a line (ISO 32000-1 section 7.5.2).
func hasHeader(b []byte) bool {
	rest, ok := bytes.CutPrefix(b, []byte("%PDF-"))
	if !ok || len(rest) < 4 || rest[1] != '.' || rest[3] != '\r' && rest[3] != '\n' {
		return false
	}
	return rest[0] == '1' && rest[2] >= '0' && rest[2] <= '7' || rest[0] == '2' && rest[2] == '0'
}

// startxref reads where the newest cross-reference is (ISO 32000-1 section
// 7.5.5). Nothing but white space may follow the end mark.
func (f *File) startxref() (int, error) {
	end := len(f.raw)
	for end > 0 && isSpace(f.raw[end-1]) {
		end--
	}
	body, ok := bytes.CutSuffix(f.raw[:end], []byte("%%EOF"))
	at := bytes.LastIndex(body, []byte("startxref"))
	if !ok || at < 0 {
		return 0, errMalformed(end, "the file does not end with startxref and %%EOF")
	}
	l := f.lexer(at)
	l.b = body
	if !l.take("startxref") {
		return 0, errMalformed(at, "startxref is missing")
	}
	start, err := l.natural(int64(at))
	if err != nil {
		return 0, err
	}
	if len(bytes.TrimSpace(body[l.pos:])) > 0 {
		return 0, errMalformed(l.pos, "something stands between startxref and the end mark")
	}
	return start, nil
}

func (f *File) lexer(at int) *lexer {
	return &lexer{b: f.raw, pos: min(at, len(f.raw)), placed: true, values: &f.budget.values}
}

// get returns the object that o refers to, o itself where it is no reference.
// What is not there is null (ISO 32000-1 section 7.3.10).
func (f *File) get(o object) (object, error) {
	for range maxChain {
		r, ok := o.(ref)
		if !ok {
			return o, nil
		}
		var err error
		if o, err = f.load(r); err != nil {
			return nil, err
		}
	}
	return nil, errMalformed(0, "references lead in a circle")
}

// dictAt is get for what must be a dictionary; null is an empty one.
func (f *File) dictAt(o object) (dict, error) {
	o, err := f.get(o)
	if err != nil || o == nil {
		return nil, err
	}
	d, ok := o.(dict)
	if !ok {
		return nil, errMalformed(0, "a dictionary is missing")
	}
	return d, nil
}

// arrayAt is get for what must be an array; null is an empty one.
func (f *File) arrayAt(o object) (array, error) {
	o, err := f.get(o)
	if err != nil || o == nil {
		return nil, err
	}
	a, ok := o.(array)
	if !ok {
		return nil, errMalformed(0, "an array is missing")
	}
	return a, nil
}

// load returns the object of a reference, which may be a reference again.
func (f *File) load(r ref) (object, error) {
	e, ok := f.entries[r.num]
	if !ok || e.kind == free || e.kind == plain && e.index != r.gen || e.kind == packed && r.gen != 0 {
		return nil, nil
	}
	if o, ok := f.objects[r.num]; ok {
		return o, nil
	}
	if f.loading[r.num] {
		return nil, errMalformed(e.where, "an object is needed to read itself")
	}
	f.loading[r.num] = true
	defer delete(f.loading, r.num)
	var o object
	var err error
	if e.kind == packed {
		o, err = f.unpack(r.num, e)
	} else {
		o, err = f.objectAt(e.where, r)
	}
	if err != nil {
		return nil, err
	}
	f.objects[r.num] = o
	return o, nil
}

// objectAt reads the indirect object that must stand at an offset (ISO 32000-1
// section 7.3.10).
func (f *File) objectAt(at int, r ref) (object, error) {
	l := f.lexer(at)
	num, err := l.natural(maxNumber)
	if err != nil {
		return nil, err
	}
	gen, err := l.natural(maxGeneration)
	if err != nil {
		return nil, err
	}
	if num != r.num || gen != r.gen || !l.take("obj") {
		return nil, errMalformed(at, "another object stands here than the cross-reference says")
	}
	o, err := l.object(0)
	if err != nil {
		return nil, err
	}
	skipped := 0
	if d, ok := o.(dict); ok && l.take("stream") {
		s, err := f.streamAt(l, d)
		if err != nil {
			return nil, err
		}
		o, skipped = s, len(s.raw)
	}
	if !l.take("endobj") {
		return nil, errMalformed(l.pos, "an object does not end with endobj")
	}
	// Objects may overlap, so that few octets are parsed often.
	f.budget.values -= (l.pos - at - skipped) / octetsPerValue
	return o, nil
}

// streamAt reads the octets of a stream whose keyword was read (ISO 32000-1
// section 7.3.8).
func (f *File) streamAt(l *lexer, d dict) (*stream, error) {
	begin := l.pos
	switch {
	case bytes.HasPrefix(f.raw[begin:], []byte("\r\n")):
		begin += 2
	case bytes.HasPrefix(f.raw[begin:], []byte("\n")):
		begin++
	default:
		return nil, errMalformed(begin, "the keyword stream is not followed by the end of a line")
	}
	o, err := f.get(d["Length"])
	if err != nil {
		return nil, err
	}
	length := intOr(o, -1)
	if length < 0 || length > len(f.raw)-begin {
		return nil, errMalformed(begin, "a stream says no length, or is longer than the file")
	}
	l.pos = begin + length
	for l.pos < len(f.raw) && isSpace(f.raw[l.pos]) {
		l.pos++
	}
	if !bytes.HasPrefix(f.raw[l.pos:], []byte("endstream")) || !l.take("endstream") {
		return nil, errMalformed(l.pos, "a stream does not end where its length says")
	}
	return &stream{d, f.raw[begin : begin+length]}, nil
}
