package signature_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"mohr/ca"
	"mohr/ca/signature"
)

const typ = "mohr-test+jwt"

var b64 = base64.RawURLEncoding

func TestJWSOfOursVerifiesHereOfflineAndWithGoJose(t *testing.T) {
	b := newBench(t)
	algs := map[string]jose.SignatureAlgorithm{"p256": jose.ES256, "p384": jose.ES384, "rsa2048": jose.PS256, "rsa3072": jose.PS256}
	payload := []byte(`{"a":1}`)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			key := b.key(t, kind)
			raw, err := signature.SignJWS(key, typ, payload)
			wantCode(t, err, "")
			s, err := b.verifier.JWS(t.Context(), raw, typ)
			wantCode(t, err, "")
			if !bytes.Equal(s.Payload(), payload) || !bytes.Equal(s.Raw(), raw) || time.Since(s.SigningTime()).Abs() > time.Minute {
				t.Errorf("payload %q, signing time %v", s.Payload(), s.SigningTime())
			}
			if !s.Standing().Leaf().Equal(key.Certificate) || !s.Standing().Good() {
				t.Error("the standing is not that of the signer")
			}
			got, leaf, err := signature.VerifyJWS(raw, typ, b.Hierarchy.Root, time.Now())
			wantCode(t, err, "")
			if !bytes.Equal(got, payload) || !leaf.Equal(key.Certificate) {
				t.Error("offline: other payload or another leaf")
			}
			parsed, err := jose.ParseSignedCompact(string(raw), []jose.SignatureAlgorithm{algs[kind]})
			wantCode(t, err, "")
			if got, err = parsed.Verify(key.Certificate.PublicKey); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("go-jose: %q, %v", got, err)
			}
		})
	}
}

func TestJWSOfGoJoseIsAccepted(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		kind string
		alg  jose.SignatureAlgorithm
	}{
		{"p256", jose.ES256}, {"p384", jose.ES384},
		{"rsa2048", jose.RS256}, {"rsa2048", jose.RS384}, {"rsa2048", jose.RS512},
		{"rsa2048", jose.PS256}, {"rsa2048", jose.PS384}, {"rsa2048", jose.PS512},
	} {
		t.Run(string(c.alg), func(t *testing.T) {
			key := b.key(t, c.kind)
			opts := (&jose.SignerOptions{}).WithType(typ).WithHeader("x5c", chain(key)).WithHeader("iat", time.Now().Unix())
			signer, err := jose.NewSigner(jose.SigningKey{Algorithm: c.alg, Key: key.Signer}, opts)
			wantCode(t, err, "")
			object, err := signer.Sign([]byte("payload"))
			wantCode(t, err, "")
			compact, err := object.CompactSerialize()
			wantCode(t, err, "")
			for form, raw := range map[string]string{"compact": compact, "flattened": object.FullSerialize()} {
				s, err := b.verifier.JWS(t.Context(), []byte(raw), typ)
				if err != nil || string(s.Payload()) != "payload" {
					t.Errorf("%s: %q, %v", form, s.Payload(), err)
				}
			}
		})
	}
}

func chain(key ca.SigningKey) []string {
	list := []string{base64.StdEncoding.EncodeToString(key.Certificate.Raw)}
	for _, c := range key.Chain {
		list = append(list, base64.StdEncoding.EncodeToString(c.Raw))
	}
	return list
}

// header is a good protected header as raw JSON values.
func header(key ca.SigningKey, alg string) map[string]string {
	x5c, _ := json.Marshal(chain(key))
	return map[string]string{
		"alg": fmt.Sprintf("%q", alg), "typ": fmt.Sprintf("%q", typ), "x5c": string(x5c),
		"iat": fmt.Sprint(time.Now().Unix()),
	}
}

// with returns a copy of h with changes; a value "" removes the key.
func with(h map[string]string, changes ...string) map[string]string {
	h = maps.Clone(h)
	for i := 0; i < len(changes); i += 2 {
		if h[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(h, changes[i])
		}
	}
	return h
}

func object(h map[string]string) string {
	var members []string
	for k, v := range h {
		members = append(members, fmt.Sprintf("%q:%s", k, v))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// es256 signs whatever header it is given: the test's own signer, which
// follows no rule but RFC 7515 section 5.1.
func es256(t testing.TB, key ca.SigningKey, header, payload string) string {
	t.Helper()
	input := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(payload))
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key.Signer.(*ecdsa.PrivateKey), digest[:])
	wantCode(t, err, "")
	return input + "." + b64.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func TestJWSHeadersAreJudgedByTheirRule(t *testing.T) {
	b := newBench(t)
	key := b.key(t, "p256")
	good := header(key, "ES256")
	for _, c := range []struct {
		name   string
		header string
		code   string
	}{
		{"all that is asked", object(good), ""},
		{"sigT instead of iat", object(with(good, "iat", "", "sigT", `"2026-01-02T03:04:05Z"`)), ""},
		{"sigT named in crit", object(with(good, "sigT", `"2026-01-02T03:04:05Z"`, "crit", `["sigT"]`)), ""},
		{"b64 true named in crit", object(with(good, "b64", "true", "crit", `["b64"]`)), ""},
		{"an unknown parameter that is not critical", object(with(good, "extra", `{"a":[1]}`)), ""},
		{"alg none", object(with(good, "alg", `"none"`)), "jws_alg"},
		{"alg missing", object(with(good, "alg", "")), "jws_alg"},
		{"alg of another curve", object(with(good, "alg", `"ES384"`)), "jws_alg"},
		{"alg of RSA on an EC key", object(with(good, "alg", `"PS256"`)), "jws_alg"},
		{"alg HS256", object(with(good, "alg", `"HS256"`)), "jws_alg"},
		{"alg in lower case", object(with(good, "alg", `"es256"`)), "jws_alg"},
		{"alg that is a number", object(with(good, "alg", "256")), "jws_header"},
		{"an unknown name in crit", object(with(good, "exp", "1", "crit", `["exp"]`)), "jws_crit"},
		{"a known name in crit that is not in the header", object(with(good, "crit", `["sigT"]`)), "jws_crit"},
		{"a name twice in crit", object(with(good, "sigT", `"2026-01-02T03:04:05Z"`, "crit", `["sigT","sigT"]`)), "jws_crit"},
		{"an empty crit", object(with(good, "crit", "[]")), "jws_crit"},
		{"a crit that is null", object(with(good, "crit", "null")), "jws_crit"},
		{"a crit that is a string", object(with(good, "crit", `"sigT"`)), "jws_crit"},
		{"b64 false", object(with(good, "b64", "false", "crit", `["b64"]`)), "jws_b64"},
		{"b64 false without crit", object(with(good, "b64", "false")), "jws_b64"},
		{"another typ", object(with(good, "typ", `"JWT"`)), "jws_typ"},
		{"typ missing", object(with(good, "typ", "")), "jws_typ"},
		{"x5c missing", object(with(good, "x5c", "")), "jws_x5c"},
		{"x5c empty", object(with(good, "x5c", "[]")), "jws_x5c"},
		{"x5c that is no certificate", object(with(good, "x5c", `["AAAA"]`)), "jws_x5c"},
		{"x5c in base64url", object(with(good, "x5c", `["`+b64.EncodeToString(key.Certificate.Raw)+`_-"]`)), "jws_x5c"},
		{"x5c with an octet after the certificate", object(with(good, "x5c", `["`+base64.StdEncoding.EncodeToString(append(bytes.Clone(key.Certificate.Raw), 0))+`"]`)), "jws_x5c"},
		{"x5c longer than any chain here", object(with(good, "x5c", "["+strings.Repeat(`"AAAA",`, 6)+`"AAAA"]`)), "jws_x5c"},
		{"x5t#S256 of another certificate", object(with(good, "x5t#S256", `"AAAA"`)), "jws_x5c"},
		{"no signing time", object(with(good, "iat", "")), "jws_signing_time"},
		{"a signing time out of all time", object(with(good, "iat", "999999999999999")), "jws_signing_time"},
		{"a signing time that is no time", object(with(good, "iat", "", "sigT", `"yesterday"`)), "jws_signing_time"},
		{"a fraction as signing time", object(with(good, "iat", "1.5")), "jws_header"},
		{"alg twice", strings.Replace(object(good), "{", `{"alg":"none",`, 1), "jws_header"},
		{"an unknown parameter twice", strings.Replace(object(good), "{", `{"x":1,"x":1,`, 1), "jws_header"},
		{"something after the object", object(good) + "{}", "jws_header"},
		{"null", "null", "jws_header"},
		{"an array", "[]", "jws_header"},
		{"invalid UTF-8", strings.Replace(object(good), "{", "{\"x\":\"\xff\",", 1), "jws_header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := b.verifier.JWS(t.Context(), []byte(es256(t, key, c.header, "payload")), typ)
			wantCode(t, err, c.code)
		})
	}
}

func TestJWSFormsAreStrict(t *testing.T) {
	b := newBench(t)
	key := b.key(t, "p256")
	good := es256(t, key, object(header(key, "ES256")), "payload")
	part := strings.Split(good, ".")
	flat := fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, part[0], part[1], part[2])
	for _, c := range []struct {
		name string
		raw  string
		code string
	}{
		{"compact", good, ""},
		{"compact with the newline of a file", good + "\n", ""},
		{"flattened", flat, ""},
		{"nothing", "", "jws_malformed"},
		{"two parts", part[0] + "." + part[1], "jws_malformed"},
		{"four parts", good + ".AAAA", "jws_malformed"},
		{"no signature", part[0] + "." + part[1] + ".", "jws_malformed"},
		{"padding", part[0] + "." + part[1] + "." + part[2] + "==", "jws_malformed"},
		{"a line end inside", part[0] + ".\n" + part[1] + "." + part[2], "jws_malformed"},
		{"bits beyond the last octet", part[0] + "." + part[1] + "." + part[2][:len(part[2])-1] + "B", "jws_malformed"},
		{"flattened with a key twice", strings.Replace(flat, "{", `{"payload":"AAAA",`, 1), "jws_malformed"},
		{"flattened with an unprotected header", strings.Replace(flat, "{", `{"header":{"kid":"1"},`, 1), "jws_malformed"},
		{"flattened without payload", strings.Replace(flat, `"payload"`, `"pay"`, 1), "jws_malformed"},
		{"general form", fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, part[1], part[0], part[2]), "jws_malformed"},
		{"two objects", flat + flat, "jws_malformed"},
		{"larger than the limit", strings.Repeat("a", 256<<10+1), "jws_too_large"},
		{"another payload", part[0] + "." + b64.EncodeToString([]byte("Payload")) + "." + part[2], "jws_signature"},
		{"a signature cut short", part[0] + "." + part[1] + "." + part[2][:80], "jws_signature"},
		{"a signature in DER", part[0] + "." + part[1] + "." + derSignature(t, key, part[0]+"."+part[1]), "jws_signature"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := b.verifier.JWS(t.Context(), []byte(c.raw), typ)
			wantCode(t, err, c.code)
		})
	}
}

func derSignature(t testing.TB, key ca.SigningKey, input string) string {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	sig, err := key.Signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	wantCode(t, err, "")
	return b64.EncodeToString(sig)
}

func TestJWSByTheWrongKindOfKeyIsRefused(t *testing.T) {
	b := newBench(t)
	rsaKey := b.key(t, "rsa2048")
	t.Run("an HMAC keyed with the public key", func(t *testing.T) {
		input := b64.EncodeToString([]byte(object(header(rsaKey, "HS256")))) + ".e30"
		h := hmac.New(sha256.New, rsaKey.Certificate.RawSubjectPublicKeyInfo)
		h.Write([]byte(input))
		_, err := b.verifier.JWS(t.Context(), []byte(input+"."+b64.EncodeToString(h.Sum(nil))), typ)
		wantCode(t, err, "jws_alg")
	})
	t.Run("PSS named as PKCS #1", func(t *testing.T) {
		input := b64.EncodeToString([]byte(object(header(rsaKey, "RS512")))) + ".e30"
		digest := sha512.Sum512([]byte(input))
		sig, err := rsaKey.Signer.Sign(rand.Reader, digest[:], &rsa.PSSOptions{SaltLength: 64, Hash: crypto.SHA512})
		wantCode(t, err, "")
		_, err = b.verifier.JWS(t.Context(), []byte(input+"."+b64.EncodeToString(sig)), typ)
		wantCode(t, err, "jws_signature")
	})
	for _, kind := range []string{"p256", "rsa2048"} {
		t.Run("somebody else's "+kind, func(t *testing.T) {
			raw, err := signature.SignJWS(foreign(t, kind), typ, []byte("{}"))
			wantCode(t, err, "")
			_, err = b.verifier.JWS(t.Context(), raw, typ)
			wantCode(t, err, "certificate_foreign")
		})
	}
	t.Run("a curve that no profile certifies", func(t *testing.T) {
		_, err := b.verifier.JWS(t.Context(), []byte(b64.EncodeToString([]byte(object(header(foreign(t, "p521"), "ES512"))))+".e30.AAAA"), typ)
		wantCode(t, err, "jws_alg")
	})
}

func TestTheStandingOfARevokedSignerIsNotGood(t *testing.T) {
	b := newBench(t)
	key := b.key(t, "p256")
	raw, err := signature.SignJWS(key, typ, []byte("{}"))
	wantCode(t, err, "")
	wantCode(t, b.Revoke(t.Context(), ca.SerialText(key.Certificate.SerialNumber), ca.KeyCompromise, "test"), "")
	s, err := b.verifier.JWS(t.Context(), raw, typ)
	wantCode(t, err, "")
	wantCode(t, s.Standing().Fault(), "certificate_revoked")
}
