package acme_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	client "golang.org/x/crypto/acme"

	"mohr/ca"
	"mohr/ca/acme"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Domains of the tests: the first two are proven for Zahra's company.
const (
	shop      = "shop.example"
	otherShop = "two.shop.example"
	rival     = "rival.example"
)

// clock is the real time and how far a test moved it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time             { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) move(by time.Duration)      { c.ahead.Add(int64(by)) }
func (c *clock) source() *nonce.Source      { return &nonce.Source{Key: make([]byte, 32), Now: c.Now} }
func (c *clock) unix(d time.Duration) int64 { return c.Now().Add(d).Unix() }

// world is a service with a merchant, on a real HTTPS listener.
type world struct {
	*catest.Fixture
	desk     *acme.Desk
	clock    *clock
	signer   ca.SigningKey // of Zahra for her company
	business ca.BusinessID
	http     *http.Client // trusts the service
	handler  http.Handler
	log      *logged
	keysOut  atomic.Bool // the issuing keys cannot be reached
	change   func(*acme.Config)
}

// logged collects what the desk logs.
type logged struct {
	mu   sync.Mutex
	text []byte
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, b...)
	return len(b), nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func newWorld(t testing.TB, change ...func(*acme.Config)) *world {
	t.Helper()
	w := &world{clock: &clock{}, log: &logged{}}
	w.Fixture = catest.New(t, w.clock.Now)
	w.Authority = w.withSwitch(t)
	w.signer, _ = w.IssueTo(t, catest.Zahra, ca.OrganisationSign, "zahra")
	w.business = ca.BusinessID(catest.Zahra.LegalID)
	w.prove(t, w.business, shop, true)
	w.prove(t, w.business, otherShop, true)
	w.prove(t, "10380284790", rival, true)
	w.change = func(c *acme.Config) {
		for _, fn := range change {
			fn(c)
		}
	}
	w.listen(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.log)
		}
	})
	return w
}

// switchable is a key in a device that can be pulled out.
type switchable struct {
	crypto.Signer
	out *atomic.Bool
}

func (s switchable) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if s.out.Load() {
		return nil, fault.New(fault.Unavailable, "key_unavailable", "the key store cannot be reached at the moment; try again in a minute")
	}
	return s.Signer.Sign(r, digest, opts)
}

// withSwitch returns an authority on the fixture's hierarchy whose keys are
// gone while w.keysOut is set.
func (w *world) withSwitch(t testing.TB) *ca.Authority {
	t.Helper()
	issuers := slices.Clone(w.Hierarchy.Issuers)
	for i := range issuers {
		issuers[i].Signer = switchable{issuers[i].Signer, &w.keysOut}
	}
	a, err := ca.New(ca.Config{
		Store: w.Store, Now: w.clock.Now, Root: w.Hierarchy.Root, Issuers: issuers, Publish: catest.Publish, Portal: catest.Portal,
		HolderKey: make([]byte, 32), Simulated: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// listen serves a node of the service on a port of its own.
func (w *world) listen(t testing.TB) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	portal := "https://localhost:" + port
	w.desk, w.handler = w.node(t, portal)
	own := w.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}})
	server := &http.Server{Handler: w.handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate(own)}}}
	served := make(chan struct{})
	go func() { defer close(served); server.ServeTLS(ln, "", "") }()
	t.Cleanup(func() { server.Close(); <-served })
	roots := x509.NewCertPool()
	roots.AddCert(w.Hierarchy.Root)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	w.http = &http.Client{Transport: transport}
}

// node makes a desk and its face on the world's store.
func (w *world) node(t testing.TB, portal string) (*acme.Desk, http.Handler) {
	t.Helper()
	box, err := seal.New(make([]byte, seal.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	c := acme.Config{
		Store: w.Store, Log: slog.New(slog.NewTextHandler(w.log, nil)), Now: w.clock.Now, CA: w.Authority,
		Verifier: &signature.Verifier{Authority: w.Authority}, Nonces: w.clock.source(), Seal: box, Portal: portal, Proven: proven,
	}
	w.change(&c)
	d, err := acme.New(c)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := i18n.Parse(web.Texts, acme.Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: w.Store, Texts: texts, Portal: portal, Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	d.Routes(s)
	return d, s.Handler()
}

// proven stands for the badge room: a bucket of business/domain.
func proven(tx store.Tx, b ca.BusinessID, domain string, _ time.Time) (bool, error) {
	return store.Has(tx, "test_badges", string(b)+"/"+domain)
}

// prove gives the business a badge for the domain, or takes it away.
func (w *world) prove(t testing.TB, b ca.BusinessID, domain string, has bool) {
	t.Helper()
	key := string(b) + "/" + domain
	err := w.Store.Update(t.Context(), func(tx store.Tx) error {
		if !has {
			return tx.Delete("test_badges", key)
		}
		return store.Save(tx, "test_badges", key, true)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) directory() string { return w.Portal() + "/acme/server-auth/directory" }

// Portal is the base URL of the node that listens.
func (w *world) Portal() string { return w.desk.Portal }

// Now is the world's time.
func (w *world) Now() time.Time { return w.clock.Now() }

// statement signs what ask says, with the world's own words where it says none.
func (w *world) statement(t testing.TB, by ca.SigningKey, ask acme.Ask) []byte {
	t.Helper()
	if ask.Type == "" {
		ask.Type = acme.StatementType
	}
	if ask.Audience == "" {
		ask.Audience = w.Portal()
	}
	if ask.CertificateSHA256 == "" {
		ask.CertificateSHA256 = hexSHA256(by.Certificate.Raw)
	}
	if ask.Nonce == "" {
		ask.Nonce = w.clock.source().New(acme.StatementPurpose)
	}
	if ask.IssuedAt == 0 {
		ask.IssuedAt, ask.Expires = w.clock.unix(0), w.clock.unix(5*time.Minute)
	}
	payload, err := json.Marshal(ask)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signature.Signer{Key: by, Now: w.clock.Now}.JWS(acme.StatementType, payload)
	if err != nil {
		t.Fatal(err)
	}
	return jws
}

// newKey asks for an external account key of Zahra's company.
func (w *world) newKey(t testing.TB) acme.Given {
	t.Helper()
	g, err := w.desk.Keys(t.Context(), w.statement(t, w.signer, acme.Ask{Action: acme.ActionCreate}))
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func secretOf(t testing.TB, g acme.Given) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(g.HMACKey)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// account returns a client with an account of Zahra's company.
func (w *world) account(t testing.TB) *client.Client {
	t.Helper()
	c := w.stranger(t)
	g := w.newKey(t)
	a := &client.Account{Contact: []string{"mailto:zahra@shop.example"}, ExternalAccountBinding: &client.ExternalAccountBinding{KID: g.KID, Key: secretOf(t, g)}}
	got, err := c.Register(t.Context(), a, client.AcceptTOS)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != client.StatusValid {
		t.Fatalf("account is %s", got.Status)
	}
	return c
}

// stranger returns a client without an account.
func (w *world) stranger(t testing.TB) *client.Client {
	t.Helper()
	return &client.Client{
		Key: newECKey(t), HTTPClient: w.http, DirectoryURL: w.directory(),
		RetryBackoff: func(n int, _ *http.Request, res *http.Response) time.Duration {
			if res.StatusCode == http.StatusBadRequest && n < 3 {
				return time.Millisecond // a bad nonce, after a test moved the clock
			}
			return -1
		},
	}
}

func newECKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func csrFor(t testing.TB, key crypto.Signer, names ...string) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: names[0]}, DNSNames: names}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// obtain orders a certificate and returns its chain.
func obtain(ctx context.Context, c *client.Client, csr []byte, names ...string) (order *client.Order, chain [][]byte, err error) {
	if order, err = c.AuthorizeOrder(ctx, client.DomainIDs(names...)); err != nil {
		return nil, nil, err
	}
	if order.Status != client.StatusReady {
		return nil, nil, fmt.Errorf("the order is %s", order.Status)
	}
	chain, _, err = c.CreateOrderCert(ctx, order.FinalizeURL, csr, true)
	return order, chain, err
}

func certificate(k ca.SigningKey) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{k.Certificate.Raw}, PrivateKey: k.Signer}
	for _, above := range k.Chain {
		c.Certificate = append(c.Certificate, above.Raw)
	}
	return c
}

// rootFile writes the service's root where programs look for it.
func (w *world) rootFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Hierarchy.Root.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
