package gateway_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
)

// localShop is a web server on loopback: its port, with a colon, and what it
// takes to reach it.
func localShop(t *testing.T, h http.Handler) (string, []netip.Prefix) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return ":" + port, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
}

func TestDialingAllAttacks(t *testing.T) {
	reached := atomic.Int64{}
	port, _ := localShop(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	server := names(t, zone(map[string][]string{
		"loopback.example A":  {"A 127.0.0.1"},
		"mapped.example AAAA": {"AAAA ::ffff:127.0.0.1"},
	}))
	d := dialer(t, gateway.DialConfig{Resolvers: []string{server}})
	for _, host := range []string{"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "127.1", "0.0.0.0", "localhost", "loopback.example", "mapped.example", "[::]"} {
		resp, err := d.Client(server).Get("http://" + host + port + "/")
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s was reached", host)
		} else if fault.Code(err) == "" {
			t.Errorf("%s: %v is no fault", host, err)
		}
	}
	if reached.Load() != 0 {
		t.Errorf("loopback was reached %d times", reached.Load())
	}
}

func TestRebinding(t *testing.T) {
	// The name is public when it is first asked for and loopback ever after.
	var asked atomic.Int64
	var dials atomic.Bool
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := names(t, func(_, qtype string) []string {
		if qtype != "A" {
			return []string{}
		}
		if asked.Add(1) == 1 {
			if dials.Load() {
				time.AfterFunc(time.Second, cancel) // time to ask again, and not to wait for a stranger
			}
			return []string{"A 93.184.215.14"}
		}
		return []string{"A 127.0.0.1"}
	})
	reached := atomic.Int64{}
	port, _ := localShop(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	d := dialer(t, gateway.DialConfig{Resolvers: []string{server}})
	if _, err := d.Lookup(t.Context(), "", "evil.example"); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Client(server).Get("http://evil.example" + port + "/"); !errors.Is(err, gateway.ErrAddress) {
		t.Errorf("got %v", err)
	}
	asked.Store(0)
	dials.Store(true)
	// Checked and dialed in one: whatever the name says next is not asked.
	if conn, err := d.DialContext(ctx, "tcp", "evil.example"+port); err == nil {
		conn.Close()
	}
	if asked.Load() != 1 || reached.Load() != 0 {
		t.Errorf("the name was asked for %d times, loopback reached %d times", asked.Load(), reached.Load())
	}
}

func TestClient(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/file", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "token") })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("a", 1001)) })
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		for range 20 {
			io.WriteString(w, strings.Repeat("a", 100))
			w.(http.Flusher).Flush()
		}
	})
	mux.HandleFunc("/full", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, strings.Repeat("a", 1000)) })
	port, allow := localShop(t, mux)
	to := func(path, url string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) })
	}
	to("/within", "/file")
	to("/named", "http://shop.example"+port+"/file")
	to("/elsewhere", "http://other.example"+port+"/file")
	to("/sub", "http://www.shop.example"+port+"/file")
	to("/port", "http://shop.example:22/")
	to("/address", "http://127.0.0.1"+port+"/file")
	to("/scheme", "ftp://shop.example"+port+"/file")
	to("/user", "http://a:b@shop.example"+port+"/file")
	to("/loop", "/loop")
	all := map[string][]string{"shop.example A": {"A 127.0.0.1"}, "www.shop.example A": {"A 127.0.0.1"}, "other.example A": {"A 127.0.0.1"}}
	server := names(t, zone(all))
	d := dialer(t, gateway.DialConfig{Resolvers: []string{server}, Allow: allow, MaxBody: 1000})
	for _, tt := range []struct{ name, path, want, code string }{
		{"a file", "/file", "token", ""},
		{"a redirect within the host", "/within", "token", ""},
		{"a redirect to the host by name", "/named", "token", ""},
		{"an answer as long as may be", "/full", strings.Repeat("a", 1000), ""},
		{"an answer an octet longer", "/large", "", "answer_too_large"},
		{"a stream without end", "/stream", "", "answer_too_large"},
		{"a redirect to another host", "/elsewhere", "", "redirect_refused"},
		{"a redirect to a host below", "/sub", "", "redirect_refused"},
		{"a redirect to another port", "/port", "", "redirect_refused"},
		{"a redirect to an address", "/address", "", "redirect_refused"},
		{"a redirect to another scheme", "/scheme", "", "redirect_refused"},
		{"a redirect with a password", "/user", "", "redirect_refused"},
		{"a redirect in a circle", "/loop", "", "redirect_refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := get(t.Context(), d.Client(server), "http://shop.example"+port+tt.path)
			if fault.Code(err) != tt.code || (err == nil) != (tt.code == "") || (err == nil && got != tt.want) {
				t.Errorf("got %.20q, %v", got, err)
			}
		})
	}
}

func get(ctx context.Context, c *http.Client, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestPortsAreExchanged(t *testing.T) {
	port, allow := localShop(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "token") }))
	n, err := strconv.ParseUint(port[1:], 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	server := names(t, zone(map[string][]string{"shop.example A": {"A 127.0.0.1"}}))
	d := dialer(t, gateway.DialConfig{Resolvers: []string{server}, Allow: allow, Ports: map[uint16]uint16{80: uint16(n)}})
	if got, err := get(t.Context(), d.Client(server), "http://shop.example/"); got != "token" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTwoVantagePointsMaySeeTwoThings(t *testing.T) {
	port, allow := localShop(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "token") }))
	here := names(t, zone(map[string][]string{"shop.example A": {"A 127.0.0.1"}}))
	there := names(t, zone(map[string][]string{"other.example A": {"A 127.0.0.1"}}))
	d := dialer(t, gateway.DialConfig{Resolvers: []string{here, there}, Allow: allow})
	if diff := cmp.Diff([]string{here, there}, d.Resolvers()); diff != "" {
		t.Error(diff)
	}
	if got, err := get(t.Context(), d.Client(here), "http://shop.example"+port+"/"); got != "token" || err != nil {
		t.Errorf("here: %q, %v", got, err)
	}
	if _, err := get(t.Context(), d.Client(there), "http://shop.example"+port+"/"); fault.Code(err) != "host_unknown" {
		t.Errorf("there: %v", err)
	}
	if _, err := d.Lookup(t.Context(), "192.0.2.1:53", "shop.example"); err == nil {
		t.Error("a resolver that is not configured was asked")
	}
}

func TestDevelopmentWorld(t *testing.T) {
	r, err := refregistry.New(refregistry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	port, allow := localShop(t, r.Shop())
	registry := httptest.NewServer(r.Handler())
	t.Cleanup(registry.Close)
	var resolvers []string
	for range 2 {
		a, err := r.ServeDNS(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		resolvers = append(resolvers, a.String())
	}
	put, err := http.NewRequestWithContext(t.Context(), http.MethodPut, registry.URL+"/v1/shop/shop.example/.well-known/mohr.txt", strings.NewReader("token"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(put)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	d := dialer(t, gateway.DialConfig{Resolvers: resolvers, Allow: allow})
	for _, resolver := range resolvers {
		if got, err := get(t.Context(), d.Client(resolver), "http://shop.example"+port+"/.well-known/mohr.txt"); got != "token" || err != nil {
			t.Errorf("through %s: %q, %v", resolver, got, err)
		}
	}
	if _, err := get(t.Context(), d.Client(""), "http://unknown.example"+port+"/"); fault.Code(err) != "host_unknown" {
		t.Errorf("got %v", err)
	}
}
