// Package otp sends one-time codes and redeems each once.
//
// A code is six decimal digits, good for ten minutes, five tries and one
// purpose (NIST SP 800-63A; ETSI TS 119 461 BIN-8.4.2-05C). Only a MAC of it
// is kept. How many codes one phone gets over all sessions is for the caller
// to limit.
package otp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
)

// Texts are the message that carries a code, and the faults of this package.
//
//go:embed texts.yaml
var Texts []byte

// Bounds of a code and of a session's codes.
const (
	length      = 6
	life        = 10 * time.Minute
	maxTries    = 5 // of one code
	maxSends    = 3 // within sendWindow
	sendWindow  = 15 * time.Minute
	maxFailures = 20             // of one session and purpose, over all its codes
	keepFor     = 24 * time.Hour // after the last code's end; then Prune takes the record
	bucket      = "otp_codes"
)

// Binding is what a code is good for. A code of one binding is worthless
// under any other.
type Binding struct {
	Session    string // application or login it belongs to
	Purpose    string // "enroll"
	SPKISHA256 string // hex, of the key that is enrolled with it; "" if none is named
}

// Config is what Codes needs. New says what is missing.
type Config struct {
	Store store.Store
	Key   []byte                                           // MAC key that all nodes share, 32 bytes
	Send  func(ctx context.Context, to, text string) error // carries the text to a phone
	Now   func() time.Time                                 // nil: time.Now
}

// Codes sends and redeems codes. It is safe for concurrent use.
type Codes struct {
	Config
	texts *i18n.Catalog
}

// New returns Codes, or what is wrong with c.
func New(c Config) (*Codes, error) {
	if c.Store == nil || len(c.Key) != 32 || c.Send == nil {
		return nil, errors.New("otp: no store, no key of 32 bytes or no way to send")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	texts, err := i18n.Parse(Texts)
	if err != nil {
		return nil, fmt.Errorf("otp: %w", err)
	}
	return &Codes{Config: c, texts: texts}, nil
}

// record is what is kept of a session's codes for one purpose. Nothing in it
// tells the code, the phone or the session.
type record struct {
	MAC      []byte      `json:"mac"` // of the newest code; nil once it is used
	Expires  time.Time   `json:"expires"`
	Tries    int         `json:"tries"`    // of the newest code
	Failures int         `json:"failures"` // wrong tries of all codes since one was right
	Sends    []time.Time `json:"sends"`    // within the window
}

// Send makes a fresh code and sends it to the number, in the language ("fa"
// or "en"). A code sent before is worthless from then on. More than three in
// a quarter of an hour are Limited (code_sends); after twenty wrong tries the
// session gets no more, Denied (code_exhausted). A network that is down is
// the error of Config.Send, and the sending counts: it may have arrived.
func (c *Codes) Send(ctx context.Context, b Binding, to, lang string) error {
	code, err := newCode()
	if err != nil {
		return err
	}
	key, mac, now := c.key(b), c.mac(b, code), c.now()
	err = c.Store.Update(ctx, func(tx store.Tx) error {
		r, err := load(tx, key)
		if err != nil {
			return err
		}
		if r.Failures >= maxFailures {
			return fault.New(fault.Denied, "code_exhausted", "too many wrong codes were given; begin anew")
		}
		var recent []time.Time
		for _, at := range r.Sends {
			if now.Sub(at) < sendWindow {
				recent = append(recent, at)
			}
		}
		if len(recent) >= maxSends {
			return fault.New(fault.Limited, "code_sends", "three codes were sent in a quarter of an hour; wait, then ask for another")
		}
		return store.Save(tx, bucket, key, record{MAC: mac, Expires: now.Add(life), Failures: r.Failures, Sends: append(recent, now)})
	})
	if err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	if err := c.Config.Send(ctx, to, c.texts.Text(lang, "code_message", code)); err != nil {
		return fmt.Errorf("send code: %w", err)
	}
	return nil
}

// newCode returns six digits, each code as likely as any other.
func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000)) // uniform: it rejects and draws again
	if err != nil {
		return "", fmt.Errorf("make code: %w", err)
	}
	return fmt.Sprintf("%0*d", length, n), nil
}

func (c *Codes) now() time.Time { return c.Now().UTC().Truncate(time.Second) }

// mac binds a code to all of its binding.
func (c *Codes) mac(b Binding, code string) []byte {
	return c.sum("mohr otp code", b.Session, b.Purpose, b.SPKISHA256, code)
}

// key names the record of the session's codes for the purpose. The key that
// is enrolled is not in it: another one does not open a second set of tries.
func (c *Codes) key(b Binding) string {
	return hex.EncodeToString(c.sum("mohr otp record", b.Session, b.Purpose))
}

func (c *Codes) sum(parts ...string) []byte {
	h := hmac.New(sha256.New, c.Key)
	for _, s := range parts {
		fmt.Fprintf(h, "%d:%s", len(s), s) // lengths keep the parts apart
	}
	return h.Sum(nil)
}

// load returns the record, an empty one if there is none.
func load(tx store.Tx, key string) (record, error) {
	r, err := store.Load[record](tx, bucket, key)
	if errors.Is(err, store.ErrNotFound) {
		return record{}, nil
	}
	return r, err
}
