package complaints_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/complaints"
	"mohr/complaints/picture"
	"mohr/internal/i18n"
	"mohr/internal/otp"
	"mohr/internal/web"
)

// portal is the desk behind the real web server.
type portal struct {
	*bench
	handler http.Handler
}

func newPortal(t testing.TB) *portal {
	t.Helper()
	return portalOf(t, newBench(t, nil))
}

// portalOf is the bench behind a server.
func portalOf(t testing.TB, b *bench) *portal {
	t.Helper()
	texts, err := i18n.Parse(web.Texts, complaints.Texts, picture.Texts, otp.Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{
		Store: b.ca.Store, Texts: texts, Pages: []fs.FS{complaints.Pages}, Portal: catest.Portal, Now: b.clock.Now, Secret: make([]byte, 32),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Routes(s)
	return &portal{b, s.Handler()}
}

// call makes a request; peer is its TLS client certificate or nil. Headers
// are "Name: value".
func (p *portal) call(method, path, body string, peer *x509.Certificate, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, catest.Portal+path, strings.NewReader(body))
	r.Header.Set("Accept-Language", "en")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if peer != nil {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{peer}, VerifiedChains: [][]*x509.Certificate{{peer}}}
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

const (
	asJSON = "Content-Type: application/json"
	asJOSE = "Content-Type: application/jose"
	asForm = "Content-Type: application/x-www-form-urlencoded"
)

// get reads a JSON answer of the status into v.
func get(t testing.TB, w *httptest.ResponseRecorder, status int, v any) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("%v in %s", err, w.Body)
	}
}

const filingJSON = `{"business":"14003456780","category":"refund","purchase":{"order":"B-1","day":"2026-11-01","amount":1200000},` +
	`"text":"The money was never given back.","contact":{"email":"reader@example.com"}}`

func TestAPIJourney(t *testing.T) {
	p := newPortal(t)
	sara := p.ca.SigningKey(t, "sara", ca.Service{Profile: ca.OperatorAuth, CommonName: "sara"}).Certificate
	if err := p.ca.GrantRoles(t.Context(), "sara", ca.RoleOfficer); err != nil {
		t.Fatal(err)
	}
	var draft, same complaints.Draft
	get(t, p.call("POST", "/api/v1/complaints", filingJSON, nil, asJSON, "Idempotency-Key: k1"), 201, &draft)
	get(t, p.call("POST", "/api/v1/complaints", filingJSON, nil, asJSON, "Idempotency-Key: k1"), 201, &same)
	if draft != same || draft.Contact != "email" || draft.Confirmed {
		t.Errorf("the same request gave %+v and %+v", draft, same)
	}
	bearer := "Authorization: Bearer " + draft.Token
	if w := p.call("GET", "/api/v1/complaints/"+draft.ID, "", nil, bearer); w.Code != 409 || !strings.Contains(w.Body.String(), "complaint_unconfirmed") {
		t.Errorf("a draft is shown as a complaint: %d %s", w.Code, w.Body)
	}
	var ticket complaints.Ticket
	get(t, p.call("POST", "/api/v1/complaints/"+draft.ID+"/confirm", `{"code":"`+p.phone.code("reader@example.com")+`"}`, nil, asJSON, bearer), 201, &ticket)
	if ticket.ID != draft.ID || ticket.Token != draft.Token || ticket.Receipt == "" {
		t.Errorf("ticket %+v", ticket)
	}
	var c complaints.Complaint
	get(t, p.call("GET", "/api/v1/complaints/"+ticket.ID, "", nil, bearer), 200, &c)
	if c.State != complaints.StatePending || c.Text != "The money was never given back." {
		t.Errorf("complaint %+v", c)
	}
	if w := p.call("GET", "/api/v1/complaints/"+ticket.ID+"/receipt", "", nil, bearer); w.Code != 200 || w.Body.String() != ticket.Receipt || w.Header().Get("Content-Type") != "application/jose" {
		t.Errorf("receipt: %d %s", w.Code, w.Header())
	}

	var n struct{ Nonce, Aud, Type string }
	get(t, p.call("GET", "/api/v1/complaints/nonce?purpose=complaint-answer", "", nil), 200, &n)
	if n.Aud != catest.Portal || n.Type != complaints.AnswerType {
		t.Errorf("nonce %+v", n)
	}
	raw := p.signed(t, p.key, p.says(ticket.ID, complaints.KindAnswer, func(s *complaints.AnswerStatement) { s.Nonce = n.Nonce }))
	var first, second complaints.Accepted
	get(t, p.call("POST", "/api/v1/complaints/"+ticket.ID+"/answers", string(raw), nil, asJOSE), 200, &first)
	get(t, p.call("POST", "/api/v1/complaints/"+ticket.ID+"/answers", string(raw), nil, asJOSE), 200, &second)
	if first != second || first.State != complaints.StateAnswered {
		t.Errorf("answers %+v, %+v", first, second)
	}
	get(t, p.call("POST", "/api/v1/complaints/"+ticket.ID+"/dispute", "", nil, bearer), 200, &c)
	get(t, p.call("POST", "/api/v1/complaints/"+ticket.ID+"/withdraw", "", nil, bearer), 200, &c)
	if c.State != complaints.StateWithdrawn || len(c.History) != 5 {
		t.Errorf("complaint %+v", c)
	}

	record := "/api/v1/businesses/" + string(shop)
	var own complaints.Own
	get(t, p.call("GET", record+"/complaints", "", p.key.Certificate), 200, &own)
	if len(own.Complaints) != 1 || own.Record.Scorecard.Received != 1 {
		t.Errorf("own %+v", own)
	}
	if w := p.call("GET", record+"/record", "", nil); w.Code != 404 {
		t.Errorf("private record: %d", w.Code)
	}
	for _, state := range []string{"invited", "public"} {
		if w := p.call("POST", record+"/publication", `{"state":"`+state+`"}`, sara, asJSON); w.Code != 200 {
			t.Fatalf("publication: %d %s", w.Code, w.Body)
		}
	}
	var r complaints.Record
	get(t, p.call("GET", record+"/record", "", nil), 200, &r)
	if !r.Published || r.Scorecard.Received != 1 || r.Scorecard.MeanDays != nil || r.Window.String() != "single(96h)" {
		t.Errorf("record %+v", r)
	}
}

func TestAPIRefuses(t *testing.T) {
	p := newPortal(t)
	ticket := p.file(t)
	at := "/api/v1/complaints/" + ticket.ID
	record := "/api/v1/businesses/" + string(shop)
	tests := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     string
	}{
		{"a member twice", "POST", "/api/v1/complaints", strings.Replace(filingJSON, `{`, `{"business":"14003456780",`, 1), []string{asJSON}, 400, ""},
		{"a member that is unknown", "POST", "/api/v1/complaints", strings.Replace(filingJSON, `{`, `{"solved":true,`, 1), []string{asJSON}, 0, ""},
		{"no purchase", "POST", "/api/v1/complaints", `{"business":"14003456780","category":"refund","text":"0123456789","contact":{"mobile":"09121112233"}}`, []string{asJSON}, 0, ""},
		{"something after the object", "POST", "/api/v1/complaints", filingJSON + "{}", []string{asJSON}, 400, ""},
		{"a body too large", "POST", "/api/v1/complaints", `{"text":"` + strings.Repeat("a", 70<<10) + `"}`, []string{asJSON}, 413, ""},
		{"a business that is none", "POST", "/api/v1/complaints", strings.Replace(filingJSON, "14003456780", "14003456781", 1), []string{asJSON}, 0, "legal_id_invalid"},
		{"no token", "GET", at, "", nil, 401, "token_missing"},
		{"a wrong token", "GET", at, "", []string{"Authorization: Bearer x"}, 401, "token_invalid"},
		{"an unknown complaint", "GET", "/api/v1/complaints/c-1", "", []string{"Authorization: Bearer x"}, 404, "complaint_unknown"},
		{"a nonce for another room", "GET", "/api/v1/complaints/nonce?purpose=renew", "", nil, 0, ""},
		{"an answer that is no JWS", "POST", at + "/answers", "x", []string{asJOSE}, 0, ""},
		{"an answer as JSON", "POST", at + "/answers", "{}", []string{asJSON}, 415, ""},
		{"publication by nobody", "POST", record + "/publication", `{"state":"public"}`, []string{asJSON}, 403, "operator_required"},
		{"setting aside by nobody", "POST", at + "/rulings", `{"kind":"inadmissible","reason":"abusive"}`, []string{asJSON}, 403, "operator_required"},
		{"own complaints of nobody", "GET", record + "/complaints", "", nil, 403, "record_not_yours"},
		{"the record of a business that is none", "GET", "/api/v1/businesses/1/record", "", nil, 0, "legal_id_invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, lang := range []string{"fa", "en"} {
				w := p.call(tt.method, tt.path, tt.body, nil, append(tt.headers, "Accept-Language: "+lang)...)
				var problem struct{ Code, Detail string }
				if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
					t.Fatalf("%d %s: %v", w.Code, w.Body, err)
				}
				if w.Code < 400 || w.Code >= 500 || (tt.status != 0 && w.Code != tt.status) || problem.Code == "" || (tt.code != "" && problem.Code != tt.code) {
					t.Errorf("%s: %d %s", lang, w.Code, w.Body)
				}
				if persian := regexp.MustCompile(`[آ-ی]{2}`).MatchString(problem.Detail); strings.HasPrefix(problem.Code, "complaint") && persian != (lang == "fa") {
					t.Errorf("%s: the detail is %q", lang, problem.Detail)
				}
			}
		})
	}
}
