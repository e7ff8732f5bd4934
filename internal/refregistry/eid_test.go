package refregistry_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mohr/internal/refregistry"
)

const (
	eidSecret = "s3cret"
	eidBack   = "https://localhost:8443/back"
	verifier  = "0123456789012345678901234567890123456789012"
)

// startEID serves the eID provider and returns its address and its clock.
func startEID(t *testing.T) (address string, pass func(time.Duration)) {
	t.Helper()
	now := time.Now()
	s, _ := serve(t, refregistry.Config{Now: func() time.Time { return now }})
	h, err := s.EID(eidSecret, "/back")
	if err != nil {
		t.Fatal(err)
	}
	provider := httptest.NewServer(h)
	t.Cleanup(provider.Close)
	return provider.URL, func(d time.Duration) { now = now.Add(d) }
}

// eidRequest is a request for a login, changed by pairs of name and value.
func eidRequest(pairs ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {refregistry.EIDClient}, "redirect_uri": {eidBack}, "state": {"s"}, "nonce": {"n"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

var stay = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func TestTheEIDProviderSendsNobodyElsewhere(t *testing.T) {
	at, _ := startEID(t)
	for name, q := range map[string]url.Values{
		"another machine":        eidRequest("redirect_uri", "https://evil.test/back"),
		"another path":           eidRequest("redirect_uri", "https://localhost:8443/other"),
		"a name before the host": eidRequest("redirect_uri", "https://localhost@evil.test/back"),
		"a query":                eidRequest("redirect_uri", eidBack+"?to=x"),
		"plain HTTP":             eidRequest("redirect_uri", "http://localhost/back"),
		"another client":         eidRequest("client_id", "other"),
		"no proof key":           eidRequest("code_challenge", ""),
		"a plain proof key":      eidRequest("code_challenge_method", "plain"),
		"no code":                eidRequest("response_type", "token"),
	} {
		res, err := stay.Get(at + "/authorize?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", name, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

func TestACodeOfTheEIDProviderServesItsClientOnce(t *testing.T) {
	at, pass := startEID(t)
	login := func() string {
		t.Helper()
		form := eidRequest("person", "0012345679", "acr", "high", "act", "login")
		res, err := stay.PostForm(at+"/authorize", form)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		back, err := res.Location()
		if err != nil || !strings.HasPrefix(back.String(), eidBack+"?") || back.Query().Get("state") != "s" || back.Query().Get("iss") != at {
			t.Fatalf("sent back to %v, %v", back, err)
		}
		return back.Query().Get("code")
	}
	redeem := func(code, secret, proof string) int {
		t.Helper()
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {eidBack}, "code_verifier": {proof}}
		r, err := http.NewRequestWithContext(t.Context(), "POST", at+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(refregistry.EIDClient, secret)
		res, err := stay.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	code := login()
	if got := redeem(code, "wrong", verifier); got != http.StatusUnauthorized {
		t.Errorf("a wrong secret: %d", got)
	}
	if first, again := redeem(code, eidSecret, verifier), redeem(code, eidSecret, verifier); first != http.StatusOK || again != http.StatusBadRequest {
		t.Errorf("a code, and again: %d, %d", first, again)
	}
	if got := redeem(login(), eidSecret, verifier+"x"); got != http.StatusBadRequest {
		t.Errorf("another proof: %d", got)
	}
	late := login()
	pass(time.Minute + time.Second)
	if got := redeem(late, eidSecret, verifier); got != http.StatusBadRequest {
		t.Errorf("a code of a minute ago: %d", got)
	}
}
