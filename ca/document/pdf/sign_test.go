package pdf_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca/document/pdf"
	"mohr/ca/signature"
	"mohr/internal/pkitest"
)

// producers are PDFs of different programs, with each kind of cross-reference.
var producers = []string{"chromium.pdf", "ghostscript.pdf", "qpdf-objects.pdf", "qpdf-linear.pdf"}

func TestPopplerAndQPDFAcceptTwoSignaturesAndEvidence(t *testing.T) {
	b := newBench(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	other := b.with(t, key)
	for _, file := range producers {
		t.Run(file, func(t *testing.T) {
			raw := read(t, file)
			once := b.sign(t, raw, pdf.Options{Name: "Sara Ahmadi", Reason: "قرارداد", Location: "تهران"})
			twice := other.sign(t, once, pdf.Options{})
			proven, err := pdf.AddEvidence(twice, pdf.Evidence{Certs: [][]byte{b.key.Certificate.Raw}})
			must(t, err)
			if !bytes.HasPrefix(once, raw) || !bytes.HasPrefix(twice, once) || !bytes.HasPrefix(proven, twice) {
				t.Error("octets that were there changed")
			}
			for _, f := range []struct {
				signed            []byte
				signatures, whole int
			}{{once, 1, 1}, {twice, 2, 1}, {proven, 2, 0}} {
				out, err := tool(t, "pdfsig", "poppler-utils", f.signed, "-nocert")
				if err != nil || strings.Count(out, "Signature is Valid.") != f.signatures || strings.Count(out, "- Total document signed") != f.whole {
					t.Errorf("pdfsig: %v\n%s", err, out)
				}
				out, err = tool(t, "qpdf", "qpdf", f.signed, "--check")
				if err != nil || !strings.Contains(out, "No syntax or stream encoding errors") {
					t.Errorf("qpdf: %v\n%s", err, out)
				}
			}
		})
	}
}

func TestPopplerRefusesAnAlteredOctet(t *testing.T) {
	signed := newBench(t).sign(t, read(t, "chromium.pdf"), pdf.Options{Name: "Sara Ahmadi"})
	altered := edit(t, signed, "/Subtype /Widget", "/Subtype /Widgit")
	out, err := tool(t, "pdfsig", "poppler-utils", altered, "-nocert")
	if !strings.Contains(out, "Digest Mismatch") {
		t.Errorf("pdfsig: %v\n%s", err, out)
	}
}

func TestOpenSSLVerifiesTheCMSOverWhatItCovers(t *testing.T) {
	b := newBench(t)
	s := signatures(t, b.sign(t, read(t, "qpdf-objects.pdf"), pdf.Options{}))[0]
	dir := t.TempDir()
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.Hierarchy.Root.Raw})
	for name, content := range map[string][]byte{"cms.der": s.CMS, "covered": s.Covered(), "root.pem": root} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), pkitest.Need(t, "openssl", "openssl"), "cms", "-verify", "-cades", "-binary", "-inform", "DER",
		"-in", "cms.der", "-content", "covered", "-CAfile", "root.pem", "-purpose", "any", "-out", os.DevNull)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("openssl: %v, %s", err, out)
	}
}

func TestASignatureSaysWhatWasSaidWhenItWasMade(t *testing.T) {
	b := newBench(t)
	signed := b.sign(t, read(t, "ghostscript.pdf"), pdf.Options{Name: "سارا احمدی", Reason: `(a) \ < >`, Location: "تهران"})
	signed = b.sign(t, signed, pdf.Options{SubFilter: pdf.TimeStamp})
	all := signatures(t, signed)
	if len(all) != 2 {
		t.Fatalf("%d signatures", len(all))
	}
	s := all[0]
	if s.Field != "Signature1" || s.SubFilter != pdf.CAdES || s.Name != "سارا احمدی" || s.Reason != `(a) \ < >` ||
		s.Location != "تهران" || !s.Time.Equal(signedAt) || s.Certifies != 0 || s.Later != pdf.Extended || s.Fault != nil {
		t.Errorf("%+v", s)
	}
	s = all[1]
	if s.Field != "Signature2" || s.SubFilter != pdf.TimeStamp || !s.Time.IsZero() || s.Later != pdf.Unchanged || s.Fault != nil {
		t.Errorf("%+v", s)
	}
	want := sha256.Sum256(s.Covered())
	if !bytes.Equal(s.Digest(5), want[:]) {
		t.Error("the digest is of something else")
	}
	for _, s := range all {
		_, _, err := signature.VerifyCMS(s.CMS, s.Covered(), b.Hierarchy.Root, time.Now())
		must(t, err)
	}
}

func TestWhatIsPreparedHasNoSignatureYet(t *testing.T) {
	p, err := pdf.Prepare(read(t, "chromium.pdf"), pdf.Options{Time: signedAt, Room: 100})
	must(t, err)
	empty, err := p.Complete(nil)
	must(t, err)
	wantCode(t, signatures(t, empty)[0].Fault, "pdf_signature_form")
	if _, err := p.Complete(make([]byte, 101)); err == nil {
		t.Error("a signature larger than its place was filled in")
	}
	if signed := signatures(t, newBench(t).sign(t, empty, pdf.Options{})); len(signed) != 2 || signed[1].Fault != nil {
		t.Errorf("%+v", signed)
	}
}

func TestEvidenceIsKeptOnce(t *testing.T) {
	signed := newBench(t).sign(t, read(t, "qpdf-objects.pdf"), pdf.Options{})
	for _, e := range []pdf.Evidence{
		{Certs: [][]byte{{1}, {2}}, OCSPs: [][]byte{{3}}},
		{Certs: [][]byte{{2}, {4}, {4}}, CRLs: [][]byte{{5}}},
		{Certs: [][]byte{{1}}},
		{},
	} {
		var err error
		signed, err = pdf.AddEvidence(signed, e)
		must(t, err)
	}
	f, err := pdf.Open(signed)
	must(t, err)
	e, err := f.Evidence()
	must(t, err)
	if got := slices.Concat(e.Certs, [][]byte{nil}, e.CRLs, [][]byte{nil}, e.OCSPs); !bytes.Equal(bytes.Join(got, []byte(",")), []byte("\x01,\x02,\x04,,\x05,,\x03")) {
		t.Errorf("%x", got)
	}
	if s := signatures(t, signed)[0]; s.Later != pdf.Extended {
		t.Error(s.Later)
	}
}

func TestWhatCannotBeSignedIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name, code string
		raw        []byte
		options    pdf.Options
	}{
		{"an encrypted file", "pdf_encrypted", read(t, "encrypted.pdf"), pdf.Options{}},
		{"no PDF", "pdf_header", []byte("Ali sells Reza one hundred boxes."), pdf.Options{}},
		{"half a PDF", "pdf_malformed", read(t, "chromium.pdf")[:4000], pdf.Options{}},
		{"a long reason", "pdf_options", read(t, "chromium.pdf"), pdf.Options{Reason: strings.Repeat("x", 257)}},
		{"a place too large", "pdf_options", read(t, "chromium.pdf"), pdf.Options{Room: 1 << 20}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := pdf.Prepare(tc.raw, tc.options)
			wantCode(t, err, tc.code)
		})
	}
}
