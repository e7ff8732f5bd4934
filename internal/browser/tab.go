package browser

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// patience bounds one step of a Tab, against a browser that hangs: a slow
// machine must not meet it.
const patience = 3 * time.Minute

// Look is how a Tab shows pages; the zero value is a desktop with scripts,
// English, light.
type Look struct {
	Lang     string // "fa" or "en"; "" is en
	Phone    bool   // 360 by 740 instead of 1280 by 900
	Narrow   bool   // 320 wide: the smallest that must work (WCAG 1.4.10)
	Dark     bool
	NoScript bool
	Quick    bool // See leaves axe out: other looks had it
}

// String names the look, for the name of a subtest or a file.
func (l Look) String() string {
	words := []string{"en"}
	if l.Lang != "" {
		words[0] = l.Lang
	}
	words = append(words, map[bool]string{true: "phone", false: "desktop"}[l.Phone || l.Narrow])
	for word, on := range map[string]bool{"dark": l.Dark} {
		if on {
			words = append(words, word)
		}
	}
	if l.NoScript {
		words = append(words, "noscript")
	}
	return strings.Join(words, "-")
}

func (l Look) size() (width, height int64) {
	switch {
	case l.Narrow:
		return 320, 640
	case l.Phone:
		return 360, 740
	}
	return 1280, 900
}

// Tab is one page and what it did. Its methods fail the test.
type Tab struct {
	Look
	t   testing.TB
	ctx context.Context

	mu     sync.Mutex // guards what follows
	faults []string
	loaded []string // addresses
	octets float64  // received over the network, the font apart
	fonts  map[network.RequestID]bool
}

// Tab opens a tab with a profile of its own.
func (c *Chromium) Tab(t testing.TB, l Look) *Tab {
	t.Helper()
	profile, id := c.profile(t)
	ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithTargetID(id))
	t.Cleanup(func() { c.forget(profile) })
	t.Cleanup(cancel)
	tab := &Tab{Look: l, t: t, ctx: ctx, fonts: map[network.RequestID]bool{}}
	chromedp.ListenTarget(ctx, tab.hear)
	if err := chromedp.Run(ctx); err != nil { // by its context, not a step's: the tab ends with it
		t.Fatalf("attach to a tab: %v", err)
	}
	width, height := l.size()
	lang, scheme := "en", "light"
	if l.Lang != "" {
		lang = l.Lang
	}
	if l.Dark {
		scheme = "dark"
	}
	tab.do("open a tab",
		network.Enable(), log.Enable(), runtime.Enable(),
		network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": lang}),
		emulation.SetDeviceMetricsOverride(width, height, 1, l.Phone || l.Narrow),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}, // what scrolls has scrolled
		}),
		emulation.SetFocusEmulationEnabled(true), // other tabs have other windows
		emulation.SetScriptExecutionDisabled(l.NoScript),
		chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(axe).WithWorldName(world).Do(ctx)
			return err
		}),
	)
	return tab
}

// profile opens a window with a profile of its own.
func (c *Chromium) profile(t testing.TB) (profile cdp.BrowserContextID, id target.ID) {
	t.Helper()
	err := c.do(func(ctx context.Context) (err error) {
		if profile, err = target.CreateBrowserContext().Do(ctx); err != nil {
			return err
		}
		id, err = target.CreateTarget("about:blank").WithBrowserContextID(profile).WithNewWindow(true).Do(ctx)
		return err
	})
	if err != nil {
		t.Fatalf("open a window: %v", err)
	}
	return profile, id
}

// forget ends a profile and what is left of it. It fails no test: the browser
// may have ended before.
func (c *Chromium) forget(profile cdp.BrowserContextID) {
	c.do(func(ctx context.Context) error { return target.DisposeBrowserContext(profile).Do(ctx) })
}

// do asks the browser itself, not one of its tabs.
func (c *Chromium) do(f func(context.Context) error) error {
	return chromedp.Run(c.ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		return f(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
	}))
}

// hear collects what a page may not do, and what it loads.
func (tab *Tab) hear(ev any) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventExceptionThrown:
		tab.faults = append(tab.faults, "exception: "+e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning {
			tab.faults = append(tab.faults, fmt.Sprintf("console %s: %s", e.Type, e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		// A page of status 4xx that we asked for is reported as a failed load.
		if e.Entry.Level == log.LevelError && e.Entry.Source != log.SourceNetwork || e.Entry.Source == log.SourceSecurity {
			tab.faults = append(tab.faults, fmt.Sprintf("%s: %s", e.Entry.Source, e.Entry.Text))
		}
	case *network.EventRequestWillBeSent:
		switch e.Type {
		case network.ResourceTypeDocument: // what came before, a form or a redirect, was another page
			tab.loaded, tab.octets = []string{e.Request.URL}, 0
		case network.ResourceTypeFetch, network.ResourceTypeXHR, network.ResourceTypeEventSource: // what is done on the page is not its weight
		default:
			if !slices.Contains(tab.loaded, e.Request.URL) { // the second time it is at hand
				tab.loaded = append(tab.loaded, e.Request.URL)
			}
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeFont {
			tab.fonts[e.RequestID] = true
		}
	case *network.EventLoadingFinished:
		if !tab.fonts[e.RequestID] {
			tab.octets += e.EncodedDataLength
		}
	}
}

func (tab *Tab) do(what string, actions ...chromedp.Action) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		tab.t.Fatalf("%s, %s: %v\n%s", tab.Look, what, err, tab.peek())
	}
}

// peek is what the page says, for the report of a failure.
func (tab *Tab) peek() string {
	ctx, cancel := context.WithTimeout(tab.ctx, 5*time.Second)
	defer cancel()
	var text string
	if err := chromedp.Run(ctx, chromedp.Text("body", &text, chromedp.ByQuery)); err != nil {
		return ""
	}
	return text
}

// Go opens an address, and counts what it loads from there on.
func (tab *Tab) Go(url string) {
	tab.t.Helper()
	tab.anew()
	tab.do("open "+url, chromedp.Navigate(url))
}

// anew begins to count what is loaded.
func (tab *Tab) anew() {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.loaded, tab.octets = nil, 0
}

// Fill puts text into the field, or picks the value of a list.
func (tab *Tab) Fill(selector, text string) {
	tab.t.Helper()
	var ok bool
	tab.do("fill "+selector, tab.eval(fmt.Sprintf("(e => { if (!e) return false; e.focus(); e.value = %q; return e.value === %q; })(document.querySelector(%q))", text, text, selector), &ok))
	if !ok {
		tab.t.Fatalf("%s: %q does not fit into %s\n%s", tab.Look, text, selector, tab.peek())
	}
}

// Click clicks what stays on the page.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.do("click "+selector, chromedp.ScrollIntoView(selector, chromedp.ByQuery, chromedp.NodeVisible), chromedp.Click(selector, chromedp.ByQuery))
}

// Follow clicks what leads to another page, waits for it, and counts what it
// loads.
func (tab *Tab) Follow(selector string) {
	tab.t.Helper()
	tab.anew()
	tab.lead("follow "+selector, chromedp.ScrollIntoView(selector, chromedp.ByQuery, chromedp.NodeVisible), chromedp.Click(selector, chromedp.ByQuery))
}

// lead does what leads to another page, and waits for it.
func (tab *Tab) lead(what string, actions ...chromedp.Action) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, actions...); err != nil {
		tab.t.Fatalf("%s, %s: %v\n%s", tab.Look, what, err, tab.peek())
	}
}

// Upload chooses a file in the field.
func (tab *Tab) Upload(selector, file string) {
	tab.t.Helper()
	tab.do("upload "+file, chromedp.SetUploadFiles(selector, []string{file}, chromedp.ByQuery))
}

// Text returns what the element says; the whole page for "body".
func (tab *Tab) Text(selector string) (text string) {
	tab.t.Helper()
	tab.do("read "+selector, chromedp.Text(selector, &text, chromedp.ByQuery))
	return text
}

// URL returns where the tab is.
func (tab *Tab) URL() (url string) {
	tab.t.Helper()
	tab.do("read the address", chromedp.Location(&url))
	return url
}

// Has reports whether there is such an element.
func (tab *Tab) Has(selector string) bool {
	tab.t.Helper()
	var n int
	tab.do("look for "+selector, tab.eval(fmt.Sprintf("document.querySelectorAll(%q).length", selector), &n))
	return n > 0
}

// world is where tests look at pages from.
const world = "tests"

// eval evaluates in a world that the page's scripts and policy do not reach,
// also where scripts are off.
func (tab *Tab) eval(expression string, into any) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		if tab.NoScript {
			if err := emulation.SetScriptExecutionDisabled(false).Do(ctx); err != nil {
				return err
			}
			defer emulation.SetScriptExecutionDisabled(true).Do(ctx)
		}
		tree, err := page.GetFrameTree().Do(ctx)
		if err != nil {
			return err
		}
		id, err := page.CreateIsolatedWorld(tree.Frame.ID).WithWorldName(world).Do(ctx)
		if err != nil {
			return err
		}
		return chromedp.Evaluate(expression, into, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
			return p.WithContextID(id).WithAwaitPromise(true)
		}).Do(ctx)
	})
}

// Shot writes the whole page as a picture (PNG) to the file.
func (tab *Tab) Shot(file string) {
	tab.t.Helper()
	var b []byte
	tab.do("take a picture", chromedp.FullScreenshot(&b, 100))
	if err := os.WriteFile(file, b, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}

// Faults returns what pages did since the last call that they may not do.
func (tab *Tab) Faults() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	list := tab.faults
	tab.faults = nil
	return list
}

// Weight returns the addresses that were asked for and the octets, without the
// font, of what was opened last.
func (tab *Tab) Weight() (loaded []string, octets int) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return slices.Clone(tab.loaded), int(tab.octets)
}

// Prose returns what the page says in its own language: all text but what is
// marked as of another language or direction, and what is code.
func (tab *Tab) Prose() (text string) {
	tab.t.Helper()
	tab.do("read the text", tab.eval(proseScript, &text))
	return text
}
