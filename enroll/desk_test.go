package enroll_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/enroll"
	"mohr/internal/eid"
	"mohr/internal/i18n"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/otp"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
	"mohr/internal/web"
)

// clock is the time of all rooms of a test.
type clock struct {
	mu    sync.Mutex
	t     time.Time
	since time.Time // not zero: the clock goes, and was at t then
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.since.IsZero() {
		return c.t.Add(time.Since(c.since))
	}
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// desk is a Desk on a real store, a real authority and a real log, with
// registers that the test moves.
type desk struct {
	*enroll.Desk
	t     testing.TB
	ca    *catest.Fixture
	regs  *registers
	clock *clock
	log   *bytes.Buffer
	file  string // of the store
	http  http.Handler
}

// newDesk returns a desk; change may alter its Config.
func newDesk(t testing.TB, change func(*enroll.Config)) *desk {
	t.Helper()
	return newDeskAt(t, &clock{t: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}, change)
}

// newDeskAt is newDesk by another clock.
func newDeskAt(t testing.TB, at *clock, change func(*enroll.Config)) *desk {
	t.Helper()
	d := &desk{t: t, log: &bytes.Buffer{}, clock: at}
	d.regs = newRegisters(d.clock.now)
	d.file = filepath.Join(t.TempDir(), "mohr.db")
	st, err := store.OpenBolt(d.file)
	d.must(err)
	t.Cleanup(func() { st.Close() })
	d.ca = catest.On(t, st, &catest.Keys{}, d.clock.now)
	box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize))
	d.must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.must(err)
	journal, err := ledger.New(ledger.Config{Store: d.ca.Store, Signer: key, Origin: "mohr.test/log", Now: d.clock.now})
	d.must(err)
	texts, err := i18n.Parse(web.Texts, enroll.Texts, evidence.Texts, eid.Texts)
	d.must(err)
	c := enroll.Config{
		Store: storetest.Twice(d.ca.Store), CA: d.ca.Authority, Policy: policy(t, nil), Registry: d.regs, Notifier: d.regs,
		OTP: codesOver(t, d.ca.Store, d.clock.now, d.regs), Seal: box, Stamper: newStamper(d),
		Audit:    d.ca.Current(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Mohr Test Audit"}),
		Verifier: &signature.Verifier{Authority: d.ca.Authority}, Nonces: &nonce.Source{Key: make([]byte, 32), Now: d.clock.now},
		Ledger: journal, Texts: texts, Audience: catest.Portal, Now: d.clock.now,
		Log: slog.New(slog.NewTextHandler(&locked{w: d.log}, nil)),
	}
	if change != nil {
		change(&c)
	}
	d.Desk, err = enroll.New(c)
	d.must(err)
	server, err := web.New(web.Config{Store: d.ca.Store, Texts: texts, Pages: []fs.FS{enroll.Pages}, Portal: catest.Portal, Now: d.clock.now})
	d.must(err)
	d.Routes(server)
	d.http = server.Handler()
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// locked is a writer for several goroutines.
type locked struct {
	mu sync.Mutex
	w  *bytes.Buffer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// policy is the delivered policy, changed by edit.
func policy(t testing.TB, edit func(string) string) *evidence.Policy {
	t.Helper()
	b, err := os.ReadFile("../ca/evidence/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if edit != nil {
		if text = edit(text); text == string(b) {
			t.Fatal("the edit of the policy changes nothing")
		}
	}
	p, err := evidence.ParsePolicy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reply is an answer of the API.
type reply struct {
	status int
	raw    []byte
	header http.Header

	ID           string          `json:"id"`
	Stage        enroll.Stage    `json:"stage"`
	Needs        []enroll.Need   `json:"needs"`
	Token        string          `json:"token"`
	TermsVersion string          `json:"terms_version"`
	Trace        []evidence.Step `json:"trace"`
	Serial       string          `json:"serial"`
	Certificate  string          `json:"certificate"`
	Ways         []enroll.Need   `json:"ways"`
	URL          string          `json:"url"`
	Revocation   string          `json:"revocation_code"`
	Code         string          `json:"code"`
	Detail       string          `json:"detail"`
	Reason       string          `json:"reason"`
}

// call sends one request to the API; body is JSON unless it is bytes or nil.
func (d *desk) call(method, path, token string, body any) reply {
	d.t.Helper()
	var content []byte
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case []byte:
		content, kind = b, "application/pkcs10"
	case string:
		content, kind = []byte(b), "application/x-pem-file"
	default:
		content, _ = json.Marshal(b)
	}
	r := httptest.NewRequestWithContext(d.t.Context(), method, catest.Portal+"/api/v1"+path, bytes.NewReader(content))
	if len(content) > 0 {
		r.Header.Set("Content-Type", kind)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	d.http.ServeHTTP(w, r)
	out := reply{status: w.Code, raw: w.Body.Bytes(), header: w.Header()}
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		d.must(json.Unmarshal(out.raw, &out))
	}
	return out
}

// want fails the test unless the reply is a success at the stage.
func (r reply) want(t testing.TB, stage enroll.Stage, needs ...enroll.Need) reply {
	t.Helper()
	if r.status >= 300 || r.Stage != stage || fmt.Sprint(r.Needs) != fmt.Sprint(needs) {
		t.Fatalf("got %d %s %v (%s %s), want stage %s and needs %v", r.status, r.Stage, r.Needs, r.Code, r.Detail, stage, needs)
	}
	return r
}

// refused fails the test unless the reply is the problem.
func (r reply) refused(t testing.TB, status int, code string) {
	t.Helper()
	if r.status != status || r.Code != code {
		t.Fatalf("got %d %s (%s), want %d %s", r.status, r.Code, r.raw, status, code)
	}
}

// applicant drives one application through the API.
type applicant struct {
	*desk
	id, token string
	who       someone
}

func (a *applicant) path(rest string) string { return "/applications/" + a.id + rest }
func (a *applicant) state() reply            { return a.call("GET", a.path(""), a.token, nil) }
func (a *applicant) refresh() reply          { return a.call("POST", a.path("/evidence/refresh"), a.token, nil) }

// apply opens an application.
func (d *desk) apply(who someone, profile string) *applicant {
	d.t.Helper()
	in := map[string]any{"person": map[string]string{"national_code": who.code, "birth_date": who.born, "mobile": who.types}, "profile": profile, "locale": "fa"}
	if profile == ca.OrganisationSign {
		in["legal_id"] = who.legalID
	}
	r := d.call("POST", "/applications", "", in).want(d.t, enroll.Created, enroll.NeedConsent)
	if r.status != http.StatusCreated || r.Token == "" || r.ID == "" {
		d.t.Fatalf("no token or id in %s", r.raw)
	}
	return &applicant{desk: d, id: r.ID, token: r.Token, who: who}
}

func (a *applicant) consent() reply {
	return a.call("POST", a.path("/consent"), a.token, map[string]any{"accepted": true, "terms_version": "1"})
}

func (a *applicant) code(code string) reply {
	return a.call("POST", a.path("/evidence/otp_sms"), a.token, map[string]string{"code": code})
}

func (a *applicant) face(session string) reply {
	return a.call("POST", a.path("/evidence/face_match"), a.token, map[string]string{"session": session})
}

func (a *applicant) csr(request any) reply { return a.call("POST", a.path("/csr"), a.token, request) }

// approved brings an application to its approval.
func (d *desk) approved(who someone, profile string) *applicant {
	d.t.Helper()
	a := d.apply(who, profile)
	a.consent().want(d.t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.code(d.regs.code(who.types)).want(d.t, enroll.Collecting, enroll.NeedFace)
	a.face("live").want(d.t, enroll.Approved, enroll.NeedCSR)
	return a
}

// request returns a certification request in DER for a new key.
func request(t testing.TB) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return requestFor(t, key)
}

func requestFor(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// nothingIssued fails the test if the application has a certificate.
func (a *applicant) nothingIssued() {
	a.t.Helper()
	if c, err := a.ca.Authority.ByRequest(context.Background(), a.id); err == nil {
		a.t.Fatalf("certificate %s was issued", c.Serial)
	}
}

// codesOver returns the real one-time codes, over a phone network.
func codesOver(t testing.TB, st store.Store, now func() time.Time, network enroll.Notifier) *otp.Codes {
	t.Helper()
	codes, err := otp.New(otp.Config{
		Store: st, Key: make([]byte, 32), Now: now,
		Send: func(ctx context.Context, to, text string) error {
			_, err := network.SMS(ctx, to, text)
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return codes
}
