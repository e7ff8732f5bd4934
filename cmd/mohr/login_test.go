package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mohr/cmd/mohr/service"
	"mohr/enroll"
	"mohr/internal/eid/eidtest"
)

// loginConfig is a configuration file for the provider, as docs/eid.md has it.
const loginConfig = `
eid:
  name: eid-national@1
  issuer: %s
  environment: simulated
  client_id: mohr
  secret_file: %s
  acr: {"https://eid.test/loa/high": high, "https://eid.test/loa/substantial": substantial}
  claims: {national_code: token.national_code}
  root_file: %s
  allow: [127.0.0.1/32]
`

func readLogins(t *testing.T, text string) (service.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mohr.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return service.LoadConfig(file)
}

// surfer is a browser: cookies, forms, and no redirect followed.
type surfer struct {
	t    *testing.T
	http *http.Client
	base string
}

func (s *running) surfer(t *testing.T) *surfer {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &surfer{t, &http.Client{Transport: s.anyone.http.Transport, Jar: jar, CheckRedirect: stay}, s.Config.Portal}
}

// open goes to an address, or sends a form to it, and returns the page and
// where it leads on to.
func (s *surfer) open(path string, form url.Values) (status int, page, to string) {
	s.t.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = s.base + path
	}
	res, err := s.http.Get(address)
	if form != nil {
		res, err = s.http.PostForm(address, form)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b), res.Header.Get("Location")
}

// TestALoginWithAnEIDIsConfigurationAlone brings a person to a certificate
// with a browser, over the network: the portal, the provider, and back.
func TestALoginWithAnEIDIsConfigurationAlone(t *testing.T) {
	idp := eidtest.New(t, "")
	idp.Set(func(s *eidtest.Setup) {
		s.People["davood"] = eidtest.Person{ACR: "https://eid.test/loa/high", Claims: map[string]any{"national_code": davood.NationalCode}}
	})
	logins, err := readLogins(t, fmt.Sprintf(loginConfig, idp.URL, idp.SecretFile(), idp.Root))
	if err != nil {
		t.Fatal(err)
	}
	s := startService(t, "", func(c *service.Config) { c.EID, c.Policy = logins.EID, "" })
	idp.Set(func(e *eidtest.Setup) { e.Redirect = s.Config.Portal + enroll.LoginPath })
	b := s.surfer(t)
	page := s.toLogin(t, b, davood)
	_, _, address := b.open(page+"/eid", nil)
	back := idp.LogIn(address, "davood")
	if status, html, _ := s.surfer(t).open(back.String(), nil); status != http.StatusForbidden {
		t.Fatalf("another browser comes back: %d %s", status, html)
	}
	if status, html, to := b.open(back.String(), nil); status != http.StatusSeeOther || to != page {
		t.Fatalf("coming back: %d to %q: %s", status, to, html)
	}
	s.certifies(t, b, page)
}

// toLogin brings a person, by browser, to where a login is offered, and
// returns the page of the application.
func (s *running) toLogin(t *testing.T, b *surfer, who applicant) (page string) {
	t.Helper()
	_, _, page = b.open("/enroll", url.Values{
		"national_code": {who.NationalCode}, "birth_date": {who.BirthDate}, "mobile": {who.Mobile}, "profile": {"natural-sign"},
	})
	if !strings.HasPrefix(page, "/enroll/a-") {
		t.Fatalf("no application: %q", page)
	}
	b.open(page+"/consent", url.Values{"accepted": {"yes"}, "terms_version": {"1"}})
	code, err := s.code(t, who.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	b.open(page+"/code", url.Values{"code": {code}})
	if _, html, _ := b.open(page, nil); !strings.Contains(html, `href="`+page+`/eid"`) {
		t.Fatalf("the page offers no login:\n%s", html)
	}
	return page
}

// certifies hands in a request and fetches the certificate.
func (s *running) certifies(t *testing.T, b *surfer, page string) {
	t.Helper()
	_, _, csr := s.newKey(t)
	if status, html, _ := b.open(page+"/csr", url.Values{"csr": {string(csr)}}); status != http.StatusSeeOther {
		t.Fatalf("the request: %d %s", status, html)
	}
	if status, chain, _ := b.open(page+"/certificate.pem", nil); status != http.StatusOK || !strings.Contains(chain, "BEGIN CERTIFICATE") {
		t.Errorf("the certificate: %d %s", status, chain)
	}
}

// TestADevelopmentServiceHasAnEIDProvider: it is tried without a configuration.
func TestADevelopmentServiceHasAnEIDProvider(t *testing.T) {
	s := startService(t, "", func(c *service.Config) { c.Policy = "" })
	b := s.surfer(t)
	page := s.toLogin(t, b, davood)
	login := func(person, level, act string) (told string) {
		t.Helper()
		_, _, address := b.open(page+"/eid", nil)
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if status, html, _ := b.open(address, nil); status != http.StatusOK || !strings.Contains(html, davood.NationalCode) {
			t.Fatalf("the provider shows %d %s", status, html)
		}
		form := u.Query()
		form.Set("person", person)
		form.Set("acr", level)
		form.Set("act", act)
		_, _, back := b.open("http://"+u.Host+"/authorize", form)
		_, _, to := b.open(back, nil)
		return strings.TrimPrefix(to, page)
	}
	for told, try := range map[string][3]string{"?eid=eid_cancelled": {davood.NationalCode, "high", "cancel"}, "?eid=eid_level": {davood.NationalCode, "low", "login"}} {
		if got := login(try[0], try[1], try[2]); got != told {
			t.Errorf("%v leads to %q, want %q", try, got, told)
		}
	}
	if got := login(davood.NationalCode, "substantial", "login"); got != "" {
		t.Fatalf("the login leads to %q", got)
	}
	s.certifies(t, b, page)
}

func TestAConfigurationOfLoginsIsStrict(t *testing.T) {
	text := fmt.Sprintf(loginConfig, "https://eid.test", "secret", "root")
	if _, err := readLogins(t, text+"  pkce: false\n"); err == nil || !strings.Contains(err.Error(), "field pkce not found") {
		t.Errorf("an unknown key: %v", err)
	}
	c, err := readLogins(t, text)
	if err != nil {
		t.Fatal(err)
	}
	c.Production = true
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "eid is simulated") {
		t.Errorf("simulated logins in production: %v", err)
	}
}

func TestTheExampleOfThePageIsTaken(t *testing.T) {
	page, err := os.ReadFile("../../docs/eid.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("the page has no example")
	}
	c, err := readLogins(t, example)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.EID.Check(); err != nil {
		t.Error(err)
	}
}
