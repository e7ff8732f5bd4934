package backup_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mohr/internal/backup"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

func TestABackupThatIsMadeWhileServingComesBackWhole(t *testing.T) {
	r := run(t)
	r.deeds(t, 0, 10)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 10; ctx.Err() == nil; i += 5 {
			r.deeds(t, i, 5)
		}
	})
	s := httptest.NewServer(r.source().Handler(slog.New(slog.DiscardHandler)))
	defer s.Close()
	res, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET: %s, %v", res.Status, err)
	}
	stop()
	wg.Wait()

	dir := filepath.Join(t.TempDir(), "data") // not there yet
	u, err := backup.Unpack(write(t, b), dir)
	if err != nil {
		t.Fatal(err)
	}
	v, err := u.Verify(t.Context(), r.log.VerifierKey())
	if err != nil || v.Size < 10 || v.Lost != 0 {
		t.Fatalf("Verify: %+v, %v", v, err)
	}
	if err := u.Place(); err != nil {
		t.Fatal(err)
	}
	again, err := store.OpenBolt(filepath.Join(dir, "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if c, err := ledger.Published(t.Context(), again, r.log.VerifierKey()); err != nil || c != v.Checkpoint {
		t.Errorf("the restored store's checkpoint: %+v, %v", c, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left in the directory: %v", left)
	}
}

func TestOneBackupIsMadeAtATime(t *testing.T) {
	r := run(t)
	r.deeds(t, 0, 1)
	h := r.source().Handler(slog.New(slog.DiscardHandler))
	inside, goOn := make(chan bool), make(chan bool)
	go h.ServeHTTP(&slowWriter{httptest.NewRecorder(), inside, goOn, sync.Once{}}, httptest.NewRequest(http.MethodGet, "/", nil))
	<-inside
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusConflict {
		t.Errorf("the second reader got %d", w.Code)
	}
	close(goOn)
}

// slowWriter waits at its first write.
type slowWriter struct {
	http.ResponseWriter
	inside, goOn chan bool
	once         sync.Once
}

func (w *slowWriter) Write(b []byte) (int, error) {
	w.once.Do(func() { close(w.inside); <-w.goOn })
	return w.ResponseWriter.Write(b)
}

func TestABackupThatIsNotWholeIsRefused(t *testing.T) {
	r := run(t)
	r.deeds(t, 0, 3)
	var whole bytes.Buffer
	if _, err := r.source().Write(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	// rebuilt writes the members anew, each as change gives it.
	rebuilt := func(change func(h *tar.Header, b []byte) []byte) []byte {
		var out bytes.Buffer
		in, w := tar.NewReader(bytes.NewReader(whole.Bytes())), tar.NewWriter(&out)
		for h, err := in.Next(); err == nil; h, err = in.Next() {
			b, _ := io.ReadAll(in)
			b = change(h, b)
			h.Size = int64(len(b))
			if err := w.WriteHeader(h); err != nil {
				t.Fatal(err)
			}
			w.Write(b)
		}
		w.Close()
		return out.Bytes()
	}
	inManifest := func(old, new string) []byte {
		return rebuilt(func(h *tar.Header, b []byte) []byte {
			if h.Name != "manifest.json" {
				return b
			}
			if !bytes.Contains(b, []byte(old)) {
				t.Fatalf("%q is not in the manifest", old)
			}
			return bytes.Replace(b, []byte(old), []byte(new), 1)
		})
	}
	tests := []struct {
		name string
		b    []byte
		why  string
	}{
		{"nothing", nil, "ends early"},
		{"something else", bytes.Repeat([]byte("no backup"), 1000), "is no backup"},
		{"cut off in the store", whole.Bytes()[:10000], "ends early"},
		{"cut off before the manifest", whole.Bytes()[:whole.Len()-2048-512], "ends early"},
		{"a changed store", rebuilt(func(h *tar.Header, b []byte) []byte {
			if h.Name == "mohr.db" {
				b[9000] ^= 1
			}
			return b
		}), "changed or damaged"},
		{"a longer store", rebuilt(func(h *tar.Header, b []byte) []byte {
			if h.Name == "mohr.db" {
				b = append(b, 0)
			}
			return b
		}), "changed or damaged"},
		{"a member of another name", rebuilt(func(h *tar.Header, b []byte) []byte { h.Name = "../" + h.Name; return b }), "is where mohr.db should be"},
		{"a link in place of the store", rebuilt(func(h *tar.Header, b []byte) []byte {
			if h.Name == "mohr.db" {
				h.Typeflag, h.Linkname = tar.TypeSymlink, "/etc/passwd"
				return nil
			}
			return b
		}), "is where mohr.db should be"},
		{"another format", inManifest("mohr-backup/1", "mohr-backup/9"), `its format is "mohr-backup/9"`},
		{"a manifest with a member more", inManifest(`{`, `{"extra":1,`), "not the expected JSON"},
		{"a manifest with a member twice", inManifest(`{`, `{"size":1,`), "not the expected JSON"},
		{"no checkpoint", rebuilt(func(h *tar.Header, b []byte) []byte {
			if h.Name == "manifest.json" {
				i := bytes.Index(b, []byte(`"checkpoint":"`)) + len(`"checkpoint":"`)
				return append(b[:i:i], `"}`...)
			}
			return b
		}), "not complete"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := backup.Unpack(write(t, test.b), dir); err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("Unpack: %v, want %q", err, test.why)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left in the directory: %v", left)
			}
		})
	}
	if m, err := backup.Read(&whole, io.Discard); err != nil || m.MadeAt != start || m.LogKey != r.log.VerifierKey() {
		t.Errorf("the whole one: %+v, %v", m, err)
	}
}

func TestARestoreNeverLosesAnEntrySilently(t *testing.T) {
	r := run(t)
	r.deeds(t, 0, 10)
	file := r.file(t)
	newest := r.deeds(t, 10, 7)
	dir := t.TempDir()
	u, err := backup.Unpack(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	v, err := u.Verify(t.Context(), r.log.VerifierKey(), newest)
	if err != nil || v.Size != 10 || v.Lost != 7 || v.Newest != newest {
		t.Fatalf("Verify: %+v, %v", v, err)
	}
	// Placed all the same: the log does not go on with it.
	if err := u.Place(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "mohr.db")
	s, err := store.OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.New(ledger.Config{Store: s, Signer: r.log.Signer, Origin: "mohr.test/log", Witness: r.witness}); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("a log that lacks entries was opened: %v", err)
	}
	s.Close()
}

func TestALossThatIsStatedIsInTheLog(t *testing.T) {
	r := run(t)
	r.deeds(t, 0, 10)
	file := r.file(t)
	newest := r.deeds(t, 10, 7)
	dir := t.TempDir()
	u, err := backup.Unpack(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	origin, err := u.Forget(t.Context(), newest, start)
	if err != nil || origin != "mohr.test/log/2" {
		t.Fatalf("Forget: %q, %v", origin, err)
	}
	if err := u.Place(); err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenBolt(filepath.Join(dir, "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, err := ledger.New(ledger.Config{Store: s, Signer: r.log.Signer, Origin: "mohr.test/log", Witness: r.witness})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c, err := l.Checkpoint(t.Context()); err != nil || c.Size != 11 {
		t.Errorf("the log goes on with %d entries, %v; want the ten and one that says what was lost", c.Size, err)
	}
}

func TestARestoreOfAnotherHistoryIsRefused(t *testing.T) {
	r := run(t)
	r.deeds(t, 0, 5)
	old := r.file(t)
	c := r.deeds(t, 5, 5)
	dir := t.TempDir()
	u, err := backup.Unpack(old, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := u.Place(); err != nil {
		t.Fatal(err)
	}
	s, err := store.OpenBolt(filepath.Join(dir, "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fork := &running{Store: s}
	if fork.log, err = ledger.New(ledger.Config{Store: s, Signer: r.log.Signer, Origin: "mohr.test/log"}); err != nil {
		t.Fatal(err)
	}
	fork.deeds(t, 100, 20)
	if u, err = backup.Unpack(fork.file(t), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if _, err := u.Verify(t.Context(), r.log.VerifierKey(), c); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("Verify: %v, want damaged", err)
	}
	if _, err := u.Verify(t.Context(), run(t).log.VerifierKey()); err == nil {
		t.Error("a backup of a log under another key was taken")
	}
}

func TestAStoreThatIsThereIsNeverTouched(t *testing.T) {
	r := run(t)
	r.deeds(t, 0, 1)
	file, dir := r.file(t), t.TempDir()
	u, err := backup.Unpack(file, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	if err := os.WriteFile(filepath.Join(dir, "mohr.db"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := u.Place(); err == nil {
		t.Error("a store that came in between was replaced")
	}
	if _, err := backup.Unpack(file, dir); err == nil || !strings.Contains(err.Error(), "move it away") {
		t.Errorf("Unpack: %v", err)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "mohr.db")); string(b) != "mine" {
		t.Errorf("the store is %q now", b)
	}
}

func FuzzRead(f *testing.F) {
	r := run(f)
	r.deeds(f, 0, 1)
	b, err := os.ReadFile(r.file(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[len(b)-4096:])
	f.Add(b[:2048])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		if m, err := backup.Read(bytes.NewReader(b), &out); err == nil && m.Size != int64(out.Len()) {
			t.Errorf("the manifest says %d octets, %d came", m.Size, out.Len())
		}
	})
}
