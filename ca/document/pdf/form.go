package pdf

// catalog returns the root of the document and where it is (ISO 32000-1
// section 7.7.2).
func (f *File) catalog() (ref, dict, error) {
	r, ok := f.trailer["Root"].(ref)
	if !ok {
		return ref{}, nil, errMalformed(0, "the trailer names no catalog")
	}
	d, err := f.dictAt(r)
	if err == nil && d == nil {
		err = errMalformed(0, "the catalog is missing")
	}
	return r, d, err
}

// Pages returns how many pages the file says it has; 0 where it does not say
// (ISO 32000-1 section 7.7.3.2).
func (f *File) Pages() (int, error) {
	_, catalog, err := f.catalog()
	if err != nil {
		return 0, err
	}
	tree, err := f.dictAt(catalog["Pages"])
	if err != nil {
		return 0, err
	}
	count, err := f.get(tree["Count"])
	return intOr(count, 0), err
}

// firstPage returns the first leaf of the page tree (ISO 32000-1 section 7.7.3).
func (f *File) firstPage(catalog dict) (ref, dict, error) {
	next := catalog["Pages"]
	for range maxDepth {
		r, ok := next.(ref)
		node, err := f.dictAt(next)
		if err != nil {
			return ref{}, nil, err
		}
		if !ok || node == nil {
			break
		}
		if node["Type"] == name("Page") {
			return r, node, nil
		}
		kids, err := f.arrayAt(node["Kids"])
		if err != nil {
			return ref{}, nil, err
		}
		if len(kids) == 0 {
			break
		}
		next = kids[0]
	}
	return ref{}, nil, errMalformed(0, "the first page is missing")
}

// field is a signature field (ISO 32000-1 section 12.7.4.5).
type field struct {
	name string // with those above it, joined by points
	dict dict
}

// form returns the interactive form of the document, nil where it has none.
func (f *File) form() (dict, error) {
	_, catalog, err := f.catalog()
	if err != nil {
		return nil, err
	}
	return f.dictAt(catalog["AcroForm"])
}

// signatureFields returns the signature fields, signed or not.
func (f *File) signatureFields() ([]field, error) {
	form, err := f.form()
	if err != nil {
		return nil, err
	}
	w := fieldWalk{file: f, seen: map[ref]bool{}}
	err = w.walk(form["Fields"], field{}, 0)
	return w.found, err
}

// fieldWalk goes through the tree of fields (ISO 32000-1 section 12.7.3).
type fieldWalk struct {
	file  *File
	seen  map[ref]bool
	found []field
}

// walk looks at fields below parent, whose dict holds what they inherit.
func (w *fieldWalk) walk(fields object, parent field, depth int) error {
	list, err := w.file.arrayAt(fields)
	if err != nil {
		return err
	}
	for _, o := range list {
		r, ok := o.(ref)
		if !ok || w.seen[r] || depth > maxDepth {
			return errMalformed(0, "the fields of the form are no tree of indirect objects")
		}
		w.seen[r] = true
		d, err := w.file.dictAt(r)
		if err != nil {
			return err
		}
		if d["T"] == nil && depth > 0 {
			continue // a place of the parent on a page, no field
		}
		fl := field{name: text(d["T"]), dict: d}
		if parent.name != "" {
			fl.name = parent.name + "." + fl.name
		}
		kind, err := w.kind(d, parent)
		if err != nil {
			return err
		}
		if kind == name("Sig") {
			w.found = append(w.found, fl)
		}
		if err := w.walk(d["Kids"], field{fl.name, dict{"FT": kind}}, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// kind returns the type of a field, which may be its parent's.
func (w *fieldWalk) kind(d dict, parent field) (object, error) {
	if d["FT"] == nil {
		return parent.dict["FT"], nil
	}
	return w.file.get(d["FT"])
}
