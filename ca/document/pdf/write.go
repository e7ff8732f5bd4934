package pdf

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// appendObject writes o in the form that lexer reads; keys are in order, so
// that the same object is always the same octets.
func appendObject(b []byte, o object) []byte {
	switch o := o.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, o)
	case int64:
		return strconv.AppendInt(b, o, 10)
	case decimal:
		return append(b, o...)
	case name:
		return appendName(b, o)
	case str:
		b = append(b, '<')
		b = hex.AppendEncode(b, o.octets)
		return append(b, '>')
	case ref:
		return fmt.Appendf(b, "%d %d R", o.num, o.gen)
	case array:
		b = append(b, '[')
		for _, inner := range o {
			b = appendObject(append(b, ' '), inner)
		}
		return append(b, " ]"...)
	case dict:
		b = append(b, "<<"...)
		for _, key := range slices.Sorted(maps.Keys(o)) {
			b = appendName(append(b, '\n'), key)
			b = appendObject(append(b, ' '), o[key])
		}
		return append(b, "\n>>"...)
	case *stream:
		whole := maps.Clone(o.dict)
		whole["Length"] = int64(len(o.raw))
		b = appendObject(b, whole)
		b = append(append(b, "\nstream\n"...), o.raw...)
		return append(b, "\nendstream"...)
	}
	panic(fmt.Sprintf("a PDF has no object of the type %T", o)) // a mistake of ours: the type is closed
}

func appendName(b []byte, n name) []byte {
	b = append(b, '/')
	for _, c := range []byte(n) {
		if c < '!' || c > '~' || c == '#' || !isRegular(c) {
			b = fmt.Appendf(b, "#%02X", c)
			continue
		}
		b = append(b, c)
	}
	return b
}

// update is an incremental update in the making (ISO 32000-1 section 7.5.6).
type update struct {
	file *File
	out  []byte        // the file, and what was added
	at   map[int]entry // where objects were added
	next int           // the first number that nobody uses
}

// update begins one.
func (f *File) update() (*update, error) {
	u := &update{file: f, at: map[int]entry{}, next: intOr(f.trailer["Size"], 1)}
	for num := range f.entries {
		u.next = max(u.next, num+1)
	}
	if u.next > maxNumber-maxPacked {
		return nil, errTooLarge()
	}
	u.out = append(bytes.Clone(f.raw), '\n')
	return u, nil
}

// add gives the object the next number.
func (u *update) add(o object) ref {
	r := ref{num: u.next}
	u.next++
	u.replace(r, o)
	return r
}

// replace writes the object anew, under the number it has.
func (u *update) replace(r ref, o object) {
	u.begin(r)
	u.out = appendObject(u.out, o)
	u.end()
}

func (u *update) begin(r ref) {
	u.at[r.num] = entry{plain, len(u.out), r.gen}
	u.out = fmt.Appendf(u.out, "%d %d obj\n", r.num, r.gen)
}

func (u *update) end() { u.out = append(u.out, "\nendobj\n"...) }

// finish writes the cross-reference, of the kind that the file ends with, and
// the end mark, and returns the whole file.
func (u *update) finish() []byte {
	newest := u.file.sections[0]
	trailer := maps.Clone(u.file.trailer)
	for _, key := range []name{"XRefStm", "Type", "W", "Index", "Length", "Filter", "DecodeParms"} {
		delete(trailer, key)
	}
	trailer["Prev"] = int64(newest.at)
	at := len(u.out)
	if newest.stream {
		r := ref{num: u.next}
		u.next++
		u.at[r.num] = entry{plain, at, 0}
		trailer["Size"] = int64(u.next)
		u.out = fmt.Appendf(u.out, "%d 0 obj\n", r.num)
		u.out = appendObject(u.out, u.crossStream(trailer))
		u.end()
	} else {
		trailer["Size"] = int64(u.next)
		u.out = append(u.appendTable(u.out), "trailer\n"...)
		u.out = append(appendObject(u.out, trailer), '\n')
	}
	return fmt.Appendf(u.out, "startxref\n%d\n%%%%EOF\n", at)
}

// runs returns the numbers that were added, in groups that follow each other.
func (u *update) runs() (runs [][]int) {
	for _, num := range slices.Sorted(maps.Keys(u.at)) {
		if n := len(runs); n > 0 && runs[n-1][len(runs[n-1])-1] == num-1 {
			runs[n-1] = append(runs[n-1], num)
			continue
		}
		runs = append(runs, []int{num})
	}
	return runs
}

// appendTable writes a cross-reference table.
func (u *update) appendTable(b []byte) []byte {
	b = append(b, "xref\n"...)
	for _, run := range u.runs() {
		b = fmt.Appendf(b, "%d %d\n", run[0], len(run))
		for _, num := range run {
			b = fmt.Appendf(b, "%010d %05d n \n", u.at[num].where, u.at[num].index)
		}
	}
	return b
}

// crossStream returns a cross-reference stream, not filtered.
func (u *update) crossStream(trailer dict) *stream {
	d := maps.Clone(trailer)
	d["Type"], d["W"] = name("XRef"), array{int64(1), int64(4), int64(2)}
	var index array
	var b []byte
	for _, run := range u.runs() {
		index = append(index, int64(run[0]), int64(len(run)))
		for _, num := range run {
			e := u.at[num]
			b = append(b, byte(plain), byte(e.where>>24), byte(e.where>>16), byte(e.where>>8), byte(e.where), byte(e.index>>8), byte(e.index))
		}
	}
	d["Index"] = index
	return &stream{d, b}
}
