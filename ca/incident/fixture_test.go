package incident_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
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
	"mohr/ca/incident"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

const hour, day = time.Hour, 24 * time.Hour

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

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// bench is a desk with operators on a real store.
type bench struct {
	*incident.Desk
	f     *catest.Fixture
	clock *clock
	t     *testing.T
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return benchOn(t, s, &catest.Keys{})
}

func benchOn(t *testing.T, s store.Store, keys *catest.Keys) *bench {
	t.Helper()
	c := &clock{at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	f := catest.On(t, s, keys, c.now)
	d, err := incident.New(configOf(f, c.now))
	must(t, err)
	return &bench{d, f, c, t}
}

func configOf(f *catest.Fixture, now func() time.Time) incident.Config {
	return incident.Config{
		Store: f.Store, CA: f.Authority, Verifier: &signature.Verifier{Authority: f.Authority},
		Nonces: &nonce.Source{Key: make([]byte, 32), Now: now}, Audience: catest.Portal, Now: now,
		BulkAbove: 3, Batch: 2, UnseenPerHour: 3,
	}
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

// operator is who acts.
type operator struct {
	name string
	key  ca.SigningKey
}

func (o operator) leaf() *x509.Certificate { return o.key.Certificate }
func (o operator) serial() string          { return ca.SerialText(o.leaf().SerialNumber) }

// operator makes one with a key of the purpose.
func (b *bench) operatorWith(name, purpose string, roles ...ca.Role) operator {
	b.t.Helper()
	k := b.f.SigningKey(b.t, purpose, ca.Service{Profile: ca.OperatorAuth, CommonName: name})
	must(b.t, b.f.GrantRoles(b.t.Context(), name, roles...))
	return operator{name, k}
}

func (b *bench) officer(name string) operator {
	b.t.Helper()
	return b.operatorWith(name, name, ca.RoleRevocation)
}

// person is the n-th of many.
func person(n int) catest.Person {
	code := fmt.Sprintf("%09d", 100000000+n)
	sum := 0
	for i, d := range code {
		sum += int(d-'0') * (10 - i)
	}
	check := sum % 11
	if check >= 2 {
		check = 11 - check
	}
	p := catest.Zahra
	p.NationalCode, p.LegalID = fmt.Sprintf("%s%d", code, check), ""
	return p
}

// people issues a certificate to each of n persons.
func (b *bench) people(n int) []ca.Certificate {
	b.t.Helper()
	var list []ca.Certificate
	for i := range n {
		_, c := b.f.IssueTo(b.t, person(i), ca.NaturalSign, fmt.Sprintf("person/%d", i))
		list = append(list, c)
	}
	return list
}

func serials(list []ca.Certificate) (out []string) {
	for _, c := range list {
		out = append(out, c.Serial)
	}
	return out
}

// propose makes a plan for the operator.
func (b *bench) propose(o operator, a incident.Ask) incident.Plan {
	b.t.Helper()
	p, err := b.Propose(b.t.Context(), a, ca.OperatorRecord{Name: o.name})
	must(b.t, err)
	return p
}

// statement is the operator's approval of a plan, changed by edit.
func (b *bench) statement(o operator, p incident.Plan, edit func(map[string]any)) approval.Signed {
	b.t.Helper()
	now := b.clock.now()
	c := b.Challenge()
	doc := map[string]any{
		"type": c.Type, "aud": c.Audience, "nonce": c.Nonce, "certificate_sha256": hexSHA256(o.leaf().Raw),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "approves": p.Document.ID, "approves_sha256": p.SHA256,
	}
	if edit != nil {
		edit(doc)
	}
	return b.sign(o.key, approval.StatementType, doc)
}

func (b *bench) sign(k ca.SigningKey, typ string, doc map[string]any) approval.Signed {
	b.t.Helper()
	payload, err := json.Marshal(doc)
	must(b.t, err)
	jws, err := signature.Signer{Key: k, Now: b.clock.now}.JWS(typ, payload)
	must(b.t, err)
	return approval.Signed{Signature: jws}
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (b *bench) approve(o operator, p incident.Plan) error {
	b.t.Helper()
	_, err := b.Approve(b.t.Context(), p.Document.ID, b.statement(o, p, nil))
	return err
}

// execute carries a plan out to its end.
func (b *bench) execute(o operator, id string) (p incident.Plan, err error) {
	b.t.Helper()
	for range 1000 {
		if p, err = b.Execute(b.t.Context(), id, o.leaf()); err != nil || p.State == incident.Done {
			return p, err
		}
	}
	b.t.Fatal("the plan has no end")
	return p, err
}

func (b *bench) reload(serial string) ca.Certificate {
	b.t.Helper()
	c, err := b.f.Certificate(b.t.Context(), serial)
	must(b.t, err)
	return c
}

// leaves counts leaves of the log.
func (b *bench) leaves(kind, subject string) (n int) {
	b.t.Helper()
	must(b.t, b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		return store.Each(tx, "ledger_pending", "", "", func(_ string, leaf struct{ Leaf []byte }) error {
			if strings.Contains(string(leaf.Leaf), `"kind":"`+kind+`"`) && strings.Contains(string(leaf.Leaf), `"subject":"`+subject+`"`) {
				n++
			}
			return nil
		})
	}))
	return n
}

// revokedOnce fails unless each of the certificates ended exactly once, for
// the reason.
func (b *bench) revokedOnce(list []ca.Certificate, reason ca.Reason) {
	b.t.Helper()
	for _, c := range list {
		now := b.reload(c.Serial)
		if now.Revoked == nil || now.Revoked.Reason != reason || now.Version != c.Version+1 {
			b.t.Errorf("%s: %+v, version %d", c.Request, now.Revoked, now.Version)
		}
		if n := b.leaves("certificate.revoked", c.Serial); n != 1 {
			b.t.Errorf("%s: %d leaves", c.Request, n)
		}
	}
}

// tamper changes a record behind the desk's back.
func (b *bench) tamper(bucket, key, old, new string) {
	b.t.Helper()
	must(b.t, b.f.Store.Update(b.t.Context(), func(tx store.Tx) error {
		v, err := tx.Get(bucket, key)
		if err != nil {
			return err
		}
		changed := strings.Replace(string(v), old, new, 1)
		if changed == string(v) {
			return fmt.Errorf("%s is not in %s", old, v)
		}
		return tx.Put(bucket, key, []byte(changed))
	}))
}

func newKey(t testing.TB) (*ecdsa.PrivateKey, ca.CSR) { return catest.NewKey(t) }

// addTarget puts a certificate under a plan's name and takes the first one away.
func (b *bench) addTarget(p incident.Plan, c ca.Certificate) error {
	return b.f.Store.Update(b.t.Context(), func(tx store.Tx) error {
		if err := tx.Delete("incident_targets", p.Document.ID+"/"+p.Document.Sample[0]); err != nil {
			return err
		}
		return store.Save(tx, "incident_targets", p.Document.ID+"/"+c.Serial, true)
	})
}
