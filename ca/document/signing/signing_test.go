package signing_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/document"
	"mohr/ca/document/anyform"
	"mohr/ca/document/cades"
	"mohr/ca/document/online"
	"mohr/ca/document/pdf"
	"mohr/ca/document/signing"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/ca/timestamp"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
	"mohr/internal/web"
)

// bench is a desk with a person who has a certificate, and a clock of its own.
type bench struct {
	*signing.Desk
	fixture *catest.Fixture
	clock   time.Time
	who     signin.Who
	key     ca.SigningKey
	serial  string
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{clock: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return b.clock }
	b.fixture = catest.New(t, now)
	unit, err := timestamp.New(timestamp.Config{
		Key:    b.fixture.SigningKey(t, "tsu", ca.Service{Profile: ca.TimeStamping, CommonName: "tsu"}),
		Policy: []int{2, 999, 7, 3}, Clock: func() error { return nil }, Now: now,
	})
	must(t, err)
	b.Desk, err = signing.New(signing.Config{
		Store: storetest.Twice(b.fixture.Store), CA: b.fixture.Authority, SignIn: &signin.Desk{}, Nonces: &nonce.Source{Key: make([]byte, 32), Now: now},
		Stamper: unit, Source: online.Source{}, Now: now,
	})
	must(t, err)
	var c ca.Certificate
	b.key, c = b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	b.who, b.serial = signin.Who{Holder: c.Holder}, c.Serial
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantFault(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Errorf("error %v, code %q; want %s", err, fault.Code(err), code)
	}
}

func pdfFile(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "pdf", "testdata", name))
	must(t, err)
	return raw
}

// wants is a wish for a file at level T.
func (b *bench) wants(form signing.Form, file []byte) signing.Wanted {
	sum := sha256.Sum256(file)
	return signing.Wanted{Serial: b.serial, Form: form, Level: signing.T, Name: "contract", MIME: "text/plain; charset=utf-8", SHA256: sum[:]}
}

// value signs what was prepared.
func value(t testing.TB, key crypto.Signer, p signing.Prepared) []byte {
	t.Helper()
	digest := sha256.Sum256(p.Input)
	sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	must(t, err)
	return sig
}

func (b *bench) finish(p signing.Prepared, who signin.Who, w signing.Wanted, file, value []byte) ([]byte, error) {
	return b.Finish(context.Background(), who, w, file, time.Unix(p.At, 0).UTC(), p.Nonce, value)
}

// sign goes the whole way.
func (b *bench) sign(t testing.TB, w signing.Wanted, file []byte) []byte {
	t.Helper()
	p, err := b.Prepare(t.Context(), b.who, w, file)
	must(t, err)
	signed, err := b.finish(p, b.who, w, file, value(t, b.key.Signer, p))
	must(t, err)
	return signed
}

func TestEachFormIsSignedAndHolds(t *testing.T) {
	b := newBench(t)
	text, contract := []byte("one is to pay ten\n"), pdfFile(t, "chromium.pdf")
	for _, tc := range []struct {
		form   signing.Form
		file   []byte
		beside document.Content
		format string
		mime   string
	}{
		{signing.PAdES, contract, document.Content{}, document.PAdES, "application/pdf"},
		{signing.CAdES, text, document.Bytes(text), document.CAdES, "text/plain"},
		{signing.JAdES, text, document.Bytes(text), document.JAdES, "text/plain"},
	} {
		t.Run(string(tc.form), func(t *testing.T) {
			list, err := anyform.Read(b.sign(t, b.wants(tc.form, tc.file), tc.file), tc.beside)
			must(t, err)
			r := document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{b.fixture.Hierarchy.Root}}, document.Policy{}, b.clock)
			// Nothing is known here of revocations; all else holds.
			v := r.Signatures[0]
			if v.SubIndication != document.TryLater || v.Format != tc.format || v.MIME != tc.mime || !v.ClaimedTime.Equal(b.clock) || len(v.Stamps) != 1 || !list[0].Signer.Equal(b.key.Certificate) {
				t.Errorf("%+v", v)
			}
		})
	}
	signed := b.sign(t, b.wants(signing.PAdES, contract), contract)
	p, err := b.Prepare(t.Context(), b.who, b.wants(signing.PAdES, signed), signed)
	must(t, err)
	if p.Pages != 1 || len(p.Signatures) != 1 || p.Signatures[0].Name != b.key.Certificate.Subject.CommonName || p.Signatures[0].Altered {
		t.Errorf("of a signed PDF is said: %d pages, %+v", p.Pages, p.Signatures)
	}
}

// TestWhatWasPreparedServesForThatAlone: another person, another document,
// another wish, another time and a second time are refused.
func TestWhatWasPreparedServesForThatAlone(t *testing.T) {
	b := newBench(t)
	file, other := []byte("one is to pay ten\n"), []byte("one is to pay a thousand\n")
	w := b.wants(signing.CAdES, file)
	p, err := b.Prepare(t.Context(), b.who, w, nil)
	must(t, err)
	sig := value(t, b.key.Signer, p)
	deepLevel, named := w, w
	deepLevel.Level, named.Name = signing.B, "another"
	later := p
	later.At++
	for _, tc := range []struct {
		name string
		p    signing.Prepared
		who  signin.Who
		w    signing.Wanted
	}{
		{"another person", p, signin.Who{Holder: "another"}, w},
		{"the person for a business", p, signin.Who{Holder: b.who.Holder, Business: "14003456780"}, w},
		{"another document", p, b.who, b.wants(signing.CAdES, other)},
		{"another form", p, b.who, b.wants(signing.JAdES, file)},
		{"another level", p, b.who, deepLevel},
		{"another name", p, b.who, named},
		{"another time", later, b.who, w},
		{"no nonce", signing.Prepared{At: p.At}, b.who, w},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := b.finish(tc.p, tc.who, tc.w, nil, sig)
			wantFault(t, err, "nonce_unknown")
		})
	}
	stranger, _ := catest.NewKey(t)
	_, err = b.finish(p, b.who, w, nil, value(t, stranger, p))
	wantFault(t, err, "sign_value")
	_, err = b.finish(p, b.who, w, nil, []byte("no signature"))
	wantFault(t, err, "sign_value")
	_, err = b.finish(p, b.who, w, nil, sig)
	must(t, err)
	_, err = b.finish(p, b.who, w, nil, sig)
	wantFault(t, err, "nonce_used")
	fresh, err := b.Prepare(t.Context(), b.who, w, nil)
	must(t, err)
	sig = value(t, b.key.Signer, fresh)
	b.clock = b.clock.Add(11 * time.Minute)
	_, err = b.finish(fresh, b.who, w, nil, sig)
	wantFault(t, err, "nonce_expired")
}

func TestAPDFThatIsNotTheOnePreparedIsRefused(t *testing.T) {
	b := newBench(t)
	file := pdfFile(t, "chromium.pdf")
	w := b.wants(signing.PAdES, file)
	p, err := b.Prepare(t.Context(), b.who, w, file)
	must(t, err)
	sig := value(t, b.key.Signer, p)
	altered := bytes.Replace(file, []byte("/Type /Page"), []byte("/Type /Pbge"), 1)
	for _, f := range [][]byte{altered, nil, pdfFile(t, "ghostscript.pdf")} {
		_, err = b.finish(p, b.who, w, f, sig)
		wantFault(t, err, "sign_altered")
	}
	for _, tc := range []struct {
		name string
		file []byte
		code string
	}{
		{"a broken PDF", file[:len(file)/2], "pdf_malformed"},
		{"an encrypted PDF", pdfFile(t, "encrypted.pdf"), "pdf_encrypted"},
		{"no PDF", []byte("one is to pay ten\n"), "pdf_header"},
		{"too large", make([]byte, signing.MaxPDF+1), "sign_too_large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := b.Prepare(t.Context(), b.who, b.wants(signing.PAdES, tc.file), tc.file)
			wantFault(t, err, tc.code)
		})
	}
}

// TestAPDFIsReadWhereThereIsAPlace, for what is prepared and for what is
// finished; what is no PDF needs none.
func TestAPDFIsReadWhereThereIsAPlace(t *testing.T) {
	b := newBench(t)
	b.Places = web.NewPlaces(1, 0, time.Second)
	file := pdfFile(t, "chromium.pdf")
	w := b.wants(signing.PAdES, file)
	p, err := b.Prepare(t.Context(), b.who, w, file)
	must(t, err)
	sig := value(t, b.key.Signer, p)
	give, err := b.Places.Take(t.Context())
	must(t, err)
	_, err = b.Prepare(t.Context(), b.who, w, file)
	wantFault(t, err, "no_place_free")
	_, err = b.finish(p, b.who, w, file, sig)
	wantFault(t, err, "no_place_free")
	_, err = b.Prepare(t.Context(), b.who, b.wants(signing.CAdES, file), nil)
	must(t, err)
	give()
	_, err = b.finish(p, b.who, w, file, sig) // the nonce was not used up
	must(t, err)
}

func TestWhatThePageNeverSendsIsRefused(t *testing.T) {
	b := newBench(t)
	for name, change := range map[string]func(*signing.Wanted){
		"no form":      func(w *signing.Wanted) { w.Form = "xades" },
		"no level":     func(w *signing.Wanted) { w.Level = "A" },
		"no name":      func(w *signing.Wanted) { w.Name = "" },
		"a long name":  func(w *signing.Wanted) { w.Name = strings.Repeat("a", 256) },
		"a short hash": func(w *signing.Wanted) { w.SHA256 = w.SHA256[1:] },
		"a long type":  func(w *signing.Wanted) { w.MIME = strings.Repeat("a", 128) },
	} {
		w := b.wants(signing.CAdES, nil)
		change(&w)
		if _, err := b.Prepare(t.Context(), b.who, w, nil); fault.Code(err) != "sign_wanted" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOnlyAGoodCertificateOfWhoIsSignedInSigns: at the beginning and at the end.
func TestOnlyAGoodCertificateOfWhoIsSignedInSigns(t *testing.T) {
	b := newBench(t)
	file := []byte("one is to pay ten\n")
	ask := func(who signin.Who, serial string) error {
		w := b.wants(signing.CAdES, file)
		w.Serial = serial
		_, err := b.Prepare(t.Context(), who, w, nil)
		return err
	}
	_, auth := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalAuth, "auth")
	_, seal := b.fixture.IssueTo(t, catest.Zahra, ca.OrganisationSeal, "seal")
	wantFault(t, ask(signin.Who{Holder: "another"}, b.serial), "sign_certificate_unknown")
	wantFault(t, ask(signin.Who{}, b.serial), "sign_certificate_unknown")
	wantFault(t, ask(signin.Who{Holder: b.who.Holder, Business: "14003456780"}, b.serial), "sign_certificate_unknown")
	for _, serial := range []string{auth.Serial, seal.Serial, "77", "no serial"} {
		wantFault(t, ask(b.who, serial), "sign_certificate_unknown")
	}
	if list, err := b.Certificates(t.Context(), b.who); err != nil || len(list) != 1 || list[0].Serial != b.serial {
		t.Errorf("%v, %+v", err, list)
	}
	w := b.wants(signing.CAdES, file)
	for name, end := range map[string]func(tx store.Tx, serial string) error{
		"revoked": func(tx store.Tx, serial string) error {
			return ca.RevokeIn(tx, serial, ca.KeyCompromise, "test", b.clock)
		},
		"suspended": func(tx store.Tx, serial string) error { return ca.SuspendIn(tx, serial, "test", b.clock) },
	} {
		t.Run(name, func(t *testing.T) {
			key, c := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, name)
			w.Serial = c.Serial
			p, err := b.Prepare(t.Context(), b.who, w, nil)
			must(t, err)
			must(t, b.fixture.Store.Update(t.Context(), func(tx store.Tx) error { return end(tx, c.Serial) }))
			_, err = b.finish(p, b.who, w, nil, value(t, key.Signer, p))
			wantFault(t, err, "sign_certificate_ended")
			wantFault(t, ask(b.who, c.Serial), "sign_certificate_ended")
		})
	}
	b.clock = b.key.Certificate.NotAfter.Add(time.Second)
	wantFault(t, ask(b.who, b.serial), "sign_certificate_time")
}

// meanwhile is a store in which something happens before each write.
type meanwhile struct {
	store.Store
	happens func()
}

func (m meanwhile) Update(ctx context.Context, fn func(store.Tx) error) error {
	m.happens()
	return m.Store.Update(ctx, fn)
}

// TestACertificateThatEndsAtTheLastMomentSignsNothing: it is asked for in the
// transaction that uses the preparation up, too.
func TestACertificateThatEndsAtTheLastMomentSignsNothing(t *testing.T) {
	b := newBench(t)
	w := b.wants(signing.CAdES, []byte("one is to pay ten\n"))
	p, err := b.Prepare(t.Context(), b.who, w, nil)
	must(t, err)
	b.Store = meanwhile{b.Store, func() { must(t, b.fixture.Revoke(t.Context(), b.serial, ca.KeyCompromise, "test")) }}
	_, err = b.finish(p, b.who, w, nil, value(t, b.key.Signer, p))
	wantFault(t, err, "sign_certificate_ended")
}

// TestAStatementSignedHereIsNone: whoever has a file signed here that reads
// like a statement has nothing that this service would act on.
func TestAStatementSignedHereIsNone(t *testing.T) {
	b := newBench(t)
	statement := []byte(`{"type":"mohr-renew/1","aud":"` + catest.Portal + `"}`)
	w := b.wants(signing.CAdES, statement)
	w.MIME = "" // as a browser says of a file that it does not know
	verifier := &signature.Verifier{Authority: b.fixture.Authority}
	_, err := verifier.CMS(t.Context(), b.sign(t, w, nil), statement)
	wantFault(t, err, "cms_document")
	w.Form = signing.JAdES
	if _, err := verifier.JWS(t.Context(), b.sign(t, w, nil), "mohr-renew/1"); !errors.Is(err, fault.Invalid) {
		t.Errorf("as a JWS: %v", err)
	}
	carrying := pdf.Carry(nil, "request.json", "application/json", statement)
	_, err = verifier.PDF(t.Context(), b.sign(t, b.wants(signing.PAdES, carrying), carrying))
	wantFault(t, err, "statement_pdf_document")
	if inside, err := cades.Enclosed(b.sign(t, b.wants(signing.CAdES, statement), nil)); err != nil || inside != nil {
		t.Errorf("the document is inside: %q, %v", inside, err)
	}
}
