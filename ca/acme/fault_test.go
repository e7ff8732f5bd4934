package acme_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	client "golang.org/x/crypto/acme"

	"mohr/ca"
	"mohr/ca/acme"
	"mohr/internal/store"
)

func TestWithoutTheKeysAnOrderWaitsAndLosesNothing(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	r := w.raw(t, c)
	order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop))
	if err != nil {
		t.Fatal(err)
	}
	csr := csrFor(t, newECKey(t), shop)
	w.keysOut.Store(true)
	a := r.post(t, order.FinalizeURL, map[string]any{"csr": b64(csr)})
	refused(t, a, 503, "serverInternal")
	if a.header.Get("Retry-After") == "" {
		t.Error("nobody says when to come again")
	}
	waiting, err := c.GetOrder(t.Context(), order.URI)
	if err != nil || waiting.Status != client.StatusReady {
		t.Errorf("the order meanwhile: %+v, %v", waiting, err)
	}
	refused(t, r.post(t, order.FinalizeURL, map[string]any{"csr": b64(csrFor(t, newECKey(t), shop))}), 403, "orderNotReady")
	w.keysOut.Store(false)
	if _, _, err := c.CreateOrderCert(t.Context(), order.FinalizeURL, csr, true); err != nil {
		t.Error(err)
	}
	if n := w.issued(t); n != 1 {
		t.Errorf("%d certificates for one order", n)
	}
}

func TestABadgeWithdrawnWhileTheKeysWereAwayCounts(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop))
	if err != nil {
		t.Fatal(err)
	}
	csr := map[string]any{"csr": b64(csrFor(t, newECKey(t), shop))}
	w.keysOut.Store(true)
	refused(t, w.raw(t, c).post(t, order.FinalizeURL, csr), 503, "serverInternal")
	w.keysOut.Store(false)
	w.prove(t, w.business, shop, false)
	refused(t, w.raw(t, c).post(t, order.FinalizeURL, csr), 403, "rejectedIdentifier")
}

func TestAnOrderEndsAsTheSweepLeavesIt(t *testing.T) {
	for _, test := range []struct {
		name  string
		after time.Duration
		want  string
	}{
		{"finished, where the keys came back", 2 * time.Minute, client.StatusValid},
		{"given up, where they stayed away", 25 * time.Hour, client.StatusInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			c := w.account(t)
			order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop))
			if err != nil {
				t.Fatal(err)
			}
			csr := map[string]any{"csr": b64(csrFor(t, newECKey(t), shop))}
			w.keysOut.Store(true)
			refused(t, w.raw(t, c).post(t, order.FinalizeURL, csr), 503, "serverInternal")
			w.keysOut.Store(false)
			w.clock.move(test.after)
			if _, err := w.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, err := c.GetOrder(t.Context(), order.URI)
			if err != nil || got.Status != test.want || (got.CertURL != "") != (test.want == client.StatusValid) {
				t.Errorf("order %+v, %v", got, err)
			}
			if _, _, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop); err != nil {
				t.Errorf("a new order: %v", err)
			}
		})
	}
}

// at sends a request to a handler, past the network.
func at(t *testing.T, h http.Handler, url string, body []byte) answer {
	t.Helper()
	req := httptest.NewRequest("POST", url, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/jose+json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	a := answer{status: rec.Code, header: rec.Header(), body: rec.Body.String()}
	if strings.HasPrefix(rec.Header().Get("Content-Type"), "application/problem") {
		if err := json.Unmarshal(rec.Body.Bytes(), &a.problem); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (w *world) count(t *testing.T, bucket string) (n int) {
	t.Helper()
	err := w.Store.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan(bucket, "", "", func(string, []byte) error { n++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestARequestSentAgainToAnotherNodeChangesNothing(t *testing.T) {
	w := newWorld(t, func(c *acme.Config) { c.OrdersPerHour = 1 })
	_, second := w.node(t, w.Portal())
	g := w.newKey(t)
	r := &raw{w: w, key: newECKey(t)}
	account, newOrder := w.Portal()+"/acme/server-auth/new-account", w.Portal()+"/acme/server-auth/new-order"
	twice := func(name, url string, payload any, status int) answer {
		body := encode(t, r.sign(t, r.header(t, url), payload))
		one, two, three := at(t, w.handler, url, body), at(t, second, url, body), at(t, w.handler, url, body)
		if one.status != status || two.status/100 != 2 || one.header.Get("Location") != two.header.Get("Location") {
			t.Fatalf("%s: %d %s, then %d %s", name, one.status, one.body, two.status, two.body)
		}
		refused(t, three, 400, "badNonce")
		return one
	}
	acc := twice("account", account, map[string]any{"externalAccountBinding": r.macced(t, account, g.KID, "HS256", secretOf(t, g))}, 201)
	r.kid = acc.header.Get("Location")
	made := twice("order", newOrder, dns(shop), 201)
	var order struct{ Finalize, Certificate string }
	if err := json.Unmarshal([]byte(made.body), &order); err != nil {
		t.Fatal(err)
	}
	key := newECKey(t)
	done := twice("finalize", order.Finalize, map[string]any{"csr": b64(csrFor(t, key, shop))}, 200)
	if err := json.Unmarshal([]byte(done.body), &order); err != nil {
		t.Fatal(err)
	}
	twice("certificate", order.Certificate, nil, 200)
	if a, o, c := w.count(t, "acme_accounts"), w.count(t, "acme_orders"), w.issued(t); a != 1 || o != 1 || c != 1 {
		t.Errorf("%d accounts, %d orders, %d certificates, want one of each", a, o, c)
	}
	closing := encode(t, r.sign(t, r.header(t, r.kid), map[string]any{"status": "deactivated"}))
	if a := at(t, w.handler, r.kid, closing); a.status != 200 {
		t.Fatalf("closing: %d %s", a.status, a.body)
	}
	refused(t, at(t, second, r.kid, closing), 403, "unauthorized")
}

// race runs fn on eight goroutines and returns how often it said yes.
func race(fn func() bool) (n int) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if fn() {
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return n
}

func TestOneKeyBindsOneAccountAndOneOrderHasOneCertificate(t *testing.T) {
	w := newWorld(t)
	_, second := w.node(t, w.Portal())
	g := w.newKey(t)
	url := w.Portal() + "/acme/server-auth/new-account"
	var mu sync.Mutex
	bodies := [][]byte{}
	for range 8 {
		r := &raw{w: w, key: newECKey(t)}
		bodies = append(bodies, encode(t, r.sign(t, r.header(t, url), map[string]any{"externalAccountBinding": r.macced(t, url, g.KID, "HS256", secretOf(t, g))})))
	}
	next := func() []byte {
		mu.Lock()
		defer mu.Unlock()
		b := bodies[0]
		bodies = bodies[1:]
		return b
	}
	if n := race(func() bool { return at(t, second, url, next()).status == 201 }); n != 1 {
		t.Errorf("%d accounts by one key", n)
	}
	c := w.account(t)
	order, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop))
	if err != nil {
		t.Fatal(err)
	}
	csr, r := csrFor(t, newECKey(t), shop), w.raw(t, c)
	for range 8 {
		bodies = append(bodies, encode(t, r.sign(t, r.header(t, order.FinalizeURL), map[string]any{"csr": b64(csr)})))
	}
	if n := race(func() bool { return at(t, second, order.FinalizeURL, next()).status == 200 }); n != 8 {
		t.Errorf("%d of 8 got their certificate", n)
	}
	if n := w.issued(t); n != 1 {
		t.Errorf("%d certificates for one order", n)
	}
}

func TestAPanicEndsInAProblem(t *testing.T) {
	w := newWorld(t, func(c *acme.Config) {
		c.Proven = func(store.Tx, ca.BusinessID, string, time.Time) (bool, error) { panic("boom") }
	})
	a := w.raw(t, w.account(t)).post(t, w.Portal()+"/acme/server-auth/new-order", dns(shop))
	refused(t, a, 500, "serverInternal")
	if strings.Contains(a.body, "boom") || !strings.Contains(w.log.String(), "boom") {
		t.Errorf("%s", a.body)
	}
}
