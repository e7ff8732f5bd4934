package browser

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"mohr/internal/pkitest"
)

// Chromium is a running browser. Its tabs share nothing: each has a profile
// of its own. Safe for concurrent use.
type Chromium struct {
	ctx context.Context
	end func()
}

// Start starts Chromium until the test ends. Names that are not localhost lead
// nowhere; resolve may map others, as in "MAP shop.example 127.0.0.1".
func Start(t testing.TB, resolve ...string) *Chromium {
	t.Helper()
	c, err := start(pkitest.Need(t, "chromium", "chromium"), resolve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.end)
	return c
}

// shared is the browser of Shared, nil before its first use.
var shared struct {
	sync.Mutex
	c *Chromium
}

// Shared is one Chromium for all tests of a binary. TestMain ends it by End.
func Shared(t testing.TB) *Chromium {
	t.Helper()
	program := pkitest.Need(t, "chromium", "chromium")
	shared.Lock()
	defer shared.Unlock()
	if shared.c == nil {
		c, err := start(program, nil)
		if err != nil {
			t.Fatal(err)
		}
		shared.c = c
	}
	return shared.c
}

// End ends the browser of Shared, if there is one.
func End() {
	shared.Lock()
	defer shared.Unlock()
	if shared.c != nil {
		shared.c.end()
		shared.c = nil
	}
}

func start(program string, resolve []string) (*Chromium, error) {
	dir, err := os.MkdirTemp("", "mohr-browser")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(dir),
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", strings.Join(append(resolve, "MAP * ~NOTFOUND", "EXCLUDE localhost", "EXCLUDE 127.0.0.1"), ",")),
		chromedp.WSURLReadTimeout(patience))
	alloc, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	c := &Chromium{ctx, func() {
		chromedp.Cancel(ctx) // waits until the browser has gone
		cancel()
		end()
		os.RemoveAll(dir) // as far as can be: a process of the browser may still write there
	}}
	if err := chromedp.Run(ctx); err != nil {
		c.end()
		return nil, fmt.Errorf("start Chromium: %w", err)
	}
	return c, nil
}
