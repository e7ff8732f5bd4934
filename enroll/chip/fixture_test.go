package chip_test

import (
	"crypto"
	"crypto/x509"
	"testing"
	"testing/fstest"
	"time"

	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
	"mohr/internal/fault"
)

var now = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// world is a simulated country: its authority, a document signer, a document
// and who trusts them.
type world struct {
	t      testing.TB
	csca   *chipsim.Authority
	signer chipsim.Signer
	chip   *chipsim.Chip
	trust  *chip.Trust
}

func holder() chipsim.Holder {
	return chipsim.Holder{
		NationalCode: "0012345679", FirstName: "سارا", LastName: "احمدی", LatinFirst: "SARA", LatinLast: "AHMADI",
		BirthDate: "1990-05-14", Number: "U12345678", Expires: "2031-05-14",
	}
}

func newWorld(t testing.TB, kind chipsim.KeyKind) *world {
	t.Helper()
	w := &world{t: t}
	var err error
	w.csca, err = chipsim.NewAuthority("IR", now)
	w.must(err)
	w.signer = w.sign(nil)
	w.chip, err = chipsim.Issue(holder(), kind, w.signer, now.Add(-time.Hour))
	w.must(err)
	w.trust = w.trusting(w.csca)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// sign makes a document signer with an edited certificate.
func (w *world) sign(edit func(*x509.Certificate)) chipsim.Signer {
	w.t.Helper()
	c := w.csca.Template(now)
	if edit != nil {
		edit(c)
	}
	s, err := w.csca.Sign(c)
	w.must(err)
	return s
}

// trusting is the trust in authorities that have revoked nothing.
func (w *world) trusting(list ...*chipsim.Authority) *chip.Trust {
	w.t.Helper()
	certs, crls := fstest.MapFS{}, fstest.MapFS{}
	for i, a := range list {
		name := string(rune('a' + i))
		certs[name] = &fstest.MapFile{Data: a.Certificate.Raw}
		crl, err := a.CRL(now)
		w.must(err)
		crls[name] = &fstest.MapFile{Data: crl}
	}
	t, err := chip.Open(chip.Sources{CSCA: certs, CRLs: crls, Environment: "simulated"}, now)
	w.must(err)
	return t
}

// groups are the document's files by number.
func (w *world) groups() map[int][]byte {
	f := w.chip.Files
	g := map[int][]byte{1: f.DG1, 2: f.DG2, 11: f.DG11}
	if f.DG15 != nil {
		g[15] = f.DG15
	}
	if f.DG14 != nil {
		g[14] = f.DG14
	}
	return g
}

// resigned is the document's files under another EF.SOD.
func (w *world) resigned(groups map[int][]byte, hash crypto.Hash, at time.Time, signers ...chipsim.Signer) chip.Files {
	w.t.Helper()
	f := w.chip.Files
	var err error
	f.SOD, err = chipsim.SOD(groups, hash, at, signers...)
	w.must(err)
	f.DG1, f.DG2, f.DG11, f.DG14, f.DG15 = groups[1], groups[2], groups[11], groups[14], groups[15]
	return f
}

// refuses fails the test unless the files are refused with the code.
func (w *world) refuses(f chip.Files, code string) {
	w.t.Helper()
	d, err := w.trust.Read(f, now)
	if d != nil || fault.Code(err) != code {
		w.t.Errorf("got %v (%q), want %s", err, fault.Code(err), code)
	}
}

func mapFS(files map[string][]byte) fstest.MapFS {
	m := fstest.MapFS{}
	for name, b := range files {
		m[name] = &fstest.MapFile{Data: b}
	}
	return m
}
