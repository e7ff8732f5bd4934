package web

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"mohr/internal/store"
)

const (
	answerBucket = "web_answers"
	expiryBucket = "web_answers_expiry" // key: expiry time "/" name, so that pruning reads only what it deletes
	keepFor      = 24 * time.Hour
	lease        = time.Minute // after which another node's unfinished request counts as dead
	pruneBatch   = 500
)

// answers keeps what was answered under an Idempotency-Key. Names and digests
// are MACs and answers are sealed: a request's body may be nothing but a
// national code, and an answer may carry a token.
type answers struct {
	store   store.Store
	log     *slog.Logger
	now     func() time.Time
	shared  bool
	node    string // this process
	mac     []byte
	seal    cipher.AEAD
	running turns
}

// keptAnswer is a record of answerBucket. Sealed is empty while the request runs.
type keptAnswer struct {
	Digest []byte    `json:"digest"` // of the request's body
	Until  time.Time `json:"until"`
	Sealed []byte    `json:"sealed,omitempty"`
	Node   string    `json:"node,omitempty"`
	Lease  time.Time `json:"lease,omitzero"`
}

func newAnswers(c Config) (*answers, error) {
	derive := func(use string) ([]byte, error) { return hkdf.Key(sha256.New, c.Secret, nil, "mohr web "+use, 32) }
	mac, err := derive("answer names")
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	key, err := derive("answer seal")
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return &answers{store: c.Store, log: c.Log, now: c.Now, shared: c.Shared, node: rand.Text(),
		mac: mac, seal: aead, running: turns{held: map[string]chan struct{}{}}}, nil
}

func (a *answers) sum(parts ...[]byte) []byte {
	h := hmac.New(sha256.New, a.mac)
	for _, p := range parts {
		fmt.Fprintf(h, "%d:", len(p)) // so that no two lists of parts read the same
		h.Write(p)
	}
	return h.Sum(nil)
}

// name is the store's key for a request: the same client key of another
// caller, or for another address, is another name.
func (a *answers) name(r *http.Request, key string) string {
	q := of(r.Context())
	var peer []byte
	if q.peer != nil {
		peer = q.peer.Raw
	}
	return hex.EncodeToString(a.sum([]byte(r.Method), []byte(r.URL.RequestURI()), []byte(q.auth), peer, []byte(key)))
}

func (a *answers) digest(r *http.Request, body []byte) []byte {
	return a.sum([]byte(r.Header.Get("Content-Type")), body)
}

// claim returns the kept answer, or nil if the request is ours to run.
func (a *answers) claim(ctx context.Context, name string, digest []byte) (*answer, error) {
	now := a.now().UTC().Truncate(time.Second)
	var found *keptAnswer
	look := func(tx store.Tx) error {
		k, err := store.Load[keptAnswer](tx, answerBucket, name)
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && !k.Until.After(now):
			found = nil
			return nil
		case err != nil:
			return err
		}
		found = &k
		return nil
	}
	take := func(tx store.Tx) error {
		if err := look(tx); err != nil || found != nil && !a.dead(found, now) {
			return err
		}
		found = nil
		return a.put(tx, name, keptAnswer{Digest: digest, Until: now.Add(keepFor), Node: a.node, Lease: now.Add(lease)})
	}
	var err error
	if a.shared {
		err = a.store.Update(ctx, take)
	} else { // who holds the turn in this process is alone: nothing to write
		err = a.store.View(ctx, look)
	}
	if err != nil {
		return nil, fmt.Errorf("look up kept answer: %w", err)
	}
	return a.judge(found, name, digest)
}

// dead reports whether the run that left k unfinished is over: this process
// is not running it, or it would hold the turn; another node had its time.
func (a *answers) dead(k *keptAnswer, now time.Time) bool {
	return len(k.Sealed) == 0 && (k.Node == a.node || !k.Lease.After(now))
}

func (a *answers) judge(k *keptAnswer, name string, digest []byte) (*answer, error) {
	switch {
	case k == nil:
		return nil, nil
	case !hmac.Equal(k.Digest, digest):
		return nil, errMismatch()
	case len(k.Sealed) == 0 && a.shared:
		return nil, errInProgress()
	case len(k.Sealed) == 0: // left by a process that is gone
		return nil, nil
	}
	b, err := a.seal.Open(nil, nil, k.Sealed, []byte(name))
	if err != nil {
		return nil, fmt.Errorf("open kept answer: %w", err)
	}
	kept := &answer{replayed: true}
	if err := json.Unmarshal(b, kept); err != nil {
		return nil, fmt.Errorf("read kept answer: %w", err)
	}
	return kept, nil
}

// settle keeps a lasting answer and gives up the claim of any other.
func (a *answers) settle(ctx context.Context, name string, digest []byte, got *answer, lasting bool) error {
	if !lasting {
		if !a.shared {
			return nil
		}
		return a.store.Update(ctx, func(tx store.Tx) error { return release(tx, name) })
	}
	b, err := json.Marshal(got)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	k := keptAnswer{Digest: digest, Until: a.now().UTC().Truncate(time.Second).Add(keepFor),
		Sealed: a.seal.Seal(nil, nil, b, []byte(name))}
	return a.store.Update(ctx, func(tx store.Tx) error { return a.put(tx, name, k) })
}

// release deletes a claim with its entry in expiryBucket.
func release(tx store.Tx, name string) error {
	k, err := store.Load[keptAnswer](tx, answerBucket, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := tx.Delete(answerBucket, name); err != nil {
		return err
	}
	return tx.Delete(expiryBucket, expiryKey(k.Until)+name)
}

func (a *answers) put(tx store.Tx, name string, k keptAnswer) error {
	if err := store.Save(tx, answerBucket, name, k); err != nil {
		return err
	}
	return store.Save(tx, expiryBucket, expiryKey(k.Until)+name, struct{}{})
}

// expiryKey orders as time does.
func expiryKey(t time.Time) string { return t.UTC().Format("20060102T150405Z") + "/" }

// Prune deletes the answers kept for Idempotency-Keys whose 24 hours are
// over. It is safe to run at any time and on several nodes.
func (s *Server) Prune(ctx context.Context) error {
	for {
		n, err := s.answers.prune(ctx)
		if err != nil {
			return fmt.Errorf("prune kept answers: %w", err)
		}
		if n < pruneBatch {
			return nil
		}
	}
}

func (a *answers) prune(ctx context.Context) (n int, err error) {
	now := a.now().UTC().Truncate(time.Second)
	err = a.store.Update(ctx, func(tx store.Tx) error {
		var due []string
		err := tx.Scan(expiryBucket, "", "", func(key string, _ []byte) error {
			if key >= expiryKey(now) || len(due) == pruneBatch {
				return store.Stop
			}
			due = append(due, key)
			return nil
		})
		if err != nil {
			return err
		}
		n = len(due)
		for _, key := range due {
			if err := a.drop(tx, key, now); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// drop deletes one entry of expiryBucket and its answer, unless the name has
// been used anew since.
func (a *answers) drop(tx store.Tx, key string, now time.Time) error {
	name := key[len(expiryKey(now)):]
	k, err := store.Load[keptAnswer](tx, answerBucket, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && !k.Until.After(now) {
		if err := tx.Delete(answerBucket, name); err != nil {
			return err
		}
	}
	return tx.Delete(expiryBucket, key)
}
