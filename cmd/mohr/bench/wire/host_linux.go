package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"
)

// Host is a network namespace with one address. It is safe for concurrent use.
type Host struct {
	Name    string
	Address string // at which the other hosts reach it

	work chan func() // for the thread that is on the host
	wire *os.File    // whole packets, one a read or write

	mu     sync.Mutex // guards fronts
	fronts []io.Closer
}

// newHost makes a namespace with the address, and a device whose packets come
// out of wire.
func newHost(name, address string) (*Host, error) {
	h := &Host{Name: name, Address: address, work: make(chan func())}
	made := make(chan error)
	go func() {
		// The thread is never given back: it ends with this goroutine, and no
		// other one ever runs on the host by mistake.
		runtime.LockOSThread()
		err := h.setUp()
		made <- err
		if err != nil {
			return
		}
		for fn := range h.work {
			fn()
		}
	}()
	if err := <-made; err != nil {
		return nil, fmt.Errorf("host %s: %w", name, err)
	}
	return h, nil
}

func (h *Host) setUp() (err error) {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	const device = "wire"
	if h.wire, err = openTUN(device); err != nil {
		return err
	}
	for _, args := range []string{
		"link set lo up",
		"address add " + h.Address + "/24 dev " + device,
		"link set " + device + " up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			return errors.Join(fmt.Errorf("ip %s: %w: %s", args, err, out), h.wire.Close())
		}
	}
	return nil
}

// openTUN makes a TUN device in the namespace of this thread; it is there as
// long as the file is open.
func openTUN(name string) (*os.File, error) {
	const set, flags = 0x400454ca, 0x0001 | 0x1000 // TUNSETIFF; IFF_TUN, IFF_NO_PI (linux/if_tun.h)
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	var request struct { // struct ifreq
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:15], name)
	request.flags = flags
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), set, uintptr(unsafe.Pointer(&request))); errno != 0 {
		syscall.Close(fd)
		return nil, fmt.Errorf("device %s: %w", name, errno)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// In runs fn on the host: sockets that it opens itself and processes that it
// starts are the host's; goroutines that it starts are not. Calls of In come
// one at a time.
func (h *Host) In(fn func()) {
	done := make(chan struct{})
	h.work <- func() { defer close(done); fn() }
	<-done
}

// Front returns an address of this machine that leads to one on the host, not
// by the wire, until the network is closed.
func (h *Host) Front(inside string) (address string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fronts = append(h.fronts, l)
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			go h.carry(near.(*net.TCPConn), inside)
		}
	}()
	return l.Addr().String(), nil
}

func (h *Host) carry(near *net.TCPConn, inside string) {
	defer near.Close()
	var far net.Conn
	var err error
	h.In(func() { far, err = net.Dial("tcp", inside) })
	if err != nil {
		return // as if nobody listened
	}
	defer far.Close()
	var both sync.WaitGroup
	half := func(to, from *net.TCPConn) {
		io.Copy(to, from) // an error ends the connection, as it should
		to.CloseWrite()
	}
	both.Go(func() { half(far.(*net.TCPConn), near) })
	both.Go(func() { half(near, far.(*net.TCPConn)) })
	both.Wait()
}

func (h *Host) close() {
	h.mu.Lock()
	for _, f := range h.fronts {
		f.Close()
	}
	h.mu.Unlock()
	h.wire.Close()
}
