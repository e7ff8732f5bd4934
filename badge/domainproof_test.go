package badge_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/badge"
)

// front serves a page at the shop's root and nothing else.
func (s *shop) front(page string) {
	s.set(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(page))
	})
}

// finding returns what the rule said in the last check.
func finding(t *testing.T, b badge.Badge, rule string) badge.Finding {
	t.Helper()
	i := slices.IndexFunc(b.Findings, func(f badge.Finding) bool { return f.Rule == rule })
	if i < 0 {
		t.Fatalf("no finding of %s in %v", rule, b.Findings)
	}
	return b.Findings[i]
}

func TestADomainIsProvenByATXTRecordOrAMetaElement(t *testing.T) {
	txt := func(b *bench, n int, texts ...string) { b.resolvers[n].setTXT("_mohr-challenge."+domain, texts...) }
	head := func(s string) string {
		return "<!doctype html><html lang=fa><head><meta charset=utf-8><title>فروشگاه</title>" + s + "</head><body><p>hello</p></body></html>"
	}
	for _, test := range []struct {
		name string
		set  func(b *bench, c badge.Challenge)
		want badge.Why
	}{
		{"a TXT record that both resolvers see", func(b *bench, c badge.Challenge) {
			txt(b, 0, "v=spf1 -all", c.Content)
			txt(b, 1, c.Content)
		}, "domain_proven_txt"},
		{"a TXT record that one resolver does not see yet", func(b *bench, c badge.Challenge) { txt(b, 0, c.Content) }, "domain_views_differ"},
		{"a TXT record of another request", func(b *bench, _ badge.Challenge) { txt(b, 0, "x"); txt(b, 1, "x") }, "domain_txt_wrong"},
		{"a TXT record with something after it", func(b *bench, c badge.Challenge) {
			txt(b, 0, c.Content+" ")
			txt(b, 1, c.Content+" ")
		}, "domain_txt_wrong"},
		{"a TXT record of the domain itself", func(b *bench, c badge.Challenge) {
			b.resolvers[0].setTXT(domain, c.Content)
			b.resolvers[1].setTXT(domain, c.Content)
		}, "domain_file_missing"},
		{"a meta element in the head", func(b *bench, c badge.Challenge) { b.shop.front(head(c.Meta())) }, "domain_proven_meta"},
		{"a meta element without a head around it", func(b *bench, c badge.Challenge) { b.shop.front("<title>t</title>" + c.Meta() + "<p>x") }, "domain_proven_meta"},
		{"a meta element on a page whose server redirects within the host", func(b *bench, c badge.Challenge) {
			b.shop.set(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/":
					http.Redirect(w, r, "/fa/", http.StatusFound)
				case "/fa/":
					w.Write([]byte(head(c.Meta())))
				default:
					http.NotFound(w, r)
				}
			})
		}, "domain_proven_meta"},
		{"a meta element in the body, where visitors write", func(b *bench, c badge.Challenge) {
			b.shop.front(head("") + "<div>" + c.Meta() + "</div>")
		}, "domain_file_missing"},
		{"a meta element after text, which ends a head", func(b *bench, c badge.Challenge) { b.shop.front("hello " + c.Meta()) }, "domain_file_missing"},
		{"a meta element in a script's text", func(b *bench, c badge.Challenge) {
			b.shop.front(head("<script>'" + c.Meta() + "'</script>"))
		}, "domain_file_missing"},
		{"a meta element in a comment", func(b *bench, c badge.Challenge) { b.shop.front(head("<!-- " + c.Meta() + " -->")) }, "domain_file_missing"},
		{"a meta element in a title", func(b *bench, c badge.Challenge) { b.shop.front("<title>" + c.Meta() + "</title>") }, "domain_file_missing"},
		{"a meta element in a template", func(b *bench, c badge.Challenge) { b.shop.front(head("<template>" + c.Meta() + "</template>")) }, "domain_file_missing"},
		{"two meta elements", func(b *bench, c badge.Challenge) {
			b.shop.front(head(c.Meta() + `<meta name="mohr-challenge" content="another">`))
		}, "domain_meta_wrong"},
		{"a meta element of another request", func(b *bench, c badge.Challenge) {
			b.shop.front(head(`<meta name="mohr-challenge" content="another">`))
		}, "domain_meta_wrong"},
		{"a page of another host", func(b *bench, c badge.Challenge) {
			b.shop.set(func(w http.ResponseWriter, r *http.Request) {
				if r.Host == domain {
					http.Redirect(w, r, "http://evil.example"+r.URL.Path, http.StatusFound)
					return
				}
				w.Write([]byte(head(c.Meta())))
			})
		}, "domain_redirected"},
		{"the file seen by one resolver and the record by the other", func(b *bench, c badge.Challenge) {
			b.shop.put(c)
			b.resolvers[1].set(domain, "127.0.0.3")
			txt(b, 1, c.Content)
		}, "domain_views_differ"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			first := b.request(t)
			test.set(b, first.Challenge)
			got, err := b.Check(t.Context(), first.ID)
			if err != nil {
				t.Fatal(err)
			}
			if f := finding(t, got, "domain.control@2"); f.Why != test.want {
				t.Errorf("got %s, want %s", f.Why, test.want)
			}
			if granted := got.State == badge.Active; granted != strings.HasPrefix(string(test.want), "domain_proven") {
				t.Errorf("state %s", got.State)
			}
			b.replays(t, got.ID)
		})
	}
}

func TestAQuorumOfResolversDecides(t *testing.T) {
	for _, test := range []struct {
		name  string
		third func(*bench)
		want  badge.State
	}{
		{"three agree", func(*bench) {}, badge.Active},
		{"two agree and one is blind", func(b *bench) { b.resolvers[2].set(domain, "") }, badge.Active},
		{"two agree and one sees no such name", func(b *bench) { b.resolvers[2].forget(domain) }, badge.Waiting},
		{"two agree and one is led to a private address", func(b *bench) { b.resolvers[2].set(domain, "10.0.0.7") }, badge.Waiting},
		{"one sees it and two are blind", func(b *bench) { b.resolvers[1].set(domain, ""); b.resolvers[2].set(domain, "") }, badge.Waiting},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBenchSeenBy(t, 3)
			first := b.request(t)
			b.shop.put(first.Challenge)
			test.third(b)
			if got, err := b.Check(t.Context(), first.ID); err != nil || got.State != test.want {
				t.Errorf("state %s, %v: %v", got.State, err, why(got))
			}
		})
	}
}

func TestADomainGivenUpSuspendsTheBadge(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	step := func(name string, want badge.State, why badge.Why) {
		t.Helper()
		b.clock.pass(25 * time.Hour)
		b.recheck(t)
		if state, w := b.state(t, got.ID); state != want || w != why {
			t.Fatalf("%s: state %s, why %s", name, state, w)
		}
	}
	b.resolvers[0].forget(domain)
	step("one resolver has lost the name", badge.Active, "all_checks_hold")
	b.resolvers[1].set(domain, "")
	step("and the other is blind", badge.Active, "all_checks_hold")
	b.resolvers[1].forget(domain)
	step("both have lost it", badge.Suspended, "domain_gone")
	b.resolvers[0].set(domain, "127.0.0.1")
	b.resolvers[1].set(domain, "127.0.0.1")
	step("it is back", badge.Active, "all_checks_hold")
	b.resolvers[0].set(domain, "192.168.1.1")
	b.resolvers[1].set(domain, "192.168.1.1")
	step("it leads to a private address", badge.Suspended, "domain_private_address")
}

// A name that is public when it is checked and private when it is used gets
// nowhere: the address that was checked is the one that is dialled.
func TestARebindingNameIsNotFollowed(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	b.shop.put(first.Challenge)
	for _, r := range b.resolvers {
		r.alternate(domain, "127.0.0.1", "169.254.169.254")
	}
	for range 6 {
		got, err := b.Check(t.Context(), first.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range b.lastViews(t, got.ID) {
			if v.Sight != badge.SightMatch && v.Sight != badge.SightPrivate && v.Sight != badge.SightMissing {
				t.Errorf("a view is %s", v.Sight)
			}
		}
		if got.State == badge.Active {
			return // both looks met the shop: that is what was proven
		}
	}
}

func (b *bench) lastViews(t *testing.T, id badge.ID) []badge.View {
	t.Helper()
	traces, err := b.Traces(t.Context(), id)
	if err != nil || len(traces) == 0 {
		t.Fatalf("%d traces, %v", len(traces), err)
	}
	return traces[len(traces)-1].Facts.Domain.Views
}

func TestAProofWaitsForItsTimeAndNotLonger(t *testing.T) {
	b := newBench(t)
	first := b.request(t)
	b.clock.pass(7*24*time.Hour + time.Second)
	got, err := b.Check(t.Context(), first.ID)
	if err != nil || got.State != badge.Refused || got.Why != "domain_not_proven_in_time" {
		t.Errorf("state %s, why %s, %v", got.State, got.Why, err)
	}
}
