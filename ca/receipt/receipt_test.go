package receipt_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/receipt"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// bench is an authority with an audit key, a log, and one deed in it.
type bench struct {
	*catest.Fixture
	audit  ca.SigningKey
	log    *ledger.Log
	leaf   string // id of the deed's leaf
	proof  ledger.Proof
	issuer *receipt.Issuer
}

func newBench(t testing.TB) *bench {
	t.Helper()
	f := catest.New(t, nil)
	b := &bench{Fixture: f, audit: f.SigningKey(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Audit"})}
	key, err := f.Keys.Key(t.Context(), "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	if b.log, err = ledger.New(ledger.Config{Store: f.Store, Signer: key, Origin: "test.example/log"}); err != nil {
		t.Fatal(err)
	}
	b.leaf, b.proof = b.deed(t, "complaint.filed")
	b.issuer = receipt.New(receipt.Config{Key: func() ca.SigningKey { return b.audit }, Issuer: catest.Portal})
	return b
}

// deed appends an event and proves it.
func (b *bench) deed(t testing.TB, kind string) (string, ledger.Proof) {
	t.Helper()
	e := ledger.Event{Kind: kind, Subject: "c-1", At: time.Now().UTC().Truncate(time.Second)}
	if err := b.Store.Update(t.Context(), func(tx store.Tx) error { return ledger.Append(tx, e) }); err != nil {
		t.Fatal(err)
	}
	if err := b.log.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := e.ID()
	if err != nil {
		t.Fatal(err)
	}
	p, err := b.log.Prove(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return id, p
}

type filed struct {
	Complaint string `json:"complaint"`
	Leaf      string `json:"leaf,omitempty"`
}

func (b *bench) issue(t testing.TB, claims any) string {
	t.Helper()
	out, err := b.issuer.Issue(t.Context(), "complaint-filed", claims)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAReceiptProvesItsDeedOffline(t *testing.T) {
	b := newBench(t)
	file := marshal(t, receipt.File{Receipt: b.issue(t, filed{"c-1", b.leaf}), Inclusion: &b.proof})
	r, err := receipt.Verify(file, b.Hierarchy.Root, b.log.VerifierKey(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != "complaint-filed" || r.Issuer != catest.Portal || time.Since(r.IssuedAt).Abs() > time.Minute || r.Signer != "Audit" {
		t.Errorf("report %+v", r)
	}
	if !r.Logged || r.Leaf != b.leaf || r.Event == nil || r.Event.Kind != "complaint.filed" {
		t.Errorf("inclusion in report %+v", r)
	}
	var claims filed
	if err := json.Unmarshal(r.Claims, &claims); err != nil || claims.Complaint != "c-1" {
		t.Errorf("claims %s: %v", r.Claims, err)
	}
}

func TestAReceiptWithoutInclusionSaysSo(t *testing.T) {
	b := newBench(t)
	r, err := receipt.Verify(marshal(t, receipt.File{Receipt: b.issue(t, filed{"c-1", b.leaf})}), b.Hierarchy.Root, b.log.VerifierKey(), time.Now())
	if err != nil || r.Logged {
		t.Errorf("report %+v, %v", r, err)
	}
}

func TestReceiptsThatProveNothingAreRefused(t *testing.T) {
	b := newBench(t)
	good := b.issue(t, filed{"c-1", b.leaf})
	_, otherProof := b.deed(t, "complaint.answered")
	forged := b.proof
	forged.Leaf = append(bytes.Clone(b.proof.Leaf), ' ')
	sum := sha256.Sum256(forged.Leaf)
	tls := b.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}})
	byTLS, err := signature.SignJWS(tls, receipt.Type, []byte(`{"iss":"x","iat":1,"kind":"y"}`))
	if err != nil {
		t.Fatal(err)
	}
	otherType, err := signature.SignJWS(b.audit, "JWT", []byte(`{"iss":"x","iat":1,"kind":"y"}`))
	if err != nil {
		t.Fatal(err)
	}
	noKind, err := signature.SignJWS(b.audit, receipt.Type, []byte(`{"iss":"x","iat":1}`))
	if err != nil {
		t.Fatal(err)
	}
	otherLog := newBench(t)
	for _, c := range []struct {
		name string
		file []byte
		root *x509.Certificate
		vkey string
		code string
	}{
		{"proof of another deed", marshal(t, receipt.File{Receipt: good, Inclusion: &otherProof}), nil, "", "receipt_other_leaf"},
		{"a receipt that names no leaf beside a proof", marshal(t, receipt.File{Receipt: b.issue(t, filed{"c-1", ""}), Inclusion: &b.proof}), nil, "", "receipt_other_leaf"},
		{"a leaf that is not in the tree", marshal(t, receipt.File{Receipt: b.issue(t, filed{"c-1", hex.EncodeToString(sum[:])}), Inclusion: &forged}), nil, "", "log_proof_fails"},
		{"the key of another log", marshal(t, receipt.File{Receipt: good, Inclusion: &b.proof}), nil, otherLog.log.VerifierKey(), "log_checkpoint_invalid"},
		{"another root", marshal(t, receipt.File{Receipt: good}), otherLog.Hierarchy.Root, "", "signer_chain"},
		{"signed by the service's TLS key", marshal(t, receipt.File{Receipt: string(byTLS)}), nil, "", "receipt_signer"},
		{"another kind of JWS", marshal(t, receipt.File{Receipt: string(otherType)}), nil, "", "jws_typ"},
		{"no kind", marshal(t, receipt.File{Receipt: string(noKind)}), nil, "", "receipt_malformed"},
		{"a changed receipt", marshal(t, receipt.File{Receipt: good[:len(good)-4] + "AAAA"}), nil, "", "jws_signature"},
		{"an unknown key", []byte(`{"receipt":"` + good + `","x":1}`), nil, "", "receipt_malformed"},
		{"a key twice", []byte(`{"receipt":"x","receipt":"` + good + `"}`), nil, "", "receipt_malformed"},
		{"something after the object", append(marshal(t, receipt.File{Receipt: good}), "{}"...), nil, "", "receipt_malformed"},
		{"nothing", nil, nil, "", "receipt_malformed"},
		{"larger than the limit", bytes.Repeat([]byte(" "), 1<<20+1), nil, "", "receipt_malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, vkey := c.root, c.vkey
			if root == nil {
				root = b.Hierarchy.Root
			}
			if vkey == "" {
				vkey = b.log.VerifierKey()
			}
			if _, err := receipt.Verify(c.file, root, vkey, time.Now()); fault.Code(err) != c.code {
				t.Errorf("got %q (%v), want %s", fault.Code(err), err, c.code)
			}
		})
	}
}

func TestClaimsThatNoReceiptCanCarryAreErrors(t *testing.T) {
	b := newBench(t)
	for name, claims := range map[string]any{
		"the issuer's own claim": map[string]string{"iss": "somebody"},
		"no object":              []int{1},
		"null":                   nil,
		"a leaf that is no hash": filed{"c-1", "leaf"},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := b.issuer.Issue(t.Context(), "kind", claims); err == nil {
				t.Errorf("issued %s", out)
			}
		})
	}
	t.Run("no kind", func(t *testing.T) {
		if out, err := b.issuer.Issue(t.Context(), "", filed{"c-1", ""}); err == nil {
			t.Errorf("issued %s", out)
		}
	})
}

func TestTexts(t *testing.T) {
	c, err := i18n.Parse(receipt.Texts)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"receipt_malformed", "receipt_other_leaf", "receipt_signer"} {
		if !c.Has(i18n.Persian, code) {
			t.Errorf("%s has no Persian text", code)
		}
	}
}

func FuzzVerify(f *testing.F) {
	b := newBench(f)
	good := b.issue(f, filed{"c-1", b.leaf})
	f.Add(marshal(f, receipt.File{Receipt: good, Inclusion: &b.proof}))
	f.Add(marshal(f, receipt.File{Receipt: good}))
	f.Add([]byte(`{"receipt":"a.b.c","inclusion":{}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := receipt.Verify(file, b.Hierarchy.Root, b.log.VerifierKey(), time.Now())
		if err == nil && r.Leaf != b.leaf {
			t.Fatalf("accepted %s", file)
		}
	})
}
