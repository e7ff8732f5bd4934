package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// relay carries connections to where to says at the time they come, and holds
// every octet back while it is cut: nobody is told that the other side is away.
type relay struct {
	at  string
	to  func() string // address, or path of a socket; "": nobody is there
	cut atomic.Bool
}

func startRelay(t *testing.T, network, address string, to func() string) *relay {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &relay{at: l.Addr().String(), to: to}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(c)
		}
	}()
	return r
}

func (r *relay) carry(near net.Conn) {
	defer near.Close()
	r.wait()
	address := r.to()
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	far, err := net.Dial(network, address)
	if err != nil {
		return
	}
	defer far.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			r.copy(way[1], way[0])
			if half, ok := way[1].(interface{ CloseWrite() error }); ok {
				half.CloseWrite()
			}
			done <- struct{}{}
		}()
	}
	<-done
	<-done
}

func (r *relay) copy(to io.Writer, from io.Reader) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		r.wait()
		if _, bad := to.Write(b[:n]); bad != nil || err != nil {
			return
		}
	}
}

func (r *relay) wait() {
	for r.cut.Load() {
		time.Sleep(5 * time.Millisecond)
	}
}

// TestACutBetweenRolesLosesAndDoublesNothing holds back what goes between a
// portal and the node with the keys, then between it and the database, while
// certificates are issued. Nobody starts anything anew.
func TestACutBetweenRolesLosesAndDoublesNothing(t *testing.T) {
	p := newParted(t)
	p.rough = true
	p.startCA(t, "policy.yaml")
	keys := startRelay(t, "tcp", "127.0.0.1:0", func() string { return p.issuing })
	p.nodes = "https://" + keys.at
	direct := p.database
	at, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "cut")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	real, err := filepath.Glob(filepath.Join(at.Query().Get("host"), ".s.PGSQL.*[0-9]"))
	if err != nil || len(real) != 1 {
		t.Fatal(real, err)
	}
	database := startRelay(t, "unix", filepath.Join(dir, filepath.Base(real[0])), func() string { return real[0] })
	at.RawQuery = url.Values{"host": {dir}}.Encode()
	p.database = at.String()
	p.startPortal(t, "portal", p.portal, p.status)
	p.database = direct
	want := map[string]*x509.Certificate{}
	for name, link := range map[string]*relay{"the node with the keys": keys, "the database": database} {
		for round, hold := range []time.Duration{time.Second, 12 * time.Second} { // shorter and longer than a call may take
			var open []*applying
			for _, who := range killPeople {
				open = append(open, p.approve(t, who))
			}
			results, certs := make(chan error, len(open)), make([]*x509.Certificate, len(open))
			for i, a := range open {
				go func() {
					var err error
					certs[i], err = a.issue(t.Context(), 600)
					results <- err
				}()
			}
			time.Sleep(time.Duration(5+20*round) * time.Millisecond)
			link.cut.Store(true)
			time.Sleep(hold)
			link.cut.Store(false)
			for range open {
				if err := <-results; err != nil {
					t.Fatalf("%s, cut for %v: %v", name, hold, err)
				}
			}
			for i, a := range open {
				want[a.id] = certs[i]
			}
		}
	}
	p.oneEach(t, want)
}

// failures counts what no client should see.
type failures struct {
	next  http.RoundTripper
	asked atomic.Int64
	list  chan string
}

// RoundTrip implements http.RoundTripper.
func (f *failures) RoundTrip(q *http.Request) (*http.Response, error) {
	f.asked.Add(1)
	a, err := f.next.RoundTrip(q)
	switch {
	case err != nil && q.Context().Err() == nil:
		f.list <- fmt.Sprintf("%s %s: %v", q.Method, q.URL.Path, err)
	case err == nil && a.StatusCode >= 500:
		f.list <- fmt.Sprintf("%s %s: status %d", q.Method, q.URL.Path, a.StatusCode)
	}
	return a, err
}

// TestNodesAreRestartedInTurnWithoutAFailedRequest restarts both portals, twice
// each, behind a balancer that does nothing but ask /readyz.
func TestNodesAreRestartedInTurnWithoutAFailedRequest(t *testing.T) {
	p := newParted(t)
	p.startCA(t, "policy.yaml")
	https, plain := [2]string{freeAddress(t), freeAddress(t)}, [2]string{freeAddress(t), freeAddress(t)}
	var ops [2]atomic.Value
	var ready [2]atomic.Bool
	chosen := func(of [2]string) func() string {
		var turn atomic.Int64
		return func() string {
			for range 1000 {
				if n := turn.Add(1) % 2; ready[n].Load() {
					return of[n]
				}
				time.Sleep(time.Millisecond)
			}
			return ""
		}
	}
	start := func(n int) *partedNode {
		node := p.startPortal(t, fmt.Sprintf("portal%d", n), https[n], plain[n])
		ops[n].Store(node.ops())
		return node
	}
	nodes := [2]*partedNode{start(0), start(1)}
	for n := range nodes {
		go func() {
			for t.Context().Err() == nil {
				ready[n].Store(isReady(ops[n].Load().(string)))
				time.Sleep(100 * time.Millisecond)
			}
		}()
	}
	startRelay(t, "tcp", p.portal, chosen(https))
	startRelay(t, "tcp", p.status, chosen(plain))

	seen := &failures{list: make(chan string, 1000)}
	stop, ended := make(chan struct{}), make(chan map[string]*x509.Certificate, len(killPeople)+4)
	for _, who := range killPeople {
		go func() { ended <- p.applyAgainAndAgain(t, who, seen, stop) }()
	}
	for range 4 {
		go func() {
			c := &http.Client{Transport: seen.by(&http.Transport{})}
			for {
				select {
				case <-stop:
					ended <- nil
					return
				default:
				}
				res, err := c.Post("http://"+p.status+"/ocsp/sign-p256", "application/ocsp-request", strings.NewReader("x"))
				if err == nil {
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				time.Sleep(2 * time.Millisecond)
			}
		}()
	}
	for range 2 {
		for n := range nodes {
			time.Sleep(2 * time.Second)
			nodes[n].end(syscall.SIGTERM)
			nodes[n] = start(n)
			for !ready[n].Load() {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	time.Sleep(time.Second)
	close(stop)
	want := map[string]*x509.Certificate{}
	for range cap(ended) {
		for id, cert := range <-ended {
			want[id] = cert
		}
	}
	t.Logf("%d requests, %d certificates", seen.asked.Load(), len(want))
	close(seen.list)
	for failed := range seen.list {
		t.Error(failed)
	}
	p.oneEach(t, want)
}

func (f *failures) by(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(q *http.Request) (*http.Response, error) {
		one := &failures{next: next, list: f.list}
		f.asked.Add(1)
		return one.RoundTrip(q)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return r(q) }

func isReady(ops string) bool {
	res, err := (&http.Client{Timeout: time.Second}).Get("http://" + ops + "/readyz")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// applyAgainAndAgain has certificates issued until stop.
func (p *parted) applyAgainAndAgain(t *testing.T, who applicant, seen *failures, stop chan struct{}) map[string]*x509.Certificate {
	got := map[string]*x509.Certificate{}
	for range 18 { // a person may apply that often in a while
		select {
		case <-stop:
			return got
		case <-time.After(time.Second):
		}
		a, _, err := p.applying(who)
		if err == nil {
			a.api.http.Transport = seen.by(a.api.http.Transport)
			_, err = a.run(t.Context(), who)
		}
		var cert *x509.Certificate
		if err == nil {
			cert, err = a.issue(t.Context(), 1)
		}
		if err != nil {
			t.Errorf("application: %v", err)
			return got
		}
		got[a.id] = cert
	}
	<-stop
	return got
}
