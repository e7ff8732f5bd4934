package main

import (
	"net/http"
	"strings"
	"testing"

	"mohr/complaints"
)

// refusal is a request by somebody, and the problem it meets.
type refusal struct {
	name   string
	by     *client
	ask    ask
	status int
	code   string
}

// refused sends all of them to a scene, which they must leave as it is.
func (s *scene) refused(t *testing.T, list []refusal) {
	t.Helper()
	before, noDeeds := s.look(t), s.noDeeds(t)
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			c.by.refuses(t, c.ask, c.status, c.code)
			s.unchanged(t, before)
		})
	}
	noDeeds()
}

// TestWhatIsNotThereIsNotFound asks for what never was, with all else as it
// should be.
func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	hex := strings.Repeat("7", 32)
	anyone, officer := s.anyone, s.operator
	application, complaint, reason := "/api/v1/applications/a-"+hex, "/api/v1/complaints/c-"+hex, map[string]string{"reason": "keyCompromise"}
	s.refused(t, []refusal{
		{"an application", anyone, get(application, s.open.token), 404, "application_unknown"},
		{"the certificate of an application", anyone, get(application+"/certificate", s.open.token), 404, "application_unknown"},
		{"the bundle of an application", anyone, get(application+"/bundle", s.open.token), 404, "application_unknown"},
		{"a consent to an application", anyone, post(application+"/consent", s.open.token, map[string]any{"accepted": true, "terms_version": "1"}), 404, "application_unknown"},
		{"a key for an application", anyone, postAs(application+"/csr", s.open.token, "application/x-pem-file", s.open.csr), 404, "application_unknown"},
		{"a renewal", anyone, get("/api/v1/renewals/renew-"+hex+hex+"/certificate", ""), 404, "renewal_unknown"},
		{"a renewal by a name that is none", anyone, get("/api/v1/renewals/"+s.open.id+"/certificate", ""), 404, "renewal_unknown"},
		{"a badge", anyone, get("/api/v1/badges/b-"+hex, ""), 404, "badge_unknown"},
		{"a check of a badge", anyone, post("/api/v1/badges/b-"+hex+"/check", "", nil), 404, "badge_unknown"},
		{"the receipt of a badge", anyone, get("/api/v1/badges/b-"+hex+"/receipt", ""), 404, "badge_unknown"},
		{"the credential of a badge", anyone, get("/badge/b-"+hex+".jwt", ""), 404, "badge_unknown"},
		{"the page of a badge", anyone, get("/badge/b-"+hex, ""), 404, "badge_unknown"},
		{"a complaint", anyone, get(complaint, s.complaint.Token), 404, "complaint_unknown"},
		{"the receipt of a complaint", anyone, get(complaint+"/receipt", s.complaint.Token), 404, "complaint_unknown"},
		{"a withdrawal of a complaint", anyone, post(complaint+"/withdraw", s.complaint.Token, nil), 404, "complaint_unknown"},
		{"an answer to a complaint", anyone, sendAnswer("c-"+hex, s.answerJWS(t, s.merchant.holder, "c-"+hex)), 404, "complaint_unknown"},
		{"a record that is not public", anyone, get("/api/v1/businesses/"+zahraCompany+"/record", ""), 404, "record_not_public"},
		{"a record of nobody", anyone, get("/api/v1/businesses/10323012419/record", ""), 404, "record_not_public"},
		{"a certificate", officer, get("/api/v1/certificates/"+hex, ""), 404, "certificate_unknown"},
		{"the revocation of a certificate", officer, post("/api/v1/certificates/"+hex+"/revoke", "", reason), 404, "certificate_unknown"},
		{"the revocation by code of a certificate", anyone, post("/api/v1/certificates/"+hex+"/revoke-by-code", "", map[string]string{"code": "AAAA"}), 403, "revocation_code_wrong"},
		{"an entry of the log", anyone, get("/log/proof/"+hex+hex, ""), 404, "log_leaf_unknown"},
		{"a document", anyone, get("/repository/secrets-en", ""), 404, "document_unknown"},
		{"an operation", anyone, get("/api/v1/nothing", ""), 404, "route_unknown"},
		{"a page", anyone, get("/nothing", ""), 404, "route_unknown"},
		{"a method", anyone, ask{request: request{method: http.MethodDelete, path: application}}, 405, "method_not_allowed"},
	})
	s.goesOn(t)
}

// TestWithoutTheRightTokenNothingOpens asks for what is there, as somebody
// else.
func TestWithoutTheRightTokenNothingOpens(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := s.apply(t, mina, "")
	complaint, consent := "/api/v1/complaints/"+s.complaint.ID, map[string]any{"accepted": true, "terms_version": "1"}
	list := []refusal{
		{"a complaint without a token", s.anyone, get(complaint, ""), 401, "token_missing"},
		{"a complaint with a token that is none", s.anyone, get(complaint, "x"), 401, "token_invalid"},
		{"a complaint with another one's token", s.anyone, get(complaint, s.complain(t, zahraCompany, "T-1002").Token), 401, "token_invalid"},
		{"a receipt with an application's token", s.anyone, get(complaint+"/receipt", s.open.token), 401, "token_invalid"},
		{"a withdrawal with a wrong token", s.anyone, post(complaint+"/withdraw", other.token, nil), 401, "token_invalid"},
		{"the register without a certificate", s.anyone, get("/api/v1/certificates", ""), 403, "operator_required"},
		{"a revocation without a certificate", s.anyone, post("/api/v1/certificates/1/revoke", "", map[string]string{"reason": "keyCompromise"}), 403, "operator_required"},
		{"a publication without a certificate", s.anyone, post("/api/v1/businesses/"+zahraCompany+"/publication", "", map[string]string{"state": "invited"}), 403, "operator_required"},
		{"a complaint set aside without a certificate", s.anyone, post(complaint+"/rulings", "", map[string]any{"kind": "inadmissible", "reason": "abusive"}), 403, "operator_required"},
	}
	for name, token := range map[string]string{"no token": "", "a token that is none": "x", "another one's token": other.token, "a complaint's token": s.complaint.Token, "a token cut short": s.open.token[:len(s.open.token)-1]} {
		code := "token_invalid"
		if token == "" {
			code = "token_missing"
		}
		for step, r := range map[string]ask{
			"the state":   get(s.open.path(""), token),
			"a consent":   post(s.open.path("/consent"), token, consent),
			"a code":      post(s.open.path("/evidence/otp_sms"), token, map[string]any{"code": "000000"}),
			"a face":      post(s.open.path("/evidence/face_match"), token, map[string]any{"session": "x"}),
			"a key":       postAs(s.open.path("/csr"), token, "application/x-pem-file", s.open.csr),
			"an end":      post(s.open.path("/cancel"), token, nil),
			"an erasure":  post(s.open.path("/erase"), token, nil),
			"the files":   get(s.open.path("/certificate"), token),
			"the bundle":  get(s.open.path("/bundle"), token),
			"a new code":  post(s.open.path("/otp"), token, nil),
			"a new query": post(s.open.path("/evidence/refresh"), token, nil),
		} {
			list = append(list, refusal{step + " with " + name, s.anyone, r, 401, code})
		}
	}
	s.refused(t, list)
	if state := other.state(t); state.Stage != "created" {
		t.Errorf("the other application is %s", state.Stage)
	}
	if c := s.follow(t, s.complaint); c.State != complaints.StatePending {
		t.Errorf("the complaint is %s", c.State)
	}
	s.goesOn(t)
}
