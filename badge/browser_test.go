package badge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"mohr/badge"
	"mohr/internal/browser"
)

// visitor is a person with a real browser, for whom the shop, a copy of it and
// the portal are where their names say, over TLS.
type visitor struct {
	tab    *browser.Tab
	portal string // base URL of the portal, as the browser sees it
	pages  map[string]string
	frames *atomic.Int32 // asked for
	dir    string
}

// newVisitor opens a browser for the bench's badge. The pages are served as
// NAME/path by TLS under shop.example and evil.example.
func newVisitor(t *testing.T) (*bench, *visitor, badge.Badge) {
	t.Helper()
	const seen = "https://portal.example"
	b := newBench(t, func(c *badge.Config) { c.Audience = seen })
	got := b.granted(t)
	v := &visitor{portal: seen, pages: map[string]string{}, frames: &atomic.Int32{}, dir: t.TempDir()}
	inside := b.portalAt(t, seen)
	portal := overTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/frame") {
			v.frames.Add(1)
		}
		inside.ServeHTTP(w, r)
	}))
	sites := overTLS(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := v.pages[r.Host+r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte("<!doctype html><title>" + r.Host + "</title><body style='font:20px sans-serif'><h1>" + r.Host + "</h1>" + body))
	}))
	to := func(name string, at netip.AddrPort) string { return "MAP " + name + " " + at.String() }
	v.tab = browser.Start(t, to("portal.example", portal), to("shop.example", sites), to("evil.example", sites)).Tab(t, browser.Look{})
	return b, v, got
}

// overTLS serves h and returns its address.
func overTLS(t *testing.T, h http.Handler) netip.AddrPort {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(s.Listener.Addr().String())
}

// visit opens a page, waits until run holds, and keeps what is seen as NAME.png.
func (v *visitor) visit(t *testing.T, url, name string, run ...chromedp.Action) {
	t.Helper()
	var shot []byte
	// Without its cache: each page is a first visit.
	actions := append([]chromedp.Action{network.SetCacheDisabled(true), chromedp.Navigate(url)}, run...)
	v.tab.Do(name, append(actions, chromedp.Sleep(200*time.Millisecond), chromedp.CaptureScreenshot(&shot))...)
	file := filepath.Join(v.dir, name+".png")
	if keep := os.Getenv("MOHR_SHOTS"); keep != "" {
		file = filepath.Join(keep, name+".png")
	}
	if err := os.WriteFile(file, shot, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Logf("seen: %s", file)
}

// picture reads what the picture on the page says, as the browser got it.
func (v *visitor) picture(text *string) chromedp.Action {
	return chromedp.Tasks{
		chromedp.Poll(`document.querySelector('img').complete && document.querySelector('img').naturalWidth > 0`, nil, chromedp.WithPollingTimeout(20*time.Second)),
		chromedp.ActionFunc(func(ctx context.Context) error {
			var src string
			if err := chromedp.Evaluate(`document.querySelector('img').currentSrc`, &src).Do(ctx); err != nil {
				return err
			}
			tree, err := page.GetResourceTree().Do(ctx)
			if err != nil {
				return err
			}
			body, err := page.GetResourceContent(tree.Frame.ID, src).Do(ctx)
			*text = string(body)
			return err
		}),
	}
}

func TestACopiedBadgeInARealBrowser(t *testing.T) {
	b, v, got := newVisitor(t)
	image := v.portal + "/badge/" + string(got.ID) + ".svg?lang=en"
	embed := func(policy string) string { return `<img alt="" referrerpolicy="` + policy + `" src="` + image + `">` }
	v.pages["shop.example/"] = embed("no-referrer-when-downgrade")
	v.pages["shop.example/quiet"] = embed("no-referrer")
	v.pages["evil.example/"] = embed("no-referrer-when-downgrade")
	v.pages["evil.example/quiet"] = embed("no-referrer")
	unseen := []string{`font-size="30" font-weight="700" fill="#111111" direction="ltr" text-anchor="start">shop.example<`, "Compare it with your address bar"}
	for _, test := range []struct {
		name, url string
		want, not []string
	}{
		{"the-shop", "https://shop.example/", []string{"valid until", "shop.example", "#0b6b3a"}, []string{"belongs to"}},
		// Without a Referer nothing tells a copy from the shop: both show whose
		// badge it is in very large type, say "compare", and nothing of "valid".
		{"the-shop-without-referer", "https://shop.example/quiet", unseen, []string{"belongs to", "valid", "★"}},
		{"a-copy-with-referer", "https://evil.example/", []string{"This badge belongs to", "shop.example", "Compare it with your address bar", "#b00020"}, []string{"valid until", "★", "evil"}},
		{"a-copy-without-referer", "https://evil.example/quiet", unseen, []string{"evil", "valid", "★", "#0b6b3a"}},
	} {
		var text string
		v.visit(t, test.url, test.name, v.picture(&text))
		for _, s := range test.want {
			if !strings.Contains(text, s) {
				t.Errorf("%s: the picture does not say %q:\n%s", test.name, s, text)
			}
		}
		for _, s := range test.not {
			if strings.Contains(text, s) {
				t.Errorf("%s: the picture says %q:\n%s", test.name, s, text)
			}
		}
	}
	if err := b.FlushCopies(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := b.Copies(t.Context(), got.ID); err != nil || len(list) != 1 || list[0].Host != "evil.example" {
		t.Errorf("the radar has %+v, %v", list, err)
	}
}

func TestACopiedFrameIsRefusedByTheBrowserWithARefererOrWithout(t *testing.T) {
	_, v, got := newVisitor(t)
	frame := func(policy string) string {
		return `<iframe width="300" height="150" referrerpolicy="` + policy + `" src="` + v.portal + "/badge/" + string(got.ID) + `/frame?lang=en"></iframe>`
	}
	for _, policy := range []string{"unsafe-url", "no-referrer"} {
		v.pages["shop.example/"+policy] = frame(policy)
		v.pages["evil.example/"+policy] = frame(policy)
		before := v.frames.Load()
		v.visit(t, "https://shop.example/"+policy, "frame-of-shop-"+policy, untilGreen(true))
		v.visit(t, "https://evil.example/"+policy, "frame-of-copy-"+policy, untilGreen(false))
		if n := v.frames.Load() - before; n != 2 {
			t.Errorf("%s: the frame was asked for %d times, want once by each page", policy, n)
		}
	}
}

// untilGreen waits until a badge in force is seen on the page, or, where it
// is not to be, as long as it takes to be sure that none comes.
func untilGreen(want bool) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for try := range 40 {
			time.Sleep(250 * time.Millisecond)
			shot, err := page.CaptureScreenshot().Do(ctx)
			if err != nil {
				return err
			}
			switch green, err := shows(shot, color.RGBA{0x0b, 0x6b, 0x3a, 0xff}); {
			case err != nil:
				return err
			case green && want:
				return nil
			case green:
				return errors.New("the copy shows the badge")
			case !want && try == 11: // three seconds after the page is there
				return nil
			}
		}
		return errors.New("the badge is not seen")
	})
}

// shows reports whether a picture has a line in the colour.
func shows(shot []byte, want color.Color) (bool, error) {
	m, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return false, err
	}
	r, g, b, _ := want.RGBA()
	n := 0
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			if pr, pg, pb, _ := m.At(x, y).RGBA(); pr == r && pg == g && pb == b {
				n++
			}
		}
	}
	return n > 100, nil
}

func TestACopiedLinkLeadsToAPageThatSaysWhoseBadgeItIs(t *testing.T) {
	_, v, got := newVisitor(t)
	link := v.portal + "/badge/" + string(got.ID) + "?lang=en"
	v.pages["evil.example/"] = `<a id="badge" referrerpolicy="unsafe-url" href="` + link + `">badge</a>`
	v.pages["evil.example/quiet"] = `<a id="badge" rel="noreferrer" href="` + link + `">badge</a>`
	var warned bool
	var largest float64
	read := chromedp.Tasks{
		chromedp.Click("#badge"),
		chromedp.WaitVisible("h1.domain"),
		chromedp.Evaluate(`document.querySelector('[role=alert]') !== null && document.querySelector('[role=alert]').innerText.includes('This badge belongs to')`, &warned),
		chromedp.Evaluate(`parseFloat(getComputedStyle(document.querySelector('h1.domain')).fontSize)`, &largest),
	}
	v.visit(t, "https://evil.example/", "record-with-referer", read)
	if !warned {
		t.Error("who comes from a copy is not warned")
	}
	v.visit(t, "https://evil.example/quiet", "record-without-referer", read)
	if warned {
		t.Error("who comes from nowhere is warned as if from a copy")
	}
	if largest < 32 {
		t.Errorf("the domain is %v pixels high", largest)
	}
}
