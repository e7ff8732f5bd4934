package ledger

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// ErrDamaged is in every error that means the store and the log disagree: a
// leaf, a hash or a checkpoint is missing or is not what it was. Nothing
// mends it but a restore; it is an alarm.
var ErrDamaged = errors.New("ledger: damaged")

// Config is what a Log needs.
type Config struct {
	Store  store.Store
	Signer crypto.Signer // ECDSA P-256: signs checkpoints and nothing else
	Origin string        // names the log: "ca.example/log"; no white space, no plus
	// Second adds an Ed25519 signature, which C2SP tlog-tiles wants on a
	// public log and its witnesses check; nil: none. Nothing here relies on it.
	Second crypto.Signer
	// Witness is a file outside the store for the newest checkpoint: a store
	// that lacks entries which were signed for is found by it, and nothing is
	// signed. "": none is kept.
	Witness string
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: discard
}

// Log integrates leaves and answers for them. It is safe for concurrent use,
// and several may work on one store.
type Log struct {
	Config
	signer *noteSigner
	second *ed25519Signer // nil: none
	forked string         // checkpoint that Continue gave up; "": none
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("ledger: no store"))
	}
	if err := checkName(c.Origin); err != nil {
		errs = append(errs, fmt.Errorf("ledger: origin: %w", err))
	}
	if c.Signer == nil {
		errs = append(errs, errors.New("ledger: no checkpoint key"))
	} else if k, ok := c.Signer.Public().(*ecdsa.PublicKey); !ok || k.Curve != elliptic.P256() {
		errs = append(errs, fmt.Errorf("ledger: the checkpoint key is a %T, not ECDSA on P-256", c.Signer.Public()))
	}
	if c.Second != nil {
		if _, ok := c.Second.Public().(ed25519.PublicKey); !ok {
			errs = append(errs, fmt.Errorf("ledger: the second checkpoint key is a %T, not Ed25519", c.Second.Public()))
		}
	}
	return errors.Join(errs...)
}

// New returns a Log, or all that is wrong with c. It is ErrDamaged for a store
// that lacks entries which the witness file says were signed for. A log that
// was continued (Continue) goes by its later name.
func New(c Config) (*Log, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	l := &Log{Config: c}
	if err := l.open(context.Background()); err != nil {
		return nil, err
	}
	return l, nil
}

// open takes the log's name, which its store may know better, makes the
// signers and compares the store with the witness file.
func (l *Log) open(ctx context.Context) (err error) {
	err = l.Store.View(ctx, func(tx store.Tx) error {
		name, err := loadName(tx)
		if err == nil && name.Number > 0 {
			l.Origin, l.forked = name.origin(), name.Lost
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	if l.signer, err = newNoteSigner(l.Origin, l.Signer); err != nil {
		return err
	}
	if l.Second != nil {
		if l.second, err = newEd25519Signer(l.Origin, l.Second); err != nil {
			return err
		}
	}
	return l.compareWitness(ctx)
}

// VerifierKey returns the key that proofs and checkpoints are verified with,
// as a C2SP signed-note verifier key.
func (l *Log) VerifierKey() string { return l.signer.vkey() }

// WitnessKey returns the verifier key of the second signature; "" if there is none.
func (l *Log) WitnessKey() string {
	if l.second == nil {
		return ""
	}
	return l.second.vkey
}

// Checkpoint returns the newest signed checkpoint; Unavailable before the
// sequencer has run for the first time.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) {
	var c Checkpoint
	err := l.Store.View(ctx, func(tx store.Tx) error {
		r, err := l.published(tx)
		c = r.checkpoint(l.Origin)
		return err
	})
	return c, err
}

// WaitingSince returns the time of the oldest deed that has no index yet; the
// zero time if none waits. One that waits for more than a few seconds is an
// alarm: nothing sequences.
func (l *Log) WaitingSince(ctx context.Context) (time.Time, error) {
	var since time.Time
	err := l.Store.View(ctx, func(tx store.Tx) error {
		return tx.Scan(pendingBucket, "", "", func(key string, _ []byte) error {
			at, _, _ := strings.Cut(key, "-")
			seconds, err := strconv.ParseUint(at, 16, 64)
			if err != nil {
				return fmt.Errorf("%w: pending leaf %s: %v", ErrDamaged, key, err)
			}
			since = time.Unix(int64(seconds), 0).UTC()
			return store.Stop
		})
	})
	return since, err
}

// published returns the newest checkpoint's record or Unavailable.
func (l *Log) published(tx store.Tx) (checkpointRecord, error) {
	r, ok, err := loadCheckpoint(tx)
	if err == nil && !ok {
		err = errNoCheckpoint()
	}
	return r, err
}

func errNoCheckpoint() error {
	return fault.New(fault.Unavailable, "log_checkpoint_missing", "the log has no checkpoint yet; try again in a few seconds")
}

func (r checkpointRecord) checkpoint(origin string) Checkpoint {
	return Checkpoint{Origin: origin, Size: r.Size, Root: r.Root, Note: r.Note}
}
