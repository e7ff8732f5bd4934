package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"mohr/internal/ledger"
)

// serve returns the URL of the log's public face.
func serve(t testing.TB, l *ledger.Log) string {
	t.Helper()
	e := echo.New()
	l.Routes(e)
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return s.URL + "/log"
}

// download returns what is at the URL, status 200.
func download(ctx context.Context, url string) (http.Header, []byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, nil, err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", r.StatusCode)
	}
	return r.Header, b, err
}

// public returns the log as others see it.
func public(t testing.TB, l *ledger.Log) ledger.Public {
	url := serve(t, l)
	return ledger.Public{Key: l.VerifierKey(), Fetch: func(ctx context.Context, path string) ([]byte, error) {
		_, b, err := download(ctx, url+"/"+path)
		return b, err
	}}
}

// fetcher returns the public face's bytes by path.
func fetcher(t testing.TB, l *ledger.Log) func(path string) ([]byte, error) {
	p := public(t, l)
	return func(path string) ([]byte, error) { return p.Fetch(t.Context(), path) }
}

func TestThePublicTilesGiveTheTree(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	fetch, seen := fetcher(t, l), public(t, l)
	if _, err := fetch("checkpoint"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("the checkpoint of a new log: %v, want 503", err)
	}
	size := 0
	var leaves [][]byte
	for _, next := range []int{0, 1, 255, 256, 257, 600, 1025} {
		leaves = append(leaves, appendEvents(t, s, size, next)...)
		size = next
		checkRoot(t, sequence(t, l), leaves)
		r, err := seen.Verify(t.Context())
		if err != nil || r.Size != int64(size) || string(r.Root[:]) != string(mth(leaves)) {
			t.Fatalf("Verify of %d: %+v, %v", size, r, err)
		}
	}
	if b, err := fetch("tile/0/000.p/17"); err != nil || len(b) != 17*32 {
		t.Errorf("a partial tile of an earlier tree: %d octets, %v", len(b), err)
	}
	if b, err := fetch("tile/1/000.p/4"); err != nil || len(b) != 4*32 || string(b[:32]) != string(mth(leaves[:256])) {
		t.Errorf("the tile above: %d octets, %v", len(b), err)
	}
	if b, err := fetch(""); err != nil || !strings.Contains(string(b), l.VerifierKey()) {
		t.Errorf("the page at /log/: %q, %v", b, err)
	}
}

func TestTilesOutsideTheCheckpointAreNotFound(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 300)
	sequence(t, l)
	appendEvents(t, s, 300, 310)
	fetch := fetcher(t, l)
	for _, path := range []string{
		"tile/0/001", "tile/0/001.p/45", "tile/0/002.p/1", "tile/1/000", "tile/1/000.p/2", "tile/2/000.p/1",
		"tile/entries/001.p/45", "tile/entries/002", "tile/data/000", "tile/-1/000", "tile/00/000", "tile/64/000.p/1",
		"tile/0/0", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/x000/000", "tile/0/000/", "tile/0/", "tile/", "tile/0/000.p/017",
		"tile/0/x999/x999/x999/x999/x999/x999/x999/x999/999", "tile/0/" + strings.Repeat("x000/", 100) + "000",
	} {
		if b, err := fetch(path); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("%s: %d octets, %v; want 404", path, len(b), err)
		}
	}
}

func TestTilesThatLieAreFound(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 300)
	sequence(t, l)
	honest := public(t, l)
	tests := []struct {
		name, path string
		lie        func(b []byte) []byte
	}{
		{"a changed hash", "tile/0/000", func(b []byte) []byte { b[5] ^= 1; return b }},
		{"a tile that is too long", "tile/0/001.p/44", func(b []byte) []byte { return append(b, 0) }},
		{"a changed hash above", "tile/1/000.p/1", func(b []byte) []byte { b[5] ^= 1; return b }},
		{"a changed entry", "tile/entries/000", func(b []byte) []byte { b[20] ^= 1; return b }},
		{"a changed last entry", "tile/entries/001.p/44", func(b []byte) []byte { b[len(b)-3] ^= 1; return b }},
		{"an entry bundle cut short", "tile/entries/001.p/44", func(b []byte) []byte { return b[:len(b)-1] }},
		{"an entry bundle that is too long", "tile/entries/001.p/44", func(b []byte) []byte { return append(b, 0) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lying := honest
			lying.Fetch = func(ctx context.Context, path string) ([]byte, error) {
				b, err := honest.Fetch(ctx, path)
				if path == test.path {
					b = test.lie(b)
				}
				return b, err
			}
			if _, err := lying.Verify(t.Context()); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("Verify: %v, want damaged", err)
			}
		})
	}
}
