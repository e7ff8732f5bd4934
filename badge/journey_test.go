package badge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca/timestamp"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// world is the reference registry with its shops and two name servers, all
// spoken to over the network.
type world struct {
	api  *httptest.Server
	shop *httptest.Server
	dial gateway.DialConfig
	gate *gateway.Client
}

func newWorld(t *testing.T, now func() time.Time) *world {
	t.Helper()
	registry, err := refregistry.New(refregistry.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{api: httptest.NewServer(registry.Handler()), shop: httptest.NewServer(registry.Shop())}
	t.Cleanup(w.api.Close)
	t.Cleanup(w.shop.Close)
	w.dial = gateway.DialConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	for range 2 {
		addr, err := registry.ServeDNS(ctx, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		w.dial.Resolvers = append(w.dial.Resolvers, addr.String())
	}
	w.gate, err = gateway.New(gateway.Config{
		BaseURL: w.api.URL, PublicKey: registry.PublicKey(), Environment: "simulated", Now: now, Transport: w.dialer(t).Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) dialer(t *testing.T) *gateway.Dialer {
	t.Helper()
	d, err := gateway.NewDialer(w.dial)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// port is where the shops serve.
func (w *world) port(t *testing.T) int {
	t.Helper()
	u, err := url.Parse(w.shop.URL)
	if err != nil {
		t.Fatal(err)
	}
	return int(netip.MustParseAddrPort(u.Host).Port())
}

// put puts the proof under the domain, by the means a merchant has here.
func (w *world) put(t *testing.T, domain string, c badge.Challenge) {
	t.Helper()
	got := fetch(t, "PUT", w.api.URL+"/v1/shop/"+domain+"/.well-known/mohr-challenge/"+c.Token, "text/plain", []byte(c.Content))
	if got.status != http.StatusNoContent {
		t.Fatalf("put: %+v", got)
	}
}

// benchInWorld is a bench whose outside is the reference registry.
func benchInWorld(t *testing.T) (*bench, *world) {
	t.Helper()
	// Signatures of the registry are fresh only for a while: it runs by the real clock.
	w := newWorld(t, nil)
	b := newBench(t, func(c *badge.Config) { c.Registry, c.Dialer, c.DomainPort = w.gate, w.dialer(t), w.port(t) })
	return b, w
}

func TestABadgeOverTheReferenceRegistry(t *testing.T) {
	b, w := benchInWorld(t)
	b.realStamps(t)
	raw := b.sign(t, b.key, b.ask())
	got, err := b.Request(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != badge.Waiting || len(got.WaitingFor) != 1 || got.WaitingFor[0] != badge.ForApplicant {
		t.Fatalf("state %s, findings %v", got.State, got.Findings)
	}
	if !strings.HasPrefix(got.Challenge.URL, "http://shop.example:") {
		t.Errorf("challenge at %s", got.Challenge.URL)
	}
	w.put(t, domain, got.Challenge)
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active {
		t.Fatalf("state %s, %v, findings %v", got.State, err, got.Findings)
	}
	if got.Licence.Number != "77001" || got.Licence.ValidTo != "2031-03-20" {
		t.Errorf("licence %+v", got.Licence)
	}
	b.replays(t, got.ID)
	b.stampHolds(t, raw)
	b.answersAreKept(t, got.ID)
}

// stampHolds verifies the stored stamp over the request as received.
func (b *bench) stampHolds(t *testing.T, raw []byte) {
	t.Helper()
	sum := sha256.Sum256(raw)
	var kept badge.Request
	err := b.Store.View(t.Context(), func(tx store.Tx) (err error) {
		kept, err = store.Load[badge.Request](tx, "badge_requests", hex.EncodeToString(sum[:]))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if at, err := timestamp.Verify(kept.Stamp, sum[:], b.ca.Root); err != nil || !at.Equal(start) {
		t.Errorf("stamped at %s, %v", at, err)
	}
}

// answersAreKept finds every answer that a decision rests on, sealed, in its
// own bytes.
func (b *bench) answersAreKept(t *testing.T, id badge.ID) {
	t.Helper()
	traces, err := b.Traces(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	f := traces[len(traces)-1].Facts
	err = b.Store.View(t.Context(), func(tx store.Tx) error {
		for _, want := range []string{f.Company.RawSHA256, f.Licence.RawSHA256} {
			kept, err := store.Load[struct{ Raw seal.Sealed }](tx, "badge_answers", want)
			if err != nil {
				return err
			}
			raw, err := b.box.Open("badge_answers", want, "raw", kept.Raw)
			if err != nil {
				return err
			}
			if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != want || !bytes.Contains(raw, []byte("{")) {
				t.Errorf("the kept answer is not the one with hash %s", want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheReferenceRegistryIsDownAndComesBack(t *testing.T) {
	b, w := benchInWorld(t)
	set := func(mode string) {
		t.Helper()
		for _, route := range []string{"/v1/legal/inquiry", "/v1/licence/inquiry"} {
			got := fetch(t, "POST", w.api.URL+"/v1/faults", "application/json", []byte(`{"route":"`+route+`","mode":"`+mode+`","rate":1}`))
			if got.status >= 300 {
				t.Fatalf("faults: %+v", got)
			}
		}
	}
	set("down")
	got, err := b.Request(t.Context(), b.sign(t, b.key, b.ask()))
	if err != nil {
		t.Fatal(err)
	}
	if want := []badge.Party{badge.ForRegistry, badge.ForApplicant}; got.State != badge.Waiting || !slices.Equal(got.WaitingFor, want) {
		t.Fatalf("state %s, waiting for %v", got.State, got.WaitingFor)
	}
	w.put(t, domain, got.Challenge)
	set("none")
	if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active {
		t.Fatalf("state %s, %v, findings %v", got.State, err, got.Findings)
	}
}

func TestAReferenceRegistryThatContradictsItselfDecidesNothing(t *testing.T) {
	b, w := benchInWorld(t)
	res := fetch(t, "POST", w.api.URL+"/v1/faults", "application/json", []byte(`{"route":"/v1/legal/inquiry","mode":"lie","rate":0.5}`))
	if res.status >= 300 {
		t.Fatalf("faults: %+v", res)
	}
	got, err := b.Request(t.Context(), b.sign(t, b.key, b.ask()))
	if err != nil || got.State != badge.Waiting || !slices.Contains(got.WaitingFor, badge.ForRegistry) {
		t.Fatalf("state %s, waiting for %v, %v, findings %v", got.State, got.WaitingFor, err, got.Findings)
	}
}
