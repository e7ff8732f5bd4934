package renew_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/hsm/attest"
	"mohr/hsm/attest/attesttest"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store/storetest"
	"mohr/renew"
)

const (
	sara    = "0084575948" // national codes and a legal id whose checksums hold
	omid    = "0013542419"
	company = "10380284790"
	day     = 24 * time.Hour
)

var terms = strings.Repeat("ab", 32)

// registry is a register on demand: what it answers and whether it is up.
type registry struct {
	mu      sync.Mutex
	now     func() time.Time
	persons map[string]gateway.Person
	legal   gateway.Legal
	down    bool
	twice   bool // contradicts itself
	asked   int
}

func answer[T any](r *registry, v T) (gateway.Answer[T], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.down {
		return gateway.Answer[T]{}, fault.New(fault.Unavailable, "registry_unavailable", "down")
	}
	raw, err := json.Marshal(v)
	sum := sha256.Sum256(raw)
	return gateway.Answer[T]{Value: v, Raw: raw, SHA256: hex.EncodeToString(sum[:]), At: r.now(), Source: "fake@1", Environment: "simulated", Contradicts: r.twice}, err
}

func (r *registry) Person(_ context.Context, code, birthDate string) (gateway.Answer[gateway.Person], error) {
	p, ok := r.persons[code]
	if !ok || p.BirthDate != birthDate {
		return answer(r, gateway.Person{Result: gateway.Mismatch})
	}
	return answer(r, p)
}

func (r *registry) Mobile(_ context.Context, code, mobile string) (gateway.Answer[gateway.Mobile], error) {
	return answer(r, gateway.Mobile{Result: gateway.Match, NationalCode: code, Mobile: mobile, SIMChangedDays: 400})
}

func (r *registry) Legal(context.Context, string) (gateway.Answer[gateway.Legal], error) {
	return answer(r, r.legal)
}

// phones keeps what was sent, and can be out of order.
type phones struct {
	mu   sync.Mutex
	sent []string // number and text
	down bool
}

func (p *phones) Notify(_ context.Context, to, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		return fault.New(fault.Unavailable, "sms_unavailable", "down")
	}
	p.sent = append(p.sent, to+" "+text)
	return nil
}

// papers are enrollment's, by application.
type papers map[string]evidence.Identity

func (p papers) Known(_ context.Context, application string) (evidence.Identity, error) {
	id, ok := p[application]
	if !ok {
		return id, fault.New(fault.NotFound, "application_unknown", "unknown")
	}
	return id, nil
}

func (p papers) Locale(_ context.Context, application string) (string, error) {
	if _, ok := p[application]; !ok {
		return "", fault.New(fault.NotFound, "application_unknown", "unknown")
	}
	return "en", nil
}

// bench is a desk with all around it and a clock of its own.
type bench struct {
	*renew.Desk
	fixture  *catest.Fixture
	policy   *evidence.Policy
	registry *registry
	phones   *phones
	papers   papers
	nonces   *nonce.Source
	clock    time.Time
	device   *attesttest.Device // of the holders who have one
}

func newBench(t testing.TB, change func(*renew.Config)) *bench {
	t.Helper()
	b := &bench{clock: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), phones: &phones{}, papers: papers{}}
	now := func() time.Time { return b.clock }
	b.device = attesttest.New(t)
	b.fixture = catest.New(t, now)
	b.registry = &registry{now: now, persons: map[string]gateway.Person{
		sara: {Result: gateway.Match, NationalCode: sara, FirstName: "سارا", LastName: "کریمی", BirthDate: "1990-05-01", Gender: "F", Alive: true},
		omid: {Result: gateway.Match, NationalCode: omid, FirstName: "امید", LastName: "رضایی", BirthDate: "1985-01-01", Gender: "M", Alive: true},
	}, legal: gateway.Legal{Result: gateway.Match, LegalID: company, Name: "شرکت نمونه", Status: "active",
		Signatories: []gateway.Signatory{{NationalCode: sara, Role: "مدیرعامل", Alone: true}}}}
	b.nonces = &nonce.Source{Key: make([]byte, 32), Now: now}
	box, err := seal.New(make([]byte, seal.SecretSize))
	must(t, err)
	b.policy, err = evidence.DefaultPolicy()
	must(t, err)
	c := renew.Config{
		Store: storetest.Twice(b.fixture.Store), CA: b.fixture.Authority, Policy: b.policy, Verifier: &signature.Verifier{Authority: b.fixture.Authority},
		Nonces: b.nonces, Registry: b.registry, People: b.papers, Notifier: b.phones, Seal: box,
		TermsSHA256: terms, Audience: catest.Portal, Now: now,
	}
	if change != nil {
		change(&c)
	}
	b.Desk, err = renew.New(c)
	must(t, err)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code || (err == nil) != (code == "") {
		t.Fatalf("got %q (%v), want %q", fault.Code(err), err, code)
	}
}

// holder is a person's key with its certificate.
type holder struct {
	key  crypto.Signer
	cert *x509.Certificate
	rec  ca.Certificate
}

// enroll gives a person a first certificate, by the policy and by ca.
func (b *bench) enroll(t testing.TB, code, profile string) holder {
	t.Helper()
	return b.enrollAt(t, code, profile, evidence.Software)
}

// enrollAt is enroll with a home of the key.
func (b *bench) enrollAt(t testing.TB, code, profile string, home evidence.KeyHome) holder {
	t.Helper()
	p := b.registry.persons[code]
	yes, days := true, 400
	record := func(kind evidence.Type, c evidence.Claims) evidence.Record {
		return evidence.Record{ID: string(kind), Type: kind, Source: "test@1", Environment: evidence.Simulated, Result: evidence.Match, Claims: c, CheckedAt: b.clock}
	}
	const mobile = "+989120000001"
	records := []evidence.Record{
		record(evidence.CivilRegistry, evidence.Claims{NationalCode: code, FirstName: p.FirstName, LastName: p.LastName, BirthDate: p.BirthDate, Alive: &yes}),
		record(evidence.MobileOwnership, evidence.Claims{NationalCode: code, Mobile: mobile, SIMChangedDays: &days}),
		record(evidence.OTPSMS, evidence.Claims{Mobile: mobile}),
		record(evidence.FaceMatch, evidence.Claims{NationalCode: code, ScorePercent: 95}),
	}
	if profile == ca.OrganisationSign || profile == ca.OrganisationSeal {
		records = append(records, record(evidence.LegalRegistry, evidence.Claims{NationalCode: code, LegalID: company, LegalName: "شرکت نمونه", LegalStatus: "active", Role: "مدیرعامل", SignsAlone: true}))
	}
	key, csr := catest.NewKey(t)
	var attested attest.Key
	if home == evidence.Token {
		attested = b.device.Key(key, "simulated", b.clock)
		records = append(records, evidence.DeviceRecord(attested, nil))
	}
	d := b.policy.Evaluate(evidence.Case{Profile: profile, Home: home, Records: records}, b.clock)
	if d.Outcome() != evidence.Approved {
		t.Fatalf("enrollment: %s %+v", d.Outcome(), d.Trace())
	}
	request := "application-" + csr.SPKISHA256()[:8]
	b.papers[request] = evidence.Identity{NationalCode: code, BirthDate: p.BirthDate, Mobile: mobile}
	c, err := b.fixture.Issue(t.Context(), ca.Order{Request: request, Decision: d, CSR: csr, Attested: attested})
	must(t, err)
	return b.holder(t, key, c)
}

func (b *bench) holder(t testing.TB, key crypto.Signer, c ca.Certificate) holder {
	t.Helper()
	cert, err := x509.ParseCertificate(c.DER)
	must(t, err)
	return holder{key, cert, c}
}

// newKey returns a P-256 key with its request and the hash of its public half.
func newKey(t testing.TB) (key *ecdsa.PrivateKey, csr []byte, spki string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	csr, spki = requestFor(t, key)
	return key, csr, spki
}

func requestFor(t testing.TB, key crypto.Signer) (csr []byte, spki string) {
	t.Helper()
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	return csr, hexHash(der)
}

func hexHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// document is a good renewal.json of h for a new key; change mends it.
func (b *bench) document(t testing.TB, h holder, spki string, change func(map[string]any)) []byte {
	t.Helper()
	doc := map[string]any{
		"type": "mohr-renew/1", "aud": catest.Portal, "certificate_sha256": hexHash(h.cert.Raw),
		"nonce": b.nonces.New(renew.NoncePurpose), "iat": b.clock.Unix(), "exp": b.clock.Add(time.Hour).Unix(),
		"new_spki_sha256": spki, "profile": strings.Split(h.rec.Profile, "@")[0], "terms_sha256": terms,
	}
	if change != nil {
		change(doc)
	}
	out, err := json.Marshal(doc)
	must(t, err)
	return out
}

// sign makes the CMS of a document by h.
func (b *bench) sign(t testing.TB, h holder, document []byte) []byte {
	t.Helper()
	s := signature.Signer{Key: ca.SigningKey{Certificate: h.cert, Signer: h.key}, Now: func() time.Time { return b.clock }}
	out, err := s.CMS(document)
	must(t, err)
	return out
}

// wish is a good wish of h for a fresh key.
func (b *bench) wish(t testing.TB, h holder) (renew.Wish, *ecdsa.PrivateKey) {
	t.Helper()
	key, csr, spki := newKey(t)
	doc := b.document(t, h, spki, nil)
	return renew.Wish{Statement: b.sign(t, h, doc), Document: doc, CSR: csr, Locale: "fa"}, key
}

// open moves the clock into the window of h.
func (b *bench) open(h holder) { b.clock = h.rec.NotAfter.Add(-20 * day) }
