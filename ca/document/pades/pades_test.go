package pades_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca/document"
	"mohr/ca/document/doctest"
	"mohr/ca/document/pades"
	"mohr/internal/pkitest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func contract(t testing.TB, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "pdf", "testdata", file))
	must(t, err)
	return raw
}

// values is a Source that says one thing.
type values document.Values

func (v values) Values(context.Context, []*x509.Certificate) (document.Values, error) {
	return document.Values(v), nil
}

// day returns a time of the test's PKI.
func day(n int) time.Time { return doctest.Start.AddDate(0, 0, n) }

func judge(p *doctest.PKI, raw []byte, known document.Values, at time.Time) document.Report {
	list, err := pades.Read(raw)
	if err != nil {
		return document.Unreadable(err, at)
	}
	return document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{p.Root}, Known: known}, document.Policy{}, at)
}

func TestSignedPDFsAreJudgedLikeOtherDocuments(t *testing.T) {
	p := doctest.New(t)
	key, other := p.Issue(t, nil, nil), p.Issue(t, nil, nil)
	unit := p.Unit(t, func() time.Time { return day(10) }, func(c *x509.Certificate) { c.NotAfter = day(2000) })
	o := pades.Options{Time: day(10), Name: "Sara Test", Reason: "قرارداد"}
	sign := func(raw []byte, o pades.Options) []byte {
		t.Helper()
		out, err := pades.Sign(t.Context(), key, raw, o)
		must(t, err)
		return out
	}
	good := p.Good(t, day(11))
	stamped, proven := o, o
	stamped.Stamper, proven.Stamper = unit, unit
	proven.Source = values(p.Good(t, day(10)))
	for _, file := range []string{"chromium.pdf", "qpdf-objects.pdf"} {
		raw := contract(t, file)
		basic := sign(raw, o)
		lasting := sign(raw, proven)
		twice, err := pades.Sign(t.Context(), other, lasting, proven)
		must(t, err)
		stating := o
		stating.States = true
		altered := bytes.Replace(basic, []byte("/Subtype /Widget"), []byte("/Subtype /Widgit"), 1)
		for _, tc := range []struct {
			name       string
			raw        []byte
			known      document.Values
			at         int
			want       document.Indication
			sub        document.Sub
			level      document.Level
			signatures int
		}{
			{"B-B", basic, good, 11, document.Passed, "", document.LevelB, 1},
			{"B-B, and nothing is known of revocations", basic, document.Values{}, 11, document.Indeterminate, document.TryLater, document.LevelB, 1},
			{"B-T", sign(raw, stamped), good, 11, document.Passed, "", document.LevelT, 1},
			{"B-LT, after the certificate ended", lasting, p.Good(t, day(400)), 400, document.Passed, "", document.LevelLT, 1},
			{"B-LT, by itself", lasting, document.Values{}, 10, document.Passed, "", document.LevelLT, 1},
			{"two signers, both B-LT", twice, document.Values{}, 10, document.Passed, "", document.LevelLT, 2},
			{"revoked, and no stamp", basic, p.Good(t, day(30), doctest.Revoked{Certificate: key.Certificate, At: day(20), Reason: 4}), 30, document.Indeterminate, document.RevokedNoPOE, document.LevelB, 1},
			{"an octet altered", altered, good, 11, document.Failed, document.HashFailure, document.LevelB, 1},
			{"changed after it was signed", changed(t, basic), good, 11, document.Indeterminate, document.SigConstraints, document.LevelB, 1},
			{"signed as a statement", sign(raw, stating), good, 11, document.Indeterminate, document.SigConstraints, document.LevelB, 1},
			{"not signed", raw, good, 11, document.Failed, document.FormatFailure, "", 1},
			{"half of it", basic[:len(basic)/2], good, 11, document.Failed, document.FormatFailure, "", 1},
		} {
			t.Run(file+": "+tc.name, func(t *testing.T) {
				r := judge(p, tc.raw, tc.known, day(tc.at))
				v := r.Signatures[0]
				if r.Indication != tc.want || v.SubIndication != tc.sub || v.Level != tc.level || len(r.Signatures) != tc.signatures {
					t.Errorf("%s %s %s (%s), %d signatures; want %s %s %s", r.Indication, v.SubIndication, v.Level, v.Why, len(r.Signatures), tc.want, tc.sub, tc.level)
				}
				if v.Level != "" && (v.Format != document.PAdES || v.MIME != "application/pdf" || !v.ClaimedTime.Equal(day(10))) {
					t.Errorf("%+v", v)
				}
			})
		}
		pdfsig(t, twice, 2)
	}
}

var (
	formRef   = regexp.MustCompile(`/AcroForm (\d+ 0 R)`)
	startxref = regexp.MustCompile(`startxref\n(\d+)`)
)

// changed is the PDF with a later revision that nobody signed: another catalog
// with no pages and the same signatures.
func changed(t *testing.T, signed []byte) []byte {
	t.Helper()
	form, start := formRef.FindSubmatch(signed), startxref.FindAllSubmatch(signed, -1)
	if form == nil || start == nil {
		t.Fatal("the file has no form or no end")
	}
	catalog := fmt.Sprintf("900 0 obj\n<< /Type /Catalog /Pages 901 0 R /AcroForm %s >>\nendobj\n", form[1])
	table := fmt.Sprintf("xref\n900 1\n%010d 00000 n \ntrailer\n<< /Root 900 0 R /Size 902 /Prev %s >>\n", len(signed), start[len(start)-1][1])
	return fmt.Appendf(bytes.Clone(signed), "%s%sstartxref\n%d\n%%%%EOF\n", catalog, table, len(signed)+len(catalog))
}

// pdfsig asks poppler.
func pdfsig(t *testing.T, raw []byte, signatures int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "signed.pdf")
	must(t, os.WriteFile(file, raw, 0o600))
	out, err := exec.CommandContext(t.Context(), pkitest.Need(t, "pdfsig", "poppler-utils"), "-nocert", file).CombinedOutput()
	if err != nil || strings.Count(string(out), "Signature is Valid.") != signatures {
		t.Errorf("pdfsig: %v\n%s", err, out)
	}
}
