package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"mohr/cmd/mohr/care"
	"mohr/internal/control"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// compaction is one run of mohr compact.
type compaction struct {
	data                string
	json                bool
	file, fresh, before string // the store, the new one, and the old one while both are there
	vkey                string
}

func compactCommand() *cobra.Command {
	var f compaction
	c := &cobra.Command{
		Use: "compact", Short: "Give the free space in the store's file back, on a stopped service",
		Long: `Copy what the store holds to a new file beside it (the disk needs room for both), recompute the copy's whole log, and
put the new file in place of the old one at once. The old one is mohr.db.before until the new one was opened in its
place. Nothing is deleted from what the store holds: that is mohr prune.`,
		Example: "  mohr compact --data mohr-data", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.OutOrStdout()) },
	}
	c.Flags().StringVar(&f.data, "data", "mohr-data", "data directory of the service")
	c.Flags().BoolVar(&f.json, "json", false, "print as JSON")
	return c
}

func (f *compaction) run(ctx context.Context, out io.Writer) error {
	f.file = filepath.Join(f.data, "mohr.db")
	f.fresh, f.before = f.file+".compact", f.file+".before"
	if _, err := control.Dial(ctx, f.data); err == nil {
		return errors.New("a service is running on this data directory: stop it first")
	} else if !errors.Is(err, control.ErrStopped) {
		return err
	}
	if _, err := os.Lstat(f.before); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s is there, from a compaction that was cut short: %s is whole; see that mohr doctor finds nothing, then remove the former", f.before, f.file), err)
	}
	old, err := os.Stat(f.file)
	if err != nil {
		return fmt.Errorf("no store in %s: %w", f.data, err)
	}
	if f.vkey, err = readVkey(filepath.Join(f.data, "log.vkey")); err != nil {
		return err
	}
	if err := os.Remove(f.fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a run that was cut short
		return err
	}
	defer os.Remove(f.fresh) // gone where all went well
	if err := store.CompactBolt(f.file, f.fresh); err != nil {
		return err
	}
	if err := f.swap(ctx, old); err != nil {
		return err
	}
	now, err := os.Stat(f.file)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(out).Encode(map[string]int64{"before": old.Size(), "after": now.Size()})
	}
	_, err = fmt.Fprintf(out, "%s before (%d octets), %s now (%d octets)\n", care.Octets(old.Size()), old.Size(), care.Octets(now.Size()), now.Size())
	return err
}

// openWait is longer than a service waits for a store that another process
// has: one that opened the old file before the swap has given up by then.
const openWait = 2500 * time.Millisecond

// swap puts the new file in place while nobody else can have the old one,
// which was as old says before it was copied.
func (f *compaction) swap(ctx context.Context, old fs.FileInfo) error {
	held, err := store.OpenBolt(f.file)
	if err != nil {
		return err
	}
	err = f.place(ctx, held, old)
	if err == nil {
		time.Sleep(openWait)
	}
	if err = errors.Join(err, held.Close()); err != nil {
		return err
	}
	s, err := store.OpenBolt(f.file) // makes the new names durable, too
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the new store does not open, the old one is back in its place: %w", err), os.Rename(f.before, f.file))
	}
	return os.Remove(f.before)
}

func (f *compaction) place(ctx context.Context, held store.Store, old fs.FileInfo) error {
	now, err := os.Stat(f.file)
	if err != nil {
		return err
	}
	if !os.SameFile(old, now) || !now.ModTime().Equal(old.ModTime()) {
		return errors.New("the store was written to meanwhile, nothing was changed: repeat when no service uses it")
	}
	if err := f.verify(ctx, held); err != nil {
		return err
	}
	if st, ok := old.Sys().(*syscall.Stat_t); ok { // its owner may be another than who compacts
		if err := errors.Join(os.Chown(f.fresh, int(st.Uid), int(st.Gid)), os.Chmod(f.fresh, old.Mode())); err != nil {
			return err
		}
	}
	// At any moment there is a whole store under the name.
	if err := os.Link(f.file, f.before); err != nil {
		return err
	}
	if err := os.Rename(f.fresh, f.file); err != nil {
		return errors.Join(err, os.Remove(f.before))
	}
	return nil
}

// verify recomputes the log in the new file and compares it with the old one's.
func (f *compaction) verify(ctx context.Context, held store.Store) error {
	want, err := ledger.Published(ctx, held, f.vkey)
	if err != nil {
		return err
	}
	s, err := store.OpenBolt(f.fresh)
	if err != nil {
		return err
	}
	got, err := ledger.VerifyStored(ctx, s, f.vkey)
	if err = errors.Join(err, s.Close()); err != nil {
		return fmt.Errorf("the copy does not hold, nothing was changed: %w", err)
	}
	if got.Checkpoint != want {
		return errors.New("the copy's log is not that of the store, nothing was changed")
	}
	return nil
}
