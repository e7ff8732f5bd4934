package control_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mohr/internal/control"
)

func TestTheSocketIsForItsOwnerAndGoesWithTheService(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a-long-name-", 12)) // longer than a socket's address may be
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Dial(t.Context(), dir); !errors.Is(err, control.ErrStopped) {
		t.Fatalf("Dial without a service: %v", err)
	}
	// What a killed service left does not stand in the way.
	dead, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, "control.sock")
	if err := os.Link(left, left+".kept"); err != nil {
		t.Fatal(err)
	}
	dead.Close()
	if err := os.Rename(left+".kept", left); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Dial(t.Context(), dir); !errors.Is(err, control.ErrStopped) {
		t.Fatalf("Dial at a dead socket: %v", err)
	}

	l, err := control.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- control.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) }))
	}()
	c, err := control.Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Get("http://mohr/where")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "/where" {
		t.Errorf("the answer: %q, %v", b, err)
	}
	info, err := os.Stat(left)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("left in the directory: %v", files)
	}
}
