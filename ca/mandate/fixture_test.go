package mandate_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/catest"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

const (
	hour, day = time.Hour, 24 * time.Hour
	company   = "14003456780" // legal ids whose checksums hold
	elsewhere = "10323012419"
)

// clock is set by the test.
type clock struct {
	mu sync.Mutex // guards at
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// register is the company register: a network, so a fake.
type register struct {
	mu     sync.Mutex
	now    func() time.Time
	legal  map[string]gateway.Legal
	down   bool
	twice  bool // contradicts itself
	unsure bool
	asked  int
}

func (r *register) Legal(_ context.Context, id string) (gateway.Answer[gateway.Legal], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if r.down {
		return gateway.Answer[gateway.Legal]{}, fault.New(fault.Unavailable, "registry_unavailable", "down")
	}
	v, ok := r.legal[id]
	v.Result, v.LegalID = gateway.Match, id
	switch {
	case r.unsure:
		v.Result = gateway.Inconclusive
	case !ok:
		v = gateway.Legal{Result: gateway.Mismatch}
	}
	raw := fmt.Appendf(nil, "%+v", v)
	return gateway.Answer[gateway.Legal]{Value: v, Raw: raw, SHA256: hexSHA256(raw), At: r.now(), Source: "fake@1", Environment: "simulated", Contradicts: r.twice}, nil
}

// says changes what the register says of the company.
func (r *register) says(edit func(*gateway.Legal)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.legal[company]
	edit(&l)
	r.legal[company] = l
}

// who is a person with a key and a certificate of their own.
type who struct {
	catest.Person
	key  ca.SigningKey
	cert ca.Certificate
}

// bench is a desk on a real store, with people.
type bench struct {
	*mandate.Desk
	t        *testing.T
	f        *catest.Fixture
	clock    *clock
	register *register
	box      *seal.Box
	people   int
}

func newBench(t *testing.T, edit func(*mandate.Config)) *bench {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	b := &bench{t: t, clock: &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}}
	b.f = catest.On(t, s, &catest.Keys{}, b.clock.now)
	b.register = &register{now: b.clock.now, legal: map[string]gateway.Legal{}}
	b.box, err = seal.New(make([]byte, seal.SecretSize))
	must(t, err)
	c := mandate.Config{
		Store: storetest.Twice(s), CA: b.f.Authority, Verifier: &signature.Verifier{Authority: b.f.Authority},
		Nonces: &nonce.Source{Key: make([]byte, 32), Now: b.clock.now}, Registry: b.register, Seal: b.box,
		Audience: catest.Portal, Now: b.clock.now,
	}
	if edit != nil {
		edit(&c)
	}
	b.Desk, err = mandate.New(c)
	must(t, err)
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, what string, err error, code string) {
	t.Helper()
	if fault.Code(err) != code || (err != nil) != (code != "") {
		t.Errorf("%s: %v, want code %q", what, err, code)
	}
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// person makes one more person with a certificate of the profile.
func (b *bench) person(profile string) who {
	b.t.Helper()
	b.people++
	code := fmt.Sprintf("%09d", 100000000+b.people)
	sum := 0
	for i, d := range code {
		sum += int(d-'0') * (10 - i)
	}
	check := sum % 11
	if check >= 2 {
		check = 11 - check
	}
	p := catest.Zahra
	p.NationalCode = fmt.Sprintf("%s%d", code, check)
	return b.certified(p, profile)
}

// certified gives a person one more certificate.
func (b *bench) certified(p catest.Person, profile string) who {
	b.t.Helper()
	b.people++
	k, c := b.f.IssueTo(b.t, p, profile, fmt.Sprintf("person/%d", b.people))
	return who{p, k, c}
}

// natural makes one more person with a certificate of the own.
func (b *bench) natural() who {
	b.t.Helper()
	return b.person(ca.NaturalSign)
}

// signatory makes one more person whom the register lists for the company.
func (b *bench) signatory(alone bool) who {
	b.t.Helper()
	w := b.natural()
	b.lists(w, alone)
	return w
}

func (b *bench) lists(w who, alone bool) {
	b.register.says(func(l *gateway.Legal) {
		l.Status, l.Name = "active", "شرکت نمونه"
		l.Signatories = append(l.Signatories, gateway.Signatory{NationalCode: w.NationalCode, Role: "عضو هیئت‌مدیره", Alone: alone})
	})
}

// doc is what somebody signs, as JSON.
type doc map[string]any

// terms are good ones that let w act for the company.
func (b *bench) terms(w who, scopes ...mandate.Scope) doc {
	return doc{
		"reference": hexSHA256(fmt.Appendf(nil, "%s %v", w.NationalCode, scopes))[:32], "legal_id": company, "national_code": w.NationalCode,
		"title": "مدیر فروش", "scopes": scopes, "valid_from": b.clock.now().Format(time.RFC3339), "valid_to": b.clock.now().Add(100 * day).Format(time.RFC3339),
	}
}

// with is the document with one more field.
func (d doc) with(field string, v any) doc {
	out := doc{}
	for k, had := range d {
		out[k] = had
	}
	out[field] = v
	if v == nil {
		delete(out, field)
	}
	return out
}

// claims adds what every statement says; what is there stays.
func (b *bench) claims(w who, typ string, d doc) doc {
	b.t.Helper()
	c, err := b.Challenge(typ)
	must(b.t, err)
	now := b.clock.now()
	out := doc{
		"type": typ, "aud": c.Audience, "nonce": c.Nonce, "certificate_sha256": hexSHA256(w.key.Certificate.Raw),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	for k, v := range d {
		out[k] = v
	}
	return out
}

// signed is the document as a JWS by w.
func (b *bench) signed(w who, typ string, d doc) approval.Signed {
	b.t.Helper()
	payload, err := json.Marshal(b.claims(w, typ, d))
	must(b.t, err)
	jws, err := signature.Signer{Key: w.key, Now: b.clock.now}.JWS(typ, payload)
	must(b.t, err)
	return approval.Signed{Signature: jws}
}

func (b *bench) give(w who, d doc) (mandate.Mandate, error) {
	b.t.Helper()
	return b.Give(b.t.Context(), b.signed(w, mandate.StatementType, d))
}

// given gives a mandate that has to be granted.
func (b *bench) given(w who, d doc) mandate.Mandate {
	b.t.Helper()
	m, err := b.give(w, d)
	must(b.t, err)
	if m.State != mandate.Granted {
		b.t.Fatalf("the mandate is %s, %d more signatures", m.State, m.Needs)
	}
	return m
}

// refused fails unless the mandate is refused for the reason and leaves nothing.
func (b *bench) refused(what string, w who, d doc, code string) {
	b.t.Helper()
	before := b.records()
	_, err := b.give(w, d)
	wantCode(b.t, what, err, code)
	if b.records() != before {
		b.t.Errorf("%s: the refusal left something", what)
	}
}

// records counts what the room has written.
func (b *bench) records() (n int) {
	b.t.Helper()
	must(b.t, b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		n = 0
		for _, bucket := range []string{"mandates", "mandate_events", "mandate_businesses", "mandate_holders", "mandate_statements", "mandate_answers", "nonce_used"} {
			if err := tx.Scan(bucket, "", "", func(string, []byte) error { n++; return nil }); err != nil {
				return err
			}
		}
		return nil
	}))
	return n
}

// plan asks what a revocation would end.
func (b *bench) plan(w who, id mandate.ID, certificates, given bool) (mandate.Ending, error) {
	b.t.Helper()
	return b.Plan(b.t.Context(), b.signed(w, mandate.QueryType, doc{"mandate": id, "certificates": certificates, "given": given}))
}

// revocation is what ends a mandate by its plan.
func revocation(p mandate.Ending, reason mandate.Reason) doc {
	return doc{"mandate": p.Mandate, "given": p.Given, "certificates": p.Certificates, "plan_sha256": p.SHA256, "reason": reason}
}

// revoke takes a mandate back after a look at the plan.
func (b *bench) revoke(w who, id mandate.ID, certificates, given bool) error {
	b.t.Helper()
	p, err := b.plan(w, id, certificates, given)
	if err != nil {
		return err
	}
	_, err = b.Revoke(b.t.Context(), b.signed(w, mandate.RevokeType, revocation(p, mandate.Left)))
	return err
}

// may reports why w may not do for the company what the scope says.
func (b *bench) may(w who, s mandate.Scope) error {
	b.t.Helper()
	return b.mayFor(w, company, s)
}

func (b *bench) mayFor(w who, business ca.BusinessID, s mandate.Scope) error {
	b.t.Helper()
	return b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		c, err := ca.LoadCertificate(tx, w.cert.Serial)
		if err != nil {
			return err
		}
		_, err = mandate.SpeaksFor(tx, c, business, s, b.clock.now())
		return err
	})
}

// leaves returns the leaves of the log of the kind.
func (b *bench) leaves(kind string) (list []string) {
	b.t.Helper()
	must(b.t, b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		list = nil
		return store.Each(tx, "ledger_pending", "", "", func(_ string, leaf struct{ Leaf []byte }) error {
			if strings.Contains(string(leaf.Leaf), `"kind":"`+kind+`"`) {
				list = append(list, string(leaf.Leaf))
			}
			return nil
		})
	}))
	return list
}
