package load_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mohr/cmd/mohr/bench/load"
)

func TestARunDoesEachCallOnceAndCountsWhatWasWrong(t *testing.T) {
	for _, usual := range []bool{false, true} {
		t.Run(fmt.Sprintf("usual client %v", usual), func(t *testing.T) {
			var asked atomic.Int64
			s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				asked.Add(1)
				if string(b) == "7" {
					w.WriteHeader(http.StatusTeapot)
				}
				w.Write(b)
			}))
			defer s.Close()
			list := make([]int, 100)
			for i := range list {
				list[i] = i
			}
			next := load.Each(list, func(i int) load.Call {
				return load.Call{
					Request: load.Post("/", "text/plain", fmt.Append(nil, i), "X-Test: yes"),
					Done: func(status int, body []byte) error {
						if string(body) != fmt.Sprint(i) {
							return fmt.Errorf("%d was answered with %q", i, body)
						}
						if i == 9 {
							return errors.New("not as it should be")
						}
						return nil
					},
				}
			})
			trust := x509.NewCertPool()
			trust.AddCert(s.Certificate())
			// The certificate of httptest is for example.com and 127.0.0.1.
			l := load.Load{Door: load.Door{Address: s.Listener.Addr().String(), Trust: trust, Name: "example.com", Usual: usual}, Next: next}
			m, err := l.Run(t.Context(), 8, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if asked.Load() != 100 || m.Operations != 98 || m.Errors != 2 || m.Wrong == "" || m.P50 <= 0 || m.P99 < m.P50 {
				t.Errorf("%d requests; %+v", asked.Load(), m)
			}
		})
	}
}

func TestARunEndsWithItsTime(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	l := load.Load{Door: load.Door{Address: s.Listener.Addr().String()}, Next: load.Round([][]byte{load.Get("/")})}
	m, err := l.Run(t.Context(), 2, 200*time.Millisecond)
	if err != nil || m.Seconds < 0.2 || m.Seconds > 20 || m.Operations == 0 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestARunWithoutOneRightAnswerIsAnError(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	l := load.Load{Door: load.Door{Address: s.Listener.Addr().String()}, Next: load.Each([]string{"/a", "/b"}, func(path string) load.Call { return load.Call{Request: load.Get(path)} })}
	if m, err := l.Run(t.Context(), 1, time.Minute); err == nil || m.Errors != 2 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestTheBareHandlerGivesItsAnswerAndItsFigures(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ready, line := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- load.ServeBare(ctx, strings.NewReader(`{"type":"text/x-test","body":"b2s="}`), line)
	}()
	var address, ops string
	if _, err := fmt.Fscanf(ready, "mohr bench bare ready address=%s ops=%s\n", &address, &ops); err != nil {
		t.Fatal(err)
	}
	l := load.Load{Door: load.Door{Address: address}}
	kind, body, err := l.Probe(t.Context(), load.Call{Request: load.Get("/whatever")})
	if err != nil || kind != "text/x-test" || string(body) != "ok" {
		t.Errorf("got %q of type %q, %v", body, kind, err)
	}
	if u, err := load.UsageOf(t.Context(), ops); err != nil || u.Memory == 0 {
		t.Errorf("figures %+v, %v", u, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTheUsualClientOpensAnotherConnectionWhereItGaveOneUp: to a server that closes
// each, as net/http does by itself where it does not hear of its own write in time.
func TestTheUsualClientOpensAnotherConnectionWhereItGaveOneUp(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") }))
	defer s.Close()
	l := load.Load{Door: load.Door{Address: s.Listener.Addr().String(), Usual: true}, Next: load.Each(make([]int, 20), func(int) load.Call { return load.Call{Request: load.Get("/")} })}
	if m, err := l.Run(t.Context(), 2, time.Minute); err != nil || m.Errors != 0 || m.Operations != 20 {
		t.Errorf("%+v, %v", m, err)
	}
}
