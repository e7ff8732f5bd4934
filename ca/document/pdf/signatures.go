package pdf

import (
	"bytes"
	"cmp"
	"crypto"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/internal/fault"
)

// maxSignatures in one file: each may mean to read the file anew.
const maxSignatures = 32

// SubFilter names what is in a signature (ISO 32000-2 table 255; ETSI EN 319
// 142-1 section 6.3 for CAdES, 5.4.3 for time stamps).
type SubFilter string

// The kinds of content of signatures that PAdES knows, and the older one.
const (
	CAdES     SubFilter = "ETSI.CAdES.detached"
	PKCS7     SubFilter = "adbe.pkcs7.detached"
	TimeStamp SubFilter = "ETSI.RFC3161"
)

// Signature is one that a file holds. What is said in it beside CMS is what
// the signer's program wrote, covered by the signature like everything else.
type Signature struct {
	Field     string // the field's full name
	SubFilter SubFilter
	Name      string // of the signer; "": not said, as Reason and Location
	Reason    string
	Location  string
	Time      time.Time // zero: not said
	CMS       []byte    // the SignedData or time-stamp token, DER, without padding
	Certifies int       // 1 to 3: nothing, forms, or forms and notes may change after it (DocMDP); 0: it certifies nothing
	Later     Change    // what came after it
	Fault     error     // why its form is none that can be relied on; nil: it is
	covered   [2][]byte
	end       int // of its revision; 0 where there is a Fault
}

// Covered returns the octets that the signature is over: the whole file up to
// the end of its revision, but for its own content.
func (s Signature) Covered() []byte { return slices.Concat(s.covered[0], s.covered[1]) }

// Whole reports whether the signature is over the whole file but itself: nothing,
// not even an octet of white space, was added after it.
func (f *File) Whole(s Signature) bool { return s.Fault == nil && s.end == len(f.raw) }

// Digest hashes what Covered returns.
func (s Signature) Digest(h crypto.Hash) []byte { return digest(h, s.covered) }

func digest(h crypto.Hash, parts [2][]byte) []byte {
	w := h.New()
	w.Write(parts[0])
	w.Write(parts[1])
	return w.Sum(nil)
}

// Signatures returns the file's signatures in the order they were made; those
// with a Fault come first.
func (f *File) Signatures() ([]Signature, error) {
	fields, err := f.signatureFields()
	if err != nil {
		return nil, err
	}
	fields = slices.DeleteFunc(fields, func(fl field) bool { return fl.dict["V"] == nil })
	if len(fields) > maxSignatures {
		return nil, errTooLarge()
	}
	var all []Signature
	for _, fl := range fields {
		all = append(all, f.signature(fl))
	}
	slices.SortStableFunc(all, func(a, b Signature) int { return cmp.Compare(a.end, b.end) })
	return all, nil
}

// signature reads the signature of a field and what came after it.
func (f *File) signature(fl field) Signature {
	d, err := f.dictAt(fl.dict["V"])
	kind, _ := d["SubFilter"].(name)
	s := Signature{
		Field: fl.name, SubFilter: SubFilter(kind), Time: date(d["M"]),
		Name: text(d["Name"]), Reason: text(d["Reason"]), Location: text(d["Location"]), Fault: err,
	}
	contents, end, ok := f.contents(d)
	if !ok {
		s.Fault = cmp.Or(err, errForm("it does not cover the whole file but itself"))
		return s
	}
	s.covered = [2][]byte{f.raw[:contents.at], f.raw[contents.end:end]}
	if s.CMS, ok = unpad(contents.octets); !ok {
		s.Fault = errForm("its content is not DER, padded with zeros")
		return s
	}
	then, err := f.revision(end, contents.at)
	if err != nil {
		s.Fault = errForm("the file up to its end is no PDF that holds it")
		return s
	}
	if s.Certifies, s.Fault = then.certifies(contents.at); s.Fault == nil {
		s.Later, s.end = f.since(then), end
	}
	return s
}

func errForm(what string) error {
	return fault.New(fault.Invalid, "pdf_signature_form", "a signature of the PDF cannot be relied on: %s", what)
}

// contents returns the Contents of a signature and where what it covers ends,
// if its ByteRange leaves out the Contents and nothing else (ISO 32000-1
// section 12.8.1; ETSI EN 319 142-1 section 5.3: from the file's first octet).
func (f *File) contents(d dict) (str, int, bool) {
	s, ok := d["Contents"].(str)
	r, okRange := naturals(d["ByteRange"], 4)
	if !ok || !okRange || s.end == 0 || f.raw[s.at] != '<' {
		return str{}, 0, false
	}
	end := r[2] + r[3]
	return s, end, r[0] == 0 && r[1] == s.at && r[2] == s.end && end > s.end && end <= len(f.raw)
}

// unpad returns the DER value at the beginning, if only zeros follow it.
func unpad(b []byte) ([]byte, bool) {
	rest := cryptobyte.String(b)
	var value cryptobyte.String
	var tag der.Tag
	ok := rest.ReadAnyASN1Element(&value, &tag) && tag == der.SEQUENCE && len(bytes.Trim(rest, "\x00")) == 0
	return value, ok
}

// revision opens the file as it was when its first end octets were all of it.
// It must hold, in a field, the signature whose Contents stands at an offset.
func (f *File) revision(end, at int) (*File, error) {
	then, err := openWithin(f.raw[:end], f.budget)
	if err != nil {
		return nil, err
	}
	fields, err := then.signatureFields()
	if err != nil {
		return nil, err
	}
	for _, fl := range fields {
		d, err := then.dictAt(fl.dict["V"])
		if err != nil {
			return nil, err
		}
		if s, ok := d["Contents"].(str); ok && s.end != 0 && s.at == at {
			return then, nil
		}
	}
	return nil, errMalformed(at, "no field holds the signature")
}
