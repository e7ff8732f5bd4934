package clock_test

import (
	"context"
	"encoding/binary"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/internal/clock"
	"mohr/internal/store"
)

var start = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// watch is a clock that a test sets, and the time that nobody sets.
type watch struct {
	mu      sync.Mutex
	wall    time.Time
	elapsed time.Duration
}

func (w *watch) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wall
}

func (w *watch) Elapsed() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.elapsed
}

// pass lets time go by.
func (w *watch) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall, w.elapsed = w.wall.Add(d), w.elapsed+d
}

// set steps the clock.
func (w *watch) set(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wall = w.wall.Add(d)
}

func openStore(t testing.TB) store.Store {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func open(t testing.TB, s store.Store, w *watch, references ...string) *clock.Guard {
	t.Helper()
	g, err := clock.New(context.Background(), clock.Config{Store: s, Now: w.Now, Elapsed: w.Elapsed, References: references})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// reference is an NTP server of the test's own on a loopback port.
type reference struct {
	addr   string
	silent atomic.Bool
	ahead  atomic.Int64 // nanoseconds ahead of the test's clock
	spoil  func(b []byte) []byte
}

// serve answers as a synchronised server of stratum 2 whose time is w's, ahead.
func serve(t testing.TB, w *watch, spoil func([]byte) []byte) *reference {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r := &reference{addr: conn.LocalAddr().String(), spoil: spoil}
	go func() {
		b := make([]byte, 1024)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if r.silent.Load() || n != 48 {
				continue
			}
			answer := make([]byte, 48)
			answer[0], answer[1] = 4<<3|4, 2
			binary.BigEndian.PutUint32(answer[8:], 1<<10) // 1/64 s
			copy(answer[24:], b[40:48])
			at := w.Now().Add(time.Duration(r.ahead.Load()))
			put(answer[32:], at)
			put(answer[40:], at)
			if r.spoil != nil {
				answer = r.spoil(answer)
			}
			conn.WriteTo(answer, from)
		}
	}()
	return r
}

func put(b []byte, at time.Time) {
	binary.BigEndian.PutUint32(b, uint32(at.Unix()+2208988800))
	binary.BigEndian.PutUint32(b[4:], uint32(int64(at.Nanosecond())<<32/int64(time.Second)))
}
