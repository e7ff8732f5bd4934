// Package nonce makes challenges that every node can check and one can use, once.
//
// A nonce is its time, random bytes and a MAC over both and its purpose.
// Nothing is stored when one is made; only its use is recorded, in the
// transaction of the deed it authorises.
package nonce

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Purpose binds a nonce to one kind of deed: "renew", "badge".
type Purpose string

const (
	timeSize   = 8
	randomSize = 16
	macSize    = 16
	keySize    = 32
	length     = 54 // of the base64url text of 40 octets
	bucket     = "nonce_used"
	// skew is how far in the future a nonce's time may lie: another node's clock.
	skew = 5 * time.Second
)

// Source makes and redeems nonces. It is safe for concurrent use; its fields
// must not change after the first use.
type Source struct {
	Key []byte           // MAC key that all nodes share, 32 bytes
	TTL time.Duration    // how long a nonce is good; zero means 10 minutes
	Now func() time.Time // nil means time.Now
}

func (s *Source) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

func (s *Source) ttl() time.Duration {
	if s.TTL == 0 {
		return 10 * time.Minute
	}
	return s.TTL
}

// New returns a fresh nonce, 54 characters of base64url.
func (s *Source) New(p Purpose) string {
	b := make([]byte, timeSize+randomSize, timeSize+randomSize+macSize)
	binary.BigEndian.PutUint64(b, uint64(s.now().Unix()))
	rand.Read(b[timeSize:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(append(b, s.mac(p, b)...))
}

func (s *Source) mac(p Purpose, b []byte) []byte {
	h := hmac.New(sha256.New, s.Key)
	h.Write([]byte("mohr nonce\x00" + string(p) + "\x00"))
	h.Write(b)
	return h.Sum(nil)[:macSize]
}

// used is the record of a use; expired ones may be pruned.
type used struct {
	Until time.Time `json:"until"`
}

// Check refuses, as Denied, a nonce that is not ours for purpose p or is out
// of its time. It does not use it up.
func (s *Source) Check(p Purpose, n string) error {
	_, err := s.check(p, n)
	return err
}

func (s *Source) check(p Purpose, n string) (until time.Time, err error) {
	if len(s.Key) != keySize {
		return until, errors.New("nonce: the key is not of 32 octets") // anyone could make nonces
	}
	// The length comes first: the decoder skips line breaks, and a nonce with
	// one inside would be good, and unused, once more.
	if len(n) != length {
		return until, errUnknown()
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(n)
	if err != nil || len(b) != timeSize+randomSize+macSize {
		return until, errUnknown()
	}
	head, mac := b[:timeSize+randomSize], b[timeSize+randomSize:]
	if !hmac.Equal(mac, s.mac(p, head)) {
		return until, errUnknown()
	}
	made := time.Unix(int64(binary.BigEndian.Uint64(head)), 0)
	until = made.Add(s.ttl())
	if now := s.now(); now.After(until) || now.Before(made.Add(-skew)) {
		return until, fault.New(fault.Denied, "nonce_expired", "this nonce is out of its time; ask for a new one")
	}
	return until, nil
}

func errUnknown() error {
	return fault.New(fault.Denied, "nonce_unknown", "this nonce was not given out by this service for this purpose; ask for a new one")
}

// Checked is a nonce that was good when Redeemable looked at it.
type Checked struct {
	nonce string
	until time.Time
}

// Redeemable checks n and returns what Use needs. The clock is read here,
// so that Use can run in a transaction.
func (s *Source) Redeemable(p Purpose, n string) (Checked, error) {
	until, err := s.check(p, n)
	return Checked{n, until}, err
}

// Use records the use inside tx; a nonce used before is Denied.
func (c Checked) Use(tx store.Tx) error {
	if c.nonce == "" {
		return errUnknown()
	}
	switch ok, err := store.Has(tx, bucket, c.nonce); {
	case err != nil:
		return err
	case ok:
		return fault.New(fault.Denied, "nonce_used", "this nonce was used before; ask for a new one")
	}
	return store.Save(tx, bucket, c.nonce, used{Until: c.until})
}
