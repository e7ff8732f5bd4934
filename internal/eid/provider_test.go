package eid_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/internal/eid"
	"mohr/internal/eid/eidtest"
	"mohr/internal/fault"
)

func TestAProviderWithNewKeysIsBelieved(t *testing.T) {
	idp := eidtest.New(t, redirect)
	idp.Set(func(s *eidtest.Setup) { s.People["sara"] = sara })
	p := open(t, idp, nil)
	for _, state := range []string{"state-1", "state-2", "state-3"} {
		if _, err := p.Finish(t.Context(), state, begin(t, p, idp, state, "sara")); err != nil {
			t.Fatalf("%s: %v", state, err)
		}
		idp.Rotate()
	}
	if n := idp.Asked("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("the provider was discovered %d times", n)
	}
}

func TestAKeyThatTheProviderTookBackServesAnHourAtMost(t *testing.T) {
	idp := eidtest.New(t, redirect)
	idp.Set(func(s *eidtest.Setup) { s.People["sara"] = sara })
	ahead := time.Duration(0)
	p := open(t, idp, func(c *eid.Config) { c.Now = func() time.Time { return time.Now().Add(ahead) } })
	if _, err := p.Finish(t.Context(), "state-1", begin(t, p, idp, "state-1", "sara")); err != nil {
		t.Fatal(err)
	}
	idp.Rotate()
	idp.Set(func(s *eidtest.Setup) {
		s.Forge = func(c map[string]any) string {
			for _, name := range []string{"exp", "iat", "auth_time"} {
				c[name] = c[name].(float64) + ahead.Seconds()
			}
			return idp.SignAsAtFirst(c)
		}
	})
	if _, err := p.Finish(t.Context(), "state-2", begin(t, p, idp, "state-2", "sara")); err != nil {
		t.Fatalf("within the hour: %v", err)
	}
	ahead = time.Hour
	if _, err := p.Finish(t.Context(), "state-3", begin(t, p, idp, "state-3", "sara")); !errors.Is(err, eid.ErrToken) {
		t.Errorf("after the hour: %v", err)
	}
}

func TestNoRedirectOfTheProviderIsFollowed(t *testing.T) {
	for _, path := range []string{"/.well-known/openid-configuration", "/oauth/token", "/keys"} {
		idp := eidtest.New(t, redirect)
		idp.Set(func(s *eidtest.Setup) { s.People["sara"] = sara })
		idp.Set(func(s *eidtest.Setup) {
			s.Before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path {
					http.Redirect(w, r, "/moved"+path, http.StatusTemporaryRedirect)
					return true
				}
				r.URL.Path = strings.TrimPrefix(r.URL.Path, "/moved")
				return false
			}
		})
		p := open(t, idp, nil)
		address, err := p.Begin(t.Context(), "state-1", "fa")
		if err == nil {
			_, err = p.Finish(t.Context(), "state-1", back(idp.LogIn(address, "sara")))
		}
		if !errors.Is(err, eid.ErrUnavailable) || idp.Asked("/moved"+path) != 0 {
			t.Errorf("%s: %v, and asked where it led to %d times", path, err, idp.Asked("/moved"+path))
		}
	}
}

// down answers a path as an ill provider does.
func down(path string, answer func(http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == path {
			answer(w)
		}
		return r.URL.Path == path
	}
}

func TestAProviderThatIsIllOrSlowIsUnavailable(t *testing.T) {
	status := func(n int) func(http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(n) } }
	says := func(s string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.Write([]byte(s))
		}
	}
	const discovery = "/.well-known/openid-configuration"
	tests := []struct {
		name, path string
		answer     func(http.ResponseWriter) // nil: never
		want       error
	}{
		{"no metadata", discovery, status(503), eid.ErrUnavailable},
		{"metadata that is too long", discovery, says(`"` + strings.Repeat("x", 70_000) + `"`), eid.ErrUnavailable},
		{"metadata that is no JSON", discovery, says("<html>"), eid.ErrUnavailable},
		{"metadata of another issuer", discovery, says(`{"issuer":"https://other.test"}`), eid.ErrUnavailable},
		{"metadata elsewhere", discovery, func(w http.ResponseWriter) { w.Header().Set("Location", "https://other.test/"); w.WriteHeader(302) }, eid.ErrUnavailable},
		{"slow metadata", discovery, nil, eid.ErrUnavailable},
		{"no tokens", "/oauth/token", status(500), eid.ErrUnavailable},
		{"too many questions for tokens", "/oauth/token", status(429), eid.ErrUnavailable},
		{"slow tokens", "/oauth/token", nil, eid.ErrUnavailable},
		{"tokens elsewhere", "/oauth/token", func(w http.ResponseWriter) { w.Header().Set("Location", "https://other.test/"); w.WriteHeader(307) }, eid.ErrUnavailable},
		{"our secret is refused", "/oauth/token", status(401), eid.ErrSetUp},
		{"no keys", "/keys", status(503), eid.ErrUnavailable},
		{"keys that are none", "/keys", says("<html>"), eid.ErrUnavailable},
		{"no key", "/keys", says(`{"keys":[]}`), eid.ErrToken},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			idp := eidtest.New(t, redirect)
			idp.Set(func(s *eidtest.Setup) { s.People["sara"] = sara })
			edit := func(*eid.Config) {}
			if tc.answer == nil {
				over := make(chan struct{})
				defer close(over)
				tc.answer = func(http.ResponseWriter) { <-over }
				edit = func(c *eid.Config) { c.Timeout = 5 * time.Second }
			}
			if tc.path == discovery {
				idp.Set(func(s *eidtest.Setup) { s.Before = down(tc.path, tc.answer) })
				if _, err := open(t, idp, edit).Begin(t.Context(), "state-1", "fa"); !errors.Is(err, tc.want) {
					t.Errorf("error %v, want %v", err, tc.want)
				}
				return
			}
			p := open(t, idp, edit)
			b := begin(t, p, idp, "state-1", "sara")
			idp.Set(func(s *eidtest.Setup) { s.Before = down(tc.path, tc.answer) })
			if _, err := p.Finish(t.Context(), "state-1", b); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if n := idp.Asked("/oauth/token"); n != 1 {
				t.Errorf("the code was handed in %d times", n)
			}
		})
	}
}

func TestAProviderAtAnInnerAddressIsRefusedUnlessConfigured(t *testing.T) {
	idp := eidtest.New(t, redirect)
	_, err := open(t, idp, func(c *eid.Config) { c.Allow = nil }).Begin(t.Context(), "state-1", "fa")
	if !errors.Is(err, eid.ErrUnavailable) || idp.Asked("/.well-known/openid-configuration") != 0 {
		t.Errorf("error %v, want unavailable and nothing asked", err)
	}
	inner := strings.NewReplacer(idp.URL+"/keys", "http://169.254.169.254/keys")
	idp.Set(func(s *eidtest.Setup) {
		s.Before = func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", "application/json")
			inner.WriteString(w, `{"issuer":"`+idp.URL+`","authorization_endpoint":"`+idp.URL+`/a","token_endpoint":"`+idp.URL+`/t","jwks_uri":"`+idp.URL+`/keys"}`)
			return true
		}
	})
	if _, err := open(t, idp, nil).Begin(t.Context(), "state-1", "fa"); !errors.Is(err, eid.ErrUnavailable) {
		t.Errorf("metadata with an inner address: %v", err)
	}
}

func TestAProviderThatShowsAnotherCertificateIsNotAsked(t *testing.T) {
	idp := eidtest.New(t, redirect)
	_, err := open(t, idp, func(c *eid.Config) { c.RootFile = "" }).Begin(t.Context(), "state-1", "fa")
	if !errors.Is(err, eid.ErrUnavailable) || idp.Asked("/.well-known/openid-configuration") != 0 {
		t.Errorf("error %v, want unavailable and nothing asked", err)
	}
}

func TestThisServiceProvesItselfByASignedAssertion(t *testing.T) {
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-256": ecKey(t), "RSA": rs} {
		t.Run(name, func(t *testing.T) {
			idp := eidtest.New(t, redirect)
			idp.Set(func(s *eidtest.Setup) { s.People["sara"], s.ClientKey = sara, key.Public() })
			p := open(t, idp, func(c *eid.Config) { c.SecretFile, c.KeyFile, c.KeyID = "", keyFile(t, key), "mohr-1" })
			if _, err := p.Finish(t.Context(), "state-1", begin(t, p, idp, "state-1", "sara")); err != nil {
				t.Error(err)
			}
			b := begin(t, p, idp, "state-2", "sara")
			idp.Set(func(s *eidtest.Setup) { s.ClientKey = &ecKey(t).PublicKey })
			if _, err := p.Finish(t.Context(), "state-2", b); err == nil {
				t.Error("another's key is taken")
			}
		})
	}
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keyFile(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestAWrongConfigurationIsRefusedWithAllThatIsWrong(t *testing.T) {
	idp := eidtest.New(t, redirect)
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		edit func(*eid.Config)
		want []string
	}{
		{"nothing", func(c *eid.Config) { *c = eid.Config{} }, []string{"name@version", "https", "environment", "client_id", "secret_file or key_file", "acr maps", "national_code", "32 octets"}},
		{"plain http to another machine", func(c *eid.Config) { c.Issuer = "http://eid.example" }, []string{"https"}},
		{"a password in the address", func(c *eid.Config) { c.Issuer = "https://a:b@eid.example" }, []string{"https"}},
		{"two ways to prove ourselves", func(c *eid.Config) { c.KeyFile = c.SecretFile }, []string{"not both"}},
		{"a level that is none", func(c *eid.Config) { c.ACR["x"] = "gold" }, []string{`"x"`}},
		{"a shared algorithm", func(c *eid.Config) { c.Algorithms = []string{"ES256", "HS256"} }, []string{`"HS256"`}},
		{"the algorithm none", func(c *eid.Config) { c.Algorithms = []string{"none"} }, []string{`"none"`}},
		{"a claim that is none", func(c *eid.Config) { c.Claims["mobile"] = "token.m" }, []string{`"mobile"`}},
		{"an expression that is none", func(c *eid.Config) { c.Claims["first_name"] = "token." }, []string{"claims.first_name"}},
		{"an expression that is no text", func(c *eid.Config) { c.Claims["first_name"] = "1 + 1" }, []string{"claims.first_name"}},
		{"a login that may be a day old", func(c *eid.Config) { c.MaxAge = 24 * time.Hour }, []string{"max_age"}},
		{"no secret", func(c *eid.Config) { c.SecretFile += ".not" }, []string{"secret_file"}},
		{"a key that signs no assertions", func(c *eid.Config) { c.KeyFile, c.SecretFile = keyFile(t, weak), "" }, []string{"key_file"}},
		{"a key that is none", func(c *eid.Config) { c.KeyFile, c.SecretFile = c.SecretFile, "" }, []string{"key_file"}},
		{"no root", func(c *eid.Config) { c.RootFile += ".not" }, []string{"root_file"}},
		{"a root that is none", func(c *eid.Config) { c.RootFile = c.SecretFile }, []string{"root_file"}},
		{"addresses that are none", func(c *eid.Config) { c.Allow = []string{"localhost"} }, []string{"allow"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			c := config(idp)
			tc.edit(&c)
			_, err := eid.New(c)
			if err == nil {
				t.Fatal("it is taken")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		})
	}
}

func TestASecretThatIsGoneIsNotThePersonsFault(t *testing.T) {
	idp := eidtest.New(t, redirect)
	idp.Set(func(s *eidtest.Setup) { s.People["sara"] = sara })
	c := config(idp)
	p, err := eid.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b := begin(t, p, idp, "state-1", "sara")
	if err := os.Remove(c.SecretFile); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Finish(t.Context(), "state-1", b); !errors.Is(err, eid.ErrSetUp) || !errors.Is(err, fault.Unavailable) {
		t.Errorf("error %v", err)
	}
}
