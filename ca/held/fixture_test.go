package held_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"io/fs"
	"net/http"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/held"
	"mohr/ca/mine"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/ca/signin/signintest"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/session"
	"mohr/internal/store/storetest"
	"mohr/internal/web"
)

// bench is a desk with two persons who have passkeys, and a clock of its own.
type bench struct {
	*held.Desk
	fixture *catest.Fixture
	nonces  *nonce.Source
	clock   time.Time
	portal  http.Handler
	zahra   signin.Who
	passkey *signintest.Passkey // Zahra's
	other   signin.Who
	others  *signintest.Passkey
}

func newBench(t testing.TB, change func(*held.Config)) *bench {
	t.Helper()
	b := &bench{clock: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return b.clock }
	b.fixture = catest.New(t, now)
	b.nonces = &nonce.Source{Key: make([]byte, 32), Now: now}
	desk, err := signin.New(signin.Config{
		Store: b.fixture.Store, CA: b.fixture.Authority, Verifier: &signature.Verifier{Authority: b.fixture.Authority},
		Nonces: b.nonces, Audience: catest.Portal, Name: "Mohr Test", Now: now, Gate: web.NewGate(1000, 1000),
	})
	must(t, err)
	box, err := seal.New(make([]byte, seal.SecretSize))
	must(t, err)
	ring := hsm.Open(hsm.Config{})
	t.Cleanup(func() { ring.Close() })
	c := held.Config{
		Store: storetest.Twice(b.fixture.Store), CA: b.fixture.Authority, SignIn: desk, Ring: ring, Home: hsm.KeyURI(hsm.FileURI(t.TempDir()), "holders"),
		Seal: box, Nonces: b.nonces, Offered: true, Audience: catest.Portal, Now: now,
	}
	if change != nil {
		change(&c)
	}
	b.Desk, err = held.New(c)
	must(t, err)
	texts, err := i18n.Parse(web.Texts, ca.Texts, evidence.Texts, session.Texts, signin.Texts, mine.Texts, held.Texts)
	must(t, err)
	s, err := web.New(web.Config{Store: b.fixture.Store, Texts: texts, Pages: []fs.FS{signin.Pages, held.Pages}, Portal: catest.Portal, Now: now})
	must(t, err)
	desk.Routes(s)
	b.Routes(s)
	b.portal = s.Handler()
	code, err := evidence.ParseNationalCode(catest.Zahra.NationalCode)
	must(t, err)
	b.zahra, b.other = signin.Who{Holder: b.fixture.Holder(code)}, signin.Who{Holder: "another"}
	b.passkey = b.newPasskey(t, b.zahra)
	b.others = b.newPasskey(t, b.other)
	return b
}

func (b *bench) newPasskey(t testing.TB, who signin.Who) *signintest.Passkey {
	t.Helper()
	return signintest.New(t, b.fixture.Store, who.Holder, who.Business, "", catest.Portal, "localhost", b.clock)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantFault(t testing.TB, err error, code string) {
	t.Helper()
	if err == nil || fault.Code(err) != code {
		t.Errorf("error %v, code %q; want %s", err, fault.Code(err), code)
	}
}

// make has a key made for Zahra, with her passkey's secret where prf says so.
func (b *bench) make(t testing.TB, prf bool) held.Key {
	t.Helper()
	c, err := b.BeginMake(t.Context(), b.zahra)
	must(t, err)
	p := held.Proof{Nonce: c.Nonce, Assertion: b.passkey.Answer(t, c.Options)}
	if prf {
		p.PRF = b.passkey.PRF(c.Options.Response.Extensions.PRF.Eval.First)
	}
	k, err := b.Make(t.Context(), b.zahra, p)
	must(t, err)
	return k
}

// certified is make, and the key has a certificate.
func (b *bench) certified(t testing.TB, prf bool) (held.Key, ca.Certificate) {
	t.Helper()
	return b.certifiedFor(t, prf, ca.NaturalSign)
}

// certifiedFor is certified with the profile of the certificate.
func (b *bench) certifiedFor(t testing.TB, prf bool, profile string) (held.Key, ca.Certificate) {
	t.Helper()
	k := b.make(t, prf)
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, signer{t, b, k, held.Request})
	must(t, err)
	csr, err := ca.ParseCSR(der)
	must(t, err)
	c, err := b.fixture.Issue(t.Context(), ca.Order{Request: "r-" + k.ID, CSR: csr, Decision: b.fixture.Decide(t, catest.Zahra, profile)})
	must(t, err)
	return k, c
}

// prove answers the challenge for what is wanted as Zahra.
func (b *bench) prove(t testing.TB, w held.Wanted) held.Proof {
	t.Helper()
	c, err := b.Begin(t.Context(), b.zahra, w)
	must(t, err)
	p := held.Proof{Nonce: c.Nonce, Assertion: b.passkey.Answer(t, c.Options)}
	if salt := c.Options.Response.Extensions.PRF.Eval.First; len(salt) > 0 {
		p.PRF = b.passkey.PRF(salt)
	}
	return p
}

// document is a wanted signature over a document.
func document(k held.Key, text string) held.Wanted {
	sum := sha256.Sum256([]byte(text))
	return held.Wanted{Key: k.ID, Purpose: held.Document, Hashes: [][]byte{sum[:]}}
}

// signer is a held key in the hands of its holder.
type signer struct {
	t       testing.TB
	b       *bench
	key     held.Key
	purpose held.Purpose
}

func (s signer) Public() crypto.PublicKey {
	public, err := x509.ParsePKIXPublicKey(s.key.Public)
	if err != nil {
		panic(err)
	}
	return public
}

func (s signer) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	w := held.Wanted{Key: s.key.ID, Purpose: s.purpose, Hashes: [][]byte{digest}}
	if s.purpose == held.Remote {
		w.For = "editor"
	}
	ctx := context.Background()
	c, err := s.b.Begin(ctx, s.b.zahra, w)
	if err != nil {
		return nil, err
	}
	p := held.Proof{Nonce: c.Nonce, Assertion: s.b.passkey.Sign(s.t, c.Options.Response.Challenge)}
	if salt := c.Options.Response.Extensions.PRF.Eval.First; len(salt) > 0 {
		p.PRF = s.b.passkey.PRF(salt)
	}
	out, err := s.b.Sign(ctx, s.b.zahra, w, p)
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

func (s signer) holds(w held.Wanted, signatures [][]byte) bool {
	public := s.Public().(*ecdsa.PublicKey)
	for i, h := range w.Hashes {
		if i >= len(signatures) || !ecdsa.VerifyASN1(public, h, signatures[i]) {
			return false
		}
	}
	return len(signatures) == len(w.Hashes)
}
