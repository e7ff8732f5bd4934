package incident_test

import (
	"encoding/json"
	"testing"

	"mohr/ca"
	"mohr/ca/incident"
	"mohr/internal/store"
)

func TestStrangersLearnNothingOfPlansAndHaveNothingParsed(t *testing.T) {
	d := newDoor(t)
	auditor := d.operatorWith("auditor", "auditor", ca.RoleAuditor)
	for _, path := range []string{"/plans", "/plans/p-0/approvals", "/plans/p-0/execute"} {
		for _, o := range []operator{{}, auditor} {
			body := any(json.RawMessage(`{"no":"such field"}`))
			if path == "/plans/p-0/execute" {
				body = nil
				if o.name != "" {
					continue // who reads plans may know that there is none
				}
			}
			if status, code := d.call(o, "POST", api+path, body, nil); status != 403 || code != "operator_required" {
				t.Errorf("%q at %s: %d %s", o.name, path, status, code)
			}
		}
	}
	sara := d.officer("sara")
	if status, code := d.call(sara, "POST", api+"/plans", json.RawMessage(`{"no":"such field"}`), nil); status != 422 || code != "json_unknown_field" {
		t.Errorf("an operator: %d %s", status, code)
	}
}

func TestAHolderIsNotToldWhichOperatorEndedACertificate(t *testing.T) {
	d := newDoor(t)
	k, c := d.f.IssueTo(t, person(1), ca.NaturalSign, "one")
	_, other := d.f.IssueTo(t, person(1), ca.NaturalSign, "two")
	must(t, d.f.Revoke(t.Context(), other.Serial, ca.Unspecified, "operator:sara"))
	for _, serial := range []string{other.Serial, c.Serial} {
		s := d.sign(k, incident.StatementType, d.says(k, serial, ca.Unspecified, nil))
		var e ca.Entry
		if status, code := d.call(operator{}, "POST", api+"/revocations", map[string]any{"jws": string(s.Signature)}, &e); status != 200 || e.Reason != ca.Unspecified || e.By != "" {
			t.Errorf("%d %s, %+v", status, code, e)
		}
	}
}

// TestOpenOperationsKeepNoAnswers sends keys of idempotency to what anyone may call.
func TestOpenOperationsKeepNoAnswers(t *testing.T) {
	d := newDoor(t)
	d.once = "k"
	_, csr := newKey(t)
	for range 2 {
		if status, code := d.call(operator{}, "POST", api+"/compromised-keys", proofOf(t, csr), nil); status != 200 {
			t.Errorf("another key under the same name: %d %s", status, code)
		}
	}
	k, c := d.f.IssueTo(t, person(1), ca.NaturalSign, "one")
	s := d.sign(k, incident.StatementType, d.says(k, c.Serial, ca.Unspecified, nil))
	for range 2 {
		if status, code := d.call(operator{}, "POST", api+"/revocations", map[string]any{"jws": string(s.Signature)}, nil); status != 200 {
			t.Error(status, code)
		}
	}
	must(t, d.f.Store.View(t.Context(), func(tx store.Tx) error {
		return tx.Scan("web_answers", "", "", func(key string, _ []byte) error {
			t.Errorf("an answer is kept: %s", key)
			return nil
		})
	}))
}
