package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// socketName is the socket's file in the data directory.
const socketName = "control.sock"

// Listen makes the socket in the data directory; one that an ended service
// left is replaced. The caller holds the directory's store, so that no other
// service is there.
func Listen(dir string) (net.Listener, error) {
	l, err := listen(dir)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return l, nil
}

// within calls fn with a path of the directory that is short enough for a
// socket's address, which has 108 octets: /proc leads there from a short one.
func within(dir string, fn func(dir string) error) error {
	const room = 60
	if len(dir) < room {
		return fn(dir)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return fn(fmt.Sprintf("/proc/self/fd/%d", d.Fd()))
}

func listen(dir string) (net.Listener, error) {
	// Made where nobody else comes near, and shown when its mode is right.
	inner, err := os.MkdirTemp(dir, ".s") // 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(inner)
	made := filepath.Join(inner, "s")
	var l *net.UnixListener
	err = within(inner, func(dir string) error {
		l, err = net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
		return err
	})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(made, 0o600)
	if err == nil {
		err = os.Rename(made, filepath.Join(dir, socketName))
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return &listener{l, filepath.Join(dir, socketName)}, nil
}

// listener takes its file away when it closes.
type listener struct {
	net.Listener
	path string
}

func (l *listener) Close() error {
	err := l.Listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return err // closed before: the file may be another's now
	}
	return errors.Join(err, os.Remove(l.path))
}

// Serve answers on the socket until ctx ends, and closes it. There is no limit
// on how long an answer may take: a backup is as long as the store.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

// ErrStopped is returned by Dial where no service runs.
var ErrStopped = errors.New("no service is running on this data directory")

// Dial returns a client of the service that runs on the data directory; its
// requests go to http://mohr/.... ErrStopped if none runs.
func Dial(ctx context.Context, dir string) (*http.Client, error) {
	dial := func(ctx context.Context) (c net.Conn, err error) {
		err = within(dir, func(dir string) (err error) {
			c, err = new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, socketName))
			return err
		})
		return c, err
	}
	c, err := dial(ctx)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("control socket: %w; only the owner of the data directory may use it", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %w", ErrStopped, dir, err)
	}
	c.Close()
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}, nil
}
