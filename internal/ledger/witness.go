package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/store"
)

// compareWitness is ErrDamaged where the witness file has a checkpoint that
// the stored tree does not extend: the store is an older one, brought back,
// and going on with it would show two histories under one name.
func (l *Log) compareWitness(ctx context.Context) error {
	if l.Witness == "" {
		return nil
	}
	signed, err := readWitness(l.Witness)
	if err != nil || signed == "" || signed == l.forked {
		return err
	}
	c, err := OpenCheckpoint(signed, l.VerifierKey())
	if err != nil {
		return fmt.Errorf("%w: the witness file %s is not of this log; if it is of another one, move it away: %w", ErrDamaged, l.Witness, err)
	}
	if err := Extends(ctx, l.Store, c); err != nil {
		return fmt.Errorf("witness file %s: %w", l.Witness, err)
	}
	return nil
}

// Extends is ErrDamaged where the stored tree does not begin with the tree of
// the checkpoint, whose signature the caller has verified. It relies on the
// stored tiles; VerifyStored checks those.
func Extends(ctx context.Context, s store.Store, c Checkpoint) error {
	return s.View(ctx, func(tx store.Tx) error {
		head, err := loadTree(tx)
		if err != nil {
			return err
		}
		if head.Size < c.Size {
			return fmt.Errorf("%w: the store has %d entries, and a checkpoint over %d was signed; restore a newer backup, or state the loss with mohr restore --accept-loss",
				ErrDamaged, head.Size, c.Size)
		}
		root, err := tlog.TreeHash(c.Size, newTileReader(tx))
		if err != nil {
			return fmt.Errorf("hash tree of size %d: %w", c.Size, err)
		}
		if root != c.Root {
			return fmt.Errorf("%w: the first %d entries of the store are not those that were signed for", ErrDamaged, c.Size)
		}
		return nil
	})
}

// readWitness returns what the file has; "" if there is no file.
func readWitness(file string) (string, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read witness file: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxCheckpoint+1))
	if err != nil {
		return "", fmt.Errorf("read witness file: %w", err)
	}
	return string(b), nil
}

// writeWitness puts a checkpoint in place of the last one: a crash leaves the
// one or the other, whole.
func (l *Log) writeWitness(signed string) error {
	if l.Witness == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(l.Witness), filepath.Base(l.Witness)+".*")
	if err != nil {
		return fmt.Errorf("write witness file: %w", err)
	}
	_, err = f.WriteString(signed)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), l.Witness)
	}
	if err != nil {
		return fmt.Errorf("write witness file: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
