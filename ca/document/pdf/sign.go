package pdf

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"

	"mohr/internal/fault"
)

const (
	usualRoom = 16 << 10
	maxRoom   = 256 << 10
	maxText   = 256 // octets of Name, Reason and Location
	maxFields = 4096
)

// Options say how a signature is made. All but Time may be empty.
type Options struct {
	SubFilter SubFilter // "": CAdES
	Time      time.Time // when it is signed, as the signer says; no part of a time stamp
	Name      string    // of the signer
	Reason    string
	Location  string
	Room      int // octets for the CMS; 0: 16384
}

// Prepared is a file with an empty place for a signature. Nothing can be
// changed in it any more but that place.
type Prepared struct {
	out        []byte
	begin, end int // of the place, with its delimiters
}

// Prepare adds an invisible signature field to the first page of the PDF and a
// signature dictionary without content (ISO 32000-1 section 12.8; ETSI EN 319
// 142-1 section 6.3), as an incremental update. A file that is certified
// against all change is refused, unless a time stamp is added.
func Prepare(raw []byte, o Options) (*Prepared, error) {
	if o.SubFilter == "" {
		o.SubFilter = CAdES
	}
	if o.Room == 0 {
		o.Room = usualRoom
	}
	if o.Room < 0 || o.Room > maxRoom || max(len(o.Name), len(o.Reason), len(o.Location)) > maxText {
		return nil, fault.New(fault.Invalid, "pdf_options", "what is said beside the signature is too long; name, reason and place take %d octets each", maxText)
	}
	f, err := Open(raw)
	if err != nil {
		return nil, err
	}
	locked, err := f.locked()
	if err != nil {
		return nil, err
	}
	if locked && o.SubFilter != TimeStamp {
		return nil, fault.New(fault.Conflict, "pdf_certified", "the PDF is certified so that nothing may be added to it; ask who certified it for another one")
	}
	u, err := f.update()
	if err != nil {
		return nil, err
	}
	at := u.addSignature(o)
	if err := u.addField(at.ref); err != nil {
		return nil, err
	}
	p := &Prepared{out: u.finish(), begin: at.contents, end: at.contents + 2*o.Room + 2}
	p.fillRange(at.byteRange)
	return p, nil
}

// places are where what is filled in later begins in the update.
type places struct {
	ref                 ref
	byteRange, contents int
}

// rangeWidth is enough for the three numbers of a ByteRange after its first.
const rangeWidth = len("[0 67108864 67108864 67108864]")

// addSignature writes the signature dictionary (ISO 32000-1 table 252). By hand,
// as its Contents must be found again.
func (u *update) addSignature(o Options) (p places) {
	p.ref = ref{num: u.next}
	u.next++
	kind := name("Sig")
	d := dict{"Filter": name("Adobe.PPKLite"), "SubFilter": name(o.SubFilter)}
	if o.SubFilter == TimeStamp {
		kind = "DocTimeStamp"
	} else {
		d["M"] = ofDate(o.Time)
	}
	d["Type"] = kind
	for key, said := range map[name]string{"Name": o.Name, "Reason": o.Reason, "Location": o.Location} {
		if said != "" {
			d[key] = ofText(said)
		}
	}
	u.begin(p.ref)
	u.out = bytes.TrimSuffix(appendObject(u.out, d), []byte(">>"))
	u.out = append(u.out, "/ByteRange "...)
	p.byteRange = len(u.out)
	u.out = append(u.out, bytes.Repeat([]byte(" "), rangeWidth)...)
	u.out = append(u.out, "\n/Contents "...)
	p.contents = len(u.out)
	u.out = append(u.out, '<')
	u.out = append(u.out, bytes.Repeat([]byte("0"), 2*o.Room)...)
	u.out = append(u.out, ">\n>>"...)
	u.end()
	return p
}

// fillRange writes the ByteRange into its place.
func (p *Prepared) fillRange(at int) {
	copy(p.out[at:], fmt.Appendf(nil, "[0 %d %d %d]", p.begin, p.end, len(p.out)-p.end))
}

// addField adds the field of the signature to the first page and to the form
// (ISO 32000-1 sections 12.5.6.19 and 12.7).
func (u *update) addField(signature ref) error {
	root, catalog, err := u.file.catalog()
	if err != nil {
		return err
	}
	page, pageDict, err := u.file.firstPage(catalog)
	if err != nil {
		return err
	}
	title, err := u.fieldName()
	if err != nil {
		return err
	}
	widget := u.add(dict{
		"Type": name("Annot"), "Subtype": name("Widget"), "FT": name("Sig"), "T": ofText(title), "V": signature,
		"F":    int64(132), // printed and locked (ISO 32000-1 table 165)
		"Rect": array{int64(0), int64(0), int64(0), int64(0)}, "P": page,
	})
	if err := u.appendTo(page, pageDict, "Annots", widget); err != nil {
		return err
	}
	form, err := u.file.dictAt(catalog["AcroForm"])
	if err != nil {
		return err
	}
	fields, err := u.file.arrayAt(form["Fields"])
	if err != nil {
		return err
	}
	signed := with(form, "Fields", append(slices.Clone(fields), widget))
	signed["SigFlags"] = int64(3) // signatures exist, append only (ISO 32000-1 table 219)
	if r, ok := catalog["AcroForm"].(ref); ok && form != nil {
		u.replace(r, signed)
	} else {
		u.replace(root, with(catalog, "AcroForm", u.add(signed)))
	}
	return nil
}

// appendTo adds an element to the array under a key of the dictionary at r,
// which may be an object of its own.
func (u *update) appendTo(r ref, d dict, key name, o object) error {
	list, err := u.file.arrayAt(d[key])
	if err != nil {
		return err
	}
	more := append(slices.Clone(list), o)
	if own, ok := d[key].(ref); ok && list != nil {
		u.replace(own, more)
		return nil
	}
	u.replace(r, with(d, key, more))
	return nil
}

// fieldName returns a name that no field has: Signature1, or the next.
func (u *update) fieldName() (string, error) {
	form, err := u.file.form()
	if err != nil {
		return "", err
	}
	fields, err := u.file.arrayAt(form["Fields"])
	if err != nil {
		return "", err
	}
	if len(fields) > maxFields {
		return "", errTooLarge()
	}
	taken := map[string]bool{}
	for _, o := range fields {
		d, err := u.file.dictAt(o)
		if err != nil {
			return "", err
		}
		taken[text(d["T"])] = true
	}
	n := 1
	for taken["Signature"+strconv.Itoa(n)] {
		n++
	}
	return "Signature" + strconv.Itoa(n), nil
}

// Covered returns the octets to be signed: all of the file but the place.
func (p *Prepared) Covered() []byte { return slices.Concat(p.out[:p.begin], p.out[p.end:]) }

// Digest hashes what Covered returns.
func (p *Prepared) Digest(h crypto.Hash) []byte {
	return digest(h, [2][]byte{p.out[:p.begin], p.out[p.end:]})
}

// Complete returns the file with a CMS, or a time-stamp token, in its place.
func (p *Prepared) Complete(cms []byte) ([]byte, error) {
	if room := (p.end-p.begin)/2 - 1; len(cms) > room {
		return nil, fmt.Errorf("the signature has %d octets, and the place for it %d", len(cms), room)
	}
	out := bytes.Clone(p.out)
	hex.Encode(out[p.begin+1:p.end-1], cms)
	return out, nil
}
