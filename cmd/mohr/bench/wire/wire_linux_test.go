package wire_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"mohr/cmd/mohr/bench/wire"
	"mohr/internal/pkitest"
)

// pair is two hosts, and a connection between them; what left writes comes
// back from right.
func pair(t *testing.T) (n *wire.Net, left, right *wire.Host, c net.Conn) {
	t.Helper()
	n, err := wire.New(1, "left", "right")
	if err != nil {
		pkitest.Missing(t, "hosts of one's own need root, /dev/net/tun and iproute2: "+err.Error())
	}
	t.Cleanup(n.Close)
	left, right = n.Host("left"), n.Host("right")
	var l net.Listener
	right.In(func() { l, err = net.Listen("tcp", right.Address+":7") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 1)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	}()
	left.In(func() { c, err = net.Dial("tcp", right.Address+":7") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return n, left, right, c
}

// echo sends an octet and waits so long for it.
func echo(t *testing.T, c net.Conn, wait time.Duration) error {
	t.Helper()
	b := []byte{1}
	if _, err := c.Write(b); err != nil { // it is on its way, however short the wait
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(b)
	return err
}

const ever = 5 * time.Minute // the kernel doubles its pauses: the eleventh try comes after three

func TestAWayThatIsCutLetsNothingThroughAndTheOtherDoes(t *testing.T) {
	for _, back := range []bool{false, true} {
		n, left, right, c := pair(t)
		if back {
			left, right = right, left
		}
		if err := echo(t, c, ever); err != nil {
			t.Fatal(err)
		}
		n.Set(left, right, wire.Fault{Loss: 1})
		if err := echo(t, c, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("back %t: %v over a way that is cut", back, err)
		}
		n.Set(left, right, wire.Fault{})
		c.SetReadDeadline(time.Now().Add(ever))
		if _, err := c.Read(make([]byte, 1)); err != nil { // the kernel repeats what was lost
			t.Errorf("back %t: %v after the way was mended", back, err)
		}
	}
}

func TestASlowWayTakesItsTime(t *testing.T) {
	n, left, right, c := pair(t)
	const slow = 200 * time.Millisecond
	n.Set(left, right, wire.Fault{Delay: slow})
	begun := time.Now()
	if err := echo(t, c, ever); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < slow {
		t.Errorf("an octet took %s", took)
	}
}

func TestALossyWayLosesSomeAndTheKernelRepeatsIt(t *testing.T) {
	n, left, right, c := pair(t)
	n.Set(left, right, wire.Fault{Loss: 0.3})
	n.Set(right, left, wire.Fault{Loss: 0.3})
	for range 10 {
		if err := echo(t, c, ever); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFrontLeadsToTheHostThoughItsWiresAreCut(t *testing.T) {
	n, left, right, _ := pair(t)
	n.Set(left, right, wire.Fault{Loss: 1})
	n.Set(right, left, wire.Fault{Loss: 1})
	var l net.Listener
	var err error
	right.In(func() { l, err = net.Listen("tcp", "127.0.0.1:7") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Write([]byte{2})
			c.Close()
		}
	}()
	at, err := right.Front("127.0.0.1:7")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(ever))
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
}
