package eid_test

import (
	"bytes"
	"errors"
	"net/url"
	"testing"
	"time"

	"mohr/internal/eid"
	"mohr/internal/eid/eidtest"
	"mohr/internal/fault"
)

const (
	redirect = "https://portal.test/enroll/eid/callback"
	high     = "https://eid.test/loa/high"
)

// sara is a person whose login is in order.
var sara = eidtest.Person{ACR: high, Claims: map[string]any{"national_code": "0012345679", "given": "سارا", "born": "1369/02/24"}}

// config is one for the provider.
func config(idp *eidtest.Provider) eid.Config {
	return eid.Config{
		File: eid.File{
			Name: "eid-test@1", Issuer: idp.URL, Environment: "simulated", ClientID: eidtest.ClientID, SecretFile: idp.SecretFile(),
			ACR:    map[string]string{high: "high", "urn:mid": "substantial", "urn:low": "low"},
			Claims: map[string]string{"national_code": "token.national_code", "first_name": "token.given", "birth_date": "gregorian(token.born)"},
			Allow:  []string{"127.0.0.1/32"}, RootFile: idp.Root, Timeout: 30 * time.Second,
		},
		Redirect: redirect, Key: bytes.Repeat([]byte{1}, 32),
	}
}

func open(t *testing.T, idp *eidtest.Provider, edit func(*eid.Config)) *eid.Provider {
	t.Helper()
	c := config(idp)
	if edit != nil {
		edit(&c)
	}
	p, err := eid.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// begin goes to the provider with a state and comes back.
func begin(t *testing.T, p *eid.Provider, idp *eidtest.Provider, state, user string) eid.Back {
	t.Helper()
	address, err := p.Begin(t.Context(), state, "fa")
	if err != nil {
		t.Fatal(err)
	}
	return back(idp.LogIn(address, user))
}

func back(u *url.URL) eid.Back {
	q := u.Query()
	return eid.Back{Code: q.Get("code"), State: q.Get("state"), Issuer: q.Get("iss"), Error: q.Get("error")}
}

func TestWhoLoggedInComesBack(t *testing.T) {
	for _, names := range []bool{false, true} {
		idp := eidtest.New(t, redirect)
		idp.Set(func(s *eidtest.Setup) { s.People["sara"], s.Names = sara, names })
		p := open(t, idp, nil)
		b := begin(t, p, idp, "state-1", "sara")
		l, err := p.Finish(t.Context(), "state-1", b)
		if err != nil {
			t.Fatal(err)
		}
		if l.NationalCode != "0012345679" || l.FirstName != "سارا" || l.LastName != "" || l.BirthDate != "1990-05-14" {
			t.Errorf("claims are %+v", l)
		}
		if l.Level != "high" || l.ACR != high || l.Source != "eid-test@1" || l.Environment != "simulated" || time.Since(l.AuthAt) > time.Minute || len(l.SHA256) != 64 {
			t.Errorf("login is %+v", l)
		}
		if _, err := p.Finish(t.Context(), "state-1", b); !errors.Is(err, eid.ErrToken) {
			t.Errorf("the code served twice: %v", err)
		}
	}
}

func TestTheBrowserIsSentWithPKCEANonceAndAFreshLogin(t *testing.T) {
	idp := eidtest.New(t, redirect)
	p := open(t, idp, nil)
	first, err := p.Begin(t.Context(), "state-1", "fa")
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Begin(t.Context(), "state-2", "en")
	if err != nil {
		t.Fatal(err)
	}
	a, b := query(t, first), query(t, second)
	for name, want := range map[string]string{
		"response_type": "code", "client_id": eidtest.ClientID, "redirect_uri": redirect, "state": "state-1", "scope": "openid", "code_challenge_method": "S256",
		"prompt": "login", "max_age": "300", "ui_locales": "fa", "acr_values": high + " urn:mid urn:low",
	} {
		if got := a.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"nonce", "code_challenge"} {
		if len(a.Get(name)) != 43 || a.Get(name) == b.Get(name) {
			t.Errorf("%s of two logins: %q and %q", name, a.Get(name), b.Get(name))
		}
	}
}

func query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

func TestForgedIDTokensAreRefused(t *testing.T) {
	old := func(d time.Duration) any { return time.Now().Add(-d).Unix() }
	type claims = map[string]any
	tests := []struct {
		name  string
		forge func(idp *eidtest.Provider, c claims) string
		want  error
	}{
		{"as it was", func(idp *eidtest.Provider, c claims) string { return idp.Sign(c) }, nil},
		{"the algorithm none", func(idp *eidtest.Provider, c claims) string { return idp.Unsigned(c) }, eid.ErrToken},
		{"HS256 under the public key", func(idp *eidtest.Provider, c claims) string { return idp.SignShared(c) }, eid.ErrToken},
		{"another's signature under a key's name", func(idp *eidtest.Provider, c claims) string { return idp.SignAsStranger(c) }, eid.ErrToken},
		{"no token", func(*eidtest.Provider, claims) string { return "" }, eid.ErrToken},
		{"no JWS", func(*eidtest.Provider, claims) string { return "a.b.c" }, eid.ErrToken},
		{"another nonce", set("nonce", "other"), eid.ErrToken},
		{"no nonce", unset("nonce"), eid.ErrToken},
		{"another issuer", set("iss", "https://other.test"), eid.ErrToken},
		{"the issuer and a slash", func(idp *eidtest.Provider, c claims) string { c["iss"] = idp.URL + "/"; return idp.Sign(c) }, eid.ErrToken},
		{"another audience", set("aud", "other"), eid.ErrToken},
		{"no audience", unset("aud"), eid.ErrToken},
		{"another party beside us, for whom it was made", set("aud", []string{eidtest.ClientID, "other"}, "azp", "other"), eid.ErrToken},
		{"another party beside us, and nobody for whom", unset("azp", "aud", []string{eidtest.ClientID, "other"}), eid.ErrToken},
		{"another party beside us, made for us", set("aud", []string{eidtest.ClientID, "other"}, "azp", eidtest.ClientID), nil},
		{"made for another party", set("azp", "other"), eid.ErrToken},
		{"expired", set("exp", old(time.Minute)), eid.ErrToken},
		{"no end", unset("exp"), eid.ErrToken},
		{"not valid yet", set("nbf", time.Now().Add(time.Hour).Unix()), eid.ErrToken},
		{"made long ago", set("iat", old(time.Hour)), eid.ErrToken},
		{"made in the future", set("iat", time.Now().Add(time.Hour).Unix()), eid.ErrToken},
		{"no subject", unset("sub"), eid.ErrToken},
		{"of another access token", set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), eid.ErrToken},
		{"without the access token's hash", unset("at_hash"), nil},
		{"a login of six minutes ago", set("auth_time", old(6*time.Minute)), eid.ErrStale},
		{"a login of two minutes ago", set("auth_time", old(2*time.Minute)), nil},
		{"a login in the future", set("auth_time", time.Now().Add(time.Hour).Unix()), eid.ErrToken},
		{"no time of the login", unset("auth_time"), eid.ErrStale},
		{"a time of the login that is a text", set("auth_time", "now"), eid.ErrToken},
		{"a time of the login beyond all time", set("auth_time", 1e300), eid.ErrStale},
		{"no acr", unset("acr"), eid.ErrLevel},
		{"an acr that is not configured", set("acr", "urn:other"), eid.ErrLevel},
		{"an acr that begins like one", set("acr", high+"/"), eid.ErrLevel},
		{"a national code that is a number", set("national_code", 12345679), eid.ErrNobody},
		{"no national code", unset("national_code"), eid.ErrNobody},
		{"a national code without end", set("national_code", string(bytes.Repeat([]byte("0"), 600))), eid.ErrNobody},
		{"a date of birth that is none", set("born", "yesterday"), eid.ErrNobody},
	}
	idp := eidtest.New(t, redirect)
	idp.Set(func(s *eidtest.Setup) { s.People["sara"] = sara })
	p := open(t, idp, nil)
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			idp.Set(func(s *eidtest.Setup) { s.Forge = func(c map[string]any) string { return tc.forge(idp, c) } })
			l, err := p.Finish(t.Context(), tc.name, begin(t, p, idp, tc.name, "sara"))
			if !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			if err != nil && l.NationalCode != "" {
				t.Errorf("refused, and yet %+v", l)
			}
		})
	}
}

// set returns a forger that sets claims, named and given in turn.
func set(pairs ...any) func(*eidtest.Provider, map[string]any) string {
	return func(idp *eidtest.Provider, c map[string]any) string {
		for i := 0; i < len(pairs); i += 2 {
			c[pairs[i].(string)] = pairs[i+1]
		}
		return idp.Sign(c)
	}
}

// unset takes a claim away, and sets others.
func unset(name string, pairs ...any) func(*eidtest.Provider, map[string]any) string {
	return func(idp *eidtest.Provider, c map[string]any) string {
		delete(c, name)
		return set(pairs...)(idp, c)
	}
}

func TestWhatComesBackMustBeTheAnswerToThisLogin(t *testing.T) {
	idp := eidtest.New(t, redirect)
	idp.Set(func(s *eidtest.Setup) { s.People["sara"], s.Names = sara, true })
	p := open(t, idp, nil)
	good := begin(t, p, idp, "state-1", "sara")
	other := begin(t, p, idp, "state-2", "sara")
	tests := []struct {
		name string
		edit func(*eid.Back)
		want error
	}{
		{"another issuer (RFC 9207)", func(b *eid.Back) { b.Issuer = "https://other.test" }, eid.ErrToken},
		{"no issuer, though the provider names itself", func(b *eid.Back) { b.Issuer = "" }, eid.ErrToken},
		{"an error of another issuer", func(b *eid.Back) { *b = eid.Back{State: b.State, Issuer: "https://other.test", Error: "access_denied"} }, eid.ErrToken},
		{"another state", func(b *eid.Back) { b.State = "state-2" }, eid.ErrToken},
		{"no state", func(b *eid.Back) { b.State = "" }, eid.ErrToken},
		{"no code", func(b *eid.Back) { b.Code = "" }, eid.ErrToken},
		{"a code without end", func(b *eid.Back) { b.Code = string(bytes.Repeat([]byte("x"), 5000)) }, eid.ErrToken},
		{"the code of another login (PKCE)", func(b *eid.Back) { b.Code = other.Code }, eid.ErrToken},
		{"the person said no", func(b *eid.Back) { b.Error = "access_denied" }, eid.ErrCancelled},
		{"the person must do something first", func(b *eid.Back) { b.Error = "login_required" }, eid.ErrInteraction},
		{"the provider is ill", func(b *eid.Back) { b.Error = "temporarily_unavailable" }, eid.ErrUnavailable},
		{"the provider refuses us", func(b *eid.Back) { b.Error = "unauthorized_client" }, eid.ErrSetUp},
		{"an error nobody knows", func(b *eid.Back) { b.Error = "<script>" }, eid.ErrUnavailable},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			b := good
			tc.edit(&b)
			if _, err := p.Finish(t.Context(), "state-1", b); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
	if no := begin(t, p, idp, "state-3", ""); no.Error != "access_denied" || no.Code != "" {
		t.Errorf("who says no comes back with %+v", no)
	}
}

func TestEveryFaultSaysWhatToDoInPersianToo(t *testing.T) {
	for _, err := range eid.Faults() {
		if code := fault.Code(err); !bytes.Contains(eid.Texts, []byte("\n"+code+": {fa: ")) && !bytes.HasPrefix(eid.Texts, []byte(code+": {fa: ")) {
			t.Errorf("fault %s has no Persian text", code)
		}
	}
}
