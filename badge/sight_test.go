package badge_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"mohr/badge"
)

func TestTheProofOfADomain(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(t *testing.T, b *bench, c badge.Challenge)
		want badge.Why
	}{
		{"counts when both resolvers see it", func(_ *testing.T, b *bench, c badge.Challenge) { b.shop.put(c) }, "domain_proven"},
		{"does not count with other content", func(_ *testing.T, b *bench, c badge.Challenge) {
			c.Content += "x"
			b.shop.put(c)
		}, "domain_file_wrong"},
		{"does not count with a megabyte of line ends after it", func(_ *testing.T, b *bench, c badge.Challenge) {
			c.Content += strings.Repeat("\n", 1<<20)
			b.shop.put(c)
		}, "domain_file_wrong"},
		{"does not count behind a redirect to another host", func(t *testing.T, b *bench, c badge.Challenge) {
			b.shop.set(func(w http.ResponseWriter, r *http.Request) {
				if r.Host == "shop.example" {
					http.Redirect(w, r, "http://evil.example"+r.URL.Path, http.StatusFound)
					return
				}
				w.Write([]byte(c.Content))
			})
		}, "domain_redirected"},
		{"counts behind a redirect within the host", func(t *testing.T, b *bench, c badge.Challenge) {
			b.shop.set(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/proof" {
					http.Redirect(w, r, "/proof", http.StatusFound)
					return
				}
				w.Write([]byte(c.Content))
			})
		}, "domain_proven"},
		{"does not count in a circle", func(_ *testing.T, b *bench, _ badge.Challenge) {
			b.shop.set(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) })
		}, "domain_redirected"},
		{"does not count from a failing server", func(_ *testing.T, b *bench, c badge.Challenge) {
			b.shop.set(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				w.Write([]byte(c.Content))
			})
		}, "domain_failing"},
		{"is not found at a closed port", func(_ *testing.T, b *bench, _ badge.Challenge) { b.shop.Close() }, "domain_unreachable"},
		{"does not count when one resolver leads elsewhere", func(_ *testing.T, b *bench, c badge.Challenge) {
			b.shop.put(c)
			b.resolvers[1].set(domain, "127.0.0.3") // allowed is 127.0.0.1 alone
		}, "domain_views_differ"},
		{"is not looked for at a private address", func(_ *testing.T, b *bench, c badge.Challenge) {
			b.shop.put(c)
			b.resolvers[0].set(domain, "10.0.0.1")
			b.resolvers[1].set(domain, "169.254.169.254")
		}, "domain_private_address"},
		{"is not followed to a private address", func(_ *testing.T, b *bench, _ badge.Challenge) {
			b.shop.set(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusFound)
			})
		}, "domain_redirected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first := b.request(t)
			test.set(t, b, first.Challenge)
			got, err := b.Check(t.Context(), first.ID)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(got.Findings, func(f badge.Finding) bool { return f.Rule == "domain.control@2" })
			if got.Findings[i].Why != test.want {
				t.Errorf("got %s, want %s", got.Findings[i].Why, test.want)
			}
			if granted := got.State == badge.Active; granted != (test.want == "domain_proven") {
				t.Errorf("state %s", got.State)
			}
		})
	}
}

func TestOneProofServesNobodyElse(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	a := b.ask()
	a.Request, a.Domain = "request-2", "second.example"
	second, err := b.Request(t.Context(), b.sign(t, b.key, a))
	if err != nil {
		t.Fatal(err)
	}
	b.shop.set(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(first.Challenge.Content)) })
	if second, err = b.Check(t.Context(), second.ID); err != nil || second.State != badge.Waiting {
		t.Errorf("state %s, %v", second.State, err)
	}
}
