package enroll_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/enroll"
	"mohr/internal/eid"
	"mohr/internal/eid/eidtest"
)

// high is an acr value that the tests' provider is configured with.
const high = "https://eid.test/loa/high"

// logins is a desk with an eID provider, that runs on the machine's clock as
// the provider does.
type logins struct {
	*desk
	idp *eidtest.Provider
}

func newLogins(t *testing.T, change func(*enroll.Config)) *logins {
	t.Helper()
	return newLoginsWithin(t, 30*time.Second, change)
}

// newLoginsWithin is newLogins where the provider may take so long to answer.
func newLoginsWithin(t *testing.T, timeout time.Duration, change func(*enroll.Config)) *logins {
	t.Helper()
	l := &logins{idp: eidtest.New(t, catest.Portal+enroll.LoginPath)}
	l.desk = newDeskAt(t, &clock{t: time.Now().UTC(), since: time.Now()}, func(c *enroll.Config) {
		c.EID = l.provider(t, c.Now, "simulated", timeout)
		if change != nil {
			change(c)
		}
	})
	return l
}

func (l *logins) provider(t *testing.T, now func() time.Time, environment string, timeout time.Duration) *eid.Provider {
	t.Helper()
	p, err := eid.New(eid.Config{
		File: eid.File{
			Name: "eid-test@1", Issuer: l.idp.URL, Environment: environment, ClientID: eidtest.ClientID, SecretFile: l.idp.SecretFile(),
			ACR:    map[string]string{high: "high", "urn:mid": "substantial", "urn:low": "low"},
			Claims: map[string]string{"national_code": "token.national_code", "last_name": "token.family"},
			Allow:  []string{"127.0.0.1/32"}, RootFile: l.idp.Root, Timeout: timeout,
		},
		Redirect: catest.Portal + enroll.LoginPath, Key: make([]byte, 32), Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// knows gives the person an account at the provider, under their code.
func (l *logins) knows(list ...someone) {
	for _, p := range list {
		l.regs.know(p)
		l.idp.Set(func(s *eidtest.Setup) {
			s.People[p.code] = eidtest.Person{ACR: high, Claims: map[string]any{"national_code": p.code, "family": p.last}}
		})
	}
}

// ready brings an application to where a face or a login is wanted.
func (l *logins) ready(who someone) *applicant {
	l.t.Helper()
	a := l.apply(who, "natural-sign")
	a.consent().want(l.t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.code(l.regs.code(who.types)).want(l.t, enroll.Collecting, enroll.NeedFace)
	return a
}

// begin returns the address at the provider.
func (a *applicant) begin() string {
	a.t.Helper()
	r := a.call("POST", a.path("/evidence/eid_oidc"), a.token, nil)
	if r.status != 200 || r.URL == "" {
		a.t.Fatalf("got %d %s", r.status, r.raw)
	}
	return r.URL
}

// finish hands in what came back.
func (a *applicant) finish(back *url.URL) reply {
	a.t.Helper()
	return a.call("POST", a.path("/evidence/eid_oidc/callback"), a.token, map[string]string{"query": back.RawQuery})
}

// logIn goes to the provider as user and hands in what comes back.
func (l *logins) logIn(a *applicant, user string) reply {
	l.t.Helper()
	return a.finish(l.idp.LogIn(a.begin(), user))
}

// browse returns a browser that holds the application.
func (l *logins) browse(a *applicant, lang string) *browser {
	b := &browser{desk: l.desk, cookies: map[string]*http.Cookie{}, lang: lang}
	if a != nil {
		b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: a.token}
	}
	return b
}

func TestALoginWithAnEIDLeadsToACertificateInABrowser(t *testing.T) {
	for lang, button := range map[string]string{"fa": "ورود با شناسهٔ الکترونیکی ملی", "en": "Log in with your national eID"} {
		t.Run(lang, func(t *testing.T) {
			l := newLogins(t, nil)
			sara := person(1)
			l.knows(sara)
			b := l.browse(nil, lang)
			form := url.Values{"national_code": {sara.code}, "birth_date": {sara.born}, "mobile": {sara.mobile}, "profile": {"natural-sign"}}
			page := b.do("POST", "/enroll", "application/x-www-form-urlencoded", []byte(form.Encode())).Header().Get("Location")
			w := b.post(page+"/consent", url.Values{"terms_version": {"1"}, "accepted": {"yes"}})
			b.wants(w, 200, page+"/code")
			if strings.Contains(w.Body.String(), page+"/eid") {
				t.Error("the page offers a login before the phone is proven")
			}
			b.wants(b.post(page+"/code", url.Values{"code": {b.regs.code(sara.mobile)}}), 200, page+"/face", `href="`+page+`/eid"`, button)

			w = b.get(page + "/eid")
			if w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), l.idp.URL+"/authorize?") {
				t.Fatalf("the button leads to %d %s", w.Code, w.Header().Get("Location"))
			}
			back := l.idp.LogIn(w.Header().Get("Location"), sara.code)
			if !strings.HasPrefix(back.String(), catest.Portal+enroll.LoginPath+"?") {
				t.Fatalf("the provider sends the browser to %s", back)
			}
			w = b.get(back.RequestURI())
			if w.Code != 303 || w.Header().Get("Location") != page {
				t.Fatalf("the callback leads to %d %q: %s", w.Code, w.Header().Get("Location"), w.Body)
			}
			b.wants(b.get(page), 200, page+"/csr")
			if w := b.get(back.RequestURI()); w.Code != 303 || w.Header().Get("Location") != page || l.idp.Asked("/oauth/token") != 1 {
				t.Errorf("the callback again: %d %s, %d codes handed in", w.Code, w.Body, l.idp.Asked("/oauth/token"))
			}
			kind, body := upload(t, request(t))
			if w := b.do("POST", page+"/csr", kind, body); w.Code != 303 {
				t.Fatalf("got %d %s", w.Code, w.Body)
			}
			b.wants(b.get(page), 200, page+"/certificate.pem")
			if leaf := parseChain(t, b.get(page+"/certificate.pem").Body.Bytes())[0]; leaf.Subject.SerialNumber != "PNOIR-"+sara.code {
				t.Errorf("the certificate is for %q", leaf.Subject.SerialNumber)
			}
			b.wants(b.get(page+"/export"), 200, sara.last)
			l.logsNothingOf(back, sara)
		})
	}
}

// logsNothingOf fails the test if the log holds what came back, or a person.
func (l *logins) logsNothingOf(back *url.URL, p someone) {
	l.t.Helper()
	for _, secret := range []string{back.Query().Get("code"), back.Query().Get("state"), p.code, p.last} {
		if secret != "" && strings.Contains(l.log.String(), secret) {
			l.t.Errorf("the log has %q", secret)
		}
	}
}

func TestALoginWithAnEIDLeadsToACertificateByTheAPI(t *testing.T) {
	l := newLogins(t, nil)
	sara := person(1)
	l.knows(sara)
	a := l.ready(sara)
	if r := a.state(); fmt.Sprint(r.Ways) != "[eid_oidc]" {
		t.Errorf("in place of a face: %v", r.Ways)
	}
	back := l.idp.LogIn(a.begin(), sara.code)
	a.finish(back).want(t, enroll.Approved, enroll.NeedCSR)
	if r := a.finish(back).want(t, enroll.Approved, enroll.NeedCSR); len(r.Ways) != 0 {
		t.Errorf("approved, and still %v", r.Ways)
	}
	a.call("POST", a.path("/evidence/eid_oidc"), a.token, nil).refused(t, 409, "eid_unwanted")
	a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	bundle := a.call("GET", a.path("/export"), a.token, nil)
	if !strings.Contains(string(bundle.raw), `"eid_oidc"`) || !strings.Contains(string(bundle.raw), `"acr":"`+high+`"`) {
		t.Errorf("the export lacks the login: %s", bundle.raw)
	}
	a.finish(back).want(t, enroll.Issued, enroll.NeedCertificate)
}

func TestAProviderThatIsDownAtTheStartLeavesTheOtherWay(t *testing.T) {
	l := newLogins(t, nil)
	sara := person(1)
	l.knows(sara)
	l.idp.Set(func(s *eidtest.Setup) {
		s.Before = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
	})
	a := l.ready(sara)
	a.call("POST", a.path("/evidence/eid_oidc"), a.token, nil).refused(t, 503, "eid_unavailable")
	b := l.browse(a, "en")
	w := b.get("/enroll/" + a.id + "/eid")
	b.wants(b.get(w.Header().Get("Location")), 503, "does not answer now", "/enroll/"+a.id+"/face")
	a.state().want(t, enroll.Collecting, enroll.NeedFace)
	a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
}

func TestNoLoginBeforeThePhoneIsProven(t *testing.T) {
	l := newLogins(t, nil)
	sara := person(1)
	l.knows(sara)
	a := l.apply(sara, "natural-sign")
	a.call("POST", a.path("/evidence/eid_oidc"), a.token, nil).refused(t, 409, "application_stage")
	a.consent()
	a.call("POST", a.path("/evidence/eid_oidc"), a.token, nil).refused(t, 409, "eid_early")
	b := l.browse(a, "en")
	if w := b.get("/enroll/" + a.id + "/eid"); w.Header().Get("Location") != "/enroll/"+a.id+"?eid=eid_early" || l.idp.Asked("/authorize") != 0 {
		t.Errorf("got %d %q", w.Code, w.Header().Get("Location"))
	}
}

func TestWithoutAProviderNoLoginIsOffered(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, "natural-sign")
	a.consent()
	if r := a.code(d.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedFace); len(r.Ways) != 0 {
		t.Errorf("in place of a face: %v", r.Ways)
	}
	a.call("POST", a.path("/evidence/eid_oidc"), a.token, nil).refused(t, 404, "eid_absent")
	first := newDesk(t, func(c *enroll.Config) { c.Policy = loginFirst(t) })
	first.regs.know(sara)
	first.approved(sara, "natural-sign")
	loginsOnly := func(s string) string {
		return strings.NewReplacer("otp_sms, face_match]", "otp_sms, eid_oidc]", "      known: {face_match: 90d}\n", "").Replace(s)
	}
	var c enroll.Config
	newDesk(t, func(given *enroll.Config) { c = *given })
	c.Policy = policy(t, loginsOnly)
	if _, err := enroll.New(c); err == nil || !strings.Contains(err.Error(), "no provider is configured") {
		t.Errorf("a policy that nobody can meet: %v", err)
	}
}

func TestAPolicyOfLoginsAloneAsksForOne(t *testing.T) {
	l := newLogins(t, func(c *enroll.Config) {
		c.Policy = policy(t, func(s string) string {
			return strings.NewReplacer("        - [civil_registry, mobile_ownership, otp_sms, face_match]\n", "", "      known: {face_match: 90d}\n", "").Replace(s)
		})
	})
	sara := person(1)
	l.knows(sara)
	a := l.apply(sara, "natural-sign")
	a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedLogin)
	a.code(l.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedLogin)
	b := l.browse(a, "en")
	b.wants(b.get("/enroll/"+a.id), 200, `href="/enroll/`+a.id+`/eid"`)
	a.face("live").want(t, enroll.Collecting, enroll.NeedLogin) // no set has it
	l.logIn(a, sara.code).want(t, enroll.Approved, enroll.NeedCSR)
}

// loginFirst is the delivered policy with the login before the face.
func loginFirst(t *testing.T) *evidence.Policy {
	t.Helper()
	return policy(t, func(s string) string {
		const face, login = "otp_sms, face_match]\n", "otp_sms, eid_oidc]"
		return strings.Replace(strings.Replace(s, face, "otp_sms, eid_oidc]\n", 1), login+" #", "otp_sms, face_match] #", 1)
	})
}

func TestThePageShowsBothWaysInTheOrderOfThePolicy(t *testing.T) {
	l := newLogins(t, func(c *enroll.Config) { c.Policy = loginFirst(t) })
	sara := person(1)
	l.knows(sara)
	a := l.apply(sara, "natural-sign")
	a.consent()
	a.code(l.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedLogin)
	if r := a.state(); fmt.Sprint(r.Ways) != "[face_match]" {
		t.Errorf("in place of a login: %v", r.Ways)
	}
	b := l.browse(a, "en")
	b.wants(b.get("/enroll/"+a.id), 200, `href="/enroll/`+a.id+`/eid"`, `action="/enroll/`+a.id+`/face"`, "One of these ways")
	a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
}

func TestALoginWaitsForARegisterThatIsDown(t *testing.T) {
	l := newLogins(t, nil)
	sara := person(1)
	l.knows(sara)
	l.regs.set(l.regs.down, "person", true)
	a := l.ready(sara)
	l.logIn(a, sara.code).want(t, enroll.Waiting, enroll.NeedRefresh)
	l.regs.set(l.regs.down, "person", false)
	a.refresh().want(t, enroll.Approved, enroll.NeedCSR)
}
