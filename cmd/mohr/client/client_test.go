package client_test

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/cmd/mohr/client"
	"mohr/hsm"
	"mohr/renew"
)

// answering is a carrier without a network: it answers in turn, and keeps what
// it was asked, with the time.
type answering struct {
	mu      sync.Mutex
	answers []func(*httptest.ResponseRecorder) // guarded by mu; nil: the network fails
	keys    []string                           // guarded by mu: Idempotency-Keys
	at      []time.Duration                    // guarded by mu: since the first
	begun   time.Time                          // guarded by mu
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.begun.IsZero() {
		a.begun = time.Now()
	}
	n := len(a.keys)
	a.keys, a.at = append(a.keys, r.Header.Get("Idempotency-Key")), append(a.at, time.Since(a.begun))
	w := httptest.NewRecorder()
	answer := a.answers[min(n, len(a.answers)-1)]
	if answer == nil {
		return nil, errors.New("no way there")
	}
	answer(w)
	return w.Result(), nil
}

func says(status int, code, retryAfter string) func(*httptest.ResponseRecorder) {
	return func(w *httptest.ResponseRecorder) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(status)
		w.WriteString(`{"title":"t","detail":"read this","code":"` + code + `","errors":[{"field":"body.x","text":"wrong"}]}`)
	}
}

func TestABusyServiceIsAskedAgainWithinPatience(t *testing.T) {
	t.Parallel()
	good := says(200, "", "")
	tests := []struct {
		name     string
		answers  []func(*httptest.ResponseRecorder)
		patience time.Duration
		at       []time.Duration // of the requests
		code     string          // of the problem in the end; "-": another error
	}{
		{"it answers", []func(*httptest.ResponseRecorder){good}, 0, []time.Duration{0}, ""},
		{"it says when", []func(*httptest.ResponseRecorder){says(503, "busy", "10"), good}, 0, []time.Duration{0, 10 * time.Second}, ""},
		{"it stays busy", []func(*httptest.ResponseRecorder){says(503, "busy", "10")}, 0, []time.Duration{0, 10 * time.Second, 20 * time.Second}, "busy"},
		{"it says later than can be waited", []func(*httptest.ResponseRecorder){says(503, "busy", "31"), good}, 0, []time.Duration{0}, "busy"},
		{"less patience", []func(*httptest.ResponseRecorder){says(503, "busy", "10")}, 15 * time.Second, []time.Duration{0, 10 * time.Second}, "busy"},
		{"no patience", []func(*httptest.ResponseRecorder){says(503, "busy", "")}, -1, []time.Duration{0}, "busy"},
		{"the network failed", []func(*httptest.ResponseRecorder){nil, nil, good}, 0, []time.Duration{0, 300 * time.Millisecond, 900 * time.Millisecond}, ""},
		{"the network stays away", []func(*httptest.ResponseRecorder){nil}, 0, []time.Duration{0, 300 * time.Millisecond, 900 * time.Millisecond}, "-"},
		{"the first try is still running", []func(*httptest.ResponseRecorder){says(409, "idempotency_in_progress", "1"), good}, 0, []time.Duration{0, time.Second}, ""},
		{"a refusal is not asked again", []func(*httptest.ResponseRecorder){says(422, "wrong", ""), good}, 0, []time.Duration{0}, "wrong"},
		{"nor is a limit", []func(*httptest.ResponseRecorder){says(429, "too_many", "1"), good}, 0, []time.Duration{0}, "too_many"},
		{"nor a fault of the service", []func(*httptest.ResponseRecorder){says(500, "internal", ""), good}, 0, []time.Duration{0}, "internal"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answering{answers: tc.answers}
				c := &client.Client{Server: "https://mohr.example", HTTP: &http.Client{Transport: a}, Patience: tc.patience}
				err := c.Call(t.Context(), client.Request{Method: http.MethodPost, Path: "/x"}, nil)
				switch {
				case tc.code == "-" && (err == nil || client.Code(err) != ""),
					tc.code == "" && err != nil, tc.code != "-" && client.Code(err) != tc.code:
					t.Errorf("%v, want %q", err, tc.code)
				}
				if len(a.at) != len(tc.at) {
					t.Fatalf("asked at %v, want %v", a.at, tc.at)
				}
				for i := range a.at {
					if a.at[i] != tc.at[i] || a.keys[i] == "" || a.keys[i] != a.keys[0] {
						t.Errorf("asked at %v with %v, want at %v with one key", a.at, a.keys, tc.at)
					}
				}
			})
		})
	}
}

// TestARenewalIsForgottenOnlyWhenItWasRefused: the service may have made the
// certificate at an earlier try, and gives it for the same statement alone.
func TestARenewalIsForgottenOnlyWhenItWasRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status int
		code   string
		kept   bool
	}{
		{429, "too_many_requests", true},
		{408, "request_slow", true},
		{409, "idempotency_in_progress", true},
		{503, "renewal_registry_unavailable", true},
		{403, "", true}, // of something between
		{409, "certificate_replaced", false},
		{403, "renewal_late", false},
	} {
		t.Run(fmt.Sprint(tc.status, " ", tc.code), func(t *testing.T) {
			t.Parallel()
			a := &answering{answers: []func(*httptest.ResponseRecorder){says(tc.status, tc.code, "")}}
			c := &client.Client{Server: "https://mohr.example", HTTP: &http.Client{Transport: a}, Patience: -1}
			s, pending := begun(t)
			if _, err := c.RenewTo(t.Context(), s); err == nil {
				t.Fatal("no error")
			}
			if _, err := os.Stat(pending); (err == nil) != tc.kept {
				t.Errorf("the signed renewal: %v, want it kept: %t", err, tc.kept)
			}
		})
	}
}

// begun is a renewal that was cut off after it was signed, and where it is kept.
func begun(t *testing.T) (s client.Successor, pending string) {
	t.Helper()
	dir, ring := t.TempDir(), hsm.Open(hsm.Config{})
	t.Cleanup(func() { ring.Close() })
	s = client.Successor{Ring: ring, OldKey: filepath.Join(dir, "holder.key"), NewKey: filepath.Join(dir, "renewed.key"), File: filepath.Join(dir, "renewed.pem")}
	s.Old.Certificate = &x509.Certificate{Raw: []byte("the old one")}
	signer, err := client.OpenSigner(t.Context(), ring, s.NewKey, true)
	must(err)
	csr, err := client.NewCSR(signer)
	must(err)
	parsed, err := ca.ParseCSR(csr)
	must(err)
	old := sha256.Sum256(s.Old.Certificate.Raw)
	document, err := json.Marshal(renew.Statement{Claims: signature.Claims{CertificateSHA256: hex.EncodeToString(old[:])}, NewSPKISHA256: parsed.SPKISHA256()})
	must(err)
	b, err := json.Marshal(client.Renewal{Document: document, Statement: []byte("signed"), CSR: csr})
	must(err)
	pending = s.File + ".pending"
	must(os.WriteFile(pending, b, 0o600))
	return s, pending
}

// TestARenewalGoesOnWithItsOwnPairAlone: else the certificate would come
// beside a key to which it does not belong.
func TestARenewalGoesOnWithItsOwnPairAlone(t *testing.T) {
	t.Parallel()
	other := func(s *client.Successor) crypto.Signer {
		s.NewKey += ".other"
		signer, err := client.OpenSigner(t.Context(), s.Ring, s.NewKey, true)
		must(err)
		return signer
	}
	for name, change := range map[string]func(*client.Successor){
		"":                        func(*client.Successor) {},
		"another certificate":     func(s *client.Successor) { s.Old.Certificate = &x509.Certificate{Raw: []byte("another")} },
		"another key":             func(s *client.Successor) { other(s) },
		"a key that is not there": func(s *client.Successor) { s.NewKey += ".nowhere" },
		"another request": func(s *client.Successor) {
			csr, err := client.NewCSR(other(s))
			must(err)
			s.CSR = csr
		},
	} {
		a := &answering{answers: []func(*httptest.ResponseRecorder){says(503, "busy", "")}}
		c := &client.Client{Server: "https://mohr.example", HTTP: &http.Client{Transport: a}, Patience: -1}
		s, pending := begun(t)
		change(&s)
		_, err := c.RenewTo(t.Context(), s)
		if sent := len(a.at) == 1 && client.Code(err) == "busy"; err == nil || sent != (name == "") {
			t.Errorf("%q: %v, after %d requests", name, err, len(a.at))
		}
		if _, err := os.Stat(pending); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestManyUseOneClientAtOnce is for the race detector.
func TestManyUseOneClientAtOnce(t *testing.T) {
	t.Parallel()
	c := &client.Client{HTTP: &http.Client{Transport: &answering{answers: []func(*httptest.ResponseRecorder){says(200, "", "")}}}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := c.Application("a-1", "token").Look(t.Context()); err != nil {
				t.Error(err)
			}
			if err := c.TakeOver(t.Context(), "a-1", client.Person{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestAProblemSaysWhatToDo(t *testing.T) {
	t.Parallel()
	c := &client.Client{HTTP: &http.Client{Transport: &answering{answers: []func(*httptest.ResponseRecorder){says(429, "too_many", "60")}}}}
	_, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/x"})
	var p *client.Problem
	if !errors.As(err, &p) || p.Detail != "read this" || p.Status != 429 || p.RetryAfter != time.Minute || len(p.Errors) != 1 || err.Error() != "read this [too_many]" {
		t.Errorf("%v: %+v", err, p)
	}
}

// What something in between answers, or a liar.
func TestAnAnswerOfNoServiceIsAnError(t *testing.T) {
	t.Parallel()
	long := func(w *httptest.ResponseRecorder) { w.WriteString(strings.Repeat("x", 16<<20+1)) }
	proxy := func(w *httptest.ResponseRecorder) { w.WriteHeader(404); w.WriteString("<html>") }
	garbage := func(w *httptest.ResponseRecorder) { w.WriteString("<html>") }
	for name, tc := range map[string]struct {
		answer func(*httptest.ResponseRecorder)
		want   string
	}{
		"too long": {long, "longer than"}, "a page of a proxy": {proxy, "404"}, "no JSON": {garbage, "answer of /x"},
	} {
		a := &answering{answers: []func(*httptest.ResponseRecorder){tc.answer}}
		c := &client.Client{HTTP: &http.Client{Transport: a}}
		var out struct{}
		if err := c.Call(t.Context(), client.Request{Method: http.MethodGet, Path: "/x"}, &out); err == nil || !strings.Contains(err.Error(), tc.want) || client.Code(err) != "" || len(a.at) != 1 {
			t.Errorf("%s: %v after %d requests, want %q after one", name, err, len(a.at), tc.want)
		}
	}
}

func TestAContextEndsTheWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a := &answering{answers: []func(*httptest.ResponseRecorder){says(503, "busy", "10")}}
		c := &client.Client{HTTP: &http.Client{Transport: a}}
		begun := time.Now()
		_, err := c.Do(ctx, client.Request{Method: http.MethodGet, Path: "/x"})
		if client.Code(err) != "busy" || len(a.at) != 1 || time.Since(begun) != time.Second {
			t.Errorf("%v after %v and %d requests", err, time.Since(begun), len(a.at))
		}
	})
}

func TestNothingIsCarriedToAnotherService(t *testing.T) {
	t.Parallel()
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	_, err := client.New(s.URL, nil).Do(t.Context(), client.Request{Method: http.MethodPost, Path: "/x", Kind: "application/jose", Body: []byte("x")})
	if err == nil || !strings.Contains(err.Error(), "307") || asked {
		t.Errorf("%v, the other one was asked: %t", err, asked)
	}
}

func TestOnlyGivenRootsAreBelieved(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	c := client.New(s.URL, nil)
	c.Patience = -1
	if _, err := c.Do(t.Context(), client.Request{Method: http.MethodGet, Path: "/"}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("%v", err)
	}
}
