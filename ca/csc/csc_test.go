package csc_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/csc"
	"mohr/ca/evidence"
	"mohr/ca/held"
	"mohr/ca/mine"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/ca/signin/signintest"
	"mohr/hsm"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/session"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
	"mohr/internal/web"
)

// What the clients of the tests are registered with.
const (
	callback = "https://editor.example/back?at=1"
	secret   = "b5c1f0a6e3d94f0f8f0f4c3a2b1d0e9f"
	sha256ID = "2.16.840.1.101.3.4.2.1"
	ecdsaID  = "1.2.840.10045.4.3.2"
)

// bench is a desk with a holder who has a certified key, and two clients.
type bench struct {
	*csc.Desk
	config  csc.Config
	held    *held.Desk
	fixture *catest.Fixture
	clock   time.Time
	portal  http.Handler
	zahra   signin.Who
	passkey *signintest.Passkey
	key     held.Key
	issued  ca.Certificate
	cookies map[string]string
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{clock: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), cookies: map[string]string{}}
	now := func() time.Time { return b.clock }
	b.fixture = catest.New(t, now)
	nonces := &nonce.Source{Key: make([]byte, 32), Now: now}
	desk, err := signin.New(signin.Config{
		Store: b.fixture.Store, CA: b.fixture.Authority, Verifier: &signature.Verifier{Authority: b.fixture.Authority},
		Nonces: nonces, Audience: catest.Portal, Name: "Mohr Test", Now: now, Gate: web.NewGate(1000, 1000), Left: csc.End,
	})
	must(t, err)
	box, err := seal.New(make([]byte, seal.SecretSize))
	must(t, err)
	ring := hsm.Open(hsm.Config{})
	t.Cleanup(func() { ring.Close() })
	b.held, err = held.New(held.Config{
		Store: storetest.Twice(b.fixture.Store), CA: b.fixture.Authority, SignIn: desk, Ring: ring, Home: hsm.KeyURI(hsm.FileURI(t.TempDir()), "holders"),
		Seal: box, Nonces: nonces, Offered: true, Audience: catest.Portal, Now: now,
	})
	must(t, err)
	own, err := seal.New(box.Derive("csc"))
	must(t, err)
	hash := sha256.Sum256([]byte(secret))
	b.config = csc.Config{
		Store: storetest.Twice(b.fixture.Store), Held: b.held, SignIn: desk, Seal: own, Portal: catest.Portal, Name: "Mohr Test", Now: now, Gate: web.NewGate(1000, 1000), Asks: web.NewGate(1000, 1000),
		File: csc.File{Clients: []csc.Client{
			{ID: "editor", Name: csc.Name{Fa: "ویرایشگر", En: "Editor"}, RedirectURIs: []string{callback}, SecretSHA256: hex.EncodeToString(hash[:])},
			{ID: "phone", Name: csc.Name{Fa: "برنامهٔ گوشی", En: "Phone app"}, RedirectURIs: []string{"http://127.0.0.1:7777/back", callback}},
		}},
	}
	b.serve(t)
	code, err := evidence.ParseNationalCode(catest.Zahra.NationalCode)
	must(t, err)
	b.zahra = signin.Who{Holder: b.fixture.Holder(code)}
	b.passkey = signintest.New(t, b.fixture.Store, b.zahra.Holder, "", "", catest.Portal, "localhost", b.clock)
	b.certify(t)
	b.signIn(t, b.passkey)
	return b
}

// serve has a fresh desk answer from now on, as another node does.
func (b *bench) serve(t testing.TB) {
	t.Helper()
	var err error
	b.Desk, err = csc.New(b.config)
	must(t, err)
	texts, err := i18n.Parse(web.Texts, ca.Texts, evidence.Texts, session.Texts, signin.Texts, mine.Texts, held.Texts, csc.Texts)
	must(t, err)
	s, err := web.New(web.Config{Store: b.fixture.Store, Texts: texts, Pages: []fs.FS{signin.Pages, csc.Pages}, Portal: catest.Portal, Now: b.config.Now})
	must(t, err)
	b.config.SignIn.Routes(s)
	b.Routes(s)
	b.portal = s.Handler()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// certify has a key made for Zahra, and a certificate for it.
func (b *bench) certify(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	c, err := b.held.BeginMake(ctx, b.zahra)
	must(t, err)
	b.key, err = b.held.Make(ctx, b.zahra, held.Proof{Nonce: c.Nonce, Assertion: b.passkey.Answer(t, c.Options), PRF: b.passkey.PRF(c.Options.Response.Extensions.PRF.Eval.First)})
	must(t, err)
	b.issue(t, "first")
}

// issue has a certificate issued for the key.
func (b *bench) issue(t testing.TB, request string) {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, requester{t, b})
	must(t, err)
	csr, err := ca.ParseCSR(der)
	must(t, err)
	b.issued, err = b.fixture.Issue(t.Context(), ca.Order{Request: request, CSR: csr, Decision: b.fixture.Decide(t, catest.Zahra, ca.NaturalSign)})
	must(t, err)
}

// requester signs the key's certification request.
type requester struct {
	t testing.TB
	b *bench
}

func (r requester) Public() crypto.PublicKey {
	public, err := x509.ParsePKIXPublicKey(r.b.key.Public)
	must(r.t, err)
	return public
}

func (r requester) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	w := held.Wanted{Key: r.b.key.ID, Purpose: held.Request, Hashes: [][]byte{digest}}
	c, err := r.b.held.Begin(r.t.Context(), r.b.zahra, w)
	if err != nil {
		return nil, err
	}
	out, err := r.b.held.Sign(r.t.Context(), r.b.zahra, w, r.b.prove(r.t, c))
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// prove is Zahra's passkey's answer.
func (b *bench) prove(t testing.TB, c held.Challenge) held.Proof {
	p := held.Proof{Nonce: c.Nonce, Assertion: b.passkey.Answer(t, c.Options)}
	if salt := c.Options.Response.Extensions.PRF.Eval.First; len(salt) > 0 {
		p.PRF = b.passkey.PRF(salt)
	}
	return p
}

// RoundTrip lets clients of HTTP speak to the portal: from another network than
// the holder, without their cookies.
func (b *bench) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	b.portal.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// browse sends what Zahra's browser sends.
func (b *bench) browse(t testing.TB, method, address string, in any) *http.Response {
	t.Helper()
	body, err := json.Marshal(in)
	must(t, err)
	r := httptest.NewRequest(method, address, bytes.NewReader(body))
	r.Header.Set("Accept-Language", "en")
	r.Header.Set("Content-Type", "application/json")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	b.portal.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	return rec.Result()
}

// read reads an answer's JSON, which must have the status.
func read[T any](t testing.TB, res *http.Response, status int) (out T) {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	if res.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", res.StatusCode, status, body)
	}
	if len(body) > 0 {
		must(t, json.Unmarshal(body, &out))
	}
	return out
}

func (b *bench) signIn(t testing.TB, p *signintest.Passkey) {
	t.Helper()
	o := read[signin.Options](t, b.browse(t, "POST", "/signin/passkey/options", nil), http.StatusOK)
	read[any](t, b.browse(t, "POST", "/signin/passkey", json.RawMessage(p.Answer(t, o))), http.StatusOK)
}

// client is an OAuth client of the given id, which keeps the secret if the
// registration has one.
func client(id, redirect, scope string) *oauth2.Config {
	c := &oauth2.Config{
		ClientID: id, RedirectURL: redirect, Scopes: []string{scope},
		Endpoint: oauth2.Endpoint{AuthURL: catest.Portal + "/csc/v2/oauth2/authorize", TokenURL: catest.Portal + "/csc/v2/oauth2/token"},
	}
	if id == "editor" {
		c.ClientSecret = secret
	}
	return c
}

// hash is the SHA-256 of a text.
func hash(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}

// asking are the parameters that ask for signatures over hashes.
func (b *bench) asking(hashes ...[]byte) url.Values {
	var list []string
	for _, h := range hashes {
		list = append(list, base64.RawURLEncoding.EncodeToString(h))
	}
	return url.Values{"credentialID": {b.key.ID}, "numSignatures": {strconv.Itoa(len(hashes))}, "hashes": {strings.Join(list, ",")},
		"hashAlgorithmOID": {sha256ID}, "description": {"a contract"}}
}

// options are url.Values for the client.
func options(v url.Values) (list []oauth2.AuthCodeOption) {
	for name, values := range v {
		list = append(list, oauth2.SetAuthURLParam(name, values[0]))
	}
	return list
}

// page follows a client's request to the page that waits for Zahra.
func (b *bench) page(t testing.TB, address string) string {
	t.Helper()
	res := b.browse(t, "GET", address, nil)
	to := res.Header.Get("Location")
	if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/csc/v2/oauth2/authorize/") {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %d %s %s", address, res.StatusCode, to, body)
	}
	return to
}

// agree is Zahra's yes at a page; it returns the address that she goes back to.
func (b *bench) agree(t testing.TB, page string, signs bool) *url.URL {
	t.Helper()
	var p any = struct{}{}
	if signs {
		p = b.prove(t, read[held.Challenge](t, b.browse(t, "POST", page+"/options", struct{}{}), http.StatusOK))
	}
	to := read[map[string]string](t, b.browse(t, "POST", page, p), http.StatusOK)["to"]
	u, err := url.Parse(to)
	must(t, err)
	return u
}

// given is what a client's request comes to when Zahra says yes.
type given struct {
	config   *oauth2.Config
	verifier string
	back     url.Values
	token    *oauth2.Token
}

// code has Zahra say yes to a client's request.
func (b *bench) code(t testing.TB, c *oauth2.Config, more url.Values) given {
	t.Helper()
	g := given{config: c, verifier: oauth2.GenerateVerifier()}
	address := c.AuthCodeURL("s-1", append(options(more), oauth2.S256ChallengeOption(g.verifier))...)
	to := b.agree(t, b.page(t, address), c.Scopes[0] == "credential")
	if !strings.HasPrefix(to.String(), strings.Split(c.RedirectURL, "?")[0]) {
		t.Fatalf("the browser goes to %s", to)
	}
	g.back = to.Query()
	if g.back.Get("state") != "s-1" || g.back.Get("iss") != catest.Portal || g.back.Get("code") == "" {
		t.Fatalf("the browser brings %v", g.back)
	}
	return g
}

// exchange takes the token.
func (b *bench) exchange(t testing.TB, g given) given {
	t.Helper()
	var err error
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: b})
	g.token, err = g.config.Exchange(ctx, g.back.Get("code"), oauth2.VerifierOption(g.verifier))
	must(t, err)
	return g
}

// call calls a method of the API with a token.
func (b *bench) call(t testing.TB, token, method string, in any) *http.Response {
	t.Helper()
	body, err := json.Marshal(in)
	must(t, err)
	r := httptest.NewRequest("POST", "/csc/v2/"+method, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := b.RoundTrip(r)
	must(t, err)
	return res
}

// signing is the body of signHash.
func (b *bench) signing(hashes ...[]byte) map[string]any {
	return map[string]any{"credentialID": b.key.ID, "hashes": hashes, "signAlgo": ecdsaID, "hashAlgorithmOID": sha256ID}
}

func (b *bench) holds(t testing.TB, h, signature []byte) bool {
	public, err := x509.ParsePKIXPublicKey(b.key.Public)
	must(t, err)
	return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), h, signature)
}

type signatures struct {
	Signatures [][]byte `json:"signatures"`
}

// TestOtherSoftwareGetsSignaturesThatTheHolderAuthorised: the list, the info and
// two signatures by one yes, for a client with a secret and for one without; by
// the token in the header, and as SAD beside one for the service.
func TestOtherSoftwareGetsSignaturesThatTheHolderAuthorised(t *testing.T) {
	b := newBench(t)
	for _, id := range []string{"editor", "phone"} {
		service := b.exchange(t, b.code(t, client(id, callback, "service"), nil)).token
		if service.TokenType != "Bearer" || service.ExpiresIn != 3600 {
			t.Errorf("%+v", service)
		}
		list := read[struct {
			IDs   []string `json:"credentialIDs"`
			Infos []struct {
				ID string `json:"credentialID"`
			} `json:"credentialInfos"`
		}](t, b.call(t, service.AccessToken, "credentials/list", map[string]any{"credentialInfo": true}), http.StatusOK)
		if len(list.IDs) != 1 || list.IDs[0] != b.key.ID || len(list.Infos) != 1 || list.Infos[0].ID != b.key.ID {
			t.Errorf("%+v", list)
		}
		info := read[struct {
			Key  struct{ Algo []string }
			Cert struct {
				Certificates [][]byte
				SerialNumber string
				SubjectDN    string
				ValidTo      string
			}
			Auth      struct{ Mode string }
			SCAL      string
			Multisign int
		}](t, b.call(t, service.AccessToken, "credentials/info", map[string]any{"credentialID": b.key.ID, "certificates": "chain", "certInfo": true}), http.StatusOK)
		if len(info.Cert.Certificates) != 2 || !bytes.Equal(info.Cert.Certificates[0], b.issued.DER) || info.Auth.Mode != "oauth2code" || info.SCAL != "2" ||
			info.Multisign != 20 || info.Cert.SerialNumber != b.issued.Serial || len(info.Cert.ValidTo) != 15 || info.Cert.SubjectDN == "" {
			t.Errorf("%+v", info)
		}
		before, one, two := b.fixture.Leaves(t, "held.signed"), hash("one"), hash("two")
		for _, beside := range []bool{false, true} {
			g := b.code(t, client(id, callback, "credential"), b.asking(one, two))
			if n := b.fixture.Leaves(t, "held.signed") - before; n != 1 {
				t.Errorf("%d leaves before the client has anything", n)
			}
			before++
			sad := b.exchange(t, g).token
			if sad.ExpiresIn != 300 || sad.Extra("credentialID") != b.key.ID {
				t.Errorf("%+v", sad)
			}
			in, bearer := b.signing(one, two), sad.AccessToken
			if beside {
				in["SAD"], bearer = bearer, service.AccessToken
			}
			out := read[signatures](t, b.call(t, bearer, "signatures/signHash", in), http.StatusOK)
			if len(out.Signatures) != 2 || !b.holds(t, one, out.Signatures[0]) || !b.holds(t, two, out.Signatures[1]) {
				t.Errorf("the signatures do not hold: %x", out)
			}
		}
		uses, err := b.held.Signatures(t.Context(), b.zahra, b.key.ID)
		must(t, err)
		found := 0
		for _, u := range uses {
			if u.Purpose == held.Remote && u.For == id && len(u.Hashes) == 2 {
				found++
			}
		}
		if found != 2 {
			t.Errorf("%d uses for %s are on record: %+v", found, id, uses)
		}
	}
	if c := b.Counts(); c.Authorised != 8 || c.Given != 8 {
		t.Errorf("%+v", c)
	}
}

// TestInfoSaysWhatThereIs: every method that it names is a route, and needs no token.
func TestInfoSaysWhatThereIs(t *testing.T) {
	b := newBench(t)
	about := read[struct {
		Specs, OAuth2 string
		Methods       []string
	}](t, b.call(t, "", "info", struct{}{}), http.StatusOK)
	if !strings.HasPrefix(about.Specs, "2.") || about.OAuth2 != catest.Portal+"/csc/v2" || len(about.Methods) != 7 {
		t.Errorf("%+v", about)
	}
	for _, m := range about.Methods {
		if res := b.call(t, "", m, struct{}{}); res.StatusCode == http.StatusNotFound || m != "oauth2/authorize" && res.StatusCode == http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", m, res.StatusCode)
		}
	}
	said := read[map[string]string](t, b.call(t, "", "credentials/authorize", struct{}{}), http.StatusBadRequest)
	if !strings.Contains(said["error_description"], "oauth2/authorize") {
		t.Errorf("who is to ask in the browser is not told so: %v", said)
	}
}

// TestWhoReadsTheStoreTakesNothing: of code, token and page there are hashes
// only, and what is to be signed and the signatures are sealed.
func TestWhoReadsTheStoreTakesNothing(t *testing.T) {
	b := newBench(t)
	g := b.code(t, client("editor", callback, "credential"), b.asking(hash("one")))
	page := b.page(t, g.config.AuthCodeURL("s-1", append(options(b.asking(hash("waits"))), oauth2.S256ChallengeOption(g.verifier))...))
	g = b.exchange(t, g)
	var kept []string
	must(t, b.fixture.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"csc_requests", "csc_grants", "csc_tokens", "csc_holders"} {
			if err := tx.Scan(bucket, "", "", func(key string, value []byte) error {
				kept = append(kept, key+" "+string(value))
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	all := strings.Join(kept, "\n")
	if len(kept) != 4 {
		t.Errorf("%d records", len(kept))
	}
	out := read[signatures](t, b.call(t, g.token.AccessToken, "signatures/signHash", b.signing(hash("one"))), http.StatusOK)
	for name, word := range map[string]string{
		"the code": g.back.Get("code"), "the token": g.token.AccessToken, "the page": path.Base(page), "what is said of the documents": "a contract",
		"the signature": base64.StdEncoding.EncodeToString(out.Signatures[0]), "what waits to be signed": hex.EncodeToString(hash("waits")),
		"the same in another form": base64.StdEncoding.EncodeToString(hash("waits")),
	} {
		if strings.Contains(all, word) {
			t.Errorf("%s is in the store:\n%s", name, all)
		}
	}
}

// newVerifier and challengeOf are PKCE's (RFC 7636).
func newVerifier() string { return oauth2.GenerateVerifier() }

func challengeOf(verifier string) oauth2.AuthCodeOption { return oauth2.S256ChallengeOption(verifier) }
