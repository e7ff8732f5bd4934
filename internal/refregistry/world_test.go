package refregistry_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"mohr/internal/refregistry"
)

func TestOutbox(t *testing.T) {
	_, url := serve(t, refregistry.Config{})
	for i := range 1002 {
		if status, v, _ := ask(t, url+"/v1/sms", `{"to":"+989121234567","text":"پیام"}`); status != 200 || (i == 0 && v["id"] != "sms-000001") {
			t.Fatal(status, v)
		}
	}
	_, v := send(t, "GET", url+"/v1/sms", "")
	list := v["messages"].([]any)
	first := list[0].(map[string]any)
	if len(list) != 1000 || first["id"] != "sms-000003" || first["text"] != "پیام" || first["to"] != "+989121234567" {
		t.Errorf("%d messages, first %v", len(list), first)
	}
}

func TestShops(t *testing.T) {
	s, url := serve(t, refregistry.Config{})
	shop := httptest.NewServer(s.Shop())
	t.Cleanup(shop.Close)
	visit := func(host, path string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, shop.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		status, v, _ := do(t, r)
		if status != 200 {
			return ""
		}
		text, _ := v["text"].(string)
		return text
	}
	const file = "/v1/shop/shop.example/.well-known/mohr/token.txt"
	if status, v := send(t, "PUT", url+file, "the token"); status != 204 {
		t.Fatal(status, v)
	}
	for host, want := range map[string]string{"shop.example": "the token", "SHOP.example:8080": "the token", "namoone.test": "", "other.example": "", "127.0.0.1": ""} {
		if got := visit(host, "/.well-known/mohr/token.txt"); got != want {
			t.Errorf("%s shows %q", host, got)
		}
	}
	for path, want := range map[string]int{
		"/v1/shop/unknown.example/a":                        404,
		"/v1/shop/shop.example/a%2F..%2Fb":                  404,
		"/v1/shop/shop.example/" + strings.Repeat("a", 256): 404,
	} {
		if status, _ := send(t, "PUT", url+path, "x"); status != want {
			t.Errorf("PUT %.40s: %d", path, status)
		}
	}
	if status, _ := send(t, "PUT", url+"/v1/shop/shop.example/large", string(bytes.Repeat([]byte("a"), 65<<10))); status != 413 {
		t.Errorf("a large file: %d", status)
	}
	if status, _ := send(t, "DELETE", url+file, ""); status != 204 || visit("shop.example", "/.well-known/mohr/token.txt") != "" {
		t.Error("the file is still there")
	}
}

func TestNameServer(t *testing.T) {
	for _, tt := range []struct {
		name, ask string
		shops     string
		qtype     uint16
		want      []string
		rcode     int
	}{
		{"a domain of the people file", "shop.example.", "", dns.TypeA, []string{"127.0.0.1"}, dns.RcodeSuccess},
		{"in capitals", "Shop.Example.", "", dns.TypeA, []string{"127.0.0.1"}, dns.RcodeSuccess},
		{"its IPv6 address", "shop.example.", "", dns.TypeAAAA, nil, dns.RcodeSuccess},
		{"shops on IPv6", "shop.example.", "::1", dns.TypeAAAA, []string{"::1"}, dns.RcodeSuccess},
		{"another type", "shop.example.", "", dns.TypeTXT, nil, dns.RcodeSuccess},
		{"a domain below", "www.shop.example.", "", dns.TypeA, nil, dns.RcodeNameError},
		{"another domain", "google.com.", "", dns.TypeA, nil, dns.RcodeNameError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := refregistry.Config{}
			if tt.shops != "" {
				c.ShopAddr = netip.MustParseAddr(tt.shops)
			}
			s, _ := serve(t, c)
			ctx, cancel := context.WithCancel(t.Context())
			addr, err := s.ServeDNS(ctx, "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			q := new(dns.Msg).SetQuestion(tt.ask, tt.qtype)
			m, _, err := (&dns.Client{Timeout: time.Minute}).Exchange(q, addr.String())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, rr := range m.Answer {
				switch a := rr.(type) {
				case *dns.A:
					got = append(got, a.A.String())
				case *dns.AAAA:
					got = append(got, a.AAAA.String())
				}
			}
			if m.Rcode != tt.rcode || cmp.Diff(tt.want, got) != "" {
				t.Errorf("got %v, %s", got, dns.RcodeToString[m.Rcode])
			}
			cancel()
			// The port is free again once the server has stopped.
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if conn, err := net.ListenPacket("udp", addr.String()); err == nil {
					conn.Close()
					return
				}
			}
			t.Error("the name server does not stop")
		})
	}
}
