package timestamp

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"sync/atomic"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
)

// Config is what a Unit needs.
type Config struct {
	Key      ca.SigningKey // certificate of the time-stamping profile
	Policy   asn1.ObjectIdentifier
	Accuracy time.Duration // stated in tokens, whole milliseconds, at most a second; zero: a second
	// Clock says why the clock cannot be trusted to Accuracy at the moment;
	// nil if it can. Steady and Kernel make one.
	Clock func() error
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: discard
}

// Unit stamps digests. It is safe for concurrent use.
type Unit struct {
	Config
	key atomic.Pointer[unitKey]
}

// unitKey is a key that was looked at.
type unitKey struct {
	ca.SigningKey
	algorithm algorithm
	from, to  time.Time // when it may sign
}

// New returns a Unit, or all that is wrong with c.
func New(c Config) (*Unit, error) {
	if c.Accuracy == 0 {
		c.Accuracy = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("timestamp: %s", what))
		}
	}
	need(len(c.Policy) > 1, "no policy")
	need(c.Clock != nil, "nothing says whether the clock can be trusted")
	need(c.Accuracy > 0 && c.Accuracy <= time.Second && c.Accuracy%time.Millisecond == 0, "the accuracy is not of 1 to 1000 milliseconds")
	u := &Unit{Config: c}
	if err := u.Use(c.Key); err != nil {
		errs = append(errs, err)
	}
	return u, errors.Join(errs...)
}

// Use makes the unit sign with another key from now on, as when its
// certificate was renewed. A key whose tokens nobody would take is refused:
// the certificate is for time stamping, critically and alone (RFC 3161
// section 2.3).
func (u *Unit) Use(key ca.SigningKey) error {
	if key.Certificate == nil || key.Signer == nil {
		return errors.New("timestamp: no key")
	}
	public, ok := key.Signer.Public().(interface{ Equal(x crypto.PublicKey) bool })
	if !ok || !public.Equal(key.Certificate.PublicKey) {
		return errors.New("timestamp: the certificate is for another key")
	}
	if err := forStamping(key.Certificate); err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	a, err := algorithmOf(key.Certificate.PublicKey)
	if err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	k := &unitKey{SigningKey: key, algorithm: a}
	if k.from, k.to, err = usagePeriod(key.Certificate); err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	u.key.Store(k)
	return nil
}

// forStamping checks the extended key usage.
func forStamping(c *x509.Certificate) error {
	critical := false
	for _, e := range c.Extensions {
		critical = critical || e.Critical && e.Id.Equal(oidExtKeyUsage)
	}
	if !critical || len(c.ExtKeyUsage) != 1 || len(c.UnknownExtKeyUsage) != 0 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping {
		return errors.New("the certificate is not for time stamping, critically and alone")
	}
	return nil
}

// Stamp returns a TimeStampResp (DER) over a SHA-256 digest, with the unit's
// certificate inside, as a client with certReq would get it. It is
// Unavailable while the clock is not trusted or the key out of reach.
func (u *Unit) Stamp(ctx context.Context, sha256 []byte) ([]byte, error) {
	if len(sha256) != crypto.SHA256.Size() {
		return nil, fault.New(fault.Invalid, "timestamp_digest_length", "a SHA-256 digest has 32 octets; send the digest, not the data")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	token, failure, err := u.token(request{hash: crypto.SHA256, digest: sha256, certReq: true})
	if err == nil {
		return granted(token)
	}
	why := fault.New(fault.Unavailable, "timestamp_unavailable", "the time-stamping unit cannot sign at the moment; try again later")
	if failure == timeNotAvailable {
		why = fault.New(fault.Unavailable, "timestamp_clock_untrusted", "the time-stamping unit's clock is not trusted at the moment; try again later")
	}
	return nil, fmt.Errorf("stamp: %w: %w", err, why)
}

// Respond answers a TimeStampReq (DER) with a TimeStampResp (DER): a token, or
// the failure the standard has for it.
func (u *Unit) Respond(der []byte) []byte {
	q, failure := parseRequest(der)
	if failure == none && len(q.policy) > 0 && !q.policy.Equal(u.Policy) {
		failure = unacceptedPolicy
	}
	if failure == none && q.extensions {
		failure = unacceptedExtension
	}
	if failure != none {
		return rejected(failure)
	}
	token, failure, err := u.token(q)
	if err == nil {
		var response []byte
		if response, err = granted(token); err == nil {
			return response
		}
		failure = systemFailure
	}
	u.Log.Error("time stamp refused", "failure", failure.String(), "error", err)
	return rejected(failure)
}

// token signs a token at the current time. The failure goes with the error.
func (u *Unit) token(q request) ([]byte, failInfo, error) {
	if err := u.Clock(); err != nil {
		return nil, timeNotAvailable, fmt.Errorf("clock is not trusted: %w", err)
	}
	k := u.key.Load()
	// Not whole seconds as elsewhere: cutting them off would use up the accuracy.
	now := u.Now().UTC().Truncate(time.Millisecond)
	if now.Before(k.from) || !now.Before(k.to) {
		return nil, systemFailure, fmt.Errorf("key of certificate %x may not sign now, only from %s to %s", k.Certificate.SerialNumber, k.from, k.to)
	}
	info, err := tstInfo{
		policy: u.Policy, hash: q.hash, digest: q.digest, serial: newSerial(), at: now, accuracy: u.Accuracy, nonce: q.nonce,
	}.der()
	if err != nil {
		return nil, systemFailure, fmt.Errorf("build token: %w", err)
	}
	token, err := k.sign(info, q.certReq)
	if err != nil {
		return nil, systemFailure, fmt.Errorf("sign token: %w", err)
	}
	return token, none, nil
}

// newSerial returns 127 random bits: no two tokens of this unit, on whatever
// node, get the same (RFC 3161 section 2.4.2).
func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}
