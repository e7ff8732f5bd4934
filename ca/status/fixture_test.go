package status_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/status"
	"mohr/internal/store"
)

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{at: time.Now().UTC().Truncate(time.Second)} }

// service is a fixture with a responder on it.
type service struct {
	*catest.Fixture
	*status.Responder
	key    ca.SigningKey
	issuer *x509.Certificate
	url    string
}

func serve(t testing.TB, c *clock, change ...func(*status.Config)) *service {
	t.Helper()
	return serveOn(t, catest.New(t, c.now), change...)
}

func serveOn(t testing.TB, f *catest.Fixture, change ...func(*status.Config)) *service {
	t.Helper()
	s := &service{Fixture: f}
	s.key = f.SigningKey(t, "ocsp-"+string(ca.SignIssuer), ca.Service{Profile: ca.OCSPResponder, Issuer: ca.SignIssuer, CommonName: "Mohr Test OCSP"})
	s.issuer = s.key.Chain[0]
	s.Responder, s.url = s.second(t, change...)
	return s
}

// second returns another responder on the same store, as on another node.
func (s *service) second(t testing.TB, change ...func(*status.Config)) (*status.Responder, string) {
	t.Helper()
	c := status.Config{
		Authority: s.Fixture.Authority, Store: s.Fixture.Store, Now: s.Fixture.Now,
		Responder: func(id ca.IssuerID) (ca.SigningKey, bool) { return s.key, id == ca.SignIssuer },
		Log:       slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, fn := range change {
		fn(&c)
	}
	r, err := status.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return r, listen(t, r)
}

func (s *service) issue(t testing.TB, request string) (*x509.Certificate, ca.Certificate) {
	t.Helper()
	key, c := s.IssueTo(t, catest.Zahra, ca.NaturalSign, request)
	return key.Certificate, c
}

func (s *service) revoke(t testing.TB, serial string, reason ca.Reason) {
	t.Helper()
	if err := s.Revoke(t.Context(), serial, reason, "operator:test"); err != nil {
		t.Fatal(err)
	}
}

// ask asks for one certificate and has x/crypto/ocsp judge the answer.
func (s *service) ask(t testing.TB, cert *x509.Certificate) *ocsp.Response {
	t.Helper()
	res, err := ocsp.ParseResponseForCert(s.askRaw(t, request(t, cert, s.issuer, crypto.SHA1)), cert, s.issuer)
	if err != nil {
		t.Fatalf("parse response: %v", err)
	}
	return res
}

func (s *service) askRaw(t testing.TB, der []byte) []byte {
	t.Helper()
	a, err := s.OCSP(t.Context(), ca.SignIssuer, der)
	if err != nil {
		t.Fatalf("OCSP: %v", err)
	}
	return a.DER
}

func request(t testing.TB, cert, issuer *x509.Certificate, h crypto.Hash) []byte {
	t.Helper()
	der, err := ocsp.CreateRequest(cert, issuer, &ocsp.RequestOptions{Hash: h})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// unreachable is a signer whose token was pulled.
type unreachable struct{ crypto.Signer }

func (unreachable) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("token removed")
}

// pend leaves an intent behind, as a token that is pulled does.
func (s *service) pend(t testing.TB, requestID string) ca.Certificate {
	t.Helper()
	config := s.Fixture.Authority.Config
	config.Issuers = nil
	for _, i := range s.Fixture.Issuers {
		i.Signer = unreachable{i.Signer}
		config.Issuers = append(config.Issuers, i)
	}
	a, err := ca.New(config)
	if err != nil {
		t.Fatal(err)
	}
	_, csr := catest.NewKey(t)
	if _, err := a.Issue(t.Context(), ca.Order{Request: requestID, CSR: csr, Decision: s.Decide(t, catest.Zahra, ca.NaturalSign)}); err == nil {
		t.Fatal("a pulled token issued a certificate")
	}
	c, err := a.ByRequest(t.Context(), requestID)
	if err != nil || c.State != ca.Pending {
		t.Fatalf("the intent is %q, %v", c.State, err)
	}
	return c
}

func withSerial(cert *x509.Certificate, serial string) *x509.Certificate {
	c := *cert
	c.SerialNumber, _ = new(big.Int).SetString(serial, 16)
	return &c
}

// watched is a store that counts the records read of each bucket.
type watched struct {
	store.Store
	read map[string]int
}

func (w *watched) View(ctx context.Context, fn func(store.Tx) error) error {
	return w.Store.View(ctx, func(tx store.Tx) error { return fn(watchedTx{tx, w}) })
}

type watchedTx struct {
	store.Tx
	w *watched
}

func (t watchedTx) count(bucket string) {
	if t.w.read == nil {
		t.w.read = map[string]int{}
	}
	t.w.read[bucket]++
}

func (t watchedTx) Get(bucket, key string) ([]byte, error) {
	t.count(bucket)
	return t.Tx.Get(bucket, key)
}

func (t watchedTx) Scan(bucket, prefix, after string, fn func(string, []byte) error) error {
	return t.Tx.Scan(bucket, prefix, after, func(key string, value []byte) error {
		t.count(bucket)
		return fn(key, value)
	})
}

func withStore(s store.Store) func(*status.Config) {
	return func(c *status.Config) { c.Store = s }
}
