package door_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"mohr/internal/door"
	"mohr/internal/fault"
)

// nobody is spared: every address is one client's.
var nobody = []netip.Prefix{}

// served is a server behind a door, on a port of its own.
type served struct {
	*door.Door
	addr string
}

func serve(t *testing.T, l door.Limits, times door.Times, conf *tls.Config, h http.HandlerFunc) *served {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := door.New(l, times)
	s := d.Server(d.Handler(h, refuse), conf)
	listener := d.Listen(inner)
	go func() {
		if conf != nil {
			s.ServeTLS(listener, "", "")
			return
		}
		s.Serve(listener)
	}()
	t.Cleanup(func() { s.Close() })
	return &served{d, inner.Addr().String()}
}

func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	status := http.StatusServiceUnavailable
	if errors.Is(err, fault.Limited) {
		status = http.StatusTooManyRequests
	}
	http.Error(w, fault.Code(err), status)
}

// from connects from an address of this machine.
func (s *served) from(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// ask sends a request and does not wait for its answer.
func (s *served) ask(t *testing.T, address string) net.Conn {
	t.Helper()
	c := s.from(t, address)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: door\r\n\r\n")
	return c
}

// status reads an answer.
func status(t *testing.T, c net.Conn) int {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// until waits for a state of the door.
func (s *served) until(t *testing.T, what string, is func(door.Stats) bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if is(s.Stats()) {
			return
		}
	}
	t.Fatalf("%s: it stays at %+v", what, s.Stats())
}

// ended waits for the server to end the connection.
func ended(t *testing.T, c net.Conn) {
	t.Helper()
	var timeout net.Error
	if _, err := io.Copy(io.Discard, c); errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the connection stays open")
	}
}

// slow answers when it is told to.
func slow(t *testing.T) (h http.HandlerFunc, release func()) {
	go_ := make(chan struct{})
	t.Cleanup(func() {
		select {
		case <-go_:
		default:
			close(go_)
		}
	})
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-go_:
		case <-r.Context().Done():
			w.WriteHeader(http.StatusGatewayTimeout)
		}
	}, func() { close(go_) }
}

func TestAFloodIsRefusedBeforeItsWorkBegins(t *testing.T) {
	h, release := slow(t)
	s := serve(t, door.Limits{InFlight: 2, Queue: 1, Wait: time.Minute}, door.Times{}, nil, h)
	var let []net.Conn
	for i := range 3 {
		let = append(let, s.ask(t, "127.0.0.1"))
		s.until(t, "let in", func(now door.Stats) bool { return now.InFlight+now.Waiting == i+1 })
	}
	for range 20 {
		if got := status(t, s.ask(t, "127.0.0.1")); got != http.StatusServiceUnavailable {
			t.Errorf("one too many: status %d", got)
		}
	}
	release()
	for _, c := range let {
		if got := status(t, c); got != http.StatusOK {
			t.Errorf("who was let in, or waited: status %d", got)
		}
	}
	if got := s.Stats(); got.Full != 20 || got.Late+got.Many != 0 {
		t.Errorf("counts: %+v", got)
	}
}

func TestWhoWaitsTooLongIsToldToComeAgain(t *testing.T) {
	h, _ := slow(t)
	s := serve(t, door.Limits{InFlight: 1, Wait: 10 * time.Millisecond}, door.Times{}, nil, h)
	s.ask(t, "127.0.0.1")
	s.until(t, "busy", func(now door.Stats) bool { return now.InFlight == 1 })
	if got := status(t, s.ask(t, "127.0.0.1")); got != http.StatusServiceUnavailable || s.Stats().Late != 1 {
		t.Errorf("status %d, %+v", got, s.Stats())
	}
}

func TestOneNetworkHoldsNoMoreThanItsPart(t *testing.T) {
	h, release := slow(t)
	s := serve(t, door.Limits{InFlight: 8, Connections: 40, Proxies: nobody}, door.Times{}, nil, h)
	var let []net.Conn
	for i, from := range []string{"127.0.1.1", "127.0.1.2"} {
		let = append(let, s.ask(t, from))
		s.until(t, "let in", func(now door.Stats) bool { return now.InFlight == i+1 })
	}
	for range 8 {
		if got := status(t, s.ask(t, "127.0.1.3")); got != http.StatusTooManyRequests {
			t.Errorf("the same network's third: status %d", got)
		}
	}
	ended(t, s.from(t, "127.0.1.4")) // its eleventh connection
	let = append(let, s.ask(t, "127.0.2.1"))
	s.until(t, "another network is let in", func(now door.Stats) bool { return now.InFlight == 3 })
	release()
	for _, c := range let {
		if got := status(t, c); got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	}
	if got := s.Stats(); got.Many != 8 || got.Turned != 1 {
		t.Errorf("counts: %+v", got)
	}
}

func TestSlowAndSilentClientsAreEnded(t *testing.T) {
	short := door.Times{Header: 200 * time.Millisecond, Read: 300 * time.Millisecond, Work: 200 * time.Millisecond, Idle: 100 * time.Millisecond}
	read := make(chan error, 1)
	h := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, err := io.ReadAll(r.Body)
			read <- err
		}
	}
	plain := serve(t, door.Limits{}, short, nil, h)
	conf := &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"h2", "http/1.1"}}
	own := conf.Clone() // a server writes into its own
	secure, idle := serve(t, door.Limits{}, short, conf, h), serve(t, door.Limits{}, door.Times{Idle: 100 * time.Millisecond}, own, h)
	for _, test := range []struct {
		name string
		at   *served
		say  string
	}{
		{"nothing is said", plain, ""},
		{"a header is never finished", plain, "GET / HTTP/1.1\r\nHost: door\r\nX: "},
		{"a body is never finished", plain, "POST / HTTP/1.1\r\nHost: door\r\nContent-Length: 5\r\n\r\nhal"},
		{"nothing follows a request", plain, "GET / HTTP/1.1\r\nHost: door\r\n\r\n"},
		{"no handshake begins", secure, ""},
		{"a handshake is never finished", secure, "\x16\x03\x01\x02\x00\x01\x00\x01"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := test.at.from(t, "127.0.0.1")
			io.WriteString(c, test.say)
			ended(t, c)
		})
	}
	if err := <-read; err == nil {
		t.Error("half a body was taken for a whole one")
	}
	t.Run("HTTP/2 without a header that ends", func(t *testing.T) {
		c := tls.Client(idle.from(t, "127.0.0.1"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err := c.HandshakeContext(t.Context()); err != nil || c.ConnectionState().NegotiatedProtocol != "h2" {
			t.Fatal(err, c.ConnectionState().NegotiatedProtocol)
		}
		// The preface, empty SETTINGS, and HEADERS of stream 1 without END_HEADERS (RFC 9113, 6.2).
		io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"+"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82")
		ended(t, c)
	})
	for _, s := range []*served{plain, secure, idle} {
		s.until(t, "all are gone", func(now door.Stats) bool { return now.Connections == 0 && now.InFlight == 0 })
	}
}

func TestAHandlerHasItsTime(t *testing.T) {
	h, _ := slow(t)
	s := serve(t, door.Limits{}, door.Times{Work: 10 * time.Millisecond}, nil, h)
	if got := status(t, s.ask(t, "127.0.0.1")); got != http.StatusGatewayTimeout {
		t.Errorf("status %d", got)
	}
}

func TestAFullDoorEndsWhoIsIdleTheLongest(t *testing.T) {
	h, release := slow(t)
	s := serve(t, door.Limits{Connections: 3, InFlight: 3}, door.Times{}, nil, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			h(w, r)
		}
	})
	idle := make([]net.Conn, 3)
	for i := range idle {
		idle[i] = s.ask(t, "127.0.0.1")
		if got := status(t, idle[i]); got != http.StatusOK {
			t.Fatalf("status %d", got)
		}
		s.until(t, "idle", func(now door.Stats) bool { return now.Idle == i+1 })
	}
	if got := status(t, s.ask(t, "127.0.0.1")); got != http.StatusOK {
		t.Errorf("a new one where another is idle: status %d", got)
	}
	ended(t, idle[0])
	// When all are at work, nobody is ended for another.
	at := make([]net.Conn, 3)
	for i := range at {
		at[i] = s.from(t, "127.0.0.1")
		io.WriteString(at[i], "GET /slow HTTP/1.1\r\nHost: door\r\n\r\n")
		s.until(t, "at work", func(now door.Stats) bool { return now.InFlight == i+1 })
	}
	ended(t, s.from(t, "127.0.0.1"))
	release()
	for _, c := range at {
		if got := status(t, c); got != http.StatusOK {
			t.Errorf("who was at work: status %d", got)
		}
	}
	if got := s.Stats(); got.Turned != 1 || got.Ended != 4 || got.Connections > 3 {
		t.Errorf("counts: %+v", got)
	}
}

func TestALongHeaderIsRefused(t *testing.T) {
	s := serve(t, door.Limits{}, door.Times{}, nil, func(http.ResponseWriter, *http.Request) {})
	c := s.from(t, "127.0.0.1")
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: door\r\nX: %s\r\n\r\n", strings.Repeat("x", 64<<10))
	if got := status(t, c); got != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d", got)
	}
}

// Two thousand clients, each with a header that never ends, cost what the
// limit of connections allows, and a client of another network is answered.
func TestMemoryHasABound(t *testing.T) {
	const connections = 200
	s := serve(t, door.Limits{Connections: connections, Proxies: nobody, OneNetwork: 0.5}, door.Times{Header: time.Hour}, nil, func(http.ResponseWriter, *http.Request) {})
	before := heap()
	for range 2000 {
		c := s.from(t, "127.0.1.1")
		io.WriteString(c, "GET / HTTP/1.1\r\nX: "+strings.Repeat("x", 16<<10)) // an error: it may be turned away already
	}
	s.until(t, "the others were turned away", func(now door.Stats) bool { return now.Turned == 2000-connections/2 })
	// 32 KiB of header and as much of buffers each, the test's own connections beside.
	if grown := heap() - before; grown > connections*64<<10 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	if got := status(t, s.ask(t, "127.0.2.1")); got != http.StatusOK {
		t.Errorf("another network: status %d", got)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestLimitsAreRefusedThatMakeNoSense(t *testing.T) {
	for name, l := range map[string]door.Limits{"a negative count": {InFlight: -1}, "more than the whole": {OneNetwork: 1.5}} {
		if l.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if err := (door.Limits{Connections: 10, OneNetwork: 1}).Validate(); err != nil {
		t.Error(err)
	}
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	return s.TLS.Certificates[0]
}
