package badge_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/pades"
	"mohr/ca/document/pdf"
	"mohr/internal/fault"
)

// states signs a PDF as a statement.
func (b *bench) states(t testing.TB, raw []byte) []byte {
	t.Helper()
	signed, err := pades.Sign(t.Context(), b.key, raw, pades.Options{Time: b.clock.Now(), Name: "Zahra", States: true})
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// asPDF is a request as a signed PDF.
func (b *bench) asPDF(t testing.TB, a badge.Ask) []byte {
	t.Helper()
	return b.states(t, badge.RequestPDF(a, marshal(t, a)))
}

func TestARequestAsASignedPDFIsTaken(t *testing.T) {
	b := newBench(t)
	b.realStamps(t)
	raw := b.asPDF(t, b.ask())
	got, err := b.Request(t.Context(), raw)
	if err != nil || got.State != badge.Waiting {
		t.Fatalf("state %s, %v", got.State, err)
	}
	b.clock.pass(time.Hour)
	if again, err := b.Request(t.Context(), raw); err != nil || again.ID != got.ID {
		t.Errorf("the same again: %s, %v", again.ID, err)
	}
	b.shop.put(got.Challenge)
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active {
		t.Errorf("state %s, %v", got.State, err)
	}
	kept := b.kept(t, got.Request)
	if at, signer, err := kept.Verify(b.ca.Root); err != nil || !at.Equal(start) || !signer.Equal(b.key.Certificate) || !bytes.Equal(kept.Signed, raw) {
		t.Errorf("the proof: at %s, %v", at, err)
	}
	b.spoiled(t, kept)
	got2 := fetch(t, "POST", b.portalOf(t).URL+"/api/v1/badges", "application/pdf", raw)
	if got2.status != 201 || !strings.Contains(got2.body, string(got.ID)) {
		t.Errorf("over HTTP: %+v", got2)
	}
}

// inRoom signs a PDF as a statement, in little room: over what instead says, if
// it says something.
func (b *bench) inRoom(t *testing.T, raw, instead []byte) []byte {
	t.Helper()
	p, err := pdf.Prepare(raw, pdf.Options{Time: b.clock.Now(), Room: 4096})
	if err != nil {
		t.Fatal(err)
	}
	if instead == nil {
		instead = p.Covered()
	}
	cms, err := cades.Sign(t.Context(), b.key, document.Bytes(instead), cades.Options{States: true})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Complete(cms)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// compressed attaches the payload compressed, in place of what is as long.
func compressed(t *testing.T, a badge.Ask, payload []byte) []byte {
	t.Helper()
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(payload)
	w.Close()
	const kind, filter = "/Subtype /application#2Fjson", "/Filter /FlateDecode        "
	raw := badge.RequestPDF(a, z.Bytes())
	if bytes.Count(raw, []byte(kind)) != 1 || len(kind) != len(filter) {
		t.Fatal("the PDF has other words")
	}
	return bytes.Replace(raw, []byte(kind), []byte(filter), 1)
}

func TestAPDFThatIsNoRequestIsRefused(t *testing.T) {
	raw := func(signed []byte) badge.Letter { return badge.Letter{Signed: signed} }
	for _, test := range []struct {
		name   string
		letter func(*testing.T, *bench, badge.Ask) badge.Letter
		kind   fault.Kind
		code   string
	}{
		{"signed as a document, as mohr sign and the page do", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			signed, err := pades.Sign(t.Context(), b.key, badge.RequestPDF(a, marshal(t, a)), pades.Options{Time: b.clock.Now()})
			if err != nil {
				t.Fatal(err)
			}
			return raw(signed)
		}, fault.Invalid, "statement_pdf_document"},
		{"not signed", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(badge.RequestPDF(a, marshal(t, a)))
		}, fault.Invalid, "statement_pdf_signature"},
		{"signed twice", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(b.inRoom(t, b.asPDF(t, a), nil))
		}, fault.Invalid, "statement_pdf_signature"},
		{"evidence added after it was signed", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			more, err := pdf.AddEvidence(b.asPDF(t, a), pdf.Evidence{Certs: [][]byte{b.key.Certificate.Raw}})
			if err != nil {
				t.Fatal(err)
			}
			return raw(more)
		}, fault.Invalid, "statement_pdf_signature"},
		{"a line added after it was signed", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(append(b.asPDF(t, a), '\n'))
		}, fault.Invalid, "statement_pdf_signature"},
		{"its end outside of what is signed", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(shorter(t, b.asPDF(t, a)))
		}, fault.Invalid, "statement_pdf_signature"},
		{"another domain put in", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(bytes.ReplaceAll(b.asPDF(t, a), []byte(`"domain":"shop.example"`), []byte(`"domain":"evil.example"`)))
		}, fault.Denied, "cms_digest"},
		{"the signature of another one", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(b.inRoom(t, badge.RequestPDF(a, marshal(t, a)), []byte("another")))
		}, fault.Denied, "cms_digest"},
		{"a signature of the older kind", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(bytes.Replace(b.asPDF(t, a), []byte("/ETSI.CAdES.detached"), []byte("/adbe.pkcs7.detached"), 1))
		}, fault.Invalid, "statement_pdf_signature"},
		{"nothing attached", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(b.states(t, bytes.Replace(badge.RequestPDF(a, marshal(t, a)), []byte("/EmbeddedFiles"), []byte("/EmbeddedFilet"), 1)))
		}, fault.Invalid, "pdf_attached"},
		{"the request compressed", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(b.states(t, compressed(t, a, marshal(t, a))))
		}, fault.Invalid, "statement_pdf_attached"},
		{"a statement of another type", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			a.Type = "mohr-renew/1"
			return raw(b.asPDF(t, a))
		}, fault.Invalid, "statement_type"},
		{"something that is no statement", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(b.states(t, badge.RequestPDF(a, []byte("one is to pay ten\n"))))
		}, fault.Invalid, "statement_malformed"},
		{"for another service", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			a.Audience = "https://evil.example"
			return raw(b.asPDF(t, a))
		}, fault.Denied, "statement_audience"},
		{"of another certificate", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			a.CertificateSHA256 = strings.Repeat("0", 64)
			return raw(b.asPDF(t, a))
		}, fault.Denied, "statement_certificate"},
		{"of yesterday", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			signed := b.asPDF(t, a)
			b.clock.pass(24 * time.Hour)
			return raw(signed)
		}, fault.Denied, "statement_time"},
		{"with a nonce of its own", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			a.Nonce = strings.Repeat("A", 54)
			return raw(b.asPDF(t, a))
		}, fault.Denied, "nonce_unknown"},
		{"of a revoked certificate", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
				t.Fatal(err)
			}
			return raw(b.asPDF(t, a))
		}, fault.Denied, "certificate_revoked"},
		{"with a document beside it", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return badge.Letter{Signed: b.asPDF(t, a), Document: marshal(t, a)}
		}, fault.Invalid, "badge_document_beside_jws"},
		{"too large", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			return raw(append(b.asPDF(t, a), make([]byte, 64<<10)...))
		}, fault.Invalid, "badge_request_too_large"},
		{"half of it", func(t *testing.T, b *bench, a badge.Ask) badge.Letter {
			signed := b.asPDF(t, a)
			return raw(signed[:len(signed)/2])
		}, fault.Invalid, "pdf_malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			_, err := b.Desk.Request(t.Context(), test.letter(t, b, b.ask()))
			if fault.Code(err) != test.code || !errors.Is(err, test.kind) {
				t.Fatalf("got %q (%v), want %q of kind %s", fault.Code(err), err, test.code, test.kind)
			}
			if n := b.count(t, "badge_badges") + b.count(t, "badge_requests") + b.count(t, "nonce_used"); n != 0 {
				t.Errorf("the refused request left %d records", n)
			}
		})
	}
}

// shorter leaves the last octets out of what the signature is over.
func shorter(t *testing.T, signed []byte) []byte {
	t.Helper()
	at := bytes.LastIndex(signed, []byte("/ByteRange [0 "))
	end := bytes.IndexByte(signed[at:], ']') + at
	if at < 0 || signed[end-1] == '0' {
		return append(signed, '\n') // its length ends with 0: this leaves one out as well
	}
	out := bytes.Clone(signed)
	out[end-1]--
	return out
}

// A nonce serves once, in whatever form the statement comes.
func TestTheNonceOfAPDFServesOnce(t *testing.T) {
	b := newBench(t)
	a := b.ask()
	if _, err := b.Request(t.Context(), b.asPDF(t, a)); err != nil {
		t.Fatal(err)
	}
	a.Request, a.Domain = "request-2", "second.example"
	for _, again := range [][]byte{b.asPDF(t, a), b.sign(t, b.key, a)} {
		if _, err := b.Request(t.Context(), again); fault.Code(err) != "nonce_used" {
			t.Errorf("got %v", err)
		}
	}
}
