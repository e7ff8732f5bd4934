package gateway_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
)

// Persons and companies of the reference registry's own people file.
const (
	zahra   = "0012345679"
	born    = "1990-05-14"
	mobile  = "+989121234567"
	company = "14003456780"
	expired = "10121752949"
)

// bench is a reference registry on a port of its own, and a client of it.
type bench struct {
	server *httptest.Server
	key    ed25519.PublicKey
	client *gateway.Client
	log    *bytes.Buffer
}

func newBench(t *testing.T, edit func(*gateway.Config)) *bench {
	t.Helper()
	r, err := refregistry.New(refregistry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{server: httptest.NewServer(r.Handler()), key: r.PublicKey(), log: new(bytes.Buffer)}
	t.Cleanup(b.server.Close)
	c := gateway.Config{BaseURL: b.server.URL, PublicKey: b.key, Environment: "simulated", Transport: http.DefaultTransport, Log: slog.New(slog.NewTextHandler(b.log, nil))}
	edit(&c)
	if b.client, err = gateway.New(c); err != nil {
		t.Fatal(err)
	}
	return b
}

func plain(*gateway.Config) {}

// fault sets a fault at the registry.
func (b *bench) fault(t *testing.T, f string) {
	t.Helper()
	resp, err := http.Post(b.server.URL+"/v1/faults", "application/json", strings.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("fault %s: status %d", f, resp.StatusCode)
	}
}

func TestAnswers(t *testing.T) {
	b := newBench(t, plain)
	ctx := t.Context()
	check := func(name string, got, want any, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	p, err := b.client.Person(ctx, zahra, born)
	check("person", p.Value, gateway.Person{Result: gateway.Match, NationalCode: zahra, FirstName: "زهرا", LastName: "محمدی", FatherName: "حسین", BirthDate: born, Gender: "F", Alive: true}, err)
	sum := sha256.Sum256(p.Raw)
	if p.SHA256 != hex.EncodeToString(sum[:]) || p.Source != "rest-registry@1" || p.Environment != "simulated" || time.Since(p.At).Abs() > time.Minute || p.Contradicts {
		t.Errorf("answer is %+v", p)
	}
	if !json.Valid(p.Raw) || !strings.Contains(string(p.Raw), "محمدی") {
		t.Errorf("raw is %s", p.Raw)
	}
	p, err = b.client.Person(ctx, zahra, "1990-05-15")
	check("person by a wrong date", p.Value, gateway.Person{Result: gateway.Mismatch}, err)
	p, err = b.client.Person(ctx, "9867873017", born)
	check("unknown person", p.Value, gateway.Person{Result: gateway.Mismatch}, err)
	p, err = b.client.Person(ctx, "1719730695", "1951-07-19")
	if err != nil || p.Value.Result != gateway.Match || p.Value.Alive || p.Contradicts {
		t.Errorf("a dead person is %+v, %v", p, err)
	}
	m, err := b.client.Mobile(ctx, zahra, mobile)
	check("mobile", m.Value, gateway.Mobile{Result: gateway.Match, NationalCode: zahra, Mobile: mobile, SIMChangedDays: 1480}, err)
	m, err = b.client.Mobile(ctx, zahra, "+989120000000")
	check("another's mobile", m.Value, gateway.Mobile{Result: gateway.Mismatch, NationalCode: zahra, Mobile: "+989120000000"}, err)
	l, err := b.client.Legal(ctx, company)
	check("company", l.Value, gateway.Legal{Result: gateway.Match, LegalID: company, Name: "فروشگاه نمونه", Status: "active",
		Signatories: []gateway.Signatory{{NationalCode: zahra, Role: "مدیرعامل", Alone: true}}, Domains: []string{"shop.example", "namoone.test"}}, err)
	if s, ok := l.Value.Signatory(zahra); !ok || !s.Alone {
		t.Errorf("signatory is %+v, %v", s, ok)
	}
	if _, ok := l.Value.Signatory("0618471561"); ok {
		t.Error("a stranger is a signatory")
	}
	l, err = b.client.Legal(ctx, "10100000000")
	check("unknown company", l.Value, gateway.Legal{Result: gateway.Mismatch}, err)
	licence, err := b.client.Licence(ctx, expired, "enamad")
	check("an expired licence", licence.Value, gateway.Licence{Result: gateway.Match, LegalID: expired, Type: "enamad", Number: "77003", ValidTo: "2021-06-30"}, err)
	licence, err = b.client.Licence(ctx, company, "tourism")
	check("a licence that is not there", licence.Value, gateway.Licence{Result: gateway.Mismatch, LegalID: company, Type: "tourism"}, err)
	f, err := b.client.Face(ctx, zahra, "s-1")
	check("face", f.Value, gateway.Face{Result: gateway.Match, NationalCode: zahra, Session: "s-1", ScorePercent: 96, Live: true}, err)
	f, err = b.client.Face(ctx, "6357638633", "s-1")
	check("a face of little likeness", f.Value, gateway.Face{Result: gateway.Inconclusive, NationalCode: "6357638633", Session: "s-1", ScorePercent: 71, Live: true}, err)
	s, err := b.client.SMS(ctx, mobile, "کد: 123456")
	check("message", s.Value, gateway.SMS{ID: "sms-000001"}, err)
}

func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name, fault string
		code        string // of the error
		contradicts bool
	}{
		{"a registry that is down is unavailable", `{"route":"*","mode":"down"}`, "registry_unavailable", false},
		{"a registry that is too slow is unavailable", `{"route":"/v1/person/inquiry","mode":"slow","delay":"1m"}`, "registry_unavailable", false},
		{"a little slowness is waited for", `{"route":"/v1/person/inquiry","mode":"slow","delay":"20ms"}`, "", false},
		{"a flapping registry is asked again", `{"route":"/v1/person/inquiry","mode":"flap"}`, "", false},
		{"another route's fault does not matter", `{"route":"/v1/mobile/match","mode":"down"}`, "", false},
		{"a registry that lies every other time contradicts itself", `{"route":"/v1/person/inquiry","mode":"lie"}`, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *gateway.Config) {
				if c.Timeout = time.Minute; strings.Contains(tt.fault, `"1m"`) {
					c.Timeout = 300 * time.Millisecond
				}
			})
			b.fault(t, tt.fault)
			a, err := b.client.Person(t.Context(), zahra, born)
			if fault.Code(err) != tt.code || a.Contradicts != tt.contradicts || (err == nil) != (tt.code == "") {
				t.Errorf("got %+v, %v", a, err)
			}
			if err != nil && !errors.Is(err, fault.Unavailable) {
				t.Errorf("%v is not Unavailable", err)
			}
			if strings.Contains(b.log.String(), zahra) {
				t.Error("the log names the person")
			}
		})
	}
}

func TestLiesContradictOnEveryRoute(t *testing.T) {
	b := newBench(t, plain)
	b.fault(t, `{"route":"*","mode":"lie","rate":0.5}`)
	ctx := t.Context()
	m, err := b.client.Mobile(ctx, zahra, mobile)
	if err != nil || !m.Contradicts {
		t.Errorf("mobile: %+v, %v", m, err)
	}
	l, err := b.client.Legal(ctx, company)
	if err != nil || !l.Contradicts {
		t.Errorf("legal: %+v, %v", l, err)
	}
	n, err := b.client.Licence(ctx, company, "enamad")
	if err != nil || !n.Contradicts {
		t.Errorf("licence: %+v, %v", n, err)
	}
	f, err := b.client.Face(ctx, zahra, "s-1")
	if err != nil || !f.Contradicts {
		t.Errorf("face: %+v, %v", f, err)
	}
}

// tampered lets f change each answer on its way.
func tampered(f func(*http.Response, []byte) []byte) func(*gateway.Config) {
	return func(c *gateway.Config) {
		c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			resp.Body = io.NopCloser(bytes.NewReader(f(resp, b)))
			return resp, err
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

func TestForgedAnswersDoNotCount(t *testing.T) {
	same := func(f func(http.Header)) func(*http.Response, []byte) []byte {
		return func(r *http.Response, b []byte) []byte {
			f(r.Header)
			return b
		}
	}
	replace := func(name, from, to string) func(*http.Response, []byte) []byte {
		return same(func(h http.Header) { h.Set(name, strings.Replace(h.Get(name), from, to, 1)) })
	}
	var kept *http.Response
	var keptBody []byte
	for _, tt := range []struct {
		name string
		edit func(*gateway.Config)
	}{
		{"an altered body", tampered(func(_ *http.Response, b []byte) []byte {
			return bytes.Replace(b, []byte(`"alive":true`), []byte(`"alive":false`), 1)
		})},
		{"an altered body with a digest that fits", tampered(func(r *http.Response, b []byte) []byte {
			b = bytes.Replace(b, []byte("محمدی"), []byte("احمدی"), 1)
			r.Header.Set("Content-Digest", digestOf(b))
			return b
		})},
		{"no signature", tampered(same(func(h http.Header) { h.Del("Signature") }))},
		{"no list of what is signed", tampered(same(func(h http.Header) { h.Del("Signature-Input") }))},
		{"two signatures", tampered(same(func(h http.Header) { h.Add("Signature", h.Get("Signature")) }))},
		{"a shorter list of what is signed", tampered(replace("Signature-Input", ` "inquiry-nonce";req`, ""))},
		{"another algorithm", tampered(replace("Signature-Input", "ed25519", "none"))},
		{"another time", tampered(replace("Signature-Input", "created=1", "created=2"))},
		{"a parameter more", tampered(same(func(h http.Header) { h.Set("Signature-Input", h.Get("Signature-Input")+`;tag="x"`) }))},
		{"another status", tampered(func(r *http.Response, b []byte) []byte { r.StatusCode = 206; return b })},
		{"something behind the answer", tampered(func(_ *http.Response, b []byte) []byte { return append(b, " {}"...) })},
		{"an endless answer", tampered(func(_ *http.Response, b []byte) []byte { return bytes.Repeat([]byte(" "), 65<<10) })},
		{"an answer given before", tampered(func(r *http.Response, b []byte) []byte {
			if kept == nil {
				first := *r
				first.Header = r.Header.Clone()
				kept, keptBody = &first, b
			}
			r.Header = kept.Header
			if r.Request.Context().Value(replay{}) == nil {
				return b
			}
			return keptBody
		})},
		{"another registry's key", func(c *gateway.Config) { c.PublicKey, _, _ = ed25519.GenerateKey(nil) }},
		{"an old signature", func(c *gateway.Config) { c.Now = func() time.Time { return time.Now().Add(2 * time.Minute) } }},
		{"a production registry that says simulated", func(c *gateway.Config) { c.Environment = "production" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.edit)
			ctx := t.Context()
			if tt.name == "an answer given before" {
				if _, err := b.client.Person(ctx, zahra, born); err != nil {
					t.Fatalf("the first time: %v", err)
				}
				ctx = context.WithValue(ctx, replay{}, true)
			}
			a, err := b.client.Person(ctx, zahra, born)
			if fault.Code(err) != "registry_unavailable" || a.Raw != nil {
				t.Errorf("got %+v, %v", a, err)
			}
		})
	}
}

type replay struct{}
