package badge_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/receipt"
	"mohr/ca/signature"
	"mohr/ca/status"
	"mohr/ca/timestamp"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store/storetest"
)

// start is when the tests' clock begins.
var start = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// clock is a clock that tests turn. It is safe for concurrent use.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// registry stands in for the registries behind the network.
type registry struct {
	mu          sync.Mutex
	legal       gateway.Legal
	licence     gateway.Licence
	second      gateway.Licence // of another kind
	dead        bool            // everybody is
	stranger    bool            // and known to nobody
	contradicts bool
	environment string
	err         error
}

func (r *registry) set(change func(*registry)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

func reply[T any](r *registry, v T) (gateway.Answer[T], error) {
	if r.err != nil {
		return gateway.Answer[T]{}, r.err
	}
	raw, err := json.Marshal(v)
	sum := sha256.Sum256(raw)
	return gateway.Answer[T]{Value: v, Raw: raw, SHA256: hex.EncodeToString(sum[:]), At: start, Source: "test@1", Environment: r.environment, Contradicts: r.contradicts}, err
}

func (r *registry) Legal(_ context.Context, legalID string) (gateway.Answer[gateway.Legal], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.legal.LegalID != legalID {
		return reply(r, gateway.Legal{Result: gateway.Mismatch})
	}
	return reply(r, r.legal)
}

func (r *registry) Licence(_ context.Context, legalID, typ string) (gateway.Answer[gateway.Licence], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if typ != "" && r.second.Type == typ && r.second.LegalID == legalID {
		return reply(r, r.second)
	}
	if r.licence.LegalID != legalID || r.licence.Type != typ {
		return reply(r, gateway.Licence{Result: gateway.Mismatch})
	}
	return reply(r, r.licence)
}

func (r *registry) Person(_ context.Context, nationalCode, birthDate string) (gateway.Answer[gateway.Person], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stranger || birthDate != born {
		return reply(r, gateway.Person{Result: gateway.Mismatch})
	}
	return reply(r, gateway.Person{Result: gateway.Match, NationalCode: nationalCode, BirthDate: birthDate, Alive: !r.dead})
}

// born is when everybody here was.
const born = "1990-05-14"

// papers stand in for enrollment.
type papers struct{ err error }

func (p papers) Born(context.Context, ca.Certificate) (string, error) { return born, p.err }

func (papers) Mobile(context.Context, ca.Certificate) (string, error) {
	return catest.Zahra.Mobile, nil
}

// What stands behind the desk's small interfaces in production.
var (
	_ badge.Registry   = (*gateway.Client)(nil)
	_ badge.Complaints = (*complaints.Desk)(nil)
	_ badge.Stamper    = (*timestamp.Unit)(nil)
)

// book stands in for the complaint desk, whose records need a history of their own.
type book struct {
	mu     sync.Mutex
	record complaints.Record
	err    error
}

func (b *book) Public(ctx context.Context, id ca.BusinessID) (complaints.Record, error) {
	r, err := b.Record(ctx, id)
	if err == nil && !r.Published {
		err = fault.New(fault.NotFound, "record_not_public", "not public")
	}
	return r, err
}

func (b *book) Record(context.Context, ca.BusinessID) (complaints.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.record, b.err
}

// stamper stands in for the time-stamping unit: what it gives is its input, marked.
type stamper struct{ err error }

func (s stamper) Stamp(_ context.Context, sum []byte) ([]byte, error) {
	return append([]byte("stamp over "), sum...), s.err
}

// bench is a desk with all it needs and a merchant with a certificate.
type bench struct {
	*badge.Desk
	ca        *catest.Fixture
	clock     *clock
	registry  *registry
	book      *book
	shop      *shop
	resolvers []*resolver
	box       *seal.Box
	key       ca.SigningKey
	cert      ca.Certificate
}

const (
	domain  = "shop.example"
	portal  = "https://localhost:8443"
	licence = "enamad"
)

func newBench(t testing.TB, changes ...func(*badge.Config)) *bench {
	t.Helper()
	return newBenchSeenBy(t, 2, changes...)
}

// newBenchSeenBy is newBench with so many resolvers.
func newBenchSeenBy(t testing.TB, resolvers int, changes ...func(*badge.Config)) *bench {
	t.Helper()
	b := &bench{clock: &clock{now: start}, registry: &registry{environment: "simulated"}, book: &book{}, shop: &shop{serve: http.NotFound}}
	b.ca = catest.New(t, b.clock.Now)
	b.shop.Server = httptest.NewServer(b.shop)
	t.Cleanup(b.shop.Close)
	var err error
	if b.box, err = seal.New(make([]byte, seal.SecretSize)); err != nil {
		t.Fatal(err)
	}
	p := catest.Zahra
	b.registry.legal = gateway.Legal{
		Result: gateway.Match, LegalID: p.LegalID, Name: p.LegalName, Status: "active",
		Signatories: []gateway.Signatory{{NationalCode: p.NationalCode, Role: p.Role, Alone: true}},
	}
	b.registry.licence = gateway.Licence{Result: gateway.Match, LegalID: p.LegalID, Type: licence, Number: "77001", ValidTo: "2027-06-30"}
	b.key, b.cert = b.ca.IssueTo(t, p, ca.OrganisationSign, "application-1")
	c := badge.Config{
		Store: storetest.Twice(b.ca.Store), Now: b.clock.Now, CA: b.ca.Authority, Verifier: &signature.Verifier{Authority: b.ca.Authority},
		Nonces: &nonce.Source{Key: []byte("0123456789abcdef0123456789abcdef"), Now: b.clock.Now},
		People: papers{}, Registry: b.registry, Complaints: b.book, Stamper: stamper{}, Seal: b.box,
		Receipts:   receipt.New(receipt.Config{Key: b.ca.Current(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "audit"}), Issuer: portal, Now: b.clock.Now}),
		Status:     b.responder(t),
		Credential: b.ca.Current(t, "credential", ca.Service{Profile: ca.Credential, CommonName: "credential"}),
		Dialer:     b.dialer(t, resolvers),
		Audience:   portal,
	}
	for _, change := range changes {
		change(&c)
	}
	d, err := badge.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Desk = d
	return b
}

// Request sends a JWS.
func (b *bench) Request(ctx context.Context, jws []byte) (badge.Badge, error) {
	return b.Desk.Request(ctx, badge.Letter{Signed: jws})
}

// responder answers for the bench's certificates.
func (b *bench) responder(t testing.TB) *status.Responder {
	t.Helper()
	key, err := b.ca.Keys.Key(t.Context(), "ocsp")
	if err != nil {
		t.Fatal(err)
	}
	r, err := status.New(status.Config{
		Authority: b.ca.Authority, Store: b.ca.Store, Now: b.clock.Now,
		Responder: func(id ca.IssuerID) (ca.SigningKey, bool) {
			k, err := b.ca.Authority.SigningKey(context.Background(), key, ca.Service{Profile: ca.OCSPResponder, Issuer: ca.SignIssuer, CommonName: "ocsp"})
			return k, err == nil && id == ca.SignIssuer
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// deafResponder is one whose key cannot be reached.
func (b *bench) deafResponder(t testing.TB) *status.Responder {
	t.Helper()
	r, err := status.New(status.Config{
		Authority: b.ca.Authority, Store: b.ca.Store, Now: b.clock.Now,
		Responder: func(ca.IssuerID) (ca.SigningKey, bool) { return ca.SigningKey{}, false },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ask is a complete request of the merchant, for tests to spoil.
func (b *bench) ask() badge.Ask {
	return b.askWith(b.key)
}

func (b *bench) askWith(key ca.SigningKey) badge.Ask {
	sum := sha256.Sum256(key.Certificate.Raw)
	now := b.clock.Now()
	n := b.Nonces.New(badge.NoncePurpose)
	return badge.Ask{
		Claims: signature.Claims{
			Type: badge.RequestType, Audience: b.Audience, CertificateSHA256: hex.EncodeToString(sum[:]),
			Nonce: n, IssuedAt: now.Unix(), Expires: now.Add(10 * time.Minute).Unix(),
		},
		JTI: "jti-" + strings.ToLower(n[12:24]), Request: "request-1", LegalID: catest.Zahra.LegalID, Domain: domain,
		Licence: badge.Licence{Type: licence}, Action: badge.ActionGrant,
	}
}

// sign makes the JWS of a payload with a key.
func (b *bench) sign(t testing.TB, key ca.SigningKey, payload any) []byte {
	t.Helper()
	raw, ok := payload.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(payload); err != nil {
			t.Fatal(err)
		}
	}
	jws, err := signature.Signer{Key: key, Now: b.clock.Now}.JWS(badge.RequestType, raw)
	if err != nil {
		t.Fatal(err)
	}
	return jws
}

// request sends the merchant's ordinary request.
func (b *bench) request(t testing.TB) badge.Badge {
	t.Helper()
	got, err := b.Request(t.Context(), b.sign(t, b.key, b.ask()))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// granted takes the merchant all the way to a badge.
func (b *bench) granted(t testing.TB) badge.Badge {
	t.Helper()
	got := b.request(t)
	b.shop.put(got.Challenge)
	got, err := b.Check(t.Context(), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != badge.Active {
		t.Fatalf("state %s, why %s, findings %v", got.State, got.Why, got.Findings)
	}
	return got
}

// renewed gives the merchant another certificate in place of its own.
func (b *bench) renewed(t testing.TB, overlap time.Duration) (ca.SigningKey, ca.Certificate) {
	t.Helper()
	key, csr := catest.NewKey(t)
	c, err := b.ca.Issue(t.Context(), ca.Order{
		Request: "renewal-1", CSR: csr, Decision: b.ca.Decide(t, catest.Zahra, ca.OrganisationSign), Replaces: b.cert.Serial, Overlap: overlap,
	})
	if err != nil {
		t.Fatal(err)
	}
	issuer, _ := b.ca.Issuer(c.Issuer)
	return ca.SigningKey{Certificate: parse(t, c.DER), Chain: append(b.key.Chain[:0:0], issuer.Certificate), Signer: key}, c
}

var errDown = errors.New("connection refused")
