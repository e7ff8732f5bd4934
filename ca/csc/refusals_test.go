package csc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/csc"
	"mohr/ca/held"
	"mohr/ca/signin/signintest"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

// refusal is an error as clients see it.
type refusal struct {
	Status      int
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func refused(t testing.TB, res *http.Response) (r refusal) {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	if err := json.Unmarshal(body, &r); err != nil {
		t.Errorf("%d: %s", res.StatusCode, body)
	}
	if r.Status = res.StatusCode; strings.ContainsAny(r.Description, `"\`) || r.Description == "" {
		t.Errorf("the description is not of RFC 6749's letters: %q", r.Description)
	}
	return r
}

// TestSignHashIsRefused: each refusal gives nothing, and after them all the
// holder's yes still holds, once.
func TestSignHashIsRefused(t *testing.T) {
	b := newBench(t)
	one, two := hash("one"), hash("two")
	editor := func(scope string) given {
		more := url.Values{}
		if scope == "credential" {
			more = b.asking(one, two)
		}
		return b.exchange(t, b.code(t, client("editor", callback, scope), more))
	}
	sad, service := editor("credential").token.AccessToken, editor("service").token.AccessToken
	phone := b.exchange(t, b.code(t, client("phone", callback, "service"), nil)).token.AccessToken
	with := func(change func(in map[string]any)) map[string]any {
		in := b.signing(one, two)
		change(in)
		return in
	}
	plain := with(func(map[string]any) {})
	beside := with(func(in map[string]any) { in["SAD"] = sad })
	for _, tc := range []struct {
		name, bearer string
		in           any
		status       int
		code         string
	}{
		{"without a token", "", plain, 401, "invalid_token"},
		{"with a token of nobody's", "xyz", plain, 401, "invalid_token"},
		{"with a token for the service alone", service, plain, 403, "insufficient_scope"},
		{"with another client's token", phone, beside, 400, "invalid_request"},
		{"with a token for the service as SAD", service, with(func(in map[string]any) { in["SAD"] = phone }), 403, "insufficient_scope"},
		{"with a SAD of nobody's", service, with(func(in map[string]any) { in["SAD"] = "xyz" }), 400, "invalid_request"},
		{"another hash", sad, b.signing(one, hash("three")), 400, "invalid_request"},
		{"another order", sad, b.signing(two, one), 400, "invalid_request"},
		{"fewer hashes", sad, b.signing(one), 400, "invalid_request"},
		{"more hashes", sad, b.signing(one, two, two), 400, "invalid_request"},
		{"no hashes", sad, with(func(in map[string]any) { delete(in, "hashes") }), 400, "invalid_request"},
		{"a short hash", sad, b.signing(one[1:], two), 400, "invalid_request"},
		{"another credential", sad, with(func(in map[string]any) { in["credentialID"] = strings.Repeat("0", 64) }), 400, "invalid_request"},
		{"another algorithm", sad, with(func(in map[string]any) { in["signAlgo"] = "1.2.840.113549.1.1.11" }), 400, "invalid_request"},
		{"another hash algorithm", sad, with(func(in map[string]any) { in["hashAlgorithmOID"] = "2.16.840.1.101.3.4.2.2" }), 400, "invalid_request"},
		{"parameters of the algorithm", sad, with(func(in map[string]any) { in["signAlgoParams"] = "BQA=" }), 400, "invalid_request"},
		{"for later", sad, with(func(in map[string]any) { in["operationMode"] = "A" }), 400, "invalid_request"},
		{"an unknown member", sad, with(func(in map[string]any) { in["key"] = "x" }), 400, "invalid_request"},
		{"too much", sad, with(func(in map[string]any) { in["clientData"] = strings.Repeat("x", 64<<10) }), 400, "invalid_request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			res := b.call(t, tc.bearer, "signatures/signHash", tc.in)
			if r := refused(t, res); r.Status != tc.status || r.Error != tc.code {
				t.Errorf("%+v", r)
			}
			if challenge := res.Header.Get("WWW-Authenticate"); (challenge != "") != (tc.status == 401 || tc.status == 403) {
				t.Errorf("WWW-Authenticate %q", challenge)
			}
		})
	}
	if r := refused(t, b.call(t, sad, "credentials/list", struct{}{})); r.Status != 403 || r.Error != "insufficient_scope" {
		t.Errorf("a token for signatures lists: %+v", r)
	}
	read[signatures](t, b.call(t, sad, "signatures/signHash", plain), http.StatusOK)
	if r := refused(t, b.call(t, sad, "signatures/signHash", plain)); r.Error != "invalid_token" {
		t.Errorf("a second time: %+v", r)
	}
	if r := refused(t, b.call(t, service, "signatures/signHash", beside)); r.Error != "invalid_request" {
		t.Errorf("a second time, beside: %+v", r)
	}
}

// TestSignaturesAreNotGivenLateNorUnderAnEndedCertificate: nor to who is
// forgotten by the holder who signs out everywhere, nor after a revocation.
func TestSignaturesAreNotGivenLateNorUnderAnEndedCertificate(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(t *testing.T, b *bench, g given)
		status  int
		code    string
	}{
		"after five minutes": {func(_ *testing.T, b *bench, _ given) { b.clock = b.clock.Add(5*time.Minute + time.Second) }, 401, "invalid_token"},
		"after the work of the job": {func(t *testing.T, b *bench, _ given) {
			b.clock = b.clock.Add(5*time.Minute + time.Second)
			if n, err := csc.Prune(t.Context(), storetest.Twice(b.fixture.Store), b.clock); err != nil || n != 1 {
				t.Errorf("%d pruned: %v", n, err)
			}
		}, 401, "invalid_token"},
		"when the certificate was revoked": {func(t *testing.T, b *bench, _ given) {
			must(t, b.fixture.Revoke(t.Context(), b.issued.Serial, ca.Unspecified, "test"))
		}, 400, "invalid_request"},
		"when the key has another certificate now": {func(t *testing.T, b *bench, _ given) {
			first := b.issued
			b.issue(t, "again")
			must(t, b.fixture.Revoke(t.Context(), first.Serial, ca.Unspecified, "test"))
		}, 400, "invalid_request"},
		"when the client revoked the token": {func(t *testing.T, b *bench, g given) {
			if res := b.form(t, "oauth2/revoke", url.Values{"token": {g.token.AccessToken}, "client_id": {"editor"}, "client_secret": {secret}}, nil); res.StatusCode != http.StatusNoContent {
				t.Errorf("revoke: %d", res.StatusCode)
			}
		}, 401, "invalid_token"},
		"when the holder signed out everywhere": {func(t *testing.T, b *bench, _ given) {
			must(t, b.fixture.Store.Update(t.Context(), func(tx store.Tx) error { return csc.End(tx, b.zahra.Holder) }))
		}, 401, "invalid_token"},
		"when the code came again": {func(t *testing.T, b *bench, g given) {
			if r := refused(t, b.form(t, "oauth2/token", g.form(), nil)); r.Error != "invalid_grant" {
				t.Errorf("%+v", r)
			}
		}, 401, "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			g := b.exchange(t, b.code(t, client("editor", callback, "credential"), b.asking(hash("one"))))
			tc.happens(t, b, g)
			if r := refused(t, b.call(t, g.token.AccessToken, "signatures/signHash", b.signing(hash("one")))); r.Status != tc.status || r.Error != tc.code {
				t.Errorf("%+v", r)
			}
		})
	}
}

// form posts a form as a client does.
func (b *bench) form(t testing.TB, path string, v url.Values, header http.Header) *http.Response {
	t.Helper()
	r := httptest.NewRequest("POST", "/csc/v2/"+path, strings.NewReader(v.Encode()))
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := b.RoundTrip(r)
	must(t, err)
	return res
}

// form is what a client posts for its token.
func (g given) form() url.Values {
	v := url.Values{"grant_type": {"authorization_code"}, "code": {g.back.Get("code")}, "redirect_uri": {g.config.RedirectURL},
		"client_id": {g.config.ClientID}, "code_verifier": {g.verifier}}
	if g.config.ClientSecret != "" {
		v.Set("client_secret", g.config.ClientSecret)
	}
	return v
}

// TestTheTokenEndpointRefuses: each time the code stays good for who it is for.
func TestTheTokenEndpointRefuses(t *testing.T) {
	b := newBench(t)
	g := b.code(t, client("editor", callback, "credential"), b.asking(hash("one")))
	basic := func(id, word string) http.Header {
		r := httptest.NewRequest("POST", "/", nil)
		r.SetBasicAuth(id, word)
		return r.Header
	}
	for _, tc := range []struct {
		name   string
		change func(v url.Values)
		header http.Header
		status int
		code   string
	}{
		{"without a verifier", func(v url.Values) { v.Del("code_verifier") }, nil, 400, "invalid_request"},
		{"with another verifier", func(v url.Values) { v.Set("code_verifier", strings.Repeat("x", 43)) }, nil, 400, "invalid_grant"},
		{"with the challenge as verifier", func(v url.Values) { v.Set("code_verifier", v.Get("code_verifier")[:42]) }, nil, 400, "invalid_request"},
		{"with another redirect_uri", func(v url.Values) { v.Set("redirect_uri", "https://editor.example/back") }, nil, 400, "invalid_grant"},
		{"without a redirect_uri", func(v url.Values) { v.Del("redirect_uri") }, nil, 400, "invalid_grant"},
		{"with another code", func(v url.Values) { v.Set("code", "x") }, nil, 400, "invalid_grant"},
		{"without a code", func(v url.Values) { v.Del("code") }, nil, 400, "invalid_request"},
		{"with a wrong secret", func(v url.Values) { v.Set("client_secret", "x") }, nil, 401, "invalid_client"},
		{"without a secret", func(v url.Values) { v.Del("client_secret") }, nil, 401, "invalid_client"},
		{"by an unknown client", func(v url.Values) { v.Set("client_id", "x") }, nil, 401, "invalid_client"},
		{"by another client", func(v url.Values) { v.Set("client_id", "phone"); v.Del("client_secret") }, nil, 400, "invalid_grant"},
		{"with a secret of one that has none", func(v url.Values) { v.Set("client_id", "phone") }, nil, 401, "invalid_client"},
		{"with a wrong secret in the header", func(v url.Values) { v.Del("client_secret") }, basic("editor", "x"), 401, "invalid_client"},
		{"with two secrets", func(url.Values) {}, basic("editor", secret), 400, "invalid_request"},
		{"with two clients", func(v url.Values) { v.Del("client_secret"); v.Set("client_id", "phone") }, basic("editor", secret), 401, "invalid_client"},
		{"with something twice", func(v url.Values) { v.Add("code", "x") }, nil, 400, "invalid_request"},
		{"with too much", func(v url.Values) { v.Set("x", strings.Repeat("x", 2<<20)) }, nil, 400, "invalid_request"},
		{"for another grant", func(v url.Values) { v.Set("grant_type", "client_credentials") }, nil, 400, "unsupported_grant_type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := g.form()
			tc.change(v)
			res := b.form(t, "oauth2/token", v, tc.header)
			if r := refused(t, res); r.Status != tc.status || r.Error != tc.code {
				t.Errorf("%+v", r)
			}
			if (res.Header.Get("WWW-Authenticate") != "") != (tc.status == 401) {
				t.Errorf("WWW-Authenticate %q", res.Header.Get("WWW-Authenticate"))
			}
		})
	}
	b.exchange(t, g)
	late := b.code(t, client("editor", callback, "credential"), b.asking(hash("one")))
	b.clock = b.clock.Add(2*time.Minute + time.Second)
	if r := refused(t, b.form(t, "oauth2/token", late.form(), nil)); r.Error != "invalid_grant" {
		t.Errorf("a code of three minutes ago: %+v", r)
	}
	// Who revokes what is another's, or nobody's, learns and changes nothing.
	service := b.exchange(t, b.code(t, client("editor", callback, "service"), nil)).token.AccessToken
	for _, token := range []string{service, "xyz"} {
		if res := b.form(t, "oauth2/revoke", url.Values{"token": {token}, "client_id": {"phone"}}, nil); res.StatusCode != http.StatusNoContent {
			t.Errorf("revoke: %d", res.StatusCode)
		}
	}
	read[any](t, b.call(t, service, "credentials/list", struct{}{}), http.StatusOK)
}

// TestAuthoriseRefuses: a client or address that is not registered is answered
// here; any other fault is told the client, at its own address.
func TestAuthoriseRefuses(t *testing.T) {
	b := newBench(t)
	good := func() url.Values {
		v := b.asking(hash("one"))
		for name, value := range map[string]string{"response_type": "code", "client_id": "editor", "redirect_uri": callback, "scope": "credential", "state": "s-1",
			"code_challenge": strings.Repeat("x", 43), "code_challenge_method": "S256"} {
			v.Set(name, value)
		}
		return v
	}
	for _, tc := range []struct {
		name   string
		change func(v url.Values)
		code   string // "": nobody is sent anywhere
	}{
		{"no client", func(v url.Values) { v.Del("client_id") }, ""},
		{"an unknown client", func(v url.Values) { v.Set("client_id", "x") }, ""},
		{"two clients", func(v url.Values) { v.Add("client_id", "phone") }, ""},
		{"no address", func(v url.Values) { v.Del("redirect_uri") }, ""},
		{"an address of another client", func(v url.Values) { v.Set("redirect_uri", "http://127.0.0.1:7777/back") }, ""},
		{"an address with more path", func(v url.Values) { v.Set("redirect_uri", callback+"/x") }, ""},
		{"an address of another host", func(v url.Values) { v.Set("redirect_uri", "https://evil.example/back?at=1") }, ""},
		{"an address before a host", func(v url.Values) { v.Set("redirect_uri", callback+"@evil.example") }, ""},
		{"too long", func(v url.Values) { v.Set("clientData", strings.Repeat("x", 8<<10)) }, ""},
		{"no challenge", func(v url.Values) { v.Del("code_challenge") }, "invalid_request"},
		{"a short challenge", func(v url.Values) { v.Set("code_challenge", "x") }, "invalid_request"},
		{"a plain challenge", func(v url.Values) { v.Set("code_challenge_method", "plain") }, "invalid_request"},
		{"no method of the challenge", func(v url.Values) { v.Del("code_challenge_method") }, "invalid_request"},
		{"a token at once", func(v url.Values) { v.Set("response_type", "token") }, "unsupported_response_type"},
		{"two scopes", func(v url.Values) { v.Set("scope", "service credential") }, "invalid_scope"},
		{"an unknown scope", func(v url.Values) { v.Set("scope", "openid") }, "invalid_scope"},
		{"no credential", func(v url.Values) { v.Del("credentialID") }, "invalid_request"},
		{"no hashes", func(v url.Values) { v.Del("hashes") }, "invalid_request"},
		{"fewer signatures than hashes", func(v url.Values) { v.Set("hashes", v.Get("hashes")+","+v.Get("hashes")) }, "invalid_request"},
		{"more signatures than hashes", func(v url.Values) { v.Set("numSignatures", "2") }, "invalid_request"},
		{"too many", func(v url.Values) {
			v.Set("hashes", strings.TrimSuffix(strings.Repeat(v.Get("hashes")+",", 21), ","))
			v.Set("numSignatures", "21")
		}, "invalid_request"},
		{"a short hash", func(v url.Values) { v.Set("hashes", v.Get("hashes")[1:]) }, "invalid_request"},
		{"a hash of other letters", func(v url.Values) { v.Set("hashes", "!"+v.Get("hashes")[1:]) }, "invalid_request"},
		{"another hash algorithm", func(v url.Values) { v.Set("hashAlgorithmOID", "2.16.840.1.101.3.4.2.3") }, "invalid_request"},
		{"words that turn their direction", func(v url.Values) { v.Set("description", "\u202etxt") }, "invalid_request"},
		{"too many words", func(v url.Values) { v.Set("description", strings.Repeat("x", 501)) }, "invalid_request"},
		{"something twice", func(v url.Values) { v.Add("hashes", v.Get("hashes")) }, "invalid_request"},
		{"details of another form", func(v url.Values) { v.Set("authorization_details", "[]") }, "invalid_request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := good()
			tc.change(v)
			res := b.browse(t, "GET", "/csc/v2/oauth2/authorize?"+v.Encode(), nil)
			to, err := url.Parse(res.Header.Get("Location"))
			must(t, err)
			switch {
			case tc.code == "" && (res.StatusCode != http.StatusUnprocessableEntity || to.String() != ""):
				t.Errorf("%d to %s", res.StatusCode, to)
			case tc.code != "" && (!strings.HasPrefix(to.String(), "https://editor.example/back?at=1&") || to.Query().Get("error") != tc.code ||
				to.Query().Get("state") != "s-1" || to.Query().Get("iss") != catest.Portal || to.Query().Has("code")):
				t.Errorf("%d to %s", res.StatusCode, to)
			}
		})
	}
	b.page(t, "/csc/v2/oauth2/authorize?"+good().Encode())
}

// TestNothingIsGrantedWithoutTheHoldersPasskey: at the page, each refusal leaves
// no use of the key on record, and no code.
func TestNothingIsGrantedWithoutTheHoldersPasskey(t *testing.T) {
	b := newBench(t)
	c := client("editor", callback, "credential")
	ask := func(text string) string {
		return b.page(t, c.AuthCodeURL("s-1", append(options(b.asking(hash(text))), options(url.Values{"code_challenge": {strings.Repeat("x", 43)}, "code_challenge_method": {"S256"}})...)...))
	}
	page, other := ask("one"), ask("two")
	challenge := func(page string) held.Challenge {
		return read[held.Challenge](t, b.browse(t, "POST", page+"/options", struct{}{}), http.StatusOK)
	}
	before := b.fixture.Leaves(t, "held.signed")
	for name, proof := range map[string]func() any{
		"by the session alone":           func() any { return struct{}{} },
		"by the answer for other hashes": func() any { return b.prove(t, challenge(other)) },
		"by an answer over other hashes": func() any { p := b.prove(t, challenge(other)); p.Nonce = challenge(page).Nonce; return p },
		"without the person being verified": func() any {
			b.passkey.Verifies = false
			defer func() { b.passkey.Verifies = true }()
			return b.prove(t, challenge(page))
		},
		"by an answer given at another site": func() any {
			b.passkey.Origin = "https://editor.example"
			defer func() { b.passkey.Origin = catest.Portal }()
			return b.prove(t, challenge(page))
		},
		"by an answer for another client": func() any {
			w := held.Wanted{Key: b.key.ID, Purpose: held.Remote, Hashes: [][]byte{hash("one")}, For: "phone"}
			o, err := b.held.Begin(t.Context(), b.zahra, w)
			must(t, err)
			return b.prove(t, o)
		},
		"by an answer for a document": func() any {
			o, err := b.held.Begin(t.Context(), b.zahra, held.Wanted{Key: b.key.ID, Purpose: held.Document, Hashes: [][]byte{hash("one")}})
			must(t, err)
			return b.prove(t, o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if res := b.browse(t, "POST", page, proof()); res.StatusCode != http.StatusForbidden {
				t.Errorf("%d", res.StatusCode)
			}
		})
	}
	if n := b.fixture.Leaves(t, "held.signed") - before; n != 0 {
		t.Errorf("%d uses are on record", n)
	}
	b.agree(t, page, true)
	if res := b.browse(t, "POST", page, struct{}{}); res.StatusCode != http.StatusNotFound {
		t.Errorf("a page that was answered: %d", res.StatusCode)
	}
	b.clock = b.clock.Add(15*time.Minute + time.Second)
	if res := b.browse(t, "GET", other, nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("a page of long ago: %d", res.StatusCode)
	}
}

// TestAnotherPersonSeesNothingOfARequest: the page of a request for Zahra's key
// shows another person neither key nor certificate, and asks who is not signed in
// to sign in first.
func TestAnotherPersonSeesNothingOfARequest(t *testing.T) {
	b := newBench(t)
	more := append(options(b.asking(hash("one"))), options(url.Values{"code_challenge": {strings.Repeat("x", 43)}, "code_challenge_method": {"S256"}})...)
	page := b.page(t, client("editor", callback, "credential").AuthCodeURL("s-1", more...))
	shown, err := io.ReadAll(b.browse(t, "GET", page, nil).Body)
	must(t, err)
	for _, want := range []string{"Editor", "editor.example", "a contract", b.issued.Serial, "error=access_denied"} {
		if !strings.Contains(string(shown), want) {
			t.Errorf("the page does not show %q:\n%s", want, shown)
		}
	}
	other := signintest.New(t, b.fixture.Store, "another", "", "", catest.Portal, "localhost", b.clock)
	b.signIn(t, other)
	res := b.browse(t, "GET", page, nil)
	body, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode != http.StatusNotFound || strings.Contains(string(body), b.issued.Serial) {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res := b.browse(t, "POST", page+"/options", struct{}{}); res.StatusCode != http.StatusNotFound {
		t.Errorf("options: %d", res.StatusCode)
	}
	b.cookies = map[string]string{}
	if to := b.browse(t, "GET", page, nil).Header.Get("Location"); to != "/signin?to="+url.QueryEscape(page) {
		t.Errorf("nobody is sent to %s", to)
	}
	if res := b.browse(t, "POST", page, struct{}{}); res.StatusCode != http.StatusForbidden {
		t.Errorf("nobody's answer: %d", res.StatusCode)
	}
}
