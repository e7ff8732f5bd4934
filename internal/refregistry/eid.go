package refregistry

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// EIDClient is the one client of the eID provider.
const EIDClient = "mohr"

const (
	codeFor    = time.Minute // how long a code is good
	eidCodes   = 1000        // how many codes are kept at most
	eidTokenIn = 5 * time.Minute
)

// EIDLevels are the acr values of the eID provider.
var EIDLevels = []string{"high", "substantial", "low"}

//go:embed eid.html
var eidHTML string

var eidPage = template.Must(template.New("eid").Parse(eidHTML))

// eid is an eID provider in whose accounts nobody needs a password.
type eid struct {
	people func() []Person
	secret string
	paths  []string
	now    func() time.Time
	key    ed25519.PrivateKey

	mu    sync.Mutex
	codes map[string]eidCode // guarded by mu
}

// eidCode is a login whose ID token was not fetched yet.
type eidCode struct {
	redirect, challenge, nonce, acr string
	who                             Person
	at                              time.Time
}

// EID returns an eID provider that speaks OpenID Connect (code flow with PKCE)
// and lets anybody log in as any person of the people file: for development.
// It sends browsers back to the paths on this machine only. Its issuer is the
// address that it is asked at, over plain HTTP.
func (s *Server) EID(secret string, paths ...string) (http.Handler, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("refregistry: make key: %w", err)
	}
	e := &eid{secret: secret, paths: paths, now: s.now, key: key, codes: map[string]eidCode{}, people: func() []Person {
		list := make([]Person, 0, len(s.persons))
		for _, p := range s.persons {
			list = append(list, p)
		}
		slices.SortFunc(list, func(a, b Person) int { return strings.Compare(a.NationalCode, b.NationalCode) })
		return list
	}}
	m := http.NewServeMux()
	m.HandleFunc("GET /.well-known/openid-configuration", e.metadata)
	m.HandleFunc("GET /authorize", e.ask)
	m.HandleFunc("POST /authorize", e.answer)
	m.HandleFunc("POST /token", e.token)
	m.HandleFunc("GET /keys", e.keys)
	return m, nil
}

func issuerOf(r *http.Request) string { return "http://" + r.Host }

// writeEID writes JSON that nobody keeps.
func writeEID(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a reader who has gone needs no answer
}

func (e *eid) metadata(w http.ResponseWriter, r *http.Request) {
	at := issuerOf(r)
	writeEID(w, http.StatusOK, map[string]any{
		"issuer": at, "authorization_endpoint": at + "/authorize", "token_endpoint": at + "/token", "jwks_uri": at + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "acr_values_supported": EIDLevels,
		"id_token_signing_alg_values_supported": []string{"EdDSA"}, "code_challenge_methods_supported": []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}, "authorization_response_iss_parameter_supported": true,
	})
}

func (e *eid) keys(w http.ResponseWriter, _ *http.Request) {
	writeEID(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: e.key.Public(), KeyID: "eid-1", Algorithm: "EdDSA", Use: "sig"}}})
}

// returns reports whether a browser may be sent back there: to one of the
// paths, on this machine.
func (e *eid) returns(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && (u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1") &&
		slices.Contains(e.paths, u.Path) && u.RawQuery == "" && u.Fragment == "" && u.User == nil
}

// asked returns the request for a login, and whether it is one of our client's.
func (e *eid) asked(v url.Values) (q url.Values, ok bool) {
	q = url.Values{}
	for _, name := range []string{"redirect_uri", "state", "nonce", "code_challenge"} {
		q.Set(name, v.Get(name))
	}
	return q, v.Get("client_id") == EIDClient && e.returns(q.Get("redirect_uri")) && q.Get("code_challenge") != ""
}

// ask shows whom one can log in as.
func (e *eid) ask(w http.ResponseWriter, r *http.Request) {
	v := r.URL.Query()
	q, ok := e.asked(v)
	if !ok || v.Get("response_type") != "code" || v.Get("code_challenge_method") != "S256" {
		http.Error(w, "this is no request of a client that is registered here", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	eidPage.Execute(w, map[string]any{"Query": q, "Client": EIDClient, "People": e.people(), "Levels": EIDLevels}) // a reader who has gone needs no page
}

// answer sends the browser back, with a code or with a no.
func (e *eid) answer(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	q, ok := e.asked(r.PostForm)
	if !ok {
		http.Error(w, "this is no request of a client that is registered here", http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {q.Get("state")}, "iss": {issuerOf(r)}}
	people, acr := e.people(), r.PostForm.Get("acr")
	i := slices.IndexFunc(people, func(p Person) bool { return p.NationalCode == r.PostForm.Get("person") })
	if i < 0 || r.PostForm.Get("act") != "login" || !slices.Contains(EIDLevels, acr) {
		back.Set("error", "access_denied")
	} else {
		back.Set("code", e.keep(eidCode{redirect: q.Get("redirect_uri"), challenge: q.Get("code_challenge"), nonce: q.Get("nonce"), acr: acr, who: people[i], at: e.now()}))
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

// keep returns a code for a login; old ones go.
func (e *eid) keep(c eidCode) string {
	code := rand.Text()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.codes) >= eidCodes {
		clear(e.codes)
	}
	e.codes[code] = c
	return code
}

// take returns the login of a code, once.
func (e *eid) take(code string) (eidCode, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.codes[code]
	delete(e.codes, code)
	return c, ok && e.now().Sub(c.at) <= codeFor
}

// token gives the ID token of a login to the client.
func (e *eid) token(w http.ResponseWriter, r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if plain, err := url.QueryUnescape(secret); !ok || err != nil || id != EIDClient || subtle.ConstantTimeCompare([]byte(plain), []byte(e.secret)) != 1 {
		writeEID(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	c, ok := e.take(r.PostFormValue("code"))
	proof := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || r.PostFormValue("grant_type") != "authorization_code" || c.redirect != r.PostFormValue("redirect_uri") ||
		c.challenge != base64.RawURLEncoding.EncodeToString(proof[:]) {
		writeEID(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	raw, err := e.sign(issuerOf(r), c)
	if err != nil {
		writeEID(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	writeEID(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 60, "id_token": raw})
}

func (e *eid) sign(issuer string, c eidCode) (string, error) {
	now := e.now()
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": "eid-" + c.who.NationalCode, "aud": EIDClient, "iat": now.Unix(), "exp": now.Add(eidTokenIn).Unix(),
		"auth_time": c.at.Unix(), "nonce": c.nonce, "acr": c.acr,
		"national_code": c.who.NationalCode, "given_name": c.who.FirstName, "family_name": c.who.LastName, "birthdate": c.who.BirthDate,
	})
	if err != nil {
		return "", err
	}
	key := jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: e.key, KeyID: "eid-1"}}
	s, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	signed, err := s.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}
