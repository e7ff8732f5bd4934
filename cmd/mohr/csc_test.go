package main

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/csc"
	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/incident"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/cmd/mohr/service"
	"mohr/internal/browser"
	"mohr/internal/pkitest"
)

// editor is other software, to which a browser comes back. It is a
// crypto.Signer by the key of a holder whose browser is tab.
type editor struct {
	t    *testing.T
	tab  *browser.Tab
	http *http.Client
	conf *oauth2.Config
	back chan url.Values
	look func() // at the page on which the holder authorises; nil: nothing more

	credential string
	chain      []*x509.Certificate
	service    string // token
}

// newEditor listens for browsers, and says how a service registers it.
func newEditor(t *testing.T) (*editor, func(*service.Config)) {
	t.Helper()
	e := &editor{t: t, back: make(chan url.Values, 1), conf: &oauth2.Config{ClientID: "editor"}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/back" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><html lang=en><title>Editor</title><p id=back>Back.</p>")
		e.back <- r.URL.Query()
	}))
	t.Cleanup(s.Close)
	e.conf.RedirectURL = s.URL + "/back"
	return e, func(c *service.Config) {
		c.CSC = csc.File{Clients: []csc.Client{{ID: "editor", Name: csc.Name{Fa: "ویرایشگر نمونه", En: "Sample editor"}, RedirectURIs: []string{e.conf.RedirectURL}}}}
	}
}

// meets has the editor know a service and its user's browser.
func (e *editor) meets(s *running, tab *browser.Tab) {
	base := s.Config.Portal + csc.Base
	e.tab, e.http, e.conf.Endpoint = tab, s.anyone.http, oauth2.Endpoint{AuthURL: base + "/oauth2/authorize", TokenURL: base + "/oauth2/token"}
}

// token has the holder say yes, and takes the token.
func (e *editor) token(scope string, more map[string]string) string {
	e.t.Helper()
	conf, verifier := *e.conf, oauth2.GenerateVerifier()
	conf.Scopes = []string{scope}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	for name, value := range more {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	e.tab.Go(conf.AuthCodeURL("state", options...))
	e.tab.Wait("#authorise")
	if e.look != nil {
		e.look()
	}
	e.tab.Follow("#authorise")
	var back url.Values
	select {
	case back = <-e.back:
	case <-time.After(3 * time.Minute):
		e.t.Fatalf("the browser does not come back:\n%s", e.tab.Text("body"))
	}
	if back.Get("state") != "state" || back.Get("iss")+csc.Base+"/oauth2/token" != conf.Endpoint.TokenURL {
		e.t.Errorf("the browser brings %v", back)
	}
	token, err := conf.Exchange(context.WithValue(e.t.Context(), oauth2.HTTPClient, e.http), back.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		e.t.Fatal(err)
	}
	return token.AccessToken
}

// call calls a method of the API.
func (e *editor) call(token, method string, in, out any) {
	e.t.Helper()
	base := strings.TrimSuffix(e.conf.Endpoint.TokenURL, "oauth2/token")
	(&client{base: base, http: e.http}).done(e.t, post(method, token, in), http.StatusOK, out)
}

// learns asks for the holder's credential.
func (e *editor) learns() {
	e.t.Helper()
	e.service = e.token("service", nil)
	var list struct{ CredentialIDs []string }
	e.call(e.service, "credentials/list", struct{}{}, &list)
	if len(list.CredentialIDs) != 1 {
		e.t.Fatalf("credentials: %v", list)
	}
	e.credential = list.CredentialIDs[0]
	var info struct {
		Cert struct{ Certificates [][]byte }
	}
	e.call(e.service, "credentials/info", map[string]string{"credentialID": e.credential, "certificates": "chain"}, &info)
	e.chain = nil
	for _, der := range info.Cert.Certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			e.t.Fatal(err)
		}
		e.chain = append(e.chain, c)
	}
}

// Public implements crypto.Signer.
func (e *editor) Public() crypto.PublicKey { return e.chain[0].PublicKey }

// Sign implements crypto.Signer: the holder authorises the digest in the browser.
func (e *editor) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	e.t.Helper()
	sad := e.token("credential", map[string]string{
		"credentialID": e.credential, "numSignatures": "1", "hashes": base64.RawURLEncoding.EncodeToString(digest),
		"hashAlgorithmOID": "2.16.840.1.101.3.4.2.1", "description": "Contract with <b>Narges</b>",
	})
	var out struct{ Signatures [][]byte }
	e.call(sad, "signatures/signHash", map[string]any{"credentialID": e.credential, "hashes": [][]byte{digest}, "signAlgo": "1.2.840.10045.4.3.2"}, &out)
	return out.Signatures[0], nil
}

// holder is the editor's user, as other parts of the service would see who signs.
func (e *editor) holder() *holder {
	return &holder{ca.SigningKey{Certificate: e.chain[0], Chain: e.chain[1:], Signer: e}}
}

// getsAHeldKey signs Zahra in, and brings her to a held key with a certificate.
func (s *running) getsAHeldKey(t *testing.T, tab *browser.Tab) {
	t.Helper()
	c := s.apply(t, zahra, "").certify(t)
	key := s.keyArgs(c.certFile, c.keyFile)
	paste := func(statement, form string) {
		tab.Open("details")
		tab.Fill("#statement", statement)
		tab.Follow(form + " button")
	}
	tab.Go(s.Config.Portal + "/my/passkeys/new")
	paste(command(t, key...), "form[action='/signin/statement']")
	tab.Open("details")
	f := strings.Fields(tab.Text("pre"))
	paste(command(t, append(key, f[len(f)-4:]...)...), "form[action='/signin/confirm/statement']")
	tab.AuthenticatorPRF()
	tab.Fill("#name", "phone")
	tab.Follow("#new-passkey")
	tab.Go(s.Config.Portal + "/my/keys")
	tab.Wait("#make-held")
	tab.Follow("#make-held")
	tab.Follow("a[href='/enroll?home=hsm']")
	s.appliesWithHeldKey(t, tab)
}

// TestOtherSoftwareSignsInABrowser: an editor gets the list of keys, and has a
// document signed by a yes on our page: openssl takes the signature. The holder
// sees who asks and what it says, may refuse, and finds the use on record.
func TestOtherSoftwareSignsInABrowser(t *testing.T) {
	e, registered := newEditor(t)
	s := startService(t, "", holdingKeys(t), registered)
	tab := browser.Start(t).Tab(t, browser.Look{Lang: "en"})
	e.meets(s, tab)
	s.getsAHeldKey(t, tab)
	e.look = func() { inBoth(t, tab, "csc-service") }
	e.learns()
	e.look = func() {
		inBoth(t, tab, "csc-credential")
		for _, want := range []string{"Sample editor", "Contract with <b>Narges</b>", "These are its words", ca.SerialText(e.chain[0].SerialNumber)} {
			if !strings.Contains(tab.Text("main"), want) {
				t.Errorf("the page does not say %q:\n%s", want, tab.Text("main"))
			}
		}
		tab.Run(`navigator.credentials.get = async () => { throw new DOMException("no", "NotAllowedError"); }`, nil)
		tab.Click("#authorise")
		tab.Wait("#told")
		seen(t, tab, "csc-refused")
		tab.Run(`delete navigator.credentials.get`, nil)
		tab.Run(`document.querySelector("#told").hidden = true; const parse = PublicKeyCredential.parseRequestOptionsFromJSON; delete PublicKeyCredential.parseRequestOptionsFromJSON; await import("/static/csc.js?old"); PublicKeyCredential.parseRequestOptionsFromJSON = parse`, nil)
		if text := tab.Text("#told"); !strings.Contains(text, "too old") {
			t.Errorf("an old browser is told %q", text)
		}
	}
	s.signsADocument(t, e)
	e.look = nil
	s.runsTheDocs(t, e)
	tab.Go(e.conf.AuthCodeURL("no", oauth2.S256ChallengeOption(oauth2.GenerateVerifier())))
	tab.Follow("#refuse")
	if back := <-e.back; back.Get("error") != "access_denied" || back.Get("state") != "no" || back.Has("code") {
		t.Errorf("a refusal brings %v", back)
	}
	strange := *e.conf
	strange.RedirectURL += "x"
	tab.Go(strange.AuthCodeURL("state"))
	inBoth(t, tab, "csc-unknown")
	tab.Go(s.Config.Portal + "/my/keys/" + e.credential)
	if text := tab.Text("main table"); !strings.Contains(text, "other software editor") {
		t.Errorf("the use is not on record:\n%s", text)
	}
}

// runsTheDocs runs the example of docs/csc.md, word for word but for the client.
func (s *running) runsTheDocs(t *testing.T, e *editor) {
	t.Helper()
	for _, program := range []string{"bash", "curl", "jq", "openssl"} {
		pkitest.Need(t, program, program)
	}
	page, err := os.ReadFile(filepath.Join(docsDir, "csc.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script string
	for _, block := range strings.Split(string(page), "```sh\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		script += text
	}
	const address = "http://127.0.0.1:9999/back"
	script = strings.NewReplacer(address, e.conf.RedirectURL, url.QueryEscape(address), url.QueryEscape(e.conf.RedirectURL), "client_id=desk", "client_id="+e.conf.ClientID).Replace(script)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "contract.txt"), []byte("I agree.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	c.Dir, c.Env = dir, append(os.Environ(), "PORTAL="+s.Config.Portal)
	root, err := os.ReadFile(filepath.Join(s.data, "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "root.pem"), root, 0o600); err != nil {
		t.Fatal(err)
	}
	var told safeBuffer
	c.Stderr = &told
	in, _ := c.StdinPipe()
	out, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var last string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		last = lines.Text()
		if at, asks := strings.CutPrefix(last, "open in a browser: "); asks {
			e.tab.Go(at)
			e.tab.Wait("#authorise")
			e.tab.Follow("#authorise")
			select {
			case back := <-e.back:
				io.WriteString(in, back.Get("code")+"\n")
			case <-time.After(3 * time.Minute):
				t.Fatalf("the browser does not come back:\n%s", e.tab.Text("body"))
			}
		}
	}
	if err := c.Wait(); err != nil || last != "Verified OK" {
		t.Errorf("%v: %q %s", err, last, told.String())
	}
}

// signsADocument makes a CAdES signature by the editor's way, for openssl to judge.
func (s *running) signsADocument(t *testing.T, e *editor) {
	t.Helper()
	content := []byte("I agree.\n")
	d, err := cades.Prepare(e.chain[0], e.chain[1:], document.Bytes(content), cades.Options{MIME: "text/plain", Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(d.Input())
	value, err := e.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	cms, err := d.Finish(value)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, signed := filepath.Join(dir, "contract.txt"), filepath.Join(dir, "contract.p7s")
	for name, b := range map[string][]byte{file: content, signed: cms} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), pkitest.Need(t, "openssl", "openssl"), "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", signed,
		"-content", file, "-CAfile", filepath.Join(s.data, "root.pem"), "-purpose", "any", "-out", os.DevNull).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "successful") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
}

// TestWhatOtherSoftwareHadSignedIsNoStatement: the holder authorised the hash of a
// statement of each kind, as good as any, and no desk takes it. Nor does such a
// hash show that the key has leaked.
func TestWhatOtherSoftwareHadSignedIsNoStatement(t *testing.T) {
	e, registered := newEditor(t)
	s := newScene(t, holdingKeys(t), registered)
	tab := browser.Start(t).Tab(t, browser.Look{Lang: "en"})
	e.meets(s.running, tab)
	s.getsAHeldKey(t, tab)
	e.learns()
	var p incident.Plan
	s.operator.done(t, post("/api/v1/plans", "", incident.Ask{Kind: incident.Revoke, Reason: ca.KeyCompromise, Serials: []string{ca.SerialText(s.merchant.holder.Certificate.SerialNumber)}}), http.StatusCreated, &p)
	list := s.statements(t, e.holder())
	for _, kind := range []struct {
		name, typ, path string
		by              *client
	}{
		{"revocation", signature.RevokeType, "/api/v1/revocations", s.anyone},
		{"mandate", mandate.StatementType, "/api/v1/mandates", s.anyone},
		{"end of a mandate", mandate.RevokeType, "/api/v1/mandates/revocations", s.anyone},
		{"query of mandates", mandate.QueryType, "/api/v1/mandates/list", s.anyone},
		{"approval", signature.ApprovalType, "/api/v1/plans/" + p.Document.ID + "/approvals", s.operator},
	} {
		list = append(list, refusal{name: kind.name, by: kind.by, ask: post(kind.path, "", approval.Body{JWS: string(e.states(kind.typ))})})
	}
	// What else the scene shows may change meanwhile: a browser takes its time.
	for _, c := range all(list, http.StatusForbidden, "held_no_statement") {
		t.Run(c.name, func(t *testing.T) { c.by.refuses(t, c.ask, c.status, c.code) })
	}
	proof, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: incident.KeyProof}}, e)
	if err != nil {
		t.Fatal(err)
	}
	s.anyone.refuses(t, postAs("/api/v1/compromised-keys", "", "application/pkcs10", proof), http.StatusForbidden, "key_held")
	a := s.anyone.send(t, form("/signin/statement", url.Values{"statement": {string(e.states(signin.StatementType))}}))
	if a.status != http.StatusForbidden || len(a.header["Set-Cookie"]) > 0 {
		t.Errorf("a sign-in: %d %v", a.status, a.header)
	}
}

// states is a statement of a kind, with what each has to say.
func (e *editor) states(typ string) []byte {
	e.t.Helper()
	payload, err := json.Marshal(signature.DraftClaims(typ, strings.TrimSuffix(e.conf.Endpoint.TokenURL, csc.Base+"/oauth2/token"), "", e.chain[0].Raw, time.Now()))
	if err != nil {
		e.t.Fatal(err)
	}
	jws, err := signature.SignJWS(e.holder().SigningKey, typ, payload)
	if err != nil {
		e.t.Fatal(err)
	}
	return jws
}
