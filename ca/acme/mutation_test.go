package acme_test

import (
	"bytes"
	mrand "math/rand/v2"
	"net/http"
	"testing"

	client "golang.org/x/crypto/acme"

	"mohr/internal/store"
)

// mutated flips bits, cuts out, cuts off and doubles.
func mutated(r *mrand.Rand, good []byte, n int) []byte {
	for {
		b := bytes.Clone(good)
		at := r.IntN(len(b))
		switch n % 5 {
		case 0, 1:
			b[at] ^= 1 << r.IntN(8)
		case 2:
			b = b[:at]
		case 3:
			b = append(b[:at:at], good[min(at+1+r.IntN(8), len(good)):]...)
		case 4:
			b = append(b[:at:at], good[at/2:]...)
		}
		if !bytes.Equal(b, good) {
			return b
		}
	}
}

// certificates counts those that orders have come to.
func (w *world) certificates(t *testing.T) (n int) {
	t.Helper()
	err := w.Store.View(t.Context(), func(tx store.Tx) error {
		n = 0
		return store.Each(tx, "ca_requests", "acme/", "", func(string, string) error {
			n++
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// wantProblem asks for a problem document that is the client's.
func (a answer) wantProblem(t *testing.T, what string, n int) {
	t.Helper()
	if a.status < 400 || a.status >= 500 || a.problem.Type == "" {
		t.Fatalf("%s, message %d: %d %s", what, n, a.status, a.body)
	}
}

// TestMutatedACMEMessagesYieldNothing changes good messages of every kind in 240
// ways, and what is under a right signature, the request, the certificate and
// the inner message of keyChange among it, in 120 more.
func TestMutatedACMEMessagesYieldNothing(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	me := w.raw(t, c)
	_, chain, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop))
	if err != nil {
		t.Fatal(err)
	}
	base := w.Portal() + "/acme/server-auth/"
	csr := csrFor(t, newECKey(t), shop)
	g, stranger := w.newKey(t), w.raw(t, w.stranger(t))
	inner := func() map[string]any {
		next := &raw{w: w, key: newECKey(t)}
		return next.sign(t, map[string]any{"alg": "ES256", "jwk": next.jwk(), "url": base + "key-change"}, map[string]any{"account": me.kid, "oldKey": me.jwk()})
	}
	kinds := []struct {
		name, url string
		by        *raw
		payload   func() any
	}{
		{"newAccount", base + "new-account", stranger, func() any {
			return map[string]any{"termsOfServiceAgreed": true, "externalAccountBinding": stranger.macced(t, base+"new-account", g.KID, "HS256", secretOf(t, g))}
		}},
		{"newOrder", base + "new-order", me, func() any {
			return map[string]any{"identifiers": []map[string]string{{"type": "dns", "value": shop}}}
		}},
		{"authorization", order.AuthzURLs[0], me, func() any { return nil }},
		{"finalize", order.FinalizeURL, me, func() any { return map[string]string{"csr": b64(csr)} }},
		{"keyChange", base + "key-change", me, func() any { return inner() }},
		{"revokeCert", base + "revoke-cert", me, func() any { return map[string]any{"certificate": b64(chain[0]), "reason": 1} }},
	}
	r := mrand.New(mrand.NewPCG(8, 8555))
	for n := range 240 {
		k := kinds[n%len(kinds)]
		whole := encode(t, k.by.sign(t, k.by.header(t, k.url), k.payload()))
		me.send(t, k.url, mutated(r, whole, n/len(kinds))).wantProblem(t, k.name, n)
	}
	for n := range 40 {
		me.post(t, order.FinalizeURL, map[string]string{"csr": b64(mutated(r, csr, n))}).wantProblem(t, "a request in finalize", n)
		me.post(t, base+"revoke-cert", map[string]any{"certificate": b64(mutated(r, chain[0], n))}).wantProblem(t, "a certificate in revokeCert", n)
		me.post(t, base+"key-change", mutated(r, encode(t, inner()), n)).wantProblem(t, "the inner message of keyChange", n)
	}
	if n := w.certificates(t); n != 1 {
		t.Fatalf("%d certificates, want the one from before", n)
	}
	if got := me.post(t, order.FinalizeURL, map[string]string{"csr": b64(csr)}); got.status != http.StatusOK || w.certificates(t) != 2 {
		t.Errorf("the good one afterwards: %d %s", got.status, got.body)
	}
}
