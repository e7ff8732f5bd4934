package acme_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	client "golang.org/x/crypto/acme"

	"mohr/ca"
	"mohr/ca/acme"
	"mohr/ca/catest"
	"mohr/ca/mandate"
	"mohr/ca/mandate/mandatetest"
	"mohr/internal/fault"
)

// states are the states of keys, oldest name first.
func states(g acme.Given) map[string]string {
	got := map[string]string{}
	for _, k := range g.Keys {
		got[k.KID] = k.State
	}
	return got
}

func TestAKeyIsMadeListedAndRevoked(t *testing.T) {
	w := newWorld(t)
	made := w.newKey(t)
	if len(secretOf(t, made)) != 32 || made.Business != w.business || made.Directory != w.directory() {
		t.Errorf("%+v", made)
	}
	c := w.account(t) // by a second key
	list, err := w.desk.Keys(t.Context(), w.statement(t, w.signer, acme.Ask{Action: acme.ActionList}))
	if err != nil || len(list.Keys) != 2 || states(list)[made.KID] != "free" || list.HMACKey != "" {
		t.Fatalf("%+v, %v", list, err)
	}
	second := ""
	for kid, state := range states(list) {
		if state == "bound" {
			second = kid
		}
	}
	revoke := w.statement(t, w.signer, acme.Ask{Action: acme.ActionRevoke, KID: second})
	for _, when := range []string{"revoked", "revoked again"} {
		got, err := w.desk.Keys(t.Context(), revoke)
		if diff := cmp.Diff(map[string]string{made.KID: "free", second: "revoked"}, states(got)); diff != "" || err != nil {
			t.Errorf("%s: %s, %v", when, diff, err)
		}
	}
	if _, err := c.AuthorizeOrder(t.Context(), client.DomainIDs(shop)); problemType(err) != "unauthorized" {
		t.Errorf("an order of the account that the key had bound: %v", err)
	}
}

func TestWhoActsByMandateGetsAKeyOnlyAsAnAdministrator(t *testing.T) {
	w := newWorld(t)
	clerk := catest.Zahra
	clerk.NationalCode = "0087654326"
	create := acme.Ask{Action: acme.ActionCreate}
	mandatetest.Give(t, w.Fixture, string(w.business), clerk.NationalCode, mandate.Sign)
	key, _ := mandatetest.Certify(t, w.Fixture, clerk, string(w.business), "clerk")
	if _, err := w.desk.Keys(t.Context(), w.statement(t, key, create)); fault.Code(err) != "mandate_scope" {
		t.Errorf("to sign: %v", err)
	}
	given := mandatetest.Give(t, w.Fixture, string(w.business), clerk.NationalCode, mandate.Administer)
	if _, err := w.desk.Keys(t.Context(), w.statement(t, key, create)); err != nil {
		t.Errorf("to administer: %v", err)
	}
	given.Revoke(false)
	if _, err := w.desk.Keys(t.Context(), w.statement(t, key, create)); fault.Code(err) != "mandate_scope" && fault.Code(err) != "mandate_ended" {
		t.Errorf("afterwards: %v", err)
	}
}

func TestTheSameStatementGivesTheSameKeyUntilItBinds(t *testing.T) {
	w := newWorld(t)
	statement := w.statement(t, w.signer, acme.Ask{Action: acme.ActionCreate})
	first, err := w.desk.Keys(t.Context(), statement)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.desk.Keys(t.Context(), statement)
	if diff := cmp.Diff(first, second); diff != "" || err != nil {
		t.Errorf("the second time: %s, %v", diff, err)
	}
	c := w.stranger(t)
	if _, err := c.Register(t.Context(), &client.Account{ExternalAccountBinding: &client.ExternalAccountBinding{KID: first.KID, Key: secretOf(t, first)}}, client.AcceptTOS); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.Keys(t.Context(), statement); fault.Code(err) != "acme_key_used" {
		t.Errorf("when it has bound an account: %v", err)
	}
	w.clock.move(10 * time.Minute)
	if _, err := w.desk.Keys(t.Context(), statement); fault.Code(err) != "statement_time" {
		t.Errorf("when its time is over: %v", err)
	}
}

func TestStatementsAboutKeysAreRefused(t *testing.T) {
	w := newWorld(t, func(c *acme.Config) { c.KeysPerBusiness = 1 })
	rivals := catest.Zahra
	rivals.NationalCode, rivals.LegalID = "1234567891", "10380284790"
	theirs, _ := w.IssueTo(t, rivals, ca.OrganisationSign, "rival")
	person, _ := w.IssueTo(t, catest.Zahra, ca.NaturalSign, "person")
	revoked, record := w.IssueTo(t, catest.Zahra, ca.OrganisationSign, "revoked")
	if err := w.Revoke(t.Context(), record.Serial, ca.Superseded, "test"); err != nil {
		t.Fatal(err)
	}
	given, err := w.desk.Keys(t.Context(), w.statement(t, theirs, acme.Ask{Action: acme.ActionCreate}))
	if err != nil {
		t.Fatal(err)
	}
	spent := w.statement(t, w.signer, acme.Ask{Action: acme.ActionCreate})
	nonce := claimsOf(t, spent).Nonce
	mine, err := w.desk.Keys(t.Context(), spent)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(by ca.SigningKey, change func(*acme.Ask)) []byte {
		a := acme.Ask{Action: acme.ActionCreate}
		if change != nil {
			change(&a)
		}
		return w.statement(t, by, a)
	}
	for _, test := range []struct {
		name      string
		statement []byte
		code      string
	}{
		{"by a person for nobody", ask(person, nil), "acme_certificate_usage"},
		{"by a server of ours", ask(w.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}}), nil), "acme_certificate_usage"},
		{"by a revoked certificate", ask(revoked, nil), "certificate_revoked"},
		{"for another service", ask(w.signer, func(a *acme.Ask) { a.Audience = "https://other.example" }), "statement_audience"},
		{"of another type", ask(w.signer, func(a *acme.Ask) { a.Type = "mohr-renew/1" }), "statement_type"},
		{"with a nonce for something else", ask(w.signer, func(a *acme.Ask) { a.Nonce = w.clock.source().New("renew") }), "nonce_unknown"},
		{"with a nonce used before", ask(w.signer, func(a *acme.Ask) { a.Nonce = nonce }), "nonce_used"},
		{"for nothing that we know", ask(w.signer, func(a *acme.Ask) { a.Action = "steal" }), "acme_action_unknown"},
		{"for one key too many", ask(w.signer, nil), "acme_keys_limit"},
		{"to revoke the key of another business", ask(w.signer, func(a *acme.Ask) { a.Action, a.KID = acme.ActionRevoke, given.KID }), "acme_key_unknown"},
		{"to revoke what is not there", ask(w.signer, func(a *acme.Ask) { a.Action, a.KID = acme.ActionRevoke, strings.Repeat("k", 1000) }), "acme_key_unknown"},
		{"that is too large", []byte(strings.Repeat("a", 1<<15)), "acme_statement_too_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := w.desk.Keys(t.Context(), test.statement); fault.Code(err) != test.code {
				t.Errorf("%v, want %s", err, test.code)
			}
		})
	}
	if _, err := w.desk.Keys(t.Context(), w.statement(t, w.signer, acme.Ask{Action: acme.ActionRevoke, KID: mine.KID})); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.Keys(t.Context(), ask(w.signer, nil)); err != nil {
		t.Errorf("a key after one was revoked: %v", err)
	}
}

// claimsOf reads the payload of a compact JWS.
func claimsOf(t *testing.T, jws []byte) (a acme.Ask) {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(string(jws), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestKeysAreHadOverHTTP(t *testing.T) {
	w := newWorld(t)
	var n struct{ Nonce, Aud, Type string }
	res, err := w.http.Get(w.Portal() + "/api/v1/acme/nonce")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&n); err != nil || n.Aud != w.Portal() || n.Type != acme.StatementType {
		t.Fatalf("%+v, %v", n, err)
	}
	ask := acme.Ask{Action: acme.ActionCreate}
	ask.Nonce = n.Nonce
	post := func(body string) (*http.Response, map[string]any) {
		res, err := w.http.Post(w.Portal()+"/api/v1/acme/keys", "application/jose", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		got := map[string]any{}
		if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
			t.Fatal(err)
		}
		return res, got
	}
	made, got := post(string(w.statement(t, w.signer, ask)))
	if made.StatusCode != 200 || made.Header.Get("Cache-Control") != "no-store" || len(got["hmac_key"].(string)) != 43 || got["directory"] != w.directory() {
		t.Errorf("%s %v %v", made.Status, made.Header, got)
	}
	if bad, got := post("x"); bad.StatusCode != 422 || got["code"] == nil {
		t.Errorf("%s %v", bad.Status, got)
	}
}
