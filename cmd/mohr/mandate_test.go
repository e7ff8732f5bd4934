package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/cmd/mohr/service"
)

// More people of the reference registry: they bind aftab jointly.
var (
	bahman = applicant{NationalCode: "4026554864", BirthDate: "1979-12-25", Mobile: "+989197778899"}
	maryam = applicant{NationalCode: "1110713649", BirthDate: "1982-06-17", Mobile: "+989351112233"}
)

const aftab, aftabShop = "10323012419", "aftab.example"

// terms let who act for aftab for a month.
func terms(who applicant, scopes ...mandate.Scope) mandate.GrantTerms {
	now := time.Now().UTC().Truncate(time.Second)
	return mandate.GrantTerms{
		Reference: randomID(), LegalID: aftab, NationalCode: who.NationalCode, Title: "مدیر فروش", Scopes: scopes,
		ValidFrom: now, ValidTo: now.AddDate(0, 1, 0),
	}
}

// gives signs terms and wants the state.
func (s *running) gives(t *testing.T, h *holder, terms mandate.GrantTerms, state mandate.State) mandate.Brief {
	t.Helper()
	b, err := h.giveMandate(t.Context(), s.anyone, terms)
	if err != nil || b.State != state {
		t.Fatalf("%+v, %v, want %s", b, err, state)
	}
	return b
}

func refusedWith(t *testing.T, what string, err error, code string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "["+code+"]") {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// TestR8JointSignatoriesAppointAnAdministratorWhoAddsAndRemovesSomebody is the
// whole journey of a company that two persons bind jointly, over HTTPS.
func TestR8JointSignatoriesAppointAnAdministratorWhoAddsAndRemovesSomebody(t *testing.T) {
	s := startService(t, "", func(c *service.Config) { c.Policy = "" })
	one, two := s.apply(t, bahman, "").certify(t), s.apply(t, maryam, "").certify(t)
	admin, clerk := s.apply(t, davood, "").certify(t), s.apply(t, mina, "").certify(t)

	appointed := terms(davood, mandate.Administer, mandate.Sign, mandate.ComplaintAnswer, mandate.BadgeRequest)
	first := s.gives(t, one.holder, appointed, mandate.Proposed)
	_, err := one.giveMandate(t.Context(), s.anyone, appointed)
	refusedWith(t, "the same person twice", err, "mandate_signed_before")
	list, err := two.mandates(t.Context(), s.anyone, aftab)
	if err != nil || len(list) != 1 || list[0].ID != first.ID || list[0].Needs != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	own := s.gives(t, two.holder, list[0].Terms, mandate.Granted)

	added := terms(mina, mandate.Sign, mandate.BadgeRequest, mandate.ComplaintAnswer)
	added.Under, added.ValidTo = own.ID, appointed.ValidTo
	_, err = clerk.giveMandate(t.Context(), s.anyone, added)
	refusedWith(t, "by the clerk herself", err, "mandate_not_administrator")
	given := s.gives(t, admin.holder, added, mandate.Granted)

	member := s.apply(t, mina, aftab).certify(t)
	if got := member.Certificate; got.Subject.Organization[0] != "شرکت بازرگانی آفتاب (سهامی خاص)" || got.NotAfter.After(added.ValidTo.Add(time.Minute)) {
		t.Errorf("%s until %s", got.Subject, got.NotAfter)
	}
	ticket := s.complain(t, aftab, "A-1")
	s.anyone.done(t, sendAnswer(ticket.ID, s.answerJWS(t, clerk.holder, ticket.ID)), http.StatusOK, nil)
	var asked badge.Record
	s.anyone.done(t, sendBadge(s.badgeJWS(t, member.holder, aftab, aftabShop)), http.StatusCreated, &asked)
	s.prove(t, asked)
	if r := s.check(t, asked.ID); r.State != badge.Active {
		t.Fatalf("the badge is %s: %s", r.State, r.Why)
	}

	s.removes(t, admin.holder, given.ID, ca.SerialText(member.Certificate.SerialNumber))
	s.anyone.done(t, get("/api/v1/badges/"+string(asked.ID), ""), http.StatusOK, &asked)
	if asked.State != badge.Revoked {
		t.Errorf("the badge is %s afterwards", asked.State)
	}
	ticket = s.complain(t, aftab, "A-2")
	if a := s.anyone.send(t, sendAnswer(ticket.ID, s.answerJWS(t, clerk.holder, ticket.ID))); a.status != http.StatusForbidden {
		t.Errorf("an answer afterwards: %d %s", a.status, a.body)
	}
	if a := s.anyone.send(t, s.renewal(t, member.holder, nil).ask()); a.status != http.StatusForbidden || !strings.Contains(string(a.body), "certificate_revoked") {
		t.Errorf("a renewal afterwards: %d %s", a.status, a.body)
	}
	again := s.apply(t, mina, aftab)
	for again.state(t).Stage == "created" || again.state(t).Stage == "collecting" {
		if err := again.step(t.Context(), again.state(t).Needs[0], again.state(t).Terms); err != nil {
			t.Fatal(err)
		}
	}
	if state := again.state(t); state.Stage != "rejected" {
		t.Errorf("an application afterwards is %s", state.Stage)
	}
}

// removes takes the mandate back with the certificate that rests on it, as
// the plan says.
func (s *running) removes(t *testing.T, h *holder, id mandate.ID, serial string) {
	t.Helper()
	var p mandate.Ending
	choice := mandate.Choice{Mandate: id, Certificates: true}
	err := h.say(t.Context(), s.anyone, mandate.QueryType, "/api/v1/mandates/plan", func(c signature.Claims) any {
		return mandate.Query{Claims: c, Mandate: id, Certificates: true}
	}, &p)
	if err != nil || len(p.Serials) != 1 || p.Serials[0] != serial || len(p.Mandates) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	var b mandate.Brief
	err = h.say(t.Context(), s.anyone, mandate.RevokeType, "/api/v1/mandates/revocations", func(c signature.Claims) any {
		return mandate.Revocation{Claims: c, Choice: choice, Reason: mandate.Left, PlanSHA256: p.SHA256}
	}, &b)
	if err != nil || b.State != mandate.Revoked {
		t.Fatalf("%+v, %v", b, err)
	}
}

func TestMandatesOverTheAPIAreStrictAndDocumented(t *testing.T) {
	s := startService(t, "", func(c *service.Config) { c.Policy = "" })
	for name, test := range map[string]struct {
		ask  ask
		code string
	}{
		"a nonce for another statement": {get("/api/v1/mandates/nonce?type=mohr-renew/1", ""), ""},
		"nothing signed":                {post("/api/v1/mandates", "", map[string]string{}), "statement_missing"},
		"what is no JWS":                {post("/api/v1/mandates", "", map[string]string{"jws": "eyJ"}), "jws_malformed"},
		"a statement too large":         {post("/api/v1/mandates", "", map[string]string{"jws": "eyJ" + strings.Repeat("A", mandate.MaxStatement)}), "mandate_statement_too_large"},
		"a list that nobody signed":     {post("/api/v1/mandates/list", "", map[string]string{"legal_id": aftab}), "json_unknown_field"},
	} {
		a := s.anyone.send(t, test.ask)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), test.code) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	s.anyone.done(t, get("/openapi.json", ""), http.StatusOK, &doc)
	for _, path := range []string{"/mandates", "/mandates/revocations", "/mandates/list", "/mandates/plan"} {
		if doc.Paths["/api/v1"+path]["post"] == nil && doc.Paths[path]["post"] == nil {
			t.Errorf("POST %s is not in the document", path)
		}
	}
}
