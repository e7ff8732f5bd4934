package chip

import (
	"strings"
	"time"
)

// Files are what was read from a chip; those that were not read are empty.
type Files struct {
	SOD, DG1, DG2, DG11, DG14, DG15 []byte
}

// Document is a passport or card whose files are as they were signed. That the
// chip they came from is the one that was issued is not in it: see Prove.
// Only Trust.Read makes one.
type Document struct {
	MRZ
	// Names in the state's own letters, personal number and full date of birth,
	// if DG11 was read and has them.
	OwnFirstName, OwnLastName string
	Personal                  string
	Picture                   *Picture  // nil: DG2 was not read
	SignedAt                  time.Time // zero: not said
	Signer                    string    // subject of the document signer's certificate

	listsKey bool       // the EF.SOD lists DG15
	key      *publicKey // nil: DG15 was not read
	keyed
}

// HasKey reports whether the chip has a key with which it can prove that it is
// no copy. Who leaves DG15 out cannot hide that: the list is signed.
func (d *Document) HasKey() bool { return d.listsKey }

// states are the countries whose documents are read, by the code of the
// machine-readable zone: the code in their authorities' names. Without it any
// authority that is trusted could sign any country's documents.
var states = map[string]string{"IRN": "IR"}

var sodKind = signedKind{part: "EF.SOD", contentType: oidSecurityObject, certificates: 1}

// skew is how far ahead of ours the clock of a document signer may be.
const skew = 24 * time.Hour

// Read checks what was read from a chip, at now.
func (t *Trust) Read(f Files, now time.Time) (*Document, error) {
	sod, err := group(f.SOD, tagSOD, "EF.SOD", maxSOD)
	if err != nil {
		return nil, err
	}
	s, err := sodKind.open(sod)
	if err != nil {
		return nil, err
	}
	object, err := readSecurityObject(s.content)
	if err != nil {
		return nil, err
	}
	d := &Document{SignedAt: s.at, Signer: s.signer.Subject(), listsKey: object.digest[15] != nil}
	if err := d.readGroups(f, object, now); err != nil {
		return nil, err
	}
	if err := t.signer(s, now); err != nil {
		return nil, err
	}
	if err := d.judge(s.signer.Country(), now); err != nil {
		return nil, err
	}
	return d, nil
}

// readGroups checks and reads the data groups that are there; DG1 must be.
func (d *Document) readGroups(f Files, o securityObject, now time.Time) error {
	var more details
	for _, g := range []struct {
		number int
		file   []byte
		read   func([]byte) error
	}{
		{1, f.DG1, func(b []byte) (err error) { d.MRZ, err = readDG1(b, now); return err }},
		{2, f.DG2, func(b []byte) error { p, err := ReadPicture(b); d.Picture = &p; return err }},
		{11, f.DG11, func(b []byte) (err error) { more, err = readDG11(b); return err }},
		{14, f.DG14, func(b []byte) error { k, err := readDG14(b); d.keyed = k; return err }},
		{15, f.DG15, func(b []byte) error { k, err := readDG15(b); d.key = &k; return err }},
	} {
		if len(g.file) == 0 && g.number != 1 {
			continue
		}
		if err := o.check(g.number, g.file); err != nil {
			return err
		}
		if err := g.read(g.file); err != nil {
			return err
		}
	}
	return d.join(more)
}

// join adds what DG11 says. Where both say it, they must agree.
func (d *Document) join(more details) error {
	d.OwnFirstName, d.OwnLastName, d.Personal = more.first, more.last, more.personal
	if more.birthDate != "" {
		if d.BirthDate != "" && d.BirthDate[2:] != more.birthDate[2:] {
			return errContradiction()
		}
		d.BirthDate = more.birthDate
	}
	// The number that the zone adds is the personal number, if it has one of
	// its length.
	zone := personalOf(d.Optional)
	if d.Personal == "" {
		d.Personal = zone
	}
	if zone != "" && len(zone) == len(d.Personal) && zone != d.Personal {
		return errContradiction()
	}
	return nil
}

// personalOf returns the one run of ten digits in the optional data, "" if
// there is none or are more.
func personalOf(optional string) string {
	found := ""
	for _, run := range strings.FieldsFunc(optional, func(r rune) bool { return r < '0' || r > '9' }) {
		if len(run) != 10 {
			continue
		}
		if found != "" {
			return ""
		}
		found = run
	}
	return found
}

// judge asks whose document it is and whether it still is one.
func (d *Document) judge(country string, now time.Time) error {
	want, ok := states[d.State]
	switch {
	case !ok:
		return errState(d.State)
	case want != country:
		return errForeignSigner()
	case d.Expires < now.UTC().Format(time.DateOnly):
		return errDocumentExpired()
	}
	return nil
}

// signer asks whether the certificate may sign documents and is its country's
// (Doc 9303-11, 5.1; Doc 9303-12, 7.1).
func (t *Trust) signer(s signed, now time.Time) error {
	c := s.signer
	switch {
	case c.ca || c.may(bitKeyCertSign):
		return errSignerIsCA()
	case c.usage != nil && !c.may(bitDigitalSignature), c.hasPurposes, c.notSkipped != "":
		return errSignerUsage()
	}
	at := s.at
	if at.IsZero() {
		// Not said: the certificate is valid for as long as its documents are.
		at = now
	}
	switch {
	case at.After(now.Add(skew)):
		return errSignedLater()
	case at.Before(c.notBefore):
		return errSignerEarly()
	case at.After(c.notAfter):
		return errSignerLate()
	}
	issuer, err := t.issuer(c, at)
	if err != nil {
		return err
	}
	return t.status(c, issuer, now)
}

// issuer returns the authority that issued c and was valid then and at the
// signature.
func (t *Trust) issuer(c *Certificate, at time.Time) (*Certificate, error) {
	err := errIssuerUnknown()
	for _, a := range t.anchors {
		switch {
		case !a.signs(c.issuer, c.issuerKey) || a.Country() != c.Country() || a.Country() == "":
		case !a.key.verify(c.algorithm, c.tbs, c.signature):
			err = errSignerForged()
		case !a.validAt(c.notBefore) || !a.validAt(at):
			err = errIssuerValidity()
		default:
			return a, nil
		}
	}
	return nil, err
}
