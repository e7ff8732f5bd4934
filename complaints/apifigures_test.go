package complaints_test

import (
	"io/fs"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/complaints"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// TestAPIOfFiguresAndPublication walks from a private record to a public one.
func TestAPIOfFiguresAndPublication(t *testing.T) {
	p := newFiguresPortal(t)
	record := "/api/v1/businesses/" + string(shop)
	officer := p.ca.SigningKey(t, "sara", ca.Service{Profile: ca.OperatorAuth, CommonName: "sara"}).Certificate
	if err := p.ca.GrantRoles(t.Context(), "sara", ca.RoleOfficer); err != nil {
		t.Fatal(err)
	}
	p.file(t)
	var s complaints.Sheet
	if w := p.call("GET", record+"/figures", "", nil); w.Code != 404 {
		t.Errorf("figures of a private record: %d", w.Code)
	}
	get(t, p.call("GET", record+"/figures", "", p.key.Certificate), 200, &s)
	if s.Year.Scorecard.Pending != 1 || s.Forecast == nil || s.Forecast.Pending != 1 || s.Year.Level != complaints.LevelCounts || s.PerThousand != nil {
		t.Errorf("to the business: %+v, forecast %+v", s.Year, s.Forecast)
	}

	for _, path := range []string{record + "/orders", record + "/publication/objection", "/api/v1/invitations", "/api/v1/complaints/c-x/text-removal"} {
		body := map[string]string{
			record + "/orders": `{"orders":500,"until":"2026-11-01"}`, record + "/publication/objection": `{"uphold":true}`,
			"/api/v1/invitations": `{"largest":5}`, "/api/v1/complaints/c-x/text-removal": `{"reason":"court_order"}`,
		}[path]
		if w := p.call("POST", path, body, p.key.Certificate, asJSON); w.Code != 403 {
			t.Errorf("%s for who is no officer: %d %s", path, w.Code, w.Body)
		}
	}
	if w := p.call("POST", record+"/orders", `{"orders":500,"until":"2026-11-01"}`, officer, asJSON); w.Code != 200 {
		t.Fatalf("orders: %d %s", w.Code, w.Body)
	}
	var in struct {
		Invited []string
		DryRun  bool `json:"dry_run"`
	}
	get(t, p.call("POST", "/api/v1/invitations", `{"largest":5,"dry_run":true}`, officer, asJSON), 200, &in)
	if len(in.Invited) != 1 || !in.DryRun {
		t.Errorf("dry run: %+v", in)
	}
	get(t, p.call("POST", "/api/v1/invitations", `{"businesses":["`+string(shop)+`"]}`, officer, asJSON), 200, &in)
	if w := p.call("POST", "/api/v1/invitations", `{}`, officer, asJSON); w.Code != 422 && w.Code != 400 {
		t.Errorf("an invitation of nobody: %d", w.Code)
	}
	var own complaints.Own
	get(t, p.call("GET", record+"/complaints", "", p.key.Certificate), 200, &own)
	if own.Invitation == nil || own.Invitation.Preview.Lifetime.Pending != 1 {
		t.Errorf("the business is shown %+v", own.Invitation)
	}
	publish := func(status int) {
		t.Helper()
		if w := p.call("POST", record+"/publication", `{"state":"public"}`, officer, asJSON); w.Code != status {
			t.Fatalf("publication: %d %s", w.Code, w.Body)
		}
	}
	publish(409)
	var n struct{ Nonce, Aud, Type string }
	get(t, p.call("GET", "/api/v1/invitations/nonce", "", nil), 200, &n)
	if n.Type != complaints.ReplyType || n.Aud != catest.Portal {
		t.Errorf("nonce %+v", n)
	}
	if _, err := p.replied(t, p.key, "consents", ""); err != nil {
		t.Fatal(err)
	}
	publish(200)
	s = complaints.Sheet{}
	get(t, p.call("GET", record+"/figures", "", nil), 200, &s)
	if s.Forecast != nil || s.PerThousand == nil || *s.PerThousand != 2 || s.Quantiles == "" {
		t.Errorf("to everybody: forecast %+v, for a thousand orders %v", s.Forecast, s.PerThousand)
	}
	get(t, p.call("GET", record+"/figures?as_of=2026-11-01", "", nil), 200, &s)
	if s.Lifetime.Scorecard.Received != 0 {
		t.Errorf("before the complaint: %+v", s.Lifetime)
	}
	for _, bad := range []string{"2027-01-01", "yesterday"} {
		if w := p.call("GET", record+"/figures?as_of="+bad, "", nil); w.Code != 422 && w.Code != 400 {
			t.Errorf("as of %s: %d", bad, w.Code)
		}
	}
}

// newFiguresPortal is a portal with the routes of figures, and ten days to
// object.
func newFiguresPortal(t testing.TB) *portal {
	t.Helper()
	p := newPortal(t)
	p.Desk.Objection = 10 * day
	texts, err := i18n.Parse(web.Texts, complaints.Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: p.ca.Store, Texts: texts, Pages: []fs.FS{complaints.Pages}, Portal: catest.Portal, Now: p.clock.Now, Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	p.Routes(s)
	p.FigureRoutes(s)
	p.handler = s.Handler()
	return p
}
