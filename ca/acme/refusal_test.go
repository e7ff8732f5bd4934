package acme_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	client "golang.org/x/crypto/acme"

	"mohr/ca/acme"
	"mohr/ca/catest"
	"mohr/internal/store"
)

// refused checks an answer: a problem of this type that tells nothing of what
// is inside, with a fresh nonce.
func refused(t *testing.T, a answer, status int, typ string) {
	t.Helper()
	if a.status != status || a.problem.Type != "urn:ietf:params:acme:error:"+typ {
		t.Errorf("%d %s, want %d %s", a.status, a.body, status, typ)
	}
	for _, inner := range []string{"jose", "acme_", "mohr/", "error ", "json:", "x509:", "smallstep"} {
		if strings.Contains(a.problem.Detail, inner) {
			t.Errorf("the detail shows what is inside: %s", a.problem.Detail)
		}
	}
	if a.header.Get("Replay-Nonce") == "" || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("headers %v", a.header)
	}
}

func dns(names ...string) map[string]any {
	list := []map[string]string{}
	for _, n := range names {
		list = append(list, map[string]string{"type": "dns", "value": n})
	}
	return map[string]any{"identifiers": list}
}

func TestOrdersAreRefused(t *testing.T) {
	w := newWorld(t)
	r := w.raw(t, w.account(t))
	many := []string{}
	for _, c := range "abcdefghijk" {
		many = append(many, string(c)+"."+shop)
	}
	for _, test := range []struct {
		name   string
		order  any
		status int
		typ    string
	}{
		{"for the domain of another business", dns(rival), 403, "rejectedIdentifier"},
		{"for a domain of nobody", dns("bank.example"), 403, "rejectedIdentifier"},
		{"for a name below the domain", dns("www." + shop), 403, "rejectedIdentifier"},
		{"for a wildcard", dns("*." + shop), 403, "rejectedIdentifier"},
		{"for a domain that is proven and one that is not", dns(shop, rival), 403, "rejectedIdentifier"},
		{"for an address", map[string]any{"identifiers": []any{map[string]string{"type": "ip", "value": "127.0.0.1"}}}, 400, "unsupportedIdentifier"},
		{"for an address as a name", dns("127.0.0.1"), 403, "rejectedIdentifier"},
		{"for a device", map[string]any{"identifiers": []any{map[string]string{"type": "permanent-identifier", "value": "x"}}}, 400, "unsupportedIdentifier"},
		{"for a kind that nobody knows", map[string]any{"identifiers": []any{map[string]string{"type": "soul", "value": "x"}}}, 400, "malformed"},
		{"for nothing", dns(), 400, "malformed"},
		{"for one name twice", dns(shop, strings.ToUpper(shop)), 400, "malformed"},
		{"for too many names", dns(many...), 400, "malformed"},
		{"for a name too long for a common name", dns(strings.Repeat("a", 60) + "." + shop), 403, "rejectedIdentifier"},
		{"for a name that is none", dns("sh op.example"), 400, "malformed"},
		{"with an end of its own", map[string]any{"identifiers": dns(shop)["identifiers"], "notAfter": "2099-01-01T00:00:00Z"}, 400, "malformed"},
		{"with identifiers that are no list", map[string]any{"identifiers": 5}, 400, "malformed"},
		{"with a key twice", []byte(`{"identifiers":[],"identifiers":[]}`), 400, "malformed"},
		{"that is no object", []byte(`[]`), 400, "malformed"},
		{"that is no JSON", []byte(`{`), 400, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			refused(t, r.post(t, w.Portal()+"/acme/server-auth/new-order", test.order), test.status, test.typ)
		})
	}
}

func TestEnvelopesAreRefused(t *testing.T) {
	w := newWorld(t)
	r, other := w.raw(t, w.account(t)), w.raw(t, w.account(t))
	url := w.Portal() + "/acme/server-auth/new-order"
	spent := r.header(t, url)
	if a := r.send(t, url, encode(t, r.sign(t, spent, dns(shop)))); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	with := func(change ...any) map[string]any {
		h := r.header(t, url)
		for i := 0; i < len(change); i += 2 {
			if change[i+1] == nil {
				delete(h, change[i].(string))
			} else {
				h[change[i].(string)] = change[i+1]
			}
		}
		return h
	}
	signed := func(h map[string]any) []byte { return encode(t, r.sign(t, h, dns(shop))) }
	changed := func(key, value string) []byte {
		doc := r.sign(t, r.header(t, url), dns(shop))
		doc[key] = value
		return encode(t, doc)
	}
	late := with()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakJWK := map[string]string{"kty": "RSA", "n": b64(weak.N.Bytes()), "e": "AQAB"}
	for _, test := range []struct {
		name   string
		body   []byte
		status int
		typ    string
	}{
		{"a nonce used before", signed(spent), 400, "badNonce"},
		{"a nonce that we did not make", signed(with("nonce", "AAAA")), 400, "badNonce"},
		{"a nonce of another purpose", signed(with("nonce", w.clock.source().New("badge"))), 400, "badNonce"},
		{"no nonce", signed(with("nonce", nil)), 400, "badNonce"},
		{"no algorithm", signed(with("alg", "none")), 400, "badSignatureAlgorithm"},
		{"a MAC", signed(with("alg", "HS256")), 400, "badSignatureAlgorithm"},
		{"the algorithm of another key", signed(with("alg", "RS256")), 400, "malformed"},
		{"the account of somebody else", signed(with("kid", other.kid)), 400, "malformed"},
		{"an account that is not there", signed(with("kid", w.Portal()+"/acme/server-auth/account/a-x")), 400, "accountDoesNotExist"},
		{"an account by another address", signed(with("kid", strings.Replace(r.kid, "localhost", "127.0.0.1", 1))), 403, "unauthorized"},
		{"an account with words behind it", signed(with("kid", r.kid+"?a="+r.kid)), 403, "unauthorized"},
		{"a key instead of an account", signed(with("kid", nil, "jwk", r.jwk())), 400, "malformed"},
		{"a key and an account", signed(with("jwk", r.jwk())), 400, "malformed"},
		{"neither key nor account", signed(with("kid", nil)), 400, "malformed"},
		{"another address", signed(with("url", w.Portal()+"/acme/server-auth/new-account")), 403, "unauthorized"},
		{"the address of another host", signed(with("url", "https://evil.example/acme/server-auth/new-order")), 403, "unauthorized"},
		{"no address", signed(with("url", nil)), 403, "unauthorized"},
		{"a header that nobody knows", signed(with("crit", []string{"b64"}, "b64", false)), 400, "malformed"},
		{"a payload that was not signed", changed("payload", b64(encode(t, dns(otherShop)))), 400, "malformed"},
		{"another signature", changed("signature", b64(make([]byte, 64))), 400, "malformed"},
		{"an empty signature", changed("signature", ""), 400, "malformed"},
		{"an unprotected header", changed("header", "x"), 400, "malformed"},
		{"padding", changed("payload", "e30="), 400, "malformed"},
		{"no JWS", []byte("{}"), 400, "malformed"},
		{"a compact JWS", []byte("e30.e30.e30"), 400, "malformed"},
		{"a JWS with something behind it", append(signed(with()), '1'), 400, "malformed"},
		{"nothing", nil, 400, "malformed"},
		{"a huge body", []byte(`{"payload":"` + strings.Repeat("A", 1<<17) + `"}`), 413, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) { refused(t, r.send(t, url, test.body), test.status, test.typ) })
	}
	t.Run("a weak key", func(t *testing.T) {
		u := w.Portal() + "/acme/server-auth/new-account"
		refused(t, r.send(t, u, encode(t, r.sign(t, with("url", u, "alg", "RS256", "kid", nil, "jwk", weakJWK), map[string]any{}))), 400, "malformed")
	})
	t.Run("a nonce out of its time", func(t *testing.T) {
		w.clock.move(2 * time.Minute)
		refused(t, r.send(t, url, signed(late)), 400, "badNonce")
	})
	t.Run("another media type", func(t *testing.T) {
		res, err := w.http.Post(url, "application/json", strings.NewReader(string(signed(with()))))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("%s", res.Status)
		}
	})
}

func TestABadAlgorithmIsToldTheGoodOnes(t *testing.T) {
	w := newWorld(t)
	r := w.raw(t, w.account(t))
	url := w.Portal() + "/acme/server-auth/new-order"
	h := r.header(t, url)
	h["alg"] = "ES512"
	a := r.send(t, url, encode(t, r.sign(t, h, dns(shop))))
	if !strings.Contains(a.body, `"algorithms":["ES256","ES384","EdDSA","RS256"]`) {
		t.Errorf("%s", a.body)
	}
}

func TestAccountsAreRefused(t *testing.T) {
	w := newWorld(t)
	url := w.Portal() + "/acme/server-auth/new-account"
	good, used, ended := w.newKey(t), w.newKey(t), w.newKey(t)
	if _, err := w.desk.Keys(t.Context(), w.statement(t, w.signer, acme.Ask{Action: acme.ActionRevoke, KID: ended.KID})); err != nil {
		t.Fatal(err)
	}
	bound := &raw{w: w, key: newECKey(t)}
	bind := func(r *raw, g acme.Given) map[string]any {
		return map[string]any{"externalAccountBinding": r.macced(t, url, g.KID, "HS256", secretOf(t, g))}
	}
	if a := bound.post(t, url, bind(bound, used)); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	r, thief := &raw{w: w, key: newECKey(t)}, &raw{w: w, key: newECKey(t)}
	for _, test := range []struct {
		name    string
		payload any
		status  int
		typ     string
	}{
		{"without a binding", map[string]any{"termsOfServiceAgreed": true}, 403, "externalAccountRequired"},
		{"bound by a key that bound another", bind(r, used), 403, "unauthorized"},
		{"bound by a revoked key", bind(r, ended), 403, "unauthorized"},
		{"bound by the wrong secret", map[string]any{"externalAccountBinding": r.macced(t, url, good.KID, "HS256", []byte("guess"))}, 403, "unauthorized"},
		{"bound by no secret", map[string]any{"externalAccountBinding": r.macced(t, url, good.KID, "HS256", nil)}, 403, "unauthorized"},
		{"bound by a key that nobody has", map[string]any{"externalAccountBinding": r.macced(t, url, "k-0", "HS256", secretOf(t, good))}, 403, "unauthorized"},
		{"bound for another account's key", bind(thief, good), 403, "unauthorized"},
		{"bound at another address", map[string]any{"externalAccountBinding": r.macced(t, url+"x", good.KID, "HS256", secretOf(t, good))}, 400, "malformed"},
		{"bound without a MAC", map[string]any{"externalAccountBinding": r.macced(t, url, good.KID, "none", secretOf(t, good))}, 400, "malformed"},
		{"bound by a signature", map[string]any{"externalAccountBinding": r.sign(t, map[string]any{"alg": "ES256", "kid": good.KID, "url": url}, r.jwk())}, 400, "malformed"},
		{"with a binding that is none", map[string]any{"externalAccountBinding": "x"}, 400, "malformed"},
		{"with a binding that is null", map[string]any{"externalAccountBinding": nil}, 400, "malformed"},
		{"with a binding that is empty", map[string]any{"externalAccountBinding": map[string]any{}}, 400, "malformed"},
		{"if there only may be an old one", map[string]any{"onlyReturnExisting": true}, 400, "accountDoesNotExist"},
	} {
		t.Run(test.name, func(t *testing.T) { refused(t, r.post(t, url, test.payload), test.status, test.typ) })
	}
	if a := r.post(t, url, bind(r, good)); a.status != 201 {
		t.Errorf("with a good binding: %d %s", a.status, a.body)
	}
}

func TestFinalizingIsRefused(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	r, other := w.raw(t, c), w.raw(t, w.account(t))
	order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop))
	if err != nil {
		t.Fatal(err)
	}
	key := newECKey(t)
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	make := func(tmpl x509.CertificateRequest) map[string]any {
		der, err := x509.CreateCertificateRequest(rand.Reader, &tmpl, key)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]any{"csr": b64(der)}
	}
	broken := csrFor(t, key, shop)
	broken[len(broken)-1] ^= 1
	authority := pkix.Extension{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x03, 0x01, 0x01, 0xff}}
	for _, test := range []struct {
		name    string
		by      *raw
		url     string
		payload any
		status  int
		typ     string
	}{
		{"for another name", r, order.FinalizeURL, make(x509.CertificateRequest{DNSNames: []string{otherShop}}), 400, "badCSR"},
		{"for one name more", r, order.FinalizeURL, make(x509.CertificateRequest{DNSNames: []string{shop, otherShop}}), 400, "badCSR"},
		{"for no name", r, order.FinalizeURL, make(x509.CertificateRequest{}), 400, "badCSR"},
		{"with another common name", r, order.FinalizeURL, make(x509.CertificateRequest{Subject: pkix.Name{CommonName: rival}, DNSNames: []string{shop}}), 400, "badCSR"},
		{"with an address", r, order.FinalizeURL, make(x509.CertificateRequest{DNSNames: []string{shop}, IPAddresses: []net.IP{{127, 0, 0, 1}}}), 400, "badCSR"},
		{"with a mailbox", r, order.FinalizeURL, make(x509.CertificateRequest{DNSNames: []string{shop}, EmailAddresses: []string{"a@" + shop}}), 400, "badCSR"},
		{"as an authority", r, order.FinalizeURL, make(x509.CertificateRequest{DNSNames: []string{shop}, ExtraExtensions: []pkix.Extension{authority}}), 400, "badCSR"},
		{"with a broken signature", r, order.FinalizeURL, map[string]any{"csr": b64(broken)}, 400, "malformed"},
		{"with a weak key", r, order.FinalizeURL, map[string]any{"csr": b64(csrFor(t, weak, shop))}, 400, "badCSR"},
		{"with no request", r, order.FinalizeURL, map[string]any{}, 400, "malformed"},
		{"with a request that is no text", r, order.FinalizeURL, map[string]any{"csr": 5}, 400, "malformed"},
		{"by another account", other, order.FinalizeURL, map[string]any{"csr": b64(csrFor(t, key, shop))}, 403, "unauthorized"},
		{"of an order that is not there", r, order.FinalizeURL[:len(order.FinalizeURL)-len("x/finalize")] + "/finalize", map[string]any{"csr": b64(csrFor(t, key, shop))}, 404, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) { refused(t, test.by.post(t, test.url, test.payload), test.status, test.typ) })
	}
	csr := map[string]any{"csr": b64(csrFor(t, key, shop))}
	t.Run("while the badge is withdrawn", func(t *testing.T) {
		w.prove(t, w.business, shop, false)
		refused(t, r.post(t, order.FinalizeURL, csr), 403, "rejectedIdentifier")
		w.prove(t, w.business, shop, true)
	})
	t.Run("when the order has expired", func(t *testing.T) {
		w.clock.move(25 * time.Hour)
		refused(t, r.post(t, order.FinalizeURL, csr), 403, "orderNotReady")
		w.clock.move(-25 * time.Hour)
	})
	if a := r.post(t, order.FinalizeURL, csr); a.status != 200 {
		t.Errorf("and then as it should be: %d %s", a.status, a.body)
	}
	if n := w.issued(t); n != 1 {
		t.Errorf("%d certificates were issued", n)
	}
}

// issued counts the certificates of servers, pending ones among them.
func (w *world) issued(t testing.TB) (n int) {
	t.Helper()
	list, err := w.List(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if strings.HasPrefix(c.Request, "acme/") {
			n++
		}
	}
	return n
}

func TestThingsOfOtherAccountsAreNotShown(t *testing.T) {
	w := newWorld(t)
	c, other := w.account(t), w.raw(t, w.account(t))
	order, _, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	done, err := c.GetOrder(t.Context(), order.URI)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{order.URI, order.AuthzURLs[0], done.CertURL, string(c.KID), string(c.KID) + "/orders"} {
		if a := other.post(t, url, nil); a.status < 400 || strings.Contains(a.body, shop) {
			t.Errorf("%s: %d %s", url, a.status, a.body)
		}
	}
}

func TestRoutesThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	r := w.raw(t, w.account(t))
	base := w.Portal() + "/acme/"
	for _, test := range []struct {
		name, method, url string
		status            int
	}{
		{"another profile", "GET", base + "service-tls/directory", 404},
		{"no profile", "GET", base + "directory", 404},
		{"a nonce by DELETE", "DELETE", base + "server-auth/new-nonce", 405},
		{"an order by GET", "GET", base + "server-auth/order/x", 405},
		{"smallstep's own signing", "GET", w.Portal() + "/1.0/sign", 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequest(test.method, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := w.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != test.status {
				t.Errorf("%s", res.Status)
			}
		})
	}
	refused(t, r.post(t, base+"server-auth/key-change", map[string]any{}), 400, "malformed")
	refused(t, r.post(t, base+"server-auth/challenge/x/y", map[string]any{}), 404, "malformed")
	refused(t, r.post(t, base+"server-auth/authz/a.b.c", nil), 404, "malformed")
}

func TestABusinessOrdersSoManyInAnHour(t *testing.T) {
	w := newWorld(t, func(c *acme.Config) { c.OrdersPerHour = 3 })
	r, second := w.raw(t, w.account(t)), w.raw(t, w.account(t))
	url := w.Portal() + "/acme/server-auth/new-order"
	for range 3 {
		if a := r.post(t, url, dns(shop)); a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	a := second.post(t, url, dns(shop))
	refused(t, a, 429, "rateLimited")
	if a.header.Get("Retry-After") == "" {
		t.Error("nobody says when to come again")
	}
	w.clock.move(time.Hour)
	if a := r.post(t, url, dns(shop)); a.status != 201 {
		t.Errorf("an hour later: %d %s", a.status, a.body)
	}
}

func TestNothingSecretOrPersonalIsLogged(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	g := w.newKey(t)
	if _, _, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{g.HMACKey, "zahra@", catest.Zahra.NationalCode} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	kept := []string{}
	err := w.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"acme_keys", "acme_accounts", "acme_orders", "nonce_used"} {
			if err := tx.Scan(bucket, "", "", func(key string, value []byte) error {
				kept = append(kept, bucket+" "+key+" "+string(value))
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range kept {
		if strings.Contains(record, g.HMACKey) || strings.Contains(record, "zahra@") {
			t.Errorf("kept in clear: %s", record)
		}
	}
	// One nonce a statement; none of ACME's is in the store.
	if n := len(slices.DeleteFunc(kept, func(r string) bool { return !strings.HasPrefix(r, "nonce_used ") })); n != 2 {
		t.Errorf("%d nonces are in the store, want the 2 of the statements", n)
	}
}
