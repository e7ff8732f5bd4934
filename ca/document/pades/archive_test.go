package pades_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca/document"
	"mohr/ca/document/doctest"
	"mohr/ca/document/pades"
	"mohr/ca/document/pdf"
	"mohr/internal/pkitest"
)

// archivist stamps documents and judges them, with two stamping units: the first
// ends on day 100, the second on day 2000.
type archivist struct {
	*doctest.PKI
	clock         time.Time
	first, second document.Stamper
	unit          *x509.Certificate // the first's
}

func newArchivist(t *testing.T) *archivist {
	t.Helper()
	a := &archivist{PKI: doctest.New(t)}
	until := func(n int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = day(n) }
	}
	now := func() time.Time { return a.clock }
	first := a.Unit(t, now, until(100))
	a.first, a.second, a.unit = first, a.Unit(t, now, until(2000)), first.Key.Certificate
	return a
}

// signed is a PDF signed on day 10, stamped by the first unit.
func (a *archivist) signed(t *testing.T, evidence, archive bool) []byte {
	t.Helper()
	a.clock = day(10)
	o := pades.Options{Time: day(10), Stamper: a.first, Archive: archive}
	if evidence {
		o.Source = values(a.Good(t, day(10)))
	}
	out, err := pades.Sign(t.Context(), a.Issue(t, nil, nil), contract(t, "chromium.pdf"), o)
	must(t, err)
	return out
}

// signedStale has evidence that had ended when it was stamped.
func (a *archivist) signedStale(t *testing.T) []byte {
	t.Helper()
	a.clock = day(10)
	out, err := pades.Sign(t.Context(), a.Issue(t, nil, nil), contract(t, "chromium.pdf"), pades.Options{Time: day(10), Source: values(a.Good(t, day(8)))})
	must(t, err)
	return out
}

// archived adds what is known on a day, and a time stamp over the whole.
func (a *archivist) archived(t *testing.T, raw []byte, n int, revoked ...doctest.Revoked) []byte {
	t.Helper()
	return a.stamped(t, known(t, raw, a.Good(t, day(n), revoked...)), n)
}

// known adds CRLs to the evidence in a PDF.
func known(t *testing.T, raw []byte, v document.Values) []byte {
	t.Helper()
	out, err := pdf.AddEvidence(raw, pdf.Evidence{CRLs: v.CRLs})
	must(t, err)
	return out
}

// stamped adds a time stamp over the whole on a day, by the second unit.
func (a *archivist) stamped(t *testing.T, raw []byte, n int) []byte {
	t.Helper()
	a.clock = day(n)
	p, err := pdf.Prepare(raw, pdf.Options{SubFilter: pdf.TimeStamp})
	must(t, err)
	token, err := document.Stamp(t.Context(), a.second, p.Covered())
	must(t, err)
	out, err := p.Complete(token)
	must(t, err)
	return out
}

// TestAnArchiveTimeStampOutlivesTheOneBelowIt: what it is over was there when it
// was made. That it counts itself is asked now.
func TestAnArchiveTimeStampOutlivesTheOneBelowIt(t *testing.T) {
	a := newArchivist(t)
	leaked := doctest.Revoked{Certificate: a.unit, At: day(30), Reason: 1}
	lasting, alone := a.signed(t, true, false), a.signed(t, false, false)
	archived := a.archived(t, lasting, 20)
	for _, tc := range []struct {
		name  string
		raw   []byte
		known document.Values
		at    int
		want  document.Indication
		sub   document.Sub
		level document.Level
	}{
		{"as it was signed", a.signed(t, true, true), document.Values{}, 10, document.Passed, "", document.LevelA},
		{"after the first unit ended", archived, a.Good(t, day(500)), 500, document.Passed, "", document.LevelA},
		{"the same, not archived", lasting, a.Good(t, day(500)), 500, document.Indeterminate, document.OutOfBoundsNoPOE, document.LevelB},
		{"after the first unit's key was stolen", archived, a.Good(t, day(40), leaked), 40, document.Passed, "", document.LevelA},
		{"the same, not archived", lasting, a.Good(t, day(40), leaked), 40, document.Passed, "", document.LevelB},
		{"archived only after the first unit's key was stolen", a.archived(t, lasting, 35, leaked), a.Good(t, day(500), leaked), 500, document.Passed, "", document.LevelA},
		{"archived only after the first unit ended", a.archived(t, lasting, 120), a.Good(t, day(500)), 500, document.Passed, "", document.LevelA},
		{"archived only after the signer's certificate ended", a.archived(t, lasting, 400), a.Good(t, day(500)), 500, document.Indeterminate, document.OutOfBoundsNoPOE, document.LevelT},
		{"and once more", a.archived(t, archived, 90), a.Good(t, day(500)), 500, document.Passed, "", document.LevelA},
		{"archived with evidence that was stale", a.stamped(t, lasting, 20), a.Good(t, day(500)), 500, document.Indeterminate, document.TryLater, document.LevelT},
		{"the same, while all is known", a.stamped(t, a.signedStale(t), 20), a.Good(t, day(21)), 21, document.Passed, "", document.LevelT},
		{"nothing is known of the second unit", archived, document.Values{}, 500, document.Indeterminate, document.OutOfBoundsNoPOE, document.LevelB},
		{"the second unit ended too", archived, a.Good(t, day(2001)), 2001, document.Indeterminate, document.OutOfBoundsNoPOE, document.LevelB},
		{"stamped before the evidence was there", known(t, a.stamped(t, alone, 20), a.Good(t, day(21))), a.Good(t, day(21)), 21, document.Passed, "", document.LevelLT},
		{"the archive time stamp is of other octets", exchanged(t, archived, a.archived(t, alone, 20)), a.Good(t, day(30)), 30, document.Passed, "", document.LevelLT},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := judge(a.PKI, tc.raw, tc.known, day(tc.at))
			v := r.Signatures[0]
			if r.Indication != tc.want || v.SubIndication != tc.sub || v.Level != tc.level || len(r.Signatures) != 1 {
				t.Errorf("%s %s %s (%s), want %s %s %s\nstamps %+v\narchive %+v", r.Indication, v.SubIndication, v.Level, v.Why, tc.want, tc.sub, tc.level, v.Stamps, v.ArchiveStamps)
			}
		})
	}
}

// exchanged puts the last token of another file in place of the last one.
func exchanged(t *testing.T, raw, other []byte) []byte {
	t.Helper()
	last := func(b []byte) (from, to int) {
		from = bytes.LastIndex(b, []byte("/Contents <")) + len("/Contents <")
		return from, from + bytes.IndexByte(b[from:], '>')
	}
	from, to := last(raw)
	f, u := last(other)
	if to-from != u-f {
		t.Fatal("the places differ")
	}
	out := bytes.Clone(raw)
	copy(out[from:to], other[f:u])
	return out
}

// TestOthersReadAnArchivedPDF: poppler finds the signature good, and OpenSSL the
// time stamp over the document.
func TestOthersReadAnArchivedPDF(t *testing.T) {
	a := newArchivist(t)
	raw := a.archived(t, a.signed(t, true, false), 20)
	if said := pdfsigBelieving(t, a.Root, raw); strings.Count(said, "Signature is Valid.") != 1 {
		t.Error(said)
	}
	f, err := pdf.Open(raw)
	must(t, err)
	list, err := f.Signatures()
	must(t, err)
	if len(list) != 2 || list[1].SubFilter != pdf.TimeStamp || !f.Whole(list[1]) {
		t.Fatalf("%d signatures, %+v", len(list), list)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"token": list[1].CMS, "covered": list[1].Covered(), "root": onePEM(a.Root), "issuing": onePEM(a.Issuing),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), pkitest.Need(t, "openssl", "openssl"), "ts", "-verify", "-token_in", "-in", "token", "-data", "covered", "-CAfile", "root", "-untrusted", "issuing")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Verification: OK") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
}

func onePEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
