package ledger_test

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// grown returns a log over so many entries, and its store.
func grown(t testing.TB, entries int) (*ledger.Log, store.Store) {
	t.Helper()
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, entries)
	sequence(t, l)
	return l, s
}

// through returns the log as it looks through a proxy that puts something
// else in place of what it was asked for.
func through(t testing.TB, l *ledger.Log, change func(path string, b []byte) []byte) ledger.Public {
	t.Helper()
	to, err := url.Parse(strings.TrimSuffix(serve(t, l), "/log"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = func(r *http.Response) error {
		if r.StatusCode != http.StatusOK {
			return nil
		}
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		b = change(strings.TrimPrefix(r.Request.URL.Path, "/log/"), b)
		r.Header.Set("Content-Length", fmt.Sprint(len(b)))
		r.ContentLength, r.Body = int64(len(b)), io.NopCloser(strings.NewReader(string(b)))
		return nil
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Accept-Encoding", "identity")
		proxy.ServeHTTP(w, r)
	})
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return ledger.Public{Key: l.VerifierKey(), Fetch: func(ctx context.Context, path string) ([]byte, error) {
		_, b, err := download(ctx, s.URL+"/log/"+path)
		return b, err
	}}
}

// forged is a log under the same name and key whose entry 7 was another one.
func forged(t testing.TB, key *ledger.Log, entries int) *ledger.Log {
	t.Helper()
	s := openStore(t)
	l, err := ledger.New(ledger.Config{Store: s, Signer: key.Signer, Origin: key.Origin})
	if err != nil {
		t.Fatal(err)
	}
	appendEvents(t, s, 0, 7)
	sequence(t, l)
	appendEvents(t, s, 5000, 5001)
	sequence(t, l)
	appendEvents(t, s, 8, entries)
	sequence(t, l)
	return l
}

func TestALogThatLiesToAnOutsiderIsFound(t *testing.T) {
	l, s := grown(t, 600)
	early := sequence(t, l)
	appendEvents(t, s, 600, 900)
	now := sequence(t, l)
	other := forged(t, l, 900)
	otherPublic := public(t, other)
	keep := func(_ string, b []byte) []byte { return b }
	tests := []struct {
		name   string
		change func(path string, b []byte) []byte
		view   ledger.Public // in place of change
		since  []ledger.Checkpoint
		why    string // "" for a log that holds
	}{
		{name: "an honest log", change: keep, since: []ledger.Checkpoint{now, early, {}}},
		{name: "a rewritten entry, hashes left as they were", why: "differs from the entries", change: func(path string, b []byte) []byte {
			if path == "tile/entries/001" {
				b[40] ^= 1
			}
			return b
		}},
		{name: "a history of its own, whole and signed", view: otherPublic, since: nil},
		{name: "a history of its own, to one who remembers", view: otherPublic, since: []ledger.Checkpoint{early}, why: "two histories: its first 600 entries"},
		{name: "a history of its own at the same size", view: otherPublic, since: []ledger.Checkpoint{now}, why: "two histories: its first 900 entries"},
		{name: "a tree that shrank", since: []ledger.Checkpoint{now}, why: "shrunk: it had 900 entries, now it shows 600", change: func(path string, b []byte) []byte {
			if path == "checkpoint" {
				return []byte(early.Note)
			}
			return b
		}},
		{name: "another's checkpoint over these entries", why: "do not give the root", change: func(path string, b []byte) []byte {
			if path == "checkpoint" {
				c, _ := other.Checkpoint(context.Background())
				return []byte(c.Note)
			}
			return b
		}},
		{name: "two entries exchanged", why: "differs from the entries", change: func(path string, b []byte) []byte {
			if path == "tile/entries/000" {
				n := 2 + binary.BigEndian.Uint16(b)
				return slices.Concat(b[n:2*n], b[:n], b[2*n:])
			}
			return b
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := test.view
			if test.change != nil {
				p = through(t, l, test.change)
			}
			for _, c := range test.since {
				if c.Note == "" { // the empty tree, which every log extends
					c = sequence(t, openLog(t, openStore(t), newKey(t)))
				}
				p.Earlier = append(p.Earlier, c)
			}
			var entries, done int64
			p.Entry = func(int64, []byte) error { entries++; return nil }
			p.Progress = func(n, size int64) { done = n }
			r, err := p.Verify(t.Context())
			if test.why == "" {
				if err != nil || r.Size != 900 || entries != 900 || done != 900 {
					t.Fatalf("Verify: %+v, %d entries, %d done, %v", r, entries, done, err)
				}
				return
			}
			if !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), test.why) {
				t.Errorf("Verify: %v, want damaged with %q", err, test.why)
			}
		})
	}
}

func TestAnEntryThatTheReaderRefusesEndsTheVerification(t *testing.T) {
	l, _ := grown(t, 300)
	p, no := public(t, l), errors.New("no")
	p.Entry = func(i int64, _ []byte) error {
		if i == 299 {
			return no
		}
		return nil
	}
	if _, err := p.Verify(t.Context()); !errors.Is(err, no) {
		t.Errorf("Verify: %v", err)
	}
}

func TestAConsistencyProofIsFetchedAndChecked(t *testing.T) {
	l, s := grown(t, 300)
	older := sequence(t, l)
	appendEvents(t, s, 300, 777)
	newest := sequence(t, l)
	p := public(t, l)
	b, err := p.Fetch(t.Context(), "consistency/300")
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ledger.ParseConsistency(b)
	if err != nil || proof.Verify(l.VerifierKey(), older.Note) != nil {
		t.Fatalf("the proof does not hold: %v", err)
	}
	root, err := p.RootAt(t.Context(), newest, 300)
	if err != nil || root != older.Root || proof.VerifyRoot(l.VerifierKey(), root) != nil {
		t.Errorf("RootAt: %s, %v, want %s", root, err, older.Root)
	}
	root[0] ^= 1
	if err := proof.VerifyRoot(l.VerifierKey(), root); fault.Code(err) != "log_proof_fails" {
		t.Errorf("a proof for another root: %v", err)
	}
	if _, err := p.RootAt(t.Context(), newest, 778); fault.Code(err) != "log_size_unknown" {
		t.Errorf("RootAt a size that is not there: %v", err)
	}
	for _, bad := range []string{"{}", string(b) + " {}", strings.Replace(string(b), `"from"`, `"From"`, 1), strings.Replace(string(b), `{`, `{"size":1,`, 1), strings.Repeat(" ", 300<<10)} {
		if _, err := ledger.ParseConsistency([]byte(bad)); fault.Code(err) != "log_proof_malformed" {
			t.Errorf("%.40q: %v, want log_proof_malformed", bad, err)
		}
	}
	for _, size := range []string{"0", "778", "-1", "+300", "0300", "x"} {
		if _, err := p.Fetch(t.Context(), "consistency/"+size); err == nil {
			t.Errorf("a proof from the size %s", size)
		}
	}
}

func TestWhatIsServedHasTheHeadersOfTlogTiles(t *testing.T) {
	l, _ := grown(t, 300)
	url := serve(t, l)
	tests := []struct{ path, kind, cache, encoding string }{
		{"/checkpoint", "text/plain; charset=utf-8", "no-cache", ""},
		{"/tile/0/000", "application/octet-stream", "public, max-age=31536000, immutable", ""},
		{"/tile/0/001.p/44", "application/octet-stream", "public, max-age=31536000, immutable", ""},
		{"/tile/entries/000", "application/octet-stream", "public, max-age=31536000, immutable", "gzip"},
		{"/tile/entries/001.p/44", "application/octet-stream", "public, max-age=31536000, immutable", "gzip"},
	}
	for _, test := range tests {
		q, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url+test.path, nil)
		q.Header.Set("Accept-Encoding", "br, gzip") // by hand, so that the answer is seen as it was sent
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		h := r.Header
		if h.Get("Content-Type") != test.kind || h.Get("Cache-Control") != test.cache || h.Get("Content-Encoding") != test.encoding {
			t.Errorf("%s: %v", test.path, h)
		}
		if test.encoding == "" {
			continue
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		unzipped, err := io.ReadAll(z)
		_, plain, err2 := download(t.Context(), url+test.path)
		if err != nil || err2 != nil || string(unzipped) != string(plain) {
			t.Errorf("%s: %d octets zipped, %d plain, %v, %v", test.path, len(unzipped), len(plain), err, err2)
		}
	}
}

func TestCheckpointsBearAnEd25519SignatureThatOthersVerify(t *testing.T) {
	s := openStore(t)
	second := newEd25519(t)
	l, err := ledger.New(ledger.Config{Store: s, Signer: newKey(t), Second: second, Origin: "mohr.test/log"})
	if err != nil {
		t.Fatal(err)
	}
	appendEvents(t, s, 0, 3)
	c := sequence(t, l)
	v, err := note.NewVerifier(l.WitnessKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open([]byte(c.Note), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 1 || n.Sigs[0].Name != "mohr.test/log" {
		t.Fatalf("Open with the Ed25519 key alone: %+v, %v", n, err)
	}
	if got, err := ledger.OpenCheckpoint(c.Note, l.VerifierKey()); err != nil || got != c {
		t.Errorf("OpenCheckpoint: %+v, %v", got, err)
	}
	// A proof carries our own signature alone, and holds.
	p := prove(t, l, 1)
	if strings.Count(c.Note, "\n— ") != 2 || strings.Count(p.Checkpoint, "\n— ") != 1 || p.Verify(l.VerifierKey()) != nil {
		t.Errorf("the checkpoint of a proof is %q", p.Checkpoint)
	}
	appendEvents(t, s, 3, 9)
	sequence(t, l)
	if p, err := l.ProveConsistency(t.Context(), 3); err != nil || strings.Count(p.Checkpoint, "\n— ") != 1 || p.Verify(l.VerifierKey(), c.Note) != nil {
		t.Errorf("the consistency proof: %+v, %v", p, err)
	}
	if _, err := ledger.New(ledger.Config{Store: s, Signer: newKey(t), Second: newKey(t), Origin: "mohr.test/log"}); err == nil {
		t.Error("a second key that is not Ed25519 was taken")
	}
}

func TestLeavesHoldNothingButTheMembersOfAnEvent(t *testing.T) {
	l, _ := grown(t, 1)
	var members map[string]any
	if err := json.Unmarshal(prove(t, l, 0).Leaf, &members); err != nil {
		t.Fatal(err)
	}
	for member := range members {
		if !slices.Contains([]string{"kind", "subject", "at", "hash", "note"}, member) {
			t.Errorf("a leaf has the member %q", member)
		}
	}
}
