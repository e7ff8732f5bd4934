package pdf

import (
	"bytes"
	"maps"
	"slices"
)

// maxEvidence bounds each list of evidence in a file.
const maxEvidence = 1024

// Evidence is what proves later that certificates were good: certificates,
// CRLs (RFC 5280) and OCSP responses (RFC 6960), each in DER.
type Evidence struct{ Certs, CRLs, OCSPs [][]byte }

// evidenceKeys are where the lists of evidence stand in a document security
// store (ETSI EN 319 142-1 section 5.4.2.2).
func (e *Evidence) lists() map[name]*[][]byte {
	return map[name]*[][]byte{"Certs": &e.Certs, "CRLs": &e.CRLs, "OCSPs": &e.OCSPs}
}

// AddEvidence puts evidence into the document security store of the PDF, as an
// incremental update that leaves its signatures as they are; what is there
// already stays, and is not put in twice.
func AddEvidence(raw []byte, e Evidence) ([]byte, error) {
	f, err := Open(raw)
	if err != nil {
		return nil, err
	}
	root, catalog, err := f.catalog()
	if err != nil {
		return nil, err
	}
	there, err := f.Evidence()
	if err != nil {
		return nil, err
	}
	old, err := f.dictAt(catalog["DSS"])
	if err != nil {
		return nil, err
	}
	u, err := f.update()
	if err != nil {
		return nil, err
	}
	store := with(old, "Type", name("DSS"))
	known := there.lists()
	for _, key := range slices.Sorted(maps.Keys(known)) {
		list, err := f.arrayAt(store[key])
		if err != nil {
			return nil, err
		}
		list = slices.Clone(list)
		for _, der := range *e.lists()[key] {
			if !slices.ContainsFunc(*known[key], func(b []byte) bool { return bytes.Equal(b, der) }) {
				*known[key] = append(*known[key], der)
				list = append(list, u.add(&stream{dict{}, der}))
			}
		}
		if len(list) > maxEvidence {
			return nil, errTooLarge()
		}
		if len(list) > 0 {
			store[key] = list
		}
	}
	if len(u.at) == 0 {
		return bytes.Clone(raw), nil
	}
	if r, ok := catalog["DSS"].(ref); ok && old != nil {
		u.replace(r, store)
	} else {
		u.replace(root, with(catalog, "DSS", u.add(store)))
	}
	return u.finish(), nil
}

// with returns d with another value under a key; d stays as it is.
func with(d dict, key name, value object) dict {
	out := dict{}
	maps.Copy(out, d)
	out[key] = value
	return out
}

// EvidenceBy returns what the document security store held when a signature of
// the file, one without Fault, was made.
func (f *File) EvidenceBy(s Signature) (Evidence, error) {
	then, err := openWithin(f.raw[:s.end], f.budget)
	if err != nil {
		return Evidence{}, err
	}
	return then.Evidence()
}

// Evidence returns what the document security store of the file holds.
func (f *File) Evidence() (Evidence, error) {
	var e Evidence
	_, catalog, err := f.catalog()
	if err != nil {
		return e, err
	}
	store, err := f.dictAt(catalog["DSS"])
	if err != nil {
		return e, err
	}
	for key, out := range e.lists() {
		list, err := f.arrayAt(store[key])
		if err != nil {
			return e, err
		}
		if len(list) > maxEvidence {
			return e, errTooLarge()
		}
		for _, o := range list {
			o, err := f.get(o)
			if err != nil {
				return e, err
			}
			s, ok := o.(*stream)
			if !ok {
				return e, errMalformed(0, "the document security store holds something other than streams")
			}
			der, err := s.inflate(&f.budget.inflated)
			if err != nil {
				return e, err
			}
			*out = append(*out, der)
		}
	}
	return e, nil
}
