package mandate_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"mohr/ca"
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
