package acme

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	protocol "github.com/smallstep/certificates/acme"

	"mohr/internal/fault"
	"mohr/internal/nonce"
)

// written is a flattened JWS with these parts, each as it is.
func written(protected, payload, signature string) []byte {
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Appendf(nil, `{"protected":%q,"payload":%q,"signature":%q}`, b64([]byte(protected)), b64([]byte(payload)), b64([]byte(signature)))
}

const goodHeader = `{"alg":"ES256","nonce":"n","url":"u","kid":"k"}`

func TestEnvelopesAreReadStrictly(t *testing.T) {
	long := strings.Repeat("k", maxKID+1)
	for _, test := range []struct {
		name string
		raw  []byte
		good bool
	}{
		{"a request", written(goodHeader, `{"a":1}`, "s"), true},
		{"POST-as-GET", written(goodHeader, "", "s"), true},
		{"a key", written(`{"alg":"ES256","nonce":"n","url":"u","jwk":{"kty":"EC"}}`, "", "s"), true},
		{"space around it", append([]byte(" \n"), written(goodHeader, "", "s")...), true},
		{"a header with a name twice", written(`{"alg":"ES256","alg":"none","url":"u","kid":"k"}`, "", "s"), false},
		{"a name in other letters", written(`{"ALG":"ES256","url":"u","kid":"k"}`, "", "s"), false},
		{"a key with a name twice", written(`{"alg":"ES256","url":"u","jwk":{"kty":"EC","kty":"oct"}}`, "", "s"), false},
		{"a payload with a name twice", written(goodHeader, `{"a":1,"a":2}`, "s"), false},
		{"a payload of two values", written(goodHeader, `{}{}`, "s"), false},
		{"a payload that is a list", written(goodHeader, `[]`, "s"), false},
		{"a long kid", written(`{"alg":"ES256","url":"u","kid":"`+long+`"}`, "", "s"), false},
		{"a long key", written(`{"alg":"ES256","url":"u","jwk":{"n":"`+strings.Repeat("A", maxKey)+`"}}`, "", "s"), false},
		{"no payload", []byte(`{"protected":"e30","signature":""}`), false},
		{"a payload that is null", bytes.Replace(written(goodHeader, "", "s"), []byte(`"payload":""`), []byte(`"payload":null`), 1), false},
		{"a part with a line break", []byte(`{"protected":"e3\n0","payload":"","signature":""}`), false},
		{"a part with bits left over", []byte(`{"protected":"e31","payload":"","signature":""}`), false},
		{"signatures for many", []byte(`{"payload":"","signatures":[]}`), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := parseEnvelope(test.raw); (err == nil) != test.good || err != nil && fault.Code(err) != "acme_jws_malformed" {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := parseEnvelope(make([]byte, maxBody+1)); fault.Code(err) != "acme_too_large" {
		t.Errorf("a large one: %v", err)
	}
}

// FuzzParseEnvelope: what is taken is bounded and says the same when it is
// written again from its parts.
func FuzzParseEnvelope(f *testing.F) {
	for _, seed := range [][]byte{
		written(goodHeader, `{"identifiers":[]}`, "s"), written(goodHeader, "", ""), []byte("{}"), []byte(`{"protected":1}`),
		written(`{"alg":"HS256","url":"u","jwk":{}}`, "{}", "s"), written("{", "{", "{"), []byte("e30.e30.e30"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := parseEnvelope(raw)
		if err != nil {
			return
		}
		if len(e.header.KID) > maxKID || len(e.header.JWK) > maxKey || (e.header.KID == "") == (len(e.header.JWK) == 0) {
			t.Errorf("taken: %+v", e.header)
		}
		protected, payload, _ := strings.Cut(e.signed, ".")
		doc, err := json.Marshal(map[string]string{"protected": protected, "payload": payload, "signature": base64.RawURLEncoding.EncodeToString(e.signature)})
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseEnvelope(doc)
		if err != nil || again.signed != e.signed || !bytes.Equal(again.payload, e.payload) || !bytes.Equal(again.signature, e.signature) {
			t.Errorf("not the same when written again: %v", err)
		}
	})
}

// FuzzProblems: what the parsers of a payload refuse is the client's fault.
func FuzzProblems(f *testing.F) {
	for _, seed := range []string{`{"csr":"AA"}`, `{"notAfter":5}`, `{"externalAccountBinding":{}}`, `{"notBefore":null}`, "{"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if e, err := parseEnvelope(written(goodHeader, string(payload), "s")); err != nil || len(e.payload) == 0 {
			return
		}
		_, bindingErr := parseBinding(payload)
		for _, err := range []error{refuseDates(payload), bindingErr} {
			if p, internal := problemOf(err); err != nil && (internal || p.Status >= 500) {
				t.Errorf("%v is %d", err, p.Status)
			}
		}
	})
}

func TestProblemsTellWhoseFaultItIs(t *testing.T) {
	inside := errors.New("path of a socket")
	for _, test := range []struct {
		name   string
		err    error
		typ    string
		status int
		logged bool
		tells  string
	}{
		{"a fault of ours under smallstep's wrapping", protocol.WrapErrorISE(fmt.Errorf("order: %w", errUnproven()), "error finalizing"), "rejectedIdentifier", 403, false, "the domain of a badge"},
		{"an error of ours that is no fault", protocol.WrapErrorISE(inside, "error finalizing"), "serverInternal", 500, true, ourFailure},
		{"an error of smallstep's", protocol.NewError(protocol.ErrorBadCSRType, "inside %v", inside), "badCSR", 400, false, "exactly the names of the order"},
		{"a kind of smallstep's that is no ACME client's business", protocol.NewError(protocol.ErrorTLSType, "inside"), "serverInternal", 500, true, ourFailure},
		{"a bare error", inside, "serverInternal", 500, true, ourFailure},
		{"a JSON value of the wrong type", protocol.WrapErrorISE(json.Unmarshal([]byte("5"), new(string)), "error unmarshaling"), "malformed", 400, false, "RFC 8555"},
		{"a key of the client's that is in use", fault.New(fault.Denied, "key_in_use", "told"), "badCSR", 400, false, "told"},
		{"our key, away for a while", fault.New(fault.Unavailable, "key_unavailable", "told"), "serverInternal", 503, true, "told"},
		{"our key, gone", fault.New(fault.NotFound, "key_gone", "inside"), "serverInternal", 503, true, ourFailure},
		{"no time that can be trusted", fault.New(fault.Unavailable, "clock_untrusted", "told"), "serverInternal", 503, true, "told"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, internal := problemOf(test.err)
			if p.Type != urn+test.typ || p.Status != test.status || internal != test.logged || !strings.Contains(p.Detail, test.tells) || strings.Contains(p.Detail, "inside") {
				t.Errorf("%+v, logged %v", p, internal)
			}
		})
	}
}

func TestNoncesAreTakenOnce(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	n := newNonces(&nonce.Source{Key: make([]byte, 32)}, clock)
	n.limit = 3
	take := func(text, code string) {
		t.Helper()
		if err := n.take(text); fault.Code(err) != code {
			t.Errorf("%v, want %q", err, code)
		}
	}
	first := n.give()
	take(first, "")
	take(first, "acme_nonce_used")
	now = now.Add(nonceLife - time.Second)
	take(first, "acme_nonce_used")
	take(n.give(), "")
	take(n.give(), "")
	take(n.give(), "acme_busy")
	late := n.give()
	now = now.Add(15 * time.Second) // the first generation is old now
	take(late, "")
	take(first, "nonce_expired")
	take(late, "acme_nonce_used")
	now = now.Add(keepSpent + time.Second)
	take(n.give(), "")
	if len(n.spent.old) != 1 || len(n.spent.young) != 1 {
		t.Errorf("%d and %d are remembered", len(n.spent.old), len(n.spent.young))
	}
	now = now.Add(3 * keepSpent)
	take(n.give(), "")
	if len(n.spent.old) != 0 || len(n.spent.young) != 1 {
		t.Errorf("after a pause %d and %d are remembered", len(n.spent.old), len(n.spent.young))
	}
}

// TestANonceFromAClockAheadIsRememberedForItsWholeLife: another node made it.
func TestANonceFromAClockAheadIsRememberedForItsWholeLife(t *testing.T) {
	now := time.Now()
	n := newNonces(&nonce.Source{Key: make([]byte, 32)}, func() time.Time { return now })
	ahead := nonce.Source{Key: make([]byte, 32), Now: func() time.Time { return now.Add(4 * time.Second) }}
	text := ahead.New(noncePurpose)
	if err := n.take(text); err != nil {
		t.Fatal(err)
	}
	for range 140 {
		now = now.Add(time.Second)
		n.take(n.give())
		if err := n.take(text); err == nil {
			t.Fatal("taken twice")
		}
	}
}
