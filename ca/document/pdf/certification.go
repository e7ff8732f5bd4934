package pdf

// certifies returns what the certification (ISO 32000-1 section 12.8.2.2)
// permits, if the file has one and it is the signature whose Contents stands at
// an offset; else 0.
func (f *File) certifies(at int) (int, error) {
	d, err := f.certification()
	if err != nil || d == nil {
		return 0, err
	}
	if s, ok := d["Contents"].(str); !ok || s.at != at {
		return 0, nil
	}
	return f.permitted(d)
}

// certification returns the signature dictionary that certifies the file, nil
// where there is none.
func (f *File) certification() (dict, error) {
	_, catalog, err := f.catalog()
	if err != nil {
		return nil, err
	}
	perms, err := f.dictAt(catalog["Perms"])
	if err != nil {
		return nil, err
	}
	return f.dictAt(perms["DocMDP"])
}

// permitted returns what a certification permits: 1, 2 or 3, and 2 where it
// does not say; what cannot be read is 1, nothing.
func (f *File) permitted(certification dict) (int, error) {
	references, err := f.arrayAt(certification["Reference"])
	if err != nil {
		return 0, err
	}
	for _, o := range references {
		reference, err := f.dictAt(o)
		if err != nil {
			return 0, err
		}
		if reference["TransformMethod"] != name("DocMDP") {
			continue
		}
		params, err := f.dictAt(reference["TransformParams"])
		if err != nil {
			return 0, err
		}
		if p := intOr(params["P"], 2); p >= 1 && p <= 3 {
			return p, nil
		}
	}
	return 1, nil
}

// locked reports whether the file is certified and nothing but time stamps and
// evidence may be added to it.
func (f *File) locked() (bool, error) {
	d, err := f.certification()
	if err != nil || d == nil {
		return false, err
	}
	p, err := f.permitted(d)
	return p == 1, err
}
