package gateway_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
)

// inMemory speaks to a handler without a network, so that time is the
// test's. ill says whether an attempt fails, by its number from 1.
type inMemory struct {
	handler http.Handler
	ill     func(attempt int64) bool
	tries   atomic.Int64
	hold    chan struct{} // not nil: attempts wait for it
	slow    time.Duration // of an attempt
	now     atomic.Int64  // attempts under way
	most    atomic.Int64
}

func (m *inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	n := m.tries.Add(1)
	defer m.now.Add(-1)
	if now := m.now.Add(1); now > m.most.Load() {
		m.most.Store(now)
	}
	if m.hold != nil {
		<-m.hold
	}
	select {
	case <-time.After(m.slow):
	case <-r.Context().Done(): // as a network does
		return nil, r.Context().Err()
	}
	if m.ill(n) {
		return nil, errors.New("connection refused")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	in := httptest.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body))
	in.Header = r.Header
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, in)
	return w.Result(), nil
}

func inBubble(t *testing.T, m *inMemory, edit func(*gateway.Config)) *gateway.Client {
	t.Helper()
	_, key, _ := ed25519.GenerateKey(nil)
	r, err := refregistry.New(refregistry.Config{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	m.handler = r.Handler()
	c := gateway.Config{BaseURL: "http://registry", PublicKey: r.PublicKey(), Environment: "simulated", Transport: m}
	edit(&c)
	g, err := gateway.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAnInquiryIsTriedThreeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{ill: func(n int64) bool { return n < 3 }}
		g := inBubble(t, m, plain)
		begin := time.Now()
		if _, err := g.Mobile(t.Context(), zahra, mobile); err != nil || m.tries.Load() != 3 {
			t.Errorf("got %v after %d tries", err, m.tries.Load())
		}
		if d := time.Since(begin); d < 200*time.Millisecond || d > 5*time.Second {
			t.Errorf("the retries took %v", d)
		}
	})
}

func TestAMessageIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{ill: func(int64) bool { return true }}
		if _, err := inBubble(t, m, plain).SMS(t.Context(), mobile, "text"); fault.Code(err) != "registry_unavailable" || m.tries.Load() != 1 {
			t.Errorf("got %v after %d tries", err, m.tries.Load())
		}
	})
}

func TestFiveFailuresCloseTheRouteForThirtySeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := atomic.Bool{}
		down.Store(true)
		m := &inMemory{ill: func(int64) bool { return down.Load() }}
		g := inBubble(t, m, plain)
		for range 5 {
			if _, err := g.Legal(t.Context(), company); fault.Code(err) != "registry_unavailable" {
				t.Fatal(err)
			}
		}
		if n := m.tries.Load(); n != 5 {
			t.Errorf("the registry was asked %d times; the sixth try should not reach it", n)
		}
		down.Store(false)
		if _, err := g.Legal(t.Context(), company); !errors.Is(err, fault.Unavailable) || m.tries.Load() != 5 {
			t.Errorf("the route is open: %v after %d tries", err, m.tries.Load())
		}
		if _, err := g.Mobile(t.Context(), zahra, mobile); err != nil {
			t.Errorf("another route is closed too: %v", err)
		}
		time.Sleep(31 * time.Second)
		if _, err := g.Legal(t.Context(), company); err != nil {
			t.Errorf("the route stays closed: %v", err)
		}
	})
}

func TestARefusalIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{ill: func(int64) bool { return false }}
		g := inBubble(t, m, plain)
		inner := m.handler
		m.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.tries.Load() <= 6 {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			inner.ServeHTTP(w, r)
		})
		for range 6 {
			if _, err := g.Legal(t.Context(), company); fault.Code(err) != "registry_refused" || !errors.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
		}
		if _, err := g.Legal(t.Context(), company); err != nil || m.tries.Load() != 7 {
			t.Errorf("got %v after %d tries", err, m.tries.Load())
		}
	})
}

func TestARouteHasSoManyPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{ill: func(int64) bool { return false }, hold: make(chan struct{})}
		g := inBubble(t, m, func(c *gateway.Config) { c.Concurrent = 2 })
		var all sync.WaitGroup
		var refused atomic.Int64
		for range 5 {
			all.Go(func() {
				if _, err := g.Legal(context.Background(), company); errors.Is(err, fault.Unavailable) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if m.most.Load() != 2 {
			t.Errorf("%d attempts at once", m.most.Load())
		}
		time.Sleep(3 * time.Second) // longer than anyone waits for a place
		close(m.hold)
		all.Wait()
		if m.most.Load() != 2 || refused.Load() != 3 {
			t.Errorf("%d attempts at once, %d turned away", m.most.Load(), refused.Load())
		}
	})
}

func TestACallerWhoGivesUpIsNotARegistryThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{ill: func(int64) bool { return true }}
		g := inBubble(t, m, plain)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := g.Legal(ctx, company); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, fault.Unavailable) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCallersWhoHangUpDoNotCloseTheRouteForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &inMemory{ill: func(int64) bool { return false }, slow: time.Second}
		g := inBubble(t, m, plain)
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			if _, err := g.Legal(ctx, company); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("who hung up got %v", err)
			}
			cancel()
		}
		if _, err := g.Legal(t.Context(), company); err != nil {
			t.Errorf("who stayed got %v", err)
		}
	})
}

func TestConfigRefused(t *testing.T) {
	key, _, _ := ed25519.GenerateKey(nil)
	good := gateway.Config{BaseURL: "http://127.0.0.1:1", PublicKey: key, Environment: "simulated"}
	for name, edit := range map[string]func(*gateway.Config){
		"no URL":              func(c *gateway.Config) { c.BaseURL = "" },
		"a URL with a query":  func(c *gateway.Config) { c.BaseURL += "?a=b" },
		"a slash at the end":  func(c *gateway.Config) { c.BaseURL += "/" },
		"another scheme":      func(c *gateway.Config) { c.BaseURL = "file:///etc" },
		"no key":              func(c *gateway.Config) { c.PublicKey = nil },
		"no such environment": func(c *gateway.Config) { c.Environment = "staging" },
	} {
		t.Run(name, func(t *testing.T) {
			c := good
			edit(&c)
			if _, err := gateway.New(c); err == nil {
				t.Error("taken")
			}
		})
	}
	c, err := gateway.New(good)
	if err != nil {
		t.Fatal(err)
	}
	// Without a transport of one's own, loopback is not reached.
	if _, err := c.Legal(t.Context(), company); !errors.Is(err, gateway.ErrAddress) || fault.Code(err) == "" {
		t.Errorf("got %v", err)
	}
}
