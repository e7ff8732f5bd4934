package enroll_test

import (
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca/evidence"
	"mohr/enroll"
	"mohr/internal/eid"
	"mohr/internal/eid/eidtest"
)

func TestLoginsThatDoNotCountLeaveTheApplicationOpen(t *testing.T) {
	old := time.Now().Add(-time.Hour).Unix()
	const slow = "the provider is slow"
	tests := []struct {
		name string
		edit func(l *logins, sara someone)
		code string
	}{
		{"the acr is too low", func(l *logins, p someone) { acr(l, p, "urn:low") }, "eid_level"},
		{"there is no acr", func(l *logins, p someone) { acr(l, p, "") }, "eid_level"},
		{"the acr is not configured", func(l *logins, p someone) { acr(l, p, "urn:gold") }, "eid_level"},
		{"the login is stale", func(l *logins, _ someone) { forge(l, "auth_time", old) }, "eid_stale"},
		{"the ID token has expired", func(l *logins, _ someone) { forge(l, "exp", old) }, "eid_token"},
		{"it is for another audience", func(l *logins, _ someone) { forge(l, "aud", "other") }, "eid_token"},
		{"it is of another issuer", func(l *logins, _ someone) { forge(l, "iss", "https://other.test") }, "eid_token"},
		{"it has another nonce", func(l *logins, _ someone) { forge(l, "nonce", "other") }, "eid_token"},
		{"the algorithm is none", func(l *logins, _ someone) { l.idp.Set(func(s *eidtest.Setup) { s.Forge = l.idp.Unsigned }) }, "eid_token"},
		{"the algorithm is HS256 under the public key", func(l *logins, _ someone) { l.idp.Set(func(s *eidtest.Setup) { s.Forge = l.idp.SignShared }) }, "eid_token"},
		{"the key is a stranger's", func(l *logins, _ someone) { l.idp.Set(func(s *eidtest.Setup) { s.Forge = l.idp.SignAsStranger }) }, "eid_token"},
		{"the provider names nobody", func(l *logins, _ someone) { forge(l, "national_code", "") }, "eid_nobody"},
		{"the provider names what is no national code", func(l *logins, _ someone) { forge(l, "national_code", "1234567890") }, "eid_nobody"},
		{"the provider is down", func(l *logins, _ someone) {
			l.idp.Set(func(s *eidtest.Setup) { s.Before = silent(http.StatusServiceUnavailable, nil) })
		}, "eid_unavailable"},
		{slow, func(l *logins, _ someone) {
			over := make(chan struct{})
			l.t.Cleanup(func() { close(over) })
			l.idp.Set(func(s *eidtest.Setup) { s.Before = silent(http.StatusOK, over) })
		}, "eid_unavailable"},
		{"the provider refuses this service", func(l *logins, _ someone) {
			l.idp.Set(func(s *eidtest.Setup) { s.Before = silent(http.StatusUnauthorized, nil) })
		}, "eid_set_up"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			timeout := 30 * time.Second
			if tc.name == slow {
				timeout = 5 * time.Second
			}
			l := newLoginsWithin(t, timeout, nil)
			sara := person(1)
			l.knows(sara)
			a := l.ready(sara)
			back := l.idp.LogIn(a.begin(), sara.code)
			tc.edit(l, sara)
			b := l.browse(a, "fa")
			w := b.get(back.RequestURI())
			if to := w.Header().Get("Location"); w.Code != 303 || to != "/enroll/"+a.id+"?eid="+tc.code {
				t.Fatalf("got %d to %q: %s", w.Code, to, w.Body)
			}
			told := b.get(w.Header().Get("Location")).Body.String()
			if !strings.Contains(told, `role="alert"`) || !strings.Contains(told, persian(t, tc.code)) {
				t.Errorf("the page does not say why in Persian:\n%s", told)
			}
			a.state().want(t, enroll.Collecting, enroll.NeedFace)
			if events, err := l.Events(t.Context(), a.id); err != nil || events[len(events)-1].What != "eid_failed" || events[len(events)-1].Ref != tc.code {
				t.Errorf("the history ends with %+v, %v", events[len(events)-1], err)
			}
			l.logsNothingOf(back, sara)
			// The same login serves no second time, and another way is open.
			l.idp.Set(func(s *eidtest.Setup) { s.Before, s.Forge = nil, nil })
			a.finish(back).refused(t, 403, "eid_over")
			a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
		})
	}
}

// acr has the provider be that sure of the person.
func acr(l *logins, p someone, value string) {
	account := eidtest.Person{ACR: value, Claims: map[string]any{"national_code": p.code, "family": p.last}}
	l.idp.Set(func(s *eidtest.Setup) { s.People[p.code] = account })
}

// forge has the provider sign another value of a claim; "" takes it away.
func forge(l *logins, claim string, value any) {
	l.idp.Set(func(s *eidtest.Setup) {
		s.Forge = func(c map[string]any) string {
			if c[claim] = value; value == "" {
				delete(c, claim)
			}
			return l.idp.Sign(c)
		}
	})
}

// silent is a provider that answers its token endpoint with a status, and only
// once after is closed where there is such.
func silent(status int, after <-chan struct{}) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/oauth/token" {
			return false
		}
		if after != nil {
			<-after
		}
		w.WriteHeader(status)
		return true
	}
}

// persian returns the text of a fault.
func persian(t *testing.T, code string) string {
	t.Helper()
	own, err := os.ReadFile("texts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, texts := range []string{string(eid.Texts), string(own)} {
		for line := range strings.Lines(texts) {
			if rest, ok := strings.CutPrefix(line, code+`: {fa: "`); ok {
				return strings.TrimSuffix(rest, "\"}\n")
			}
		}
	}
	t.Fatalf("%s has no Persian text", code)
	return ""
}

func TestAnotherPersonsLoginRejects(t *testing.T) {
	l := newLogins(t, nil)
	sara, omid := person(1), person(2)
	omid.last = "کاظمی"
	l.knows(sara, omid)
	a := l.ready(sara)
	r := l.logIn(a, omid.code).want(t, enroll.Rejected)
	if !slices.ContainsFunc(r.Trace, func(s evidence.Step) bool { return s.Rule == "eid_oidc.result" && s.Outcome == "fail" }) {
		t.Errorf("the trace is %v", r.Trace)
	}
	if export := a.call("GET", a.path("/export"), a.token, nil); export.status != 200 || strings.Contains(string(export.raw), omid.code) || strings.Contains(string(export.raw), omid.last) {
		t.Errorf("the other person is in the export: %s", export.raw)
	}
	a.csr(request(t)).refused(t, 409, "application_ended")
	a.nothingIssued()
}

func TestALoginServesItsApplicationItsBrowserAndOneTime(t *testing.T) {
	tests := []struct {
		name string
		do   func(t *testing.T, l *logins, a *applicant, back *url.URL)
	}{
		{"the login of A in B", func(t *testing.T, l *logins, a *applicant, back *url.URL) {
			b := l.ready(a.who)
			b.finish(back).refused(t, 403, "eid_over")
			b.state().want(t, enroll.Collecting, enroll.NeedFace)
			a.finish(back).want(t, enroll.Approved, enroll.NeedCSR) // it was not used up
		}},
		{"the code of A with the state of B", func(t *testing.T, l *logins, a *applicant, back *url.URL) {
			b := l.ready(a.who)
			mine, err := url.Parse(b.begin())
			if err != nil {
				t.Fatal(err)
			}
			b.finish(withParameter(back, "state", mine.Query().Get("state"))).refused(t, 403, "eid_token")
			b.state().want(t, enroll.Collecting, enroll.NeedFace)
		}},
		{"another browser", func(t *testing.T, l *logins, a *applicant, back *url.URL) {
			l.browse(nil, "en").wants(l.browse(nil, "en").get(back.RequestURI()), 403)
			other := l.browse(l.ready(a.who), "en") // with an application of its own
			other.wants(other.get(back.RequestURI()), 403)
			if l.idp.Asked("/oauth/token") != 0 {
				t.Error("another browser's code was handed in")
			}
			a.finish(back).want(t, enroll.Approved, enroll.NeedCSR)
		}},
		{"a browser that holds another token of the application", func(t *testing.T, l *logins, a *applicant, back *url.URL) {
			b := l.browse(nil, "en")
			b.cookies["x"] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: l.ready(a.who).token}
			b.wants(b.get(back.RequestURI()), 401)
			a.state().want(t, enroll.Collecting, enroll.NeedFace)
		}},
		{"after the application went on elsewhere", func(t *testing.T, l *logins, a *applicant, back *url.URL) {
			if err := l.AskResume(t.Context(), a.id, a.who.code, a.who.born); err != nil {
				t.Fatal(err)
			}
			l.must(l.Resume(t.Context()))
			_, token, err := l.ResumeElsewhere(t.Context(), a.id, l.regs.code(a.who.mobile))
			if err != nil {
				t.Fatal(err)
			}
			a.finish(back).refused(t, 401, "token_invalid")
			a.token = token
			a.finish(back).refused(t, 403, "eid_over")
			a.state().want(t, enroll.Collecting, enroll.NeedFace)
		}},
		{"too late", func(t *testing.T, l *logins, a *applicant, back *url.URL) {
			l.clock.pass(10*time.Minute + time.Second)
			a.finish(back).refused(t, 403, "eid_over")
			a.state().want(t, enroll.Collecting, enroll.NeedFace)
		}},
		{"a state of one's own making", func(t *testing.T, _ *logins, a *applicant, back *url.URL) {
			for _, state := range []string{"", "x", a.id, a.id + ".", a.id + "." + strings.Repeat("A", 54), "../../" + back.Query().Get("state")} {
				a.finish(withParameter(back, "state", state)).refused(t, 403, "eid_over")
			}
		}},
		{"a parameter twice", func(t *testing.T, l *logins, a *applicant, back *url.URL) {
			b := l.browse(a, "en")
			for _, name := range []string{"code", "state", "iss"} {
				b.wants(b.get(back.RequestURI()+"&"+name+"=x&iss=y"), 403)
			}
			a.state().want(t, enroll.Collecting, enroll.NeedFace)
		}},
		{"many times at once", func(t *testing.T, l *logins, a *applicant, back *url.URL) {
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() { a.finish(back) })
			}
			all.Wait()
			a.state().want(t, enroll.Approved, enroll.NeedCSR)
			if n := l.idp.Asked("/oauth/token"); n != 1 {
				t.Errorf("the code was handed in %d times", n)
			}
		}},
		{"the person said no", func(t *testing.T, l *logins, a *applicant, _ *url.URL) {
			l.logIn(a, "").refused(t, 403, "eid_cancelled")
			a.state().want(t, enroll.Collecting, enroll.NeedFace)
			l.logIn(a, a.who.code).want(t, enroll.Approved, enroll.NeedCSR)
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLogins(t, nil)
			sara := person(1)
			l.knows(sara)
			a := l.ready(sara)
			tc.do(t, l, a, l.idp.LogIn(a.begin(), sara.code))
		})
	}
}

func withParameter(u *url.URL, name, value string) *url.URL {
	copied, q := *u, u.Query()
	q.Set(name, value)
	copied.RawQuery = q.Encode()
	return &copied
}

func TestTheCallbackLeadsNowhereElse(t *testing.T) {
	l := newLogins(t, nil)
	sara := person(1)
	l.knows(sara)
	a := l.ready(sara)
	b := l.browse(a, "en")
	for _, state := range []string{"//evil.test", "/evil.test.x", "https://evil.test/.x", "a-" + strings.Repeat("0", 32) + "/../../x.y", `\evil.test.x`} {
		b.cookies["y"] = &http.Cookie{Name: "__Host-mohr-evil.test", Value: a.token}
		w := b.get(enroll.LoginPath + "?code=x&state=" + url.QueryEscape(state) + "&redirect_uri=https://evil.test&next=https://evil.test")
		if w.Code != 403 || w.Header().Get("Location") != "" {
			t.Errorf("state %q: %d to %q", state, w.Code, w.Header().Get("Location"))
		}
	}
	w := b.get("/enroll/" + a.id + "/eid?redirect_uri=https://evil.test&next=//evil.test")
	if to := w.Header().Get("Location"); w.Code != 303 || strings.Contains(to, "evil.test") || !strings.HasPrefix(to, l.idp.URL+"/") {
		t.Errorf("the button leads to %d %q", w.Code, to)
	}
	page := b.get("/enroll/" + a.id + "?eid=" + url.QueryEscape(`<script>your account is locked, call us</script>`)).Body.String()
	if strings.Contains(page, "call us") || strings.Contains(page, `role="alert"`) {
		t.Error("a link puts words on the page")
	}
}
