package status_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/status"
	"mohr/internal/store"
)

// The targets count answers a second of a whole server against a bare handler
// with the same bytes. The two take turns of a moment each, so that what else
// the machine does falls on both; client and server share it. Reported are
// the medians: the rate, the bare handler's, their ratio, and the ratio of the
// CPU time, client's included, which is steadier.

// turn is how long one handler has the machine.
const turn = 40 * time.Millisecond

// side is a server under load.
type side struct {
	url  string
	next func(base string) *http.Request
}

// compare lets ours and bare take turns.
func compare(b *testing.B, ours, bare http.Handler, next func(base string) *http.Request) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var rates, bareRates, ratios, cpus []float64
	start := func(h http.Handler) side {
		server := httptest.NewServer(h)
		b.Cleanup(server.Close)
		return side{server.URL, next}
	}
	a, c := start(ours), start(bare)
	for b.Loop() {
		rate, cpu := a.load(b, client)
		bareRate, bareCPU := c.load(b, client)
		rates, bareRates = append(rates, rate), append(bareRates, bareRate)
		ratios, cpus = append(ratios, rate/bareRate), append(cpus, bareCPU/cpu)
	}
	for unit, list := range map[string][]float64{"answers/s": rates, "bare/s": bareRates, "ratio": ratios, "cpu-ratio": cpus} {
		slices.Sort(list)
		b.ReportMetric(list[len(list)/2], unit)
	}
	b.ReportMetric(0, "ns/op")
}

// load lets 16 clients with kept connections ask for a turn, and returns
// answers a second and CPU seconds an answer.
func (s side) load(b *testing.B, client *http.Client) (rate, cpu float64) {
	var count atomic.Int64
	var wg sync.WaitGroup
	began, used := time.Now(), cpuTime()
	for range 16 {
		wg.Go(func() {
			for time.Since(began) < turn {
				res, err := client.Do(s.next(s.url))
				if err != nil {
					b.Error(err)
					return
				}
				n, err := io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if err != nil || n < 100 || res.StatusCode != http.StatusOK {
					b.Errorf("status %d, %d octets, %v", res.StatusCode, n, err)
					return
				}
				count.Add(1)
			}
		})
	}
	wg.Wait()
	n := float64(count.Load())
	return n / time.Since(began).Seconds(), (cpuTime() - used).Seconds() / n
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bare answers with the same bytes and nothing around them.
func bare(der []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		w.Header().Set("Content-Type", "application/ocsp-response")
		w.Write(der)
	})
}

// dressed is bare with the headers that RFC 5019 wants.
func dressed(der []byte) http.Handler {
	next := bare(der)
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		h := w.Header()
		h["Cache-Control"] = []string{"max-age=60, public, no-transform, must-revalidate"}
		h["Etag"] = []string{`"0123456789abcdef0123456789abcdef"`}
		h["Expires"] = []string{"Mon, 23 Nov 2026 23:41:19 GMT"}
		h["Last-Modified"] = []string{"Mon, 23 Nov 2026 23:41:19 GMT"}
		next.ServeHTTP(w, q)
	})
}

func getter(path string) func(string) *http.Request {
	return func(base string) *http.Request {
		q, _ := http.NewRequest(http.MethodGet, base+path, nil)
		return q
	}
}

func poster(body func() []byte) func(string) *http.Request {
	return func(base string) *http.Request {
		q, _ := http.NewRequest(http.MethodPost, base+"/ocsp/"+string(ca.SignIssuer), bytes.NewReader(body()))
		q.Header.Set("Content-Type", "application/ocsp-request")
		return q
	}
}

func BenchmarkOCSPFromCache(b *testing.B) {
	c := newClock()
	s := serve(b, c, quiet)
	cert, _ := s.issue(b, "application-1")
	der := request(b, cert, s.issuer, crypto.SHA1)
	answer := s.askRaw(b, der)
	c.at = c.at.Add(time.Second)
	path := "/ocsp/" + string(ca.SignIssuer) + "/" + url.PathEscape(base64.StdEncoding.EncodeToString(der))
	post := poster(func() []byte { return der })
	b.Run("GET", func(b *testing.B) { compare(b, s.Handler(), bare(answer), getter(path)) })
	b.Run("GET, bare with the same headers", func(b *testing.B) { compare(b, s.Handler(), dressed(answer), getter(path)) })
	b.Run("POST", func(b *testing.B) { compare(b, s.Handler(), bare(answer), post) })
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.askRaw(b, der)
		}
	})
}

func BenchmarkOCSPSigned(b *testing.B) {
	s := serve(b, newClock(), quiet)
	cert, _ := s.issue(b, "application-1")
	single := singleOf(b, request(b, cert, s.issuer, crypto.SHA1))
	fresh := func() []byte { return build([][]byte{single}, nonce(16)) }
	size := len(s.askRaw(b, fresh()))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	signing := http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		sum := sha256.Sum256(body)
		signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		w.Write(append(make([]byte, size-len(signature)), signature...))
	})
	b.Run("POST", func(b *testing.B) { compare(b, s.Handler(), signing, poster(fresh)) })
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.askRaw(b, fresh())
		}
	})
}

func quiet(c *status.Config) { c.Log = slog.New(slog.DiscardHandler) }

// BenchmarkStore shows what a full store costs: MOHR_BENCH_RECORDS=1000000
// makes it hold a million certificates, one in twenty revoked.
func BenchmarkStore(b *testing.B) {
	records, _ := strconv.Atoi(os.Getenv("MOHR_BENCH_RECORDS"))
	if records == 0 {
		records = 10_000
	}
	s := serve(b, newClock(), quiet)
	cert, record := s.issue(b, "application-1")
	fill(b, s, record, records)
	if err := s.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	der := request(b, cert, s.issuer, crypto.SHA1)
	single := singleOf(b, der)
	name := func(what string) string { return fmt.Sprintf("%s of %d", what, records) }
	b.Run(name("OCSP from cache"), func(b *testing.B) {
		for b.Loop() {
			s.askRaw(b, der)
		}
	})
	b.Run(name("OCSP signed"), func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			other := withSerial(cert, serialOf(n*7919%records))
			s.askRaw(b, build([][]byte{singleOf(b, request(b, other, s.issuer, crypto.SHA1))}, nonce(16)))
		}
	})
	b.Run(name("OCSP signed for one"), func(b *testing.B) {
		for b.Loop() {
			s.askRaw(b, build([][]byte{single}, nonce(16)))
		}
	})
	b.Run(name("revoke and list"), func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			serial := serialOf(n * 7919 % records)
			s.revoke(b, serial, ca.Superseded)
			if _, err := s.CRL(b.Context(), ca.SignIssuer, n*7919%records/10_000); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(name("refresh of nothing"), func(b *testing.B) {
		if err := s.Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := s.Refresh(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func serialOf(n int) string { return fmt.Sprintf("1%034x", n) }

// fill puts records like the one into the store, as if they had been issued.
func fill(b *testing.B, s *service, like ca.Certificate, records int) {
	b.Helper()
	const batch = 10_000
	for from := 0; from < records; from += batch {
		err := s.Fixture.Store.Update(b.Context(), func(tx store.Tx) error {
			for n := from; n < min(from+batch, records); n++ {
				c := like
				c.Serial, c.Shard = serialOf(n), n/10_000
				c.Request, c.Lineage = "filled-"+c.Serial, c.Serial
				if n%20 == 19 {
					c.Version++
					c.Revoked = &ca.Revoked{Serial: c.Serial, At: c.NotBefore, Reason: ca.Superseded, By: "bench", NotAfter: c.NotAfter}
					if err := store.Save(tx, "ca_revoked", fmt.Sprintf("%s/%04d/%s", c.Issuer, c.Shard, c.Serial), *c.Revoked); err != nil {
						return err
					}
				}
				if err := store.Save(tx, "ca_certificates", c.Serial, c); err != nil {
					return err
				}
			}
			if err := store.Save(tx, "ca_revisions", fmt.Sprintf("%s/%04d", like.Issuer, from/10_000), 500); err != nil {
				return err
			}
			return store.Save(tx, "ca_shards", string(like.Issuer), map[string]int{"shard": from / 10_000, "used": 10_000})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
