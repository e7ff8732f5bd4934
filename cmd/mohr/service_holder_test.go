package main

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/signature"
	mohr "mohr/cmd/mohr/client"
	"mohr/complaints"
	"mohr/hsm"
	"mohr/renew"
)

// People of the reference registry.
var (
	zahra  = applicant{NationalCode: "0012345679", BirthDate: "1990-05-14", Mobile: "+989121234567"} // signs alone for zahraCompany
	narges = applicant{NationalCode: "1200000021", BirthDate: "1986-08-23", Mobile: "+989395556677"} // signs alone for nargesCompany
	davood = applicant{NationalCode: "0877778681", BirthDate: "1975-05-05", Mobile: "+989901112233"}
	mina   = applicant{NationalCode: "4339384992", BirthDate: "1998-01-01", Mobile: "+989912223344"}
)

const (
	zahraCompany, zahraShop, zahraOtherShop = "14003456780", "shop.example", "namoone.test"
	nargesCompany                           = "10569780018"
	shopLicence                             = "enamad"
)

// application is an application on its way, seen by who holds its token.
type application struct {
	*applying
	token   string
	keyFile string
	signer  crypto.Signer
}

// apply opens an application; company is "" for a natural person's.
func (s *running) apply(t *testing.T, who applicant, company string) *application {
	t.Helper()
	a := &application{applying: &applying{profile: ca.NaturalSign, legalID: company, locale: "fa", say: func(string, ...any) {}}}
	a.ask = func(string) (string, error) { return s.code(t, who.Mobile) }
	in := map[string]any{"person": who, "profile": a.profile, "locale": a.locale}
	if company != "" {
		a.profile = ca.OrganisationSign
		in["profile"], in["legal_id"] = a.profile, company
	}
	var opened applicationState
	s.anyone.done(t, post("/api/v1/applications", "", in), http.StatusCreated, &opened)
	a.id, a.token = opened.ID, opened.Token
	a.api = &client{base: s.anyone.base, http: s.anyone.http, token: a.token}
	a.keyFile, a.signer, a.csr = s.newKey(t)
	return a
}

// newKey makes a P-256 key in a file, and a request for it (PEM).
func (s *running) newKey(t *testing.T) (file string, signer crypto.Signer, csr []byte) {
	t.Helper()
	file = filepath.Join(s.dir, randomID()+".key")
	signer, err := s.ring.Create(t.Context(), mohr.KeyURI(file), hsm.P256)
	if err != nil {
		t.Fatal(err)
	}
	if csr, err = csrFor(signer); err != nil {
		t.Fatal(err)
	}
	return file, signer, csr
}

// state is what the service says of the application.
func (a *application) state(t *testing.T) (s applicationState) {
	t.Helper()
	a.api.done(t, get(a.path(""), a.token), http.StatusOK, &s)
	return s
}

// step does what the application needs.
func (a *applying) step(ctx context.Context, need, terms string) error {
	return a.application().Step(ctx, mohr.State{Needs: []string{need}, Terms: terms}, a.steps())
}

// bundle waits for the evidence bundle.
func (a *applying) bundle(ctx context.Context) ([]byte, error) { return a.application().Bundle(ctx) }

// until takes the steps before the one that is needed last.
func (a *application) until(t *testing.T, need string) {
	t.Helper()
	for range 10 {
		s := a.state(t)
		if len(s.Needs) == 0 {
			t.Fatalf("the application is %s and needs nothing; want it to need %s", s.Stage, need)
		}
		if s.Needs[0] == need {
			return
		}
		if err := a.step(t.Context(), s.Needs[0], s.Terms); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("the application never needs %s", need)
}

// submit hands a certification request in.
func (a *application) submit(csr []byte) ask {
	return postAs(a.path("/csr"), a.token, "application/x-pem-file", csr)
}

// certified is somebody with a certificate.
type certified struct {
	*holder
	*application
	certFile string // with its issuer, PEM
}

// certify brings the application to its certificate, and waits until nothing
// of its issuance is still under way.
func (a *application) certify(t *testing.T) *certified {
	t.Helper()
	a.until(t, "csr")
	a.api.done(t, a.submit(a.csr), http.StatusOK, nil)
	chain := a.api.done(t, get(a.path("/certificate"), a.token), http.StatusOK, nil).body
	certs, err := parseChain(chain)
	if err != nil {
		t.Fatal(err)
	}
	c := &certified{application: a, certFile: a.keyFile + ".pem"}
	c.holder = &holder{ca.SigningKey{Certificate: certs[0], Chain: certs[1:], Signer: a.signer}}
	if err := os.WriteFile(c.certFile, chain, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.bundle(t.Context()); err != nil { // the last deed of an issuance
		t.Fatal(err)
	}
	return c
}

// challenge asks a desk for what a statement has to say.
func (s *running) challenge(t *testing.T, desk string) (c challenge) {
	t.Helper()
	s.anyone.done(t, get(desk, ""), http.StatusOK, &c)
	return c
}

// Where nonces are given out.
const (
	renewalNonce = "/api/v1/renewals/nonce"
	badgeNonce   = "/api/v1/badges/nonce"
	answerNonce  = "/api/v1/complaints/nonce"
)

// renewal is the parts of a renewal.
type renewal struct {
	Statement []byte `json:"statement"`
	Document  []byte `json:"document"`
	CSR       []byte `json:"csr"`
	key       crypto.Signer
}

func (r renewal) ask() ask { return post("/api/v1/renewals", "", r) }

// holder is who the renewal's answer makes.
func (r renewal) holder(t *testing.T, a answer) *holder {
	t.Helper()
	var out struct{ Chain string }
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatal(err)
	}
	chain, err := parseChain([]byte(out.Chain))
	if err != nil {
		t.Fatal(err)
	}
	return &holder{ca.SigningKey{Certificate: chain[0], Chain: chain[1:], Signer: r.key}}
}

// profile names the profile of the holder's certificate.
func (h *holder) profile() string { return mohr.ProfileOf(h.Certificate) }

// renewal makes a good renewal of h for a new key, or one bent before it is signed.
func (s *running) renewal(t *testing.T, h *holder, bend func(*renew.Statement)) renewal {
	t.Helper()
	c := s.challenge(t, renewalNonce)
	var r renewal
	_, r.key, r.CSR = s.newKey(t)
	csr, err := ca.ParseCSR(r.CSR)
	if err != nil {
		t.Fatal(err)
	}
	statement := renew.Statement{Claims: h.claims(c), NewSPKISHA256: csr.SPKISHA256(), Profile: h.profile(), TermsSHA256: c.TermsSHA256}
	if bend != nil {
		bend(&statement)
	}
	if r.Document, err = json.Marshal(statement); err != nil {
		t.Fatal(err)
	}
	r.sign(t, h)
	return r
}

// sign signs the document as it is now.
func (r *renewal) sign(t *testing.T, h *holder) {
	t.Helper()
	var err error
	if r.Statement, err = signature.SignCMS(h.SigningKey, r.Document); err != nil {
		t.Fatal(err)
	}
}

// badgeJWS makes a good request for a badge.
func (s *running) badgeJWS(t *testing.T, h *holder, company, domain string) []byte {
	t.Helper()
	_, jws, err := h.badgeRequest(t.Context(), s.anyone, badgeAsk{legalID: company, domain: domain, licence: shopLicence})
	if err != nil {
		t.Fatal(err)
	}
	return jws
}

func sendBadge(jws []byte) ask { return postAs("/api/v1/badges", "", "application/jose", jws) }

// check has the facts of a badge checked now.
func (s *running) check(t *testing.T, id badge.ID) (r badge.Record) {
	t.Helper()
	s.anyone.done(t, post("/api/v1/badges/"+string(id)+"/check", "", nil), http.StatusOK, &r)
	return r
}

// prove puts the proof of domain control into the shop.
func (s *running) prove(t *testing.T, r badge.Record) {
	t.Helper()
	at, err := url.Parse(r.Challenge.URL)
	if err != nil {
		t.Fatal(err)
	}
	put := ask{request: request{method: http.MethodPut, path: "/v1/shop/" + at.Hostname() + at.Path, kind: "text/plain", body: []byte(r.Challenge.Content)}}
	if a := s.registry().send(t, put); a.status >= 300 {
		t.Fatalf("put the proof: status %d: %s", a.status, a.body)
	}
}

// complain files a complaint against the business, each from a consumer of
// its own: one contact may file only a few a day.
func (s *running) complain(t *testing.T, business, order string) complaints.Ticket {
	t.Helper()
	return s.complainOf(t, business, order, "سفارش من با یک هفته تأخیر رسید.")
}

// complainOf files one with a text.
func (s *running) complainOf(t *testing.T, business, order, text string) (ticket complaints.Ticket) {
	t.Helper()
	mobile := fmt.Sprintf("+98999%07d", rand.IntN(10_000_000))
	var draft complaints.Draft
	s.anyone.done(t, post("/api/v1/complaints", "", map[string]any{
		"business": business, "category": "late_delivery", "text": text,
		"purchase": map[string]any{"order": order, "day": time.Now().UTC().AddDate(0, 0, -9).Format(time.DateOnly), "amount": 1_250_000},
		"contact":  map[string]any{"mobile": mobile},
	}), http.StatusCreated, &draft)
	code, err := s.code(t, mobile)
	if err != nil {
		t.Fatal(err)
	}
	s.anyone.done(t, post("/api/v1/complaints/"+draft.ID+"/confirm", draft.Token, map[string]string{"code": code}), http.StatusCreated, &ticket)
	return ticket
}

// follow is the complaint as its consumer sees it.
func (s *running) follow(t *testing.T, ticket complaints.Ticket) (c complaints.Complaint) {
	t.Helper()
	s.anyone.done(t, get("/api/v1/complaints/"+ticket.ID, ticket.Token), http.StatusOK, &c)
	return c
}

// answerJWS makes a good answer to the complaint id.
func (s *running) answerJWS(t *testing.T, h *holder, id string) []byte {
	t.Helper()
	return signAnswer(t, h, complaints.AnswerStatement{
		Claims: h.claims(s.challenge(t, answerNonce)), Complaint: id, Kind: complaints.KindAnswer, Text: "پوزش می‌خواهیم؛ هزینهٔ ارسال بازگردانده شد.",
	})
}

func signAnswer(t *testing.T, h *holder, statement complaints.AnswerStatement) []byte {
	t.Helper()
	payload, err := json.Marshal(statement)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signature.SignJWS(h.SigningKey, complaints.AnswerType, payload)
	if err != nil {
		t.Fatal(err)
	}
	return jws
}

func sendAnswer(id string, jws []byte) ask {
	return postAs("/api/v1/complaints/"+id+"/answers", "", "application/jose", jws)
}
