package web_test

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/internal/store"
	"mohr/internal/web"
)

func TestTheSameKeyGivesTheSameAnswerOnce(t *testing.T) {
	r := newRoom(t, nil)
	first := r.call("POST", "/api/v1/things", good, "Idempotency-Key: k1")
	again := r.call("POST", "/api/v1/things", good, "Idempotency-Key: k1")
	if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() {
		t.Fatalf("answers differ: %d %s, then %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	if first.Header().Get("Idempotency-Replayed") != "" || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Error("the second answer, and only it, must say that it is a repetition")
	}
	if again.Header().Get("Location") != "/api/v1/things/1" || again.Header().Get("Content-Type") != "application/json" {
		t.Errorf("headers of the repetition: %v", again.Header())
	}
	if again.Header().Get("Content-Security-Policy") == "" || again.Header().Get("X-Request-Id") == first.Header().Get("X-Request-Id") {
		t.Error("the repetition is a request of its own")
	}
	if n := len(r.runs); n != 1 {
		t.Errorf("ran %d times", n)
	}
}

func TestAnotherRequestUnderTheKeyIsAnother(t *testing.T) {
	for _, c := range []struct {
		name    string
		path    string
		body    string
		headers []string
		status  int
		code    string
	}{
		{"another body is refused", "/api/v1/things", `{"person":{"national_code":"0012345679"}}`, nil, 409, "idempotency_mismatch"},
		{"the same body spelled otherwise is refused", "/api/v1/things", good + " ", nil, 409, "idempotency_mismatch"},
		{"another caller has its own keys", "/api/v1/things", good, []string{"Authorization: Bearer x"}, 201, ""},
		{"another path has its own keys", "/api/v1/things?x=1", good, nil, 201, ""},
		{"another key runs again", "/api/v1/things", good, []string{"Idempotency-Key: k2"}, 201, ""},
		{"no key runs again", "/api/v1/things", good, []string{"Idempotency-Key: "}, 201, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoom(t, nil)
			first := r.call("POST", "/api/v1/things", good, "Idempotency-Key: k1")
			w := r.call("POST", c.path, c.body, append([]string{"Idempotency-Key: k1"}, c.headers...)...)
			if w.Code != c.status {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if c.code != "" {
				if p := problem(t, w); p.Code != c.code {
					t.Errorf("code %s", p.Code)
				}
				return
			}
			if w.Body.String() == first.Body.String() || len(r.runs) != 2 {
				t.Errorf("the first answer was repeated, %d runs", len(r.runs))
			}
		})
	}
}

func TestWhichAnswersAreKept(t *testing.T) {
	for _, c := range []struct {
		name, national string
		status, runs   int
	}{
		{"a stranger's refusal is not", "3333333333", 403, 2},
		{"a state that may change is not", "1111111111", 409, 2},
		{"an internal error is not", "0000000000", 500, 2},
		{"a panic is not", "2222222222", 500, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, shared := range []bool{false, true} {
				r := newRoom(t, func(c *web.Config) { c.Shared = shared })
				for range 2 {
					if w := r.call("POST", "/api/v1/things", `{"person":{"national_code":"`+c.national+`"}}`, "Idempotency-Key: k"); w.Code != c.status {
						t.Errorf("shared %v: status %d: %s", shared, w.Code, w.Body)
					}
				}
				if len(r.runs) != c.runs {
					t.Errorf("shared %v: ran %d times, want %d", shared, len(r.runs), c.runs)
				}
			}
		})
	}
}

func TestTwinsOfOneKeyRunOnce(t *testing.T) {
	r := newRoom(t, nil)
	r.hold = make(chan struct{})
	answers := make([]*httptest.ResponseRecorder, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = r.call("POST", "/api/v1/things", good, "Idempotency-Key: k") })
	}
	<-r.runs // the first is inside; the others wait for it
	close(r.hold)
	wg.Wait()
	for _, w := range answers {
		if w.Code != 201 || w.Body.String() != answers[0].Body.String() {
			t.Errorf("a twin got %d %s", w.Code, w.Body)
		}
	}
	if len(r.runs) != 0 {
		t.Errorf("%d twins ran", len(r.runs))
	}
}

func TestATwinWhoseClientLeavesStopsWaiting(t *testing.T) {
	r := newRoom(t, nil)
	r.hold = make(chan struct{})
	done := make(chan struct{})
	go func() { r.call("POST", "/api/v1/things", good, "Idempotency-Key: k"); close(done) }()
	<-r.runs
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	req := httptest.NewRequestWithContext(ctx, "POST", "/api/v1/things", strings.NewReader(good))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", "k")
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, req)
	if p := problem(t, w); p.Code != "idempotency_in_progress" || w.Header().Get("Retry-After") == "" {
		t.Errorf("%+v %v", p, w.Header())
	}
	close(r.hold)
	<-done
}

// twoNodes returns two servers on one store, as on PostgreSQL.
func twoNodes(t *testing.T) (a, b *room, st store.Store) {
	st, err := store.OpenBolt(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	change := func(c *web.Config) { c.Store, c.Shared = st, true }
	return newRoom(t, change), newRoom(t, change), st
}

func TestAnotherNodeAnswersFromTheStore(t *testing.T) {
	a, b, _ := twoNodes(t)
	a.hold = make(chan struct{})
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- a.call("POST", "/api/v1/things", good, "Idempotency-Key: k") }()
	<-a.runs
	if p := problem(t, b.call("POST", "/api/v1/things", good, "Idempotency-Key: k")); p.Code != "idempotency_in_progress" {
		t.Errorf("while the first runs: %+v", p)
	}
	close(a.hold)
	first := <-done
	again := b.call("POST", "/api/v1/things", good, "Idempotency-Key: k")
	if again.Body.String() != first.Body.String() || len(b.runs) != 0 {
		t.Errorf("the other node ran the request again: %s", again.Body)
	}
}

func TestANodeThatDiedDoesNotBlockTheKeyForLong(t *testing.T) {
	a, b, _ := twoNodes(t)
	a.hold = make(chan struct{})
	done := make(chan struct{})
	go func() { a.call("POST", "/api/v1/things", good, "Idempotency-Key: k"); close(done) }()
	<-a.runs
	b.clock = b.clock.Add(61 * time.Second)
	if w := b.call("POST", "/api/v1/things", good, "Idempotency-Key: k"); w.Code != 201 {
		t.Errorf("after a minute: %d %s", w.Code, w.Body)
	}
	close(a.hold)
	<-done
}

func TestKeptAnswersAreSealedAndPruned(t *testing.T) {
	for _, shared := range []bool{false, true} {
		var st store.Store
		r := newRoom(t, func(c *web.Config) { st, c.Shared = c.Store, shared })
		w := r.call("POST", "/api/v1/things", good, "Idempotency-Key: kkkk")
		records := func() (n int) {
			err := st.View(t.Context(), func(tx store.Tx) error {
				for _, bucket := range []string{"web_answers", "web_answers_expiry"} {
					err := tx.Scan(bucket, "", "", func(key string, value []byte) error {
						n++
						for _, clear := range []string{"tok", "0012345678", "kkkk", "things"} {
							if strings.Contains(key+string(value), clear) {
								t.Errorf("%s in the clear: %s %s", clear, key, value)
							}
						}
						return nil
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := records(); n != 2 {
			t.Fatalf("%d records", n)
		}
		r.clock = r.clock.Add(23*time.Hour + 59*time.Minute)
		if err := r.Prune(t.Context()); err != nil || records() != 2 {
			t.Fatalf("pruned too early: %d records, %v", records(), err)
		}
		if again := r.call("POST", "/api/v1/things", good, "Idempotency-Key: kkkk"); again.Body.String() != w.Body.String() {
			t.Error("forgotten within 24 hours")
		}
		r.clock = r.clock.Add(2 * time.Minute)
		if w := r.call("POST", "/api/v1/things", good, "Idempotency-Key: kkkk"); w.Header().Get("Idempotency-Replayed") != "" {
			t.Error("repeated after 24 hours")
		}
		if err := r.Prune(t.Context()); err != nil || records() != 2 {
			t.Errorf("the key's second life was pruned, or its first not: %d records, %v", records(), err)
		}
		r.clock = r.clock.Add(25 * time.Hour)
		if err := r.Prune(t.Context()); err != nil || records() != 0 {
			t.Errorf("%d records are left, %v", records(), err)
		}
	}
}
