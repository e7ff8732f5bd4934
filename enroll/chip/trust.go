package chip

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Trust is whose documents are believed: the certificates of countries'
// authorities and their CRLs. It is immutable and safe for concurrent use.
type Trust struct {
	environment string
	anchors     []*Certificate
	crls        []*crl
	silent      map[string]bool
	entries     []Entry
}

// Sources is what Trust is made from.
type Sources struct {
	// CSCA has certificates, each of which is trusted because it is there, and
	// master lists, each of which is trusted if one of those vouches for it.
	// Both in DER or PEM, whatever the files are called.
	CSCA fs.FS
	CRLs fs.FS // nil: none
	// Silent are countries, by two letters, that publish no CRL. Of others
	// no document is believed without a current one.
	Silent []string
	// Environment is "simulated" or "production": what evidence is stamped with.
	Environment string
}

// Kinds of what sources hold.
const (
	KindAuthority  = "csca"
	KindMasterList = "master_list"
	KindCRL        = "crl"
)

// Entry is one thing that sources hold, and what became of it.
type Entry struct {
	File        string    `json:"file"`
	Kind        string    `json:"kind"`
	Country     string    `json:"country,omitempty"`
	Subject     string    `json:"subject,omitempty"`
	Fingerprint string    `json:"sha256,omitempty"`
	Until       time.Time `json:"until,omitzero"` // end of the certificate, next update of the CRL
	Count       int       `json:"count,omitzero"` // certificates of the list, revoked ones of the CRL
	Refused     string    `json:"refused,omitempty"`
}

// maxFiles bounds the files of a source.
const maxFiles = 5000

// Open reads the sources as they are at now. A file that is refused is no
// error: Entries says why. That nothing at all is trusted is one.
func Open(s Sources, now time.Time) (*Trust, error) {
	t := &Trust{environment: s.Environment, silent: map[string]bool{}}
	if s.Environment != "simulated" && s.Environment != "production" {
		return nil, fmt.Errorf("chip: environment %q is neither simulated nor production", s.Environment)
	}
	for _, c := range s.Silent {
		t.silent[strings.ToUpper(c)] = true
	}
	found, err := readFiles(s.CSCA)
	if err != nil {
		return nil, fmt.Errorf("chip: authorities: %w", err)
	}
	lists, err := readFiles(s.CRLs)
	if err != nil {
		return nil, fmt.Errorf("chip: CRLs: %w", err)
	}
	var certs, masterLists []item
	for _, i := range found {
		if isCMS(i.data) {
			masterLists = append(masterLists, i)
		} else {
			certs = append(certs, i)
		}
	}
	t.addAuthorities(certs)
	t.addCRLs(lists) // a master list's signer may be revoked
	for _, i := range masterLists {
		t.addMasterList(i, now)
	}
	t.addCRLs(lists)
	if len(t.anchors) == 0 {
		return t, errors.New("chip: the sources hold no authority that can be trusted")
	}
	return t, nil
}

// Environment says what evidence that rests on this trust is stamped with.
func (t *Trust) Environment() string { return t.environment }

// Entries returns what the sources held, the trusted and the refused.
func (t *Trust) Entries() []Entry { return slices.Clone(t.entries) }

// item is one certificate, master list or CRL of a file.
type item struct {
	file string
	data []byte
}

// readFiles returns what is in the files, PEM taken apart.
func readFiles(dir fs.FS) ([]item, error) {
	if dir == nil {
		return nil, nil
	}
	var list []item
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if len(list) >= maxFiles {
			return fmt.Errorf("more than %d files", maxFiles)
		}
		if info, err := d.Info(); err != nil || info.Size() > maxMasterList {
			return errors.Join(err, fmt.Errorf("%s is larger than %d octets", name, maxMasterList))
		}
		b, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		blocks := 0
		for rest := b; ; blocks++ {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			list = append(list, item{name, block.Bytes})
		}
		if blocks == 0 {
			list = append(list, item{name, b})
		}
		return nil
	})
	return list, err
}

// isCMS reports whether b begins as a ContentInfo: a certificate begins with a
// sequence in the sequence, this with an object identifier.
func isCMS(b []byte) bool {
	f, _, ok := readField(b)
	if len(b) > 2 && b[0] == 0x30 && b[1] == indefiniteForm {
		return true
	}
	return ok && f.tag == 0x30 && bytes.HasPrefix(f.body, []byte{byte(der.OBJECT_IDENTIFIER)})
}

// addAuthorities trusts certificates of authorities: those that sign
// themselves, then those that link an authority's old key to its new one,
// signed by one that is trusted (Doc 9303-12, 4.1.2).
func (t *Trust) addAuthorities(list []item) {
	var links []*Certificate
	entries := map[*Certificate]int{}
	for _, i := range list {
		c, err := readCertificate(i.data, "certificate")
		e := Entry{File: i.file, Kind: KindAuthority}
		if err != nil {
			e.Refused = err.Error()
			t.entries = append(t.entries, e)
			continue
		}
		e.Country, e.Subject, e.Fingerprint, e.Until = c.Country(), c.Subject(), c.Fingerprint(), c.notAfter
		switch {
		case t.has(c):
			continue
		case !c.ca || c.usage != nil && !c.may(bitKeyCertSign) || c.Country() == "" || c.notSkipped != "":
			e.Refused = "it is not the certificate of a country's authority"
		case c.key.verify(c.algorithm, c.tbs, c.signature):
			t.anchors = append(t.anchors, c)
		default:
			links, entries[c] = append(links, c), len(t.entries)
			e.Refused = "no trusted authority signed it"
		}
		t.entries = append(t.entries, e)
	}
	for more := true; more; { // a link may be signed by what another link made trusted
		more = false
		for _, c := range links {
			if _, err := t.issuer(c, c.notBefore); err == nil && !t.has(c) {
				t.anchors, more = append(t.anchors, c), true
				t.entries[entries[c]].Refused = ""
			}
		}
	}
}

func (t *Trust) has(c *Certificate) bool {
	return slices.ContainsFunc(t.anchors, func(a *Certificate) bool { return bytes.Equal(a.raw, c.raw) })
}

func (t *Trust) addMasterList(i item, now time.Time) {
	e := Entry{File: i.file, Kind: KindMasterList}
	list, err := t.openMasterList(i.data, now)
	if err != nil {
		e.Refused = err.Error()
	}
	e.Count = len(list)
	t.entries = append(t.entries, e)
	var items []item
	for _, raw := range list {
		items = append(items, item{i.file, raw})
	}
	t.addAuthorities(items)
}

// addCRLs reads the CRLs under what is trusted now, in place of those read
// before.
func (t *Trust) addCRLs(list []item) {
	t.crls = nil
	t.entries = slices.DeleteFunc(t.entries, func(e Entry) bool { return e.Kind == KindCRL })
	for _, i := range list {
		e := Entry{File: i.file, Kind: KindCRL}
		c, err := readCRL(i.data, t.anchors)
		if err != nil {
			e.Refused = err.Error()
		} else {
			t.crls = append(t.crls, c)
			e.Country, e.Subject, e.Until, e.Count = c.issuer.Country(), c.issuer.Subject(), c.nextUpdate, len(c.revoked)
		}
		t.entries = append(t.entries, e)
	}
}
