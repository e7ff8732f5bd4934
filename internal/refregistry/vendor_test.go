package refregistry_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"mohr/internal/refregistry"
)

const vendorSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"

// vendorBench is the vendor, and who is called by it.
type vendorBench struct {
	t    *testing.T
	url  string
	back string
	mu   sync.Mutex
	held []error // of each call: nil if its signature holds
}

func newVendorBench(t *testing.T, judging time.Duration) *vendorBench {
	t.Helper()
	b := &vendorBench{t: t}
	key, err := standardwebhooks.NewWebhook(vendorSecret)
	if err != nil {
		t.Fatal(err)
	}
	called := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.held = append(b.held, key.Verify(body, r.Header))
	}))
	t.Cleanup(called.Close)
	b.back = called.URL
	s, err := refregistry.New(refregistry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	b.url = "http://" + server.Listener.Addr().String()
	v, err := s.Vendor(refregistry.VendorConfig{BaseURL: b.url, Token: "t0ken", Secrets: []string{"whsec_c3VwZXJzZWRlZCBzdXBlcnNlZGVkIHN1cGVy", vendorSecret}, Judging: judging})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = v.Handler()
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(v.Close)
	return b
}

// ask sends a request with the token and reads the answer into v.
func (b *vendorBench) ask(method, path, token, body string, v any) int {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	if v != nil {
		if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
			b.t.Fatal(err)
		}
	}
	return resp.StatusCode
}

type vendorResult struct{ ID, URL, State, Verdict string }

func (b *vendorBench) begin(subject string) (s vendorResult) {
	b.t.Helper()
	if got := b.ask("POST", "/v1/sessions", "t0ken", `{"kind":"video","subject":"`+subject+`","return_url":"https://x","callback_url":"`+b.back+`"}`, &s); got != 200 {
		b.t.Fatal(got)
	}
	return s
}

// calls waits for so many calls and returns them.
func (b *vendorBench) calls(n int) []error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		held := append([]error(nil), b.held...)
		b.mu.Unlock()
		if len(held) >= n {
			return held
		}
	}
	b.t.Fatalf("there are no %d calls", n)
	return nil
}

func TestTheVendorJudgesByThePeopleFile(t *testing.T) {
	b := newVendorBench(t, 0)
	for _, tt := range []struct{ name, subject, as, verdict string }{
		{"an ordinary person", "0012345679", "self", "pass"},
		{"a picture", "0012345679", "picture", "fail"},
		{"nothing clear", "0012345679", "blurred", "unsure"},
		{"little likeness", "6357638633", "self", "unsure"},
		{"another face", "3577127821", "self", "fail"},
		{"nobody", "1111111111", "self", "fail"},
		{"another's document", "0012345679", "0877778681", "pass"},
	} {
		s := b.begin(tt.subject)
		resp, err := http.PostForm(s.URL, url.Values{"as": {tt.as}})
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		resp.Body.Close()
		var got vendorResult
		if status := b.ask("GET", "/v1/sessions/"+s.ID, "t0ken", "", &got); status != 200 || got.State != "done" || got.Verdict != tt.verdict {
			t.Errorf("%s: %d %+v", tt.name, status, got)
		}
	}
	for i, err := range b.calls(7) {
		if err != nil {
			t.Errorf("call %d: %v", i, err)
		}
	}
}

func TestTheVendorIsForWhoHasItsTokenAndItsLinks(t *testing.T) {
	b := newVendorBench(t, time.Hour)
	s := b.begin("0012345679")
	for _, tt := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/v1/sessions/" + s.ID, "", 401}, {"GET", "/v1/sessions/" + s.ID, "wrong", 401}, {"POST", "/v1/sessions", "wrong", 401},
		{"GET", "/v1/sessions/vs_0", "t0ken", 404}, {"GET", "/visit/" + s.ID, "", 404}, {"GET", strings.TrimPrefix(s.URL, b.url), "", 200},
	} {
		if got := b.ask(tt.method, tt.path, tt.token, "", nil); got != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, got, tt.want)
		}
	}
	var open, judged vendorResult
	b.ask("GET", "/v1/sessions/"+s.ID, "t0ken", "", &open)
	resp, err := http.PostForm(s.URL, url.Values{"as": {"self"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	b.ask("GET", "/v1/sessions/"+s.ID, "t0ken", "", &judged)
	if open.State != "open" || judged.State != "judging" || judged.Verdict != "" {
		t.Errorf("%+v, then %+v", open, judged)
	}
}

func TestTheVendorsCallsMisbehaveOnDemand(t *testing.T) {
	for _, tt := range []struct {
		mode  string
		calls int
		holds bool
	}{{"replay", 2, true}, {"forge", 1, false}, {"early", 1, true}} {
		b := newVendorBench(t, 0)
		if got := b.ask("POST", "/v1/faults", "", `{"route":"/v1/webhook","mode":"`+tt.mode+`"}`, nil); got != 204 {
			t.Fatal(got)
		}
		s := b.begin("0012345679")
		if tt.mode != "early" {
			resp, err := http.PostForm(s.URL, url.Values{"as": {"self"}})
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		for _, err := range b.calls(tt.calls) {
			if (err == nil) != tt.holds {
				t.Errorf("%s: %v", tt.mode, err)
			}
		}
	}
}
