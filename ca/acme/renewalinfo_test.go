package acme_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	client "golang.org/x/crypto/acme"

	"mohr/ca"
	"mohr/ca/acme"
	"mohr/internal/store"
)

// certID is the identifier of RFC 9773 section 4.1.
func certID(t testing.TB, der []byte) string {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString(c.AuthorityKeyId) + "." + enc.EncodeToString(c.SerialNumber.Bytes())
}

// renewalInfo asks at the address in the directory.
func (w *world) renewalInfo(t testing.TB, id string) (status int, header http.Header, start, end time.Time) {
	t.Helper()
	var dir struct{ RenewalInfo, KeyChange, NewOrder string }
	get := func(url string, to any) (int, http.Header) {
		res, err := w.http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, to); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		return res.StatusCode, res.Header
	}
	if get(w.directory(), &dir); dir.RenewalInfo != w.Portal()+"/acme/server-auth/renewal-info" || dir.KeyChange == "" {
		t.Fatalf("the directory says %+v", dir)
	}
	var info struct {
		SuggestedWindow struct{ Start, End time.Time }
	}
	status, header = get(dir.RenewalInfo+"/"+id, &info)
	return status, header, info.SuggestedWindow.Start, info.SuggestedWindow.End
}

func TestACMESaysWhenToRenewAndAtOnceAfterAnIncident(t *testing.T) {
	w := newWorld(t)
	_, chain, err := obtain(t.Context(), w.account(t), csrFor(t, newECKey(t), shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		t.Fatal(err)
	}
	id := certID(t, chain[0])
	status, header, start, end := w.renewalInfo(t, id)
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	if status != 200 || header.Get("Retry-After") != "21600" || header.Get("Content-Type") != "application/json" ||
		start.Before(leaf.NotAfter.Add(-life/3-time.Minute)) || end.After(leaf.NotAfter.Add(-life/6)) || !end.After(start) {
		t.Errorf("%d %v: %s to %s, valid to %s", status, header, start, end, leaf.NotAfter)
	}
	now := w.Now()
	err = w.Store.Update(t.Context(), func(tx store.Tx) error {
		_, err := ca.MarkRenewNowIn(tx, ca.SerialText(leaf.SerialNumber), "p-test", true, now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, start, end = w.renewalInfo(t, id); end.After(now) || !start.Before(end) {
		t.Errorf("after the incident: %s to %s, it was at %s", start, end, now)
	}
	for name, id := range map[string]string{"nonsense": "x", "a person's": certID(t, w.signer.Certificate.Raw), "unknown": "AAAA.AQID"} {
		if status, header, _, _ := w.renewalInfo(t, id); status != 404 && status != 400 || header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d", name, status)
		}
	}
}

func TestAnOrderSaysWhatItReplaces(t *testing.T) {
	w := newWorld(t)
	c, other := w.account(t), w.account(t)
	_, chain, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	id := certID(t, chain[0])
	r, url := w.raw(t, c), w.Portal()+"/acme/server-auth/new-order"
	order := func(r *raw, replaces any, names ...string) answer {
		var ids []map[string]string
		for _, n := range names {
			ids = append(ids, map[string]string{"type": "dns", "value": n})
		}
		return r.post(t, url, map[string]any{"identifiers": ids, "replaces": replaces})
	}
	refused(t, order(r, "nonsense", shop), 400, "malformed")
	refused(t, order(r, "AAAA.AQID", shop), 404, "malformed")
	refused(t, order(r, 7, shop), 400, "malformed")
	refused(t, order(r, certID(t, w.signer.Certificate.Raw), shop), 403, "unauthorized")
	refused(t, order(r, id, otherShop), 403, "unauthorized")
	refused(t, order(w.raw(t, other), id, shop), 403, "unauthorized")
	made := order(r, id, shop)
	var doc struct{ Replaces, Status string }
	if err := json.Unmarshal([]byte(made.body), &doc); err != nil || made.status != 201 || doc.Replaces != id || doc.Status != "ready" {
		t.Fatalf("%d %s", made.status, made.body)
	}
	if got := r.post(t, made.header.Get("Location"), nil); got.status != 200 || json.Unmarshal([]byte(got.body), &doc) != nil || doc.Replaces != id {
		t.Errorf("the order afterwards: %s", got.body)
	}
	refused(t, order(r, id, shop), 409, "alreadyReplaced")
	w.clock.move(25 * time.Hour) // the order ended without a certificate: it counts no more
	if again := order(r, id, shop); again.status != 201 {
		t.Fatalf("%d %s", again.status, again.body)
	} else if o, err := c.GetOrder(t.Context(), again.header.Get("Location")); err != nil {
		t.Fatal(err)
	} else if _, _, err := c.CreateOrderCert(t.Context(), o.FinalizeURL, csrFor(t, newECKey(t), shop), true); err != nil {
		t.Fatal(err)
	}
	w.clock.move(49 * time.Hour)
	if _, err := w.desk.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, order(r, id, shop), 409, "alreadyReplaced")
	if got := order(r, nil, shop); got.status != 201 {
		t.Errorf("without: %d %s", got.status, got.body)
	}
}

func TestAnAccountChangesItsKey(t *testing.T) {
	w := newWorld(t)
	c := w.account(t)
	kid, old := c.KID, c.Key
	order, chain, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AccountKeyRollover(t.Context(), newECKey(t)); err != nil {
		t.Fatal(err)
	}
	if c.Key == old {
		t.Fatal("the client has its old key")
	}
	if _, _, err := obtain(t.Context(), c, csrFor(t, newECKey(t), shop), shop); err != nil {
		t.Errorf("an order with the new key: %v", err)
	}
	if got, err := c.GetOrder(t.Context(), order.URI); err != nil || got.Status != client.StatusValid {
		t.Errorf("the order of before: %+v, %v", got, err)
	}
	if err := c.RevokeCert(t.Context(), nil, chain[0], client.CRLReasonSuperseded); err != nil {
		t.Errorf("revoking the certificate of before: %v", err)
	}
	found := &client.Client{Key: c.Key, HTTPClient: w.http, DirectoryURL: w.directory()}
	if acc, err := found.GetReg(t.Context(), ""); err != nil || acc.URI != string(kid) {
		t.Errorf("found by the new key: %+v, %v", acc, err)
	}
	stale := &client.Client{Key: old, KID: kid, HTTPClient: w.http, DirectoryURL: w.directory()}
	if _, err := stale.AuthorizeOrder(t.Context(), client.DomainIDs(shop)); err == nil {
		t.Error("the old key orders on")
	}
	lost := &client.Client{Key: old, HTTPClient: w.http, DirectoryURL: w.directory()}
	if _, err := lost.GetReg(t.Context(), ""); err == nil {
		t.Error("the old key finds an account")
	}
	g := w.newKey(t)
	if _, err := lost.Register(t.Context(), &client.Account{ExternalAccountBinding: &client.ExternalAccountBinding{KID: g.KID, Key: secretOf(t, g)}}, client.AcceptTOS); err == nil {
		t.Error("the old key became an account of its own under the same name")
	}
	if err := c.AccountKeyRollover(t.Context(), old); err != nil { // back again
		t.Errorf("back to the first key: %v", err)
	}
	if _, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop)); err != nil {
		t.Error(err)
	}
}

func TestChangesOfKeyAreRefused(t *testing.T) {
	w := newWorld(t)
	c, other := w.account(t), w.account(t)
	r, url := w.raw(t, c), w.Portal()+"/acme/server-auth/key-change"
	next := &raw{w, newECKey(t), ""}
	good := func() map[string]any { return map[string]any{"account": r.kid, "oldKey": r.jwk()} }
	inner := func(by *raw, header map[string]any, payload any) map[string]any {
		h := map[string]any{"alg": "ES256", "url": url, "jwk": next.jwk()}
		for k, v := range header {
			if h[k] = v; v == nil {
				delete(h, k)
			}
		}
		return by.sign(t, h, payload)
	}
	theirs := w.raw(t, other)
	for _, test := range []struct {
		name    string
		by      *raw
		payload any
		status  int
		typ     string
	}{
		{"nothing inside", r, map[string]any{}, 400, "malformed"},
		{"inside signed by the old key", r, inner(r, nil, good()), 403, "unauthorized"},
		{"inside with a nonce", r, inner(next, map[string]any{"nonce": r.nonce(t)}, good()), 400, "malformed"},
		{"inside with a kid", r, inner(next, map[string]any{"jwk": nil, "kid": r.kid}, good()), 400, "malformed"},
		{"inside for another address", r, inner(next, map[string]any{"url": url + "x"}, good()), 403, "unauthorized"},
		{"inside without an algorithm", r, inner(next, map[string]any{"alg": "none"}, good()), 400, "badSignatureAlgorithm"},
		{"for another account", r, inner(next, nil, map[string]any{"account": theirs.kid, "oldKey": r.jwk()}), 400, "malformed"},
		{"with another old key", r, inner(next, nil, map[string]any{"account": r.kid, "oldKey": theirs.jwk()}), 400, "malformed"},
		{"with more than it needs", r, inner(next, nil, map[string]any{"account": r.kid, "oldKey": r.jwk(), "x": 1}), 400, "malformed"},
		{"to a key that is an account's", r, inner(theirs, map[string]any{"jwk": theirs.jwk()}, good()), 409, "malformed"},
		{"to the key that it has", r, inner(r, map[string]any{"jwk": r.jwk()}, good()), 409, "malformed"},
		{"outside by another account", theirs, inner(next, nil, good()), 400, "malformed"},
		{"outside by the new key", &raw{w, next.key, r.kid}, inner(next, nil, good()), 403, "unauthorized"},
		{"outside by a key alone", next, inner(next, nil, good()), 403, "unauthorized"},
		{"outside by an account that is not there", &raw{w, next.key, r.kid + "0"}, inner(next, nil, good()), 403, "unauthorized"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.by.post(t, url, test.payload)
			refused(t, got, test.status, test.typ)
			if location := got.header.Get("Location"); (location != "") != (test.status == 409) {
				t.Errorf("Location %q", location)
			}
		})
	}
	body := encode(t, r.sign(t, r.header(t, url), inner(next, nil, good())))
	if got := r.send(t, url, body); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	refused(t, r.send(t, url, body), 400, "badNonce")
	if err := other.DeactivateReg(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, theirs.post(t, url, inner(&raw{w, newECKey(t), ""}, nil, map[string]any{"account": theirs.kid, "oldKey": theirs.jwk()})), 403, "unauthorized")
}

// approved are applications whose keys live in a TPM: there is one.
type approved struct{ acme.Applications }

func (approved) BoundProfile(context.Context, string) (string, error) { return ca.NaturalSign, nil }
func (approved) AccountKey(string) []byte                             { return make([]byte, 32) }

// TestAKeyThatAnAccountChangedToBindsNoApplication: it is that account's, in
// whatever directory.
func TestAKeyThatAnAccountChangedToBindsNoApplication(t *testing.T) {
	w := newWorld(t, func(c *acme.Config) { c.Applications = approved{} })
	c := w.account(t)
	next := newECKey(t)
	if err := c.AccountKeyRollover(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		key  *ecdsa.PrivateKey
		ok   bool
	}{{"the key that an account has now", next, false}, {"a new one", newECKey(t), true}} {
		device := w.stranger(t)
		device.DirectoryURL, device.Key = w.Portal()+"/acme/"+ca.NaturalSign+"/directory", test.key
		a := &client.Account{ExternalAccountBinding: &client.ExternalAccountBinding{KID: "a-1", Key: make([]byte, 32)}}
		if _, err := device.Register(t.Context(), a, client.AcceptTOS); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop)); err != nil {
		t.Errorf("the account with its key: %v", err)
	}
}
