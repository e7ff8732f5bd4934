package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca/signature"
	"mohr/complaints"
)

// jwsParts is a compact JWS taken apart, to be signed again when it is bent.
type jwsParts struct {
	header, payload string // JSON
	key             crypto.Signer
	finish          func(jws []byte) []byte // nil: sent as it is signed
}

func takeApart(t *testing.T, jws []byte, key crypto.Signer) jwsParts {
	t.Helper()
	parts := strings.Split(string(jws), ".")
	var text [2]string
	for i := range text {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		text[i] = string(b)
	}
	return jwsParts{header: text[0], payload: text[1], key: key}
}

// sign signs with ES256, whatever the header says (RFC 7518 section 3.4).
func (p jwsParts) sign(t *testing.T) []byte {
	t.Helper()
	b64 := base64.RawURLEncoding
	out := b64.EncodeToString([]byte(p.header)) + "." + b64.EncodeToString([]byte(p.payload))
	digest := sha256.Sum256([]byte(out))
	der, err := p.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		t.Fatal(err)
	}
	raw := append(pair.R.FillBytes(make([]byte, 32)), pair.S.FillBytes(make([]byte, 32))...)
	jws := []byte(out + "." + b64.EncodeToString(raw))
	if p.finish != nil {
		jws = p.finish(jws)
	}
	return jws
}

// put sets a member of the payload to other JSON, where it stands.
func (p *jwsParts) put(t *testing.T, name, value string) {
	t.Helper()
	member := regexp.MustCompile(`"` + name + `":("[^"]*"|[0-9]+)`)
	if !member.MatchString(p.payload) {
		t.Fatalf("there is no %s in %s", name, p.payload)
	}
	p.payload = member.ReplaceAllLiteralString(p.payload, `"`+name+`":`+value)
}

// prefix puts a member before the others of a JSON object.
func prefix(object, member string) string { return "{" + member + "," + object[1:] }

// badJWS is a statement that is good but for one thing.
type badJWS struct {
	name   string
	status int
	code   string
	bend   func(t *testing.T, p *jwsParts)
}

// badJWSs are what every desk refuses that takes a JWS. foreign is a nonce
// that was given out for another purpose.
func badJWSs(foreign string) []badJWS {
	header := func(f func(h string) string) func(*testing.T, *jwsParts) {
		return func(_ *testing.T, p *jwsParts) { p.header = f(p.header) }
	}
	member := func(name, value string) func(*testing.T, *jwsParts) {
		return func(t *testing.T, p *jwsParts) { p.put(t, name, value) }
	}
	sent := func(f func(jws []byte) []byte) func(*testing.T, *jwsParts) {
		return func(_ *testing.T, p *jwsParts) { p.finish = f }
	}
	alg := func(name string) func(*testing.T, *jwsParts) {
		return header(func(h string) string { return strings.Replace(h, `"alg":"ES256"`, `"alg":"`+name+`"`, 1) })
	}
	return []badJWS{
		{"a critical parameter that nobody knows", 422, "jws_crit", header(func(h string) string { return prefix(h, `"crit":["exp9"],"exp9":1`) })},
		{"a critical parameter that is not there", 422, "jws_crit", header(func(h string) string { return prefix(h, `"crit":["sigT"]`) })},
		{"an empty list of critical parameters", 422, "jws_crit", header(func(h string) string { return prefix(h, `"crit":[]`) })},
		{"the algorithm none with a signature", 422, "jws_alg", alg("none")},
		{"the algorithm none without a signature", 422, "jws_malformed", func(t *testing.T, p *jwsParts) {
			alg("none")(t, p)
			p.finish = func(jws []byte) []byte { return jws[:bytes.LastIndexByte(jws, '.')+1] }
		}},
		{"an HMAC", 422, "jws_alg", alg("HS256")},
		{"an unencoded payload", 422, "jws_b64", header(func(h string) string { return prefix(h, `"b64":false,"crit":["b64"]`) })},
		{"a name twice in the header", 422, "jws_header", header(func(h string) string { return prefix(h, `"alg":"ES256"`) })},
		{"a name twice in the payload", 422, "statement_malformed", func(_ *testing.T, p *jwsParts) { p.payload = prefix(p.payload, `"aud":"https://localhost"`) }},
		{"a name in the payload that is not known", 422, "statement_malformed", func(_ *testing.T, p *jwsParts) { p.payload = prefix(p.payload, `"admin":true`) }},
		{"something after the payload's object", 422, "statement_malformed", func(_ *testing.T, p *jwsParts) { p.payload += "{}" }},
		{"another kind of statement in the header", 422, "jws_typ", header(func(h string) string {
			return regexp.MustCompile(`"typ":"[^"]*"`).ReplaceAllString(h, `"typ":"mohr-renew/1"`)
		})},
		{"another kind of statement in the payload", 422, "statement_type", member("type", `"mohr-renew/1"`)},
		{"another service's name", 403, "statement_audience", member("aud", `"https://localhost:1"`)},
		{"another certificate's hash", 403, "statement_certificate", member("certificate_sha256", `"`+strings.Repeat("0", 64)+`"`)},
		{"an end that is past", 403, "statement_time", member("exp", fmt.Sprint(time.Now().Unix()-1))},
		{"a beginning long ago", 403, "statement_time", member("iat", fmt.Sprint(time.Now().Add(-time.Hour).Unix()))},
		{"a nonce for another purpose", 403, "nonce_unknown", member("nonce", `"`+foreign+`"`)},
		{"a nonce that nobody gave out", 403, "nonce_unknown", member("nonce", `"`+strings.Repeat("A", 54)+`"`)},
		{"no nonce", 403, "nonce_unknown", member("nonce", `""`)},
		{"a signature by another key under the holder's certificate", 403, "jws_signature", func(t *testing.T, p *jwsParts) { p.key = newHolderKey(t) }},
		{"a signature cut short", 403, "jws_signature", sent(func(jws []byte) []byte { return jws[:len(jws)-6] })},
		{"a fourth part", 422, "jws_malformed", sent(func(jws []byte) []byte { return append(jws, ".AA"...) })},
		{"a flattened form with a name twice", 422, "jws_malformed", sent(func(jws []byte) []byte {
			p := strings.Split(string(jws), ".")
			return fmt.Appendf(nil, `{"payload":"e30","payload":%q,"protected":%q,"signature":%q}`, p[1], p[0], p[2])
		})},
	}
}

// jwsDesk is a desk that takes a JWS.
type jwsDesk struct {
	name, foreign string // foreign is where nonces for another purpose are
	status        int    // of success
	good          func(t *testing.T) []byte
	send          func(jws []byte) ask
}

func (s *scene) jwsDesks() []jwsDesk {
	h := s.merchant.holder
	return []jwsDesk{
		{"badge", answerNonce, http.StatusCreated, func(t *testing.T) []byte { return s.badgeJWS(t, h, zahraCompany, zahraShop) }, sendBadge},
		{"complaint answer", badgeNonce, http.StatusOK, func(t *testing.T) []byte { return s.answerJWS(t, h, s.complaint.ID) },
			func(jws []byte) ask { return sendAnswer(s.complaint.ID, jws) }},
		{"own record", badgeNonce, http.StatusOK, func(t *testing.T) []byte { return s.recordJWS(t, h) },
			func(jws []byte) ask {
				return postAs("/api/v1/businesses/"+zahraCompany+"/record", "", "application/jose", jws)
			}},
	}
}

// recordJWS makes a good request of the business for its own record.
func (s *running) recordJWS(t *testing.T, h *holder) []byte {
	t.Helper()
	c := s.challenge(t, answerNonce+"?purpose=complaint-record")
	payload, err := json.Marshal(complaints.RecordStatement{Claims: h.claims(c), Business: zahraCompany})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signature.SignJWS(h.SigningKey, complaints.RecordType, payload)
	if err != nil {
		t.Fatal(err)
	}
	return jws
}

// TestABadJWSIsRefusedAndUsesNothingUp bends good statements one way at a
// time, at every desk that takes them.
func TestABadJWSIsRefusedAndUsesNothingUp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	before, noDeeds := s.look(t), s.noDeeds(t)
	desks := s.jwsDesks()
	last := map[string][]byte{}
	for _, d := range desks {
		for _, c := range badJWSs(s.challenge(t, d.foreign).Nonce) {
			t.Run(d.name+": "+c.name, func(t *testing.T) {
				last[d.name] = d.good(t)
				p := takeApart(t, last[d.name], s.merchant.Signer)
				c.bend(t, &p)
				s.anyone.refuses(t, d.send(p.sign(t)), c.status, c.code)
				s.unchanged(t, before)
			})
		}
	}
	noDeeds()
	for _, d := range desks { // the nonce that was in the bent one is still good
		s.anyone.done(t, d.send(last[d.name]), d.status, nil)
	}
	if c := s.follow(t, s.complaint); c.State != complaints.StateAnswered {
		t.Errorf("the complaint is %s after its answer", c.State)
	}
}
