package pdf

import (
	"bytes"
	"slices"
)

const maxCompared = 64 << 20 // objects

// Change is what happened to a file after a signature was made.
type Change string

// The changes. Anything but what PAdES adds alters the file: forms filled in
// and notes too, whatever a certification permits; a seal drawn on a page where
// the signer saw no place for one; metadata.
const (
	Unchanged Change = "unchanged" // nothing came after the signature
	Extended  Change = "extended"  // only signatures, time stamps and evidence did
	Altered   Change = "altered"   // something else did, or it cannot be told
)

// since says what happened to the file since it was then.
func (f *File) since(then *File) Change {
	if len(bytes.Trim(f.raw[len(then.raw):], " \t\r\n\f\x00")) == 0 {
		return Unchanged
	}
	c := comparison{then: then, now: f, seen: map[[2]ref]bool{}, added: map[ref]bool{}}
	if same, err := c.run(); err != nil || !same || !f.continues(then) {
		return Altered
	}
	return Extended
}

// continues reports whether the file's cross-references are those of then with
// newer ones, which stand behind it.
func (f *File) continues(then *File) bool {
	more := len(f.sections) - len(then.sections)
	if more < 1 || !slices.Equal(f.sections[more:], then.sections) {
		return false
	}
	return !slices.ContainsFunc(f.sections[:more], func(s section) bool { return s.at < len(then.raw) })
}

// comparison walks through two revisions of a file side by side, from their
// roots. What no path leads to does not count, and how objects are numbered
// does not either; a reference to nothing that leads to something later does.
type comparison struct {
	then, now *File
	seen      map[[2]ref]bool
	queue     [][2]ref
	added     map[ref]bool // signature fields that came later
	locked    bool         // the certification permits nothing but time stamps
}

// run reports whether nothing differs but what signing adds.
func (c *comparison) run() (bool, error) {
	_, then, err := c.then.catalog()
	if err != nil {
		return false, err
	}
	_, now, err := c.now.catalog()
	if err != nil {
		return false, err
	}
	if c.locked, err = c.then.locked(); err != nil {
		return false, err
	}
	if same, err := c.form(then["AcroForm"], now["AcroForm"]); !same || err != nil {
		return false, err
	}
	if same, err := c.info(); !same || err != nil {
		return false, err
	}
	if !c.dicts(then, now, "AcroForm", "DSS", "Extensions") {
		return false, nil
	}
	for len(c.queue) > 0 {
		pair := c.queue[0]
		c.queue = c.queue[1:]
		a, err := c.then.get(pair[0])
		if err != nil {
			return false, err
		}
		b, err := c.now.get(pair[1])
		if err != nil {
			return false, err
		}
		if !c.same(a, b) {
			return false, nil
		}
	}
	return true, nil
}

// info compares the information dictionaries but for the date of change.
func (c *comparison) info() (bool, error) {
	a, err := c.then.dictAt(c.then.trailer["Info"])
	if err != nil {
		return false, err
	}
	b, err := c.now.dictAt(c.now.trailer["Info"])
	if err != nil {
		return false, err
	}
	return c.dicts(a, b, "ModDate"), nil
}

// form compares the interactive forms, and notes the signature fields that
// were added behind the others.
func (c *comparison) form(then, now object) (bool, error) {
	a, err := c.then.dictAt(then)
	if err != nil {
		return false, err
	}
	b, err := c.now.dictAt(now)
	if err != nil {
		return false, err
	}
	before, err := c.then.arrayAt(a["Fields"])
	if err != nil {
		return false, err
	}
	after, err := c.now.arrayAt(b["Fields"])
	if err != nil {
		return false, err
	}
	if len(after) < len(before) {
		return false, nil
	}
	for _, o := range after[len(before):] {
		if ok, err := c.addedField(o); !ok || err != nil {
			return false, err
		}
	}
	return c.dicts(a, b, "Fields", "SigFlags") && c.same(before, after[:len(before)]), nil
}

// harmless are the keys of a signature field that do nothing on a page; no
// actions, no fields below it.
var harmless = []name{"Type", "Subtype", "FT", "T", "TU", "V", "F", "Ff", "Rect", "P", "AP", "Lock", "SV", "DA", "M", "NM"}

// addedField notes a field that came later, if it is a signature made after
// the older revision, shows nothing, and the certification permits it.
func (c *comparison) addedField(o object) (bool, error) {
	r, ok := o.(ref)
	d, err := c.now.dictAt(o)
	if err != nil || !ok {
		return false, err
	}
	for key := range d {
		if !slices.Contains(harmless, key) {
			return false, nil
		}
	}
	v, err := c.now.dictAt(d["V"])
	if err != nil {
		return false, err
	}
	rect, ok := naturals(d["Rect"], 4)
	if !ok || rect[0] != rect[2] || rect[1] != rect[3] {
		return false, nil
	}
	if c.locked && v["SubFilter"] != name(TimeStamp) {
		return false, nil
	}
	contents, _, ok := c.now.contents(v)
	c.added[r] = true
	return ok && d["FT"] == name("Sig") && contents.at >= len(c.then.raw), nil
}

// same compares two objects; references are compared later, once.
func (c *comparison) same(a, b object) bool {
	if c.now.budget.compared--; c.now.budget.compared < 0 {
		return false
	}
	ra, okA := a.(ref)
	rb, okB := b.(ref)
	if okA && okB {
		if pair := [2]ref{ra, rb}; !c.seen[pair] {
			c.seen[pair] = true
			c.queue = append(c.queue, pair)
		}
		return true
	}
	switch a := a.(type) {
	case str:
		b, ok := b.(str)
		return ok && bytes.Equal(a.octets, b.octets)
	case array:
		b, ok := b.(array)
		return ok && c.arrays(a, b)
	case dict:
		b, ok := b.(dict)
		return ok && c.dicts(a, b)
	case *stream:
		b, ok := b.(*stream)
		return ok && bytes.Equal(a.raw, b.raw) && c.dicts(a.dict, b.dict)
	}
	switch b.(type) {
	case str, array, dict, *stream: // which Go cannot compare
		return false
	}
	return a == b
}

func (c *comparison) arrays(a, b array) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !c.same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// dicts compares two dictionaries but for some keys. A page may have got the
// places of added fields, and a signature field that was empty a signature,
// drawn where the field is.
func (c *comparison) dicts(a, b dict, but ...name) bool {
	if a["Type"] == name("Page") && b["Type"] == name("Page") {
		if !c.annotations(a["Annots"], b["Annots"]) {
			return false
		}
		but = append(but, "Annots")
	}
	if a["FT"] == name("Sig") && a["V"] == nil && !c.locked {
		but = append(but, "V", "AP", "M")
	}
	for key := range a {
		if _, ok := b[key]; !ok && a[key] != nil && !slices.Contains(but, key) {
			return false
		}
	}
	for key := range b {
		if !slices.Contains(but, key) && !c.same(a[key], b[key]) {
			return false
		}
	}
	return true
}

// annotations compares those of a page; added fields may stand behind them.
func (c *comparison) annotations(then, now object) bool {
	before, errThen := c.then.arrayAt(then)
	after, errNow := c.now.arrayAt(now)
	if errThen != nil || errNow != nil || len(after) < len(before) {
		return false
	}
	for _, o := range after[len(before):] {
		if r, ok := o.(ref); !ok || !c.added[r] {
			return false
		}
	}
	return c.arrays(before, after[:len(before)])
}
