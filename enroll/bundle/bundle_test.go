package bundle_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/ca/timestamp"
	"mohr/enroll/bundle"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// maker makes bundles with the keys of one hierarchy.
type maker struct {
	t          testing.TB
	ca         *catest.Fixture
	log        *ledger.Log
	audit, tsu ca.SigningKey
	now        time.Time
}

func newMaker(t testing.TB) *maker {
	t.Helper()
	m := &maker{t: t, now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return m.now }
	m.ca = catest.New(t, clock)
	m.audit = m.ca.SigningKey(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Audit"})
	m.tsu = m.ca.SigningKey(t, "tsu", ca.Service{Profile: ca.TimeStamping, CommonName: "TSU"})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.must(err)
	m.log, err = ledger.New(ledger.Config{Store: m.ca.Store, Signer: key, Origin: "mohr.test/log", Now: clock})
	m.must(err)
	return m
}

func (m *maker) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *maker) trust() bundle.Trust {
	return bundle.Trust{Root: m.ca.Root, LogKey: m.log.VerifierKey()}
}

func (m *maker) manifest() bundle.Manifest {
	at := m.now.Add(-time.Minute)
	proof := strings.Repeat("ab", 32)
	return bundle.Manifest{
		Type: bundle.ManifestType, Application: "a-1", Profile: "natural-sign@1", Home: evidence.Software, Environment: evidence.Simulated,
		Evidence: []bundle.Evidence{{ID: "e-1", Type: evidence.FaceMatch, Source: "test@1", Environment: evidence.Simulated, Result: evidence.Match, SHA256: proof, CheckedAt: at}},
		Decision: bundle.Decision{Outcome: evidence.Approved, At: at, Policy: "1", PolicyOID: "2.999.1", Evidence: []string{proof}, Trace: []evidence.Step{{Rule: "r", Outcome: "pass", Why: "so"}}},
		Serial:   "01ab", CreatedAt: at, ConsentedAt: at, KeyBoundAt: at, IssuedAt: at,
	}
}

func (m *maker) stamp(key ca.SigningKey, data []byte, at time.Time) []byte {
	m.t.Helper()
	unit, err := timestamp.New(timestamp.Config{Key: key, Policy: []int{2, 999, 1}, Clock: func() error { return nil }, Now: func() time.Time { return at }})
	m.must(err)
	digest := sha256.Sum256(data)
	der, err := unit.Stamp(m.t.Context(), digest[:])
	m.must(err)
	return der
}

// seal makes a whole bundle; edit may change it before its leaf is logged.
func (m *maker) seal(manifest bundle.Manifest, edit func(*bundle.Bundle)) []byte {
	m.t.Helper()
	var b bundle.Bundle
	var err error
	b.Manifest, err = manifest.Canonical()
	m.must(err)
	b.Signature, err = signature.Signer{Key: m.audit, Now: func() time.Time { return m.now }}.CMS(b.Manifest)
	m.must(err)
	b.Timestamp = m.stamp(m.tsu, b.Signature, m.now)
	b.Certificates = bundle.EncodeCertificates(m.audit.Certificate, m.audit.Chain[0])
	if edit != nil {
		edit(&b)
	}
	leaf := b.Leaf(manifest.Serial, m.now)
	m.must(m.ca.Store.Update(m.t.Context(), func(tx store.Tx) error { return ledger.Append(tx, leaf) }))
	m.must(m.log.Sequence(m.t.Context()))
	id, err := leaf.ID()
	m.must(err)
	b.Inclusion, err = m.log.Prove(context.Background(), id)
	m.must(err)
	out, err := b.Encode()
	m.must(err)
	return out
}

func TestABundleHolds(t *testing.T) {
	m := newMaker(t)
	for range 3 { // with a longer path in the tree each time
		r, err := bundle.Verify(m.seal(m.manifest(), nil), m.trust())
		if err != nil {
			t.Fatal(err)
		}
		if r.Manifest.Application != "a-1" || !r.StampedAt.Equal(m.now) || !r.LoggedAt.Equal(m.now) {
			t.Errorf("report %+v", r)
		}
		m.now = m.now.Add(time.Second)
	}
}

func TestAnyChangedByteIsSeen(t *testing.T) {
	m := newMaker(t)
	m.seal(m.manifest(), nil) // so that the path is not empty
	good := m.seal(m.manifest(), nil)
	if _, err := bundle.Verify(good, m.trust()); err != nil {
		t.Fatal(err)
	}
	t.Run("of the file", func(t *testing.T) {
		for i := range good {
			if i%7 != 0 && !strings.Contains("{}[]\":,", string(good[i])) {
				continue // every octet that is structure, and a sample of the others
			}
			bad := bytes.Clone(good)
			bad[i] ^= 1
			refuse(t, m, bad, i)
		}
	})
	// And of what is in it, whatever its base64 looks like.
	parts := map[string]func(*bundle.Bundle) *[]byte{
		"manifest":  func(b *bundle.Bundle) *[]byte { return &b.Manifest },
		"signature": func(b *bundle.Bundle) *[]byte { return &b.Signature },
		"timestamp": func(b *bundle.Bundle) *[]byte { return &b.Timestamp },
		"leaf":      func(b *bundle.Bundle) *[]byte { return &b.Inclusion.Leaf },
		"path":      func(b *bundle.Bundle) *[]byte { return &b.Inclusion.Hashes[0] },
	}
	for name, part := range parts {
		t.Run("of the "+name, func(t *testing.T) {
			b, err := bundle.Parse(good)
			m.must(err)
			p := part(&b)
			for i := range *p {
				(*p)[i] ^= 0x20
				bad, err := b.Encode()
				m.must(err)
				refuse(t, m, bad, i)
				(*p)[i] ^= 0x20
			}
		})
	}
	for _, name := range []string{"certificates", "checkpoint"} {
		t.Run("of the "+name, func(t *testing.T) {
			b, err := bundle.Parse(good)
			m.must(err)
			text := &b.Certificates
			if name == "checkpoint" {
				text = &b.Inclusion.Checkpoint
			}
			whole := *text
			for i := range whole {
				*text = whole[:i] + string(whole[i]^1) + whole[i+1:]
				bad, err := b.Encode()
				m.must(err)
				refuse(t, m, bad, i)
			}
		})
	}
}

func refuse(t *testing.T, m *maker, bad []byte, i int) {
	t.Helper()
	if r, err := bundle.Verify(bad, m.trust()); err == nil {
		t.Fatalf("a change at octet %d is not seen: %+v", i, r)
	} else if _, ok := fault.Of(err); !ok {
		t.Fatalf("a change at octet %d is an internal error: %v", i, err)
	}
}

func TestBundlesThatDoNotHold(t *testing.T) {
	m, other := newMaker(t), newMaker(t)
	credential := m.ca.SigningKey(t, "credential", ca.Service{Profile: ca.Credential, CommonName: "Credential"})
	changed := func(edit func(*bundle.Manifest)) []byte {
		manifest := m.manifest()
		edit(&manifest)
		return m.seal(manifest, nil)
	}
	signedBy := func(key ca.SigningKey) []byte {
		return m.seal(m.manifest(), func(b *bundle.Bundle) {
			var err error
			b.Signature, err = signature.SignCMS(key, b.Manifest)
			m.must(err)
			b.Timestamp = m.stamp(m.tsu, b.Signature, m.now)
			b.Certificates = bundle.EncodeCertificates(key.Certificate, key.Chain[0])
		})
	}
	stampedBy := func(key ca.SigningKey, at time.Time) []byte {
		return m.seal(m.manifest(), func(b *bundle.Bundle) { b.Timestamp = m.stamp(key, b.Signature, at) })
	}
	good := m.seal(m.manifest(), nil)
	tests := []struct {
		name, code string
		raw        []byte
	}{
		{"of another hierarchy", "timestamp_invalid", other.seal(other.manifest(), nil)},
		{"signed by a key for badges", "bundle_signer", signedBy(credential)},
		{"signed by another hierarchy's audit key", "signer_chain", signedBy(other.audit)},
		{"stamped by another hierarchy's unit", "timestamp_invalid", stampedBy(other.tsu, m.now)},
		{"stamped before the issuance", "bundle_stamp", changed(func(b *bundle.Manifest) { b.IssuedAt = m.now.Add(time.Hour) })},
		{"whose stamp is over something else", "timestamp_invalid", m.seal(m.manifest(), func(b *bundle.Bundle) { b.Timestamp = m.stamp(m.tsu, b.Manifest, m.now) })},
		{"whose decision is no approval", "bundle_contradiction", changed(func(m *bundle.Manifest) { m.Decision.Outcome = evidence.Review })},
		{"whose decision counts evidence that is not there", "bundle_contradiction", changed(func(m *bundle.Manifest) { m.Decision.Evidence = []string{"00"} })},
		{"whose decision counts nothing", "bundle_contradiction", changed(func(m *bundle.Manifest) { m.Decision.Evidence = nil })},
		{"issued before the consent", "bundle_contradiction", changed(func(b *bundle.Manifest) { b.ConsentedAt = m.now })},
		{"of another type", "bundle_contradiction", changed(func(m *bundle.Manifest) { m.Type = "mohr-renew/1" })},
		{"with a trailing newline", "bundle_malformed", append(bytes.Clone(good), '\n')},
		{"with a name twice", "bundle_malformed", bytes.Replace(good, []byte(`{"certificates"`), []byte(`{"certificates":"","certificates"`), 1)},
		{"with an unknown name", "bundle_malformed", bytes.Replace(good, []byte(`{"certificates"`), []byte(`{"a":1,"certificates"`), 1)},
		{"with a certificate too many", "bundle_signer", edited(t, good, func(b *bundle.Bundle) { b.Certificates += bundle.EncodeCertificates(m.ca.Root, m.ca.Root) })},
		{"cut short", "bundle_malformed", good[:len(good)/2]},
		{"empty", "bundle_malformed", nil},
		{"too large", "bundle_too_large", make([]byte, 1<<20)},
		{"with another bundle's proof", "bundle_leaf", edited(t, good, func(b *bundle.Bundle) { b.Inclusion = parsed(t, m.seal(m.manifest(), nil)).Inclusion })},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := bundle.Verify(tc.raw, m.trust()); fault.Code(err) != tc.code {
				t.Errorf("got %v (%s), want %s", err, fault.Code(err), tc.code)
			}
		})
	}
	t.Run("under another log's key", func(t *testing.T) {
		if _, err := bundle.Verify(good, bundle.Trust{Root: m.ca.Root, LogKey: other.log.VerifierKey()}); !errors.Is(err, fault.Invalid) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("about another certificate", func(t *testing.T) {
		trust := m.trust()
		trust.Certificate = m.tsu.Certificate
		if _, err := bundle.Verify(good, trust); fault.Code(err) != "bundle_other_certificate" {
			t.Errorf("got %v", err)
		}
	})
}

func parsed(t testing.TB, raw []byte) bundle.Bundle {
	t.Helper()
	b, err := bundle.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func edited(t testing.TB, raw []byte, edit func(*bundle.Bundle)) []byte {
	t.Helper()
	b := parsed(t, raw)
	edit(&b)
	out, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzVerify looks for panics, and for two writings of one bundle.
func FuzzVerify(f *testing.F) {
	m := newMaker(f)
	good := m.seal(m.manifest(), nil)
	f.Add(good)
	f.Add(good[:100])
	f.Add([]byte(`{}`))
	for _, part := range []string{"manifest", "signature", "timestamp"} {
		var all map[string]any
		m.must(json.Unmarshal(good, &all))
		all[part] = base64.StdEncoding.EncodeToString([]byte{0x30, 0x80})
		b, err := json.Marshal(all)
		m.must(err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := bundle.Verify(raw, m.trust()); err == nil && !bytes.Equal(raw, good) {
			t.Fatal("another writing of the bundle is taken")
		}
	})
}
