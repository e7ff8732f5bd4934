package pdf

import (
	"maps"
	"slices"
)

// entry says where an object is. Its zero value is a free one.
type entry struct {
	kind  entryKind
	where int // the offset, or the number of the object stream
	index int // the generation, or the place in the object stream
}

// entryKind is the type of an entry, as cross-reference streams number them
// (ISO 32000-1 table 18).
type entryKind int

const (
	free   entryKind = 0
	plain  entryKind = 1
	packed entryKind = 2
)

// section is one cross-reference section: what one writing of the file added.
type section struct {
	at     int
	stream bool // a cross-reference stream, not a table
}

// readSections reads the section at start and those before it, newest first.
func (f *File) readSections(start int) error {
	seen := map[int]bool{}
	for at := start; ; {
		if seen[at] || len(seen) >= maxSections {
			return errMalformed(at, "the cross-references lead in a circle, or there are too many")
		}
		seen[at] = true
		entries, trailer, err := f.readSection(at)
		if err != nil {
			return err
		}
		if f.trailer == nil {
			f.trailer = trailer
		}
		for num, e := range entries {
			if _, newer := f.entries[num]; !newer {
				f.entries[num] = e
			}
		}
		if len(f.entries) > maxObjects {
			return errTooLarge()
		}
		if trailer["Prev"] == nil {
			return nil
		}
		if at = intOr(trailer["Prev"], -1); at < 0 || at >= len(f.raw) {
			return errMalformed(start, "the file says no place for an earlier cross-reference")
		}
	}
}

// readSection reads a table with its trailer, or a stream, and notes it. Where
// a table names a stream beside it (ISO 32000-1 section 7.5.8.4), that fills in
// what the table calls free.
func (f *File) readSection(at int) (map[int]entry, dict, error) {
	l := f.lexer(at)
	if !l.take("xref") {
		f.sections = append(f.sections, section{at, true})
		return f.crossStream(at)
	}
	f.sections = append(f.sections, section{at, false})
	entries, err := l.table()
	if err != nil {
		return nil, nil, err
	}
	o, err := l.object(0)
	if err != nil {
		return nil, nil, err
	}
	trailer, ok := o.(dict)
	if !ok {
		return nil, nil, errMalformed(l.pos, "the trailer is no dictionary")
	}
	if trailer["XRefStm"] == nil {
		return entries, trailer, nil
	}
	beside, _, err := f.crossStream(intOr(trailer["XRefStm"], -1))
	if err != nil {
		return nil, nil, err
	}
	maps.DeleteFunc(entries, func(_ int, e entry) bool { return e.kind == free })
	maps.Copy(beside, entries)
	return beside, trailer, nil
}

// table reads the subsections of a cross-reference table and the keyword
// trailer (ISO 32000-1 section 7.5.4).
func (l *lexer) table() (map[int]entry, error) {
	entries := map[int]entry{}
	for !l.take("trailer") {
		first, err := l.natural(maxNumber)
		if err != nil {
			return nil, err
		}
		count, err := l.natural(maxNumber)
		if err != nil {
			return nil, err
		}
		for l.pos < len(l.b) && isSpace(l.b[l.pos]) {
			l.pos++
		}
		for num := first; num < first+count; num++ {
			e, ok := l.tableEntry()
			if _, twice := entries[num]; !ok || twice || num > maxNumber || len(entries) > maxObjects {
				return nil, errMalformed(l.pos, "an entry of the cross-reference is broken or there twice")
			}
			entries[num] = e
		}
	}
	return entries, nil
}

// tableEntry reads the 20 octets "nnnnnnnnnn ggggg n" and the end of a line.
func (l *lexer) tableEntry() (entry, bool) {
	if len(l.b)-l.pos < 20 {
		return entry{}, false
	}
	b := l.b[l.pos : l.pos+20]
	where, okWhere := parseInt(string(b[:10]))
	gen, okGen := parseInt(string(b[11:16]))
	if !okWhere || !okGen || b[0] == '-' || b[0] == '+' || b[11] == '-' || b[11] == '+' || gen > maxGeneration ||
		b[10] != ' ' || b[16] != ' ' || !slices.Contains([]string{" \r", " \n", "\r\n"}, string(b[18:])) {
		return entry{}, false
	}
	l.pos += 20
	switch b[17] {
	case 'n':
		return entry{plain, int(where), int(gen)}, true
	case 'f':
		return entry{}, true
	}
	return entry{}, false
}

// crossStream reads the cross-reference stream at an offset (ISO 32000-1
// section 7.5.8); its dictionary is the trailer too.
func (f *File) crossStream(at int) (map[int]entry, dict, error) {
	if at < 0 || at >= len(f.raw) {
		return nil, nil, errMalformed(len(f.raw), "the file says no place for its cross-reference")
	}
	l := f.lexer(at)
	num, err := l.natural(maxNumber)
	if err != nil {
		return nil, nil, err
	}
	gen, err := l.natural(maxGeneration)
	if err != nil {
		return nil, nil, err
	}
	o, err := f.objectAt(at, ref{num, gen})
	if err != nil {
		return nil, nil, err
	}
	s, ok := o.(*stream)
	if !ok || s.dict["Type"] != name("XRef") {
		return nil, nil, errMalformed(at, "no cross-reference stands here")
	}
	b, err := s.inflate(&f.budget.inflated)
	if err != nil {
		return nil, nil, err
	}
	entries, ok := crossEntries(s.dict, b)
	if !ok {
		return nil, nil, errMalformed(at, "the cross-reference stream is broken")
	}
	return entries, s.dict, nil
}

// crossEntries reads the entries (ISO 32000-1 section 7.5.8.3).
func crossEntries(d dict, b []byte) (map[int]entry, bool) {
	w, ok := naturals(d["W"], 3)
	if !ok || max(w[0], w[1], w[2]) > 7 {
		return nil, false
	}
	width := w[0] + w[1] + w[2]
	index, ok := []int{0, intOr(d["Size"], 0)}, true
	if d["Index"] != nil {
		index, ok = naturals(d["Index"], -1)
	}
	if !ok || len(index)%2 != 0 || width == 0 {
		return nil, false
	}
	entries := map[int]entry{}
	for ; len(index) > 0; index = index[2:] {
		for num := index[0]; num < index[0]+index[1]; num++ {
			_, twice := entries[num]
			if len(b) < width || num > maxNumber || len(entries) > maxObjects || twice {
				return nil, false
			}
			entries[num] = crossEntry(b, w)
			b = b[width:]
		}
	}
	return entries, len(b) == 0
}

// crossEntry reads one; a type left out is 1, an unknown one is a reference to
// null.
func crossEntry(b []byte, w []int) entry {
	var fields [3]int
	for i, n := range w {
		for range n {
			fields[i] = fields[i]<<8 | int(b[0])
			b = b[1:]
		}
	}
	if w[0] == 0 {
		fields[0] = int(plain)
	}
	kind := entryKind(fields[0])
	if kind != plain && kind != packed {
		return entry{}
	}
	return entry{kind, fields[1], fields[2]}
}

// naturals returns the integers of an array of n, of any length where n is -1.
func naturals(o object, n int) ([]int, bool) {
	list, ok := o.(array)
	if !ok || n >= 0 && len(list) != n {
		return nil, false
	}
	out := make([]int, len(list))
	for i, o := range list {
		if out[i] = intOr(o, -1); out[i] < 0 {
			return nil, false
		}
	}
	return out, true
}
