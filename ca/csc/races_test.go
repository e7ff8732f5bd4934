package csc_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca/csc"
	"mohr/internal/store/storetest"
	"mohr/internal/web"
)

// TestAnyNodeServesAnyStep: request, page, yes, code and token each at another.
func TestAnyNodeServesAnyStep(t *testing.T) {
	b := newBench(t)
	c := client("editor", callback, "credential")
	g := given{config: c, verifier: newVerifier()}
	page := b.page(t, c.AuthCodeURL("s-1", append(options(b.asking(hash("one"))), challengeOf(g.verifier))...))
	b.serve(t)
	g.back = b.agree(t, page, true).Query()
	b.serve(t)
	g = b.exchange(t, g)
	b.serve(t)
	out := read[signatures](t, b.call(t, g.token.AccessToken, "signatures/signHash", b.signing(hash("one"))), http.StatusOK)
	if !b.holds(t, hash("one"), out.Signatures[0]) {
		t.Error("the signature does not hold")
	}
	b.serve(t)
	if r := refused(t, b.call(t, g.token.AccessToken, "signatures/signHash", b.signing(hash("one")))); r.Error != "invalid_token" {
		t.Errorf("once more at another node: %+v", r)
	}
}

// TestOfManyAtOnceOneIsServed: a code gives one token, an SAD its signatures once.
func TestOfManyAtOnceOneIsServed(t *testing.T) {
	b := newBench(t)
	atOnce := func(do func() bool) (served int32) {
		var n atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if do() {
					n.Add(1)
				}
			})
		}
		all.Wait()
		return n.Load()
	}
	g := b.code(t, client("editor", callback, "credential"), b.asking(hash("one")))
	if n := atOnce(func() bool { return b.form(t, "oauth2/token", g.form(), nil).StatusCode == http.StatusOK }); n != 1 {
		t.Errorf("%d tokens for one code", n)
	}
	g = b.exchange(t, b.code(t, client("editor", callback, "credential"), b.asking(hash("one"))))
	if n := atOnce(func() bool {
		return b.call(t, g.token.AccessToken, "signatures/signHash", b.signing(hash("one"))).StatusCode == http.StatusOK
	}); n != 1 {
		t.Errorf("the signatures were given %d times", n)
	}
}

// TestFewRequestsOfOneNetworkAreKept: anyone may send browsers here; and no
// endpoint takes more than its gate lets through.
func TestFewRequestsOfOneNetworkAreKept(t *testing.T) {
	b := newBench(t)
	more := append(options(b.asking(hash("one"))), challengeOf(newVerifier()))
	address := client("editor", callback, "credential").AuthCodeURL("s-1", more...)
	b.config.Asks = web.NewGate(1e-6, 2)
	b.serve(t)
	b.page(t, address)
	b.page(t, address)
	if res := b.browse(t, "GET", address, nil); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("one more: %d", res.StatusCode)
	}
	b.config.Gate = web.NewGate(1e-6, 1)
	b.serve(t)
	b.call(t, "", "info", struct{}{})
	res := b.form(t, "oauth2/token", url.Values{}, nil)
	if r := refused(t, res); r.Status != http.StatusTooManyRequests || r.Error != "temporarily_unavailable" || res.Header.Get("Retry-After") == "" {
		t.Errorf("one more at the token endpoint: %+v", r)
	}
}

// TestWhatIsOverIsPruned: requests that nobody answered, codes nobody took.
func TestWhatIsOverIsPruned(t *testing.T) {
	b := newBench(t)
	g := b.code(t, client("editor", callback, "credential"), b.asking(hash("one")))
	b.page(t, g.config.AuthCodeURL("s-1", append(options(b.asking(hash("two"))), challengeOf(g.verifier))...))
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 0}, {3 * time.Minute, 1}, {15 * time.Minute, 1}, {time.Hour, 0}} {
		b.clock = b.clock.Add(step.after)
		if n, err := csc.Prune(t.Context(), storetest.Twice(b.fixture.Store), b.clock); err != nil || n != step.want {
			t.Errorf("after %s more: %d, %v", step.after, n, err)
		}
	}
}

// TestAnswersAreForNobodysCache: nor for scripts of other sites.
func TestAnswersAreForNobodysCache(t *testing.T) {
	b := newBench(t)
	g := b.code(t, client("phone", callback, "service"), nil)
	for _, res := range []*http.Response{b.form(t, "oauth2/token", g.form(), nil), b.call(t, "", "info", struct{}{}), b.call(t, "x", "credentials/list", struct{}{})} {
		if res.Header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			t.Errorf("%v", res.Header)
		}
		for name := range res.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s is there", name)
			}
		}
	}
}
