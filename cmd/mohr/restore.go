package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"mohr/internal/backup"
	"mohr/internal/ledger"
)

// restoreRun is one run of mohr restore.
type restoreRun struct {
	data, vkey        string
	witness           string
	checkpoints       []string
	yes, accept, json bool
}

func restoreCommand() *cobra.Command {
	var f restoreRun
	c := &cobra.Command{
		Use: "restore FILE", Short: "Bring a backup back, and prove that no entry of the log is lost",
		Long: `Unpack a backup beside its place, recompute its whole log, and compare it with the newest checkpoints that are known:
the witness file that a service writes at each checkpoint (witness/checkpoint in the data directory, or where its
configuration says: give it with --witness then), and those of --checkpoint.
Nothing is put in place without --yes, and a store that is there is never touched.

A backup that lacks entries which were signed for is refused. Where nothing newer is left, --accept-loss states the
loss: the log then goes on under a new name, since under the old one it would contradict what was signed, and its first
new entry says what was lost. Certificates issued after the backup are not on record then: they are never "good".
A service refuses to start on an older store by itself.`,
		Example: `  mohr restore mohr-2026-11-23.tar --data mohr-data
  mohr restore mohr-2026-11-23.tar --data mohr-data --checkpoint monitor/seen --yes`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if f.accept && !f.yes {
				return usageError{errors.New("--accept-loss goes with --yes")}
			}
			return f.run(c.Context(), args[0], c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&f.data, "data", "mohr-data", "data directory, with the keys and without a store")
	c.Flags().StringVar(&f.vkey, "log-key", "", "file with the log's verifier key; default log.vkey in the data directory")
	c.Flags().StringVar(&f.witness, "witness", "", "the service's witness file; default witness/checkpoint in the data directory")
	c.Flags().StringArrayVar(&f.checkpoints, "checkpoint", nil, "file with a checkpoint that is known to have been signed; may be repeated")
	c.Flags().BoolVar(&f.yes, "yes", false, "put the store in its place")
	c.Flags().BoolVar(&f.accept, "accept-loss", false, "state that the entries after the backup are lost for good")
	c.Flags().BoolVar(&f.json, "json", false, "print as JSON")
	return c
}

// restored is what a restore says of itself.
type restored struct {
	Entries int64     `json:"entries"`
	MadeAt  time.Time `json:"made_at"`
	Newest  int64     `json:"newest_known"`
	Lost    int64     `json:"lost"`
	Placed  bool      `json:"placed"`
	Origin  string    `json:"origin"` // the log's name from now on
}

func (f *restoreRun) run(ctx context.Context, file string, out io.Writer) (err error) {
	vkey, known, err := f.known()
	if err != nil {
		return err
	}
	u, err := backup.Unpack(file, f.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.Close()) }()
	v, err := u.Verify(ctx, vkey, known...)
	if err != nil {
		return err
	}
	r := restored{Entries: v.Size, MadeAt: u.Manifest.MadeAt, Newest: v.Newest.Size, Lost: v.Lost, Origin: v.Checkpoint.Origin}
	if v.Lost > 0 && !f.accept {
		if err := f.print(out, r); err != nil {
			return err
		}
		return fmt.Errorf("the backup lacks %d entries that were signed for: restore a newer one, or state the loss with --accept-loss", v.Lost)
	}
	if f.yes && v.Lost > 0 {
		if r.Origin, err = u.Forget(ctx, v.Newest, time.Now()); err != nil {
			return err
		}
		// By this very checkpoint the service knows which loss was stated.
		if err := errors.Join(os.MkdirAll(filepath.Dir(f.witness), 0o700), writeWhole(f.witness, []byte(v.Newest.Note))); err != nil {
			return err
		}
	}
	if f.yes {
		if err := u.Place(); err != nil {
			return err
		}
		r.Placed = true
	}
	return f.print(out, r)
}

// known reads the verifier key and the checkpoints that the backup must have.
func (f *restoreRun) known() (vkey string, known []ledger.Checkpoint, err error) {
	if f.vkey == "" {
		f.vkey = filepath.Join(f.data, "log.vkey")
	}
	if vkey, err = readVkey(f.vkey); err != nil {
		return "", nil, err
	}
	files := f.checkpoints
	given := f.witness != ""
	if !given {
		f.witness = filepath.Join(f.data, "witness", "checkpoint")
	}
	if _, err := os.Stat(f.witness); err == nil || given {
		files = append(files, f.witness)
	}
	for _, file := range files {
		c, err := readCheckpoint(file, vkey)
		if err != nil {
			return "", nil, err
		}
		known = append(known, c)
	}
	return vkey, known, nil
}

func (f *restoreRun) print(out io.Writer, r restored) error {
	if f.json {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "backup of %s: its log holds, %d entries\n", r.MadeAt.Format(time.RFC3339), r.Entries)
	switch {
	case r.Lost > 0:
		fmt.Fprintf(out, "known to have been signed: %d entries; %d are lost with this backup\n", r.Newest, r.Lost)
	default:
		fmt.Fprintln(out, "no entry that is known to have been signed is lost")
	}
	switch {
	case r.Placed && r.Lost > 0:
		fmt.Fprintf(out, "restored; the log goes on as %s: publish its new verifier key, which the next start writes to log.vkey\n", r.Origin)
	case r.Placed:
		fmt.Fprintln(out, "restored")
	default:
		fmt.Fprintln(out, "nothing was put in place; repeat with --yes")
	}
	return nil
}
