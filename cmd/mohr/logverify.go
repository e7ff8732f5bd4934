package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"mohr/cmd/mohr/service"
	"mohr/internal/ledger"
)

// logVerify is one run of mohr log verify.
type logVerify struct {
	logFlags
	data, since, remember string
	earlier               []ledger.Checkpoint
	kinds                 map[string]int64
}

func logVerifyCommand() *cobra.Command {
	var f logVerify
	c := &cobra.Command{
		Use: "verify", Short: "Recompute the log's tree and compare it with what was signed",
		Long: `Fetch every entry and tile of a log, recompute its tree and compare it with the signed checkpoint. Nothing but the
verifier key is trusted. With an earlier checkpoint it is seen whether the log only grew since: a log that forgets or
rewrites an entry, or shows different people different entries, cannot pass with everybody's.`,
		Example: `  mohr log verify                      # from the public tiles of a service
  mohr log verify --url https://ca.example/log --log-key ca.vkey --remember last.checkpoint
  mohr log verify --data mohr-data     # from the store of a stopped service`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.data, "data", "", "check the store in this directory and not what is published")
	c.Flags().StringVar(&f.since, "since", "", "file with an earlier checkpoint that the log must extend")
	c.Flags().StringVar(&f.remember, "remember", "", "like --since where the file is there; a log that holds leaves its checkpoint in it")
	return c
}

func (f *logVerify) run(c *cobra.Command) error {
	if f.data != "" && (f.since != "" || f.remember != "" || f.url != "") {
		return usageError{errors.New("--data goes without --url, --since and --remember")}
	}
	report, err := f.verify(c)
	if err != nil {
		return err
	}
	if f.remember != "" {
		if err := writeWhole(f.remember, []byte(report.Checkpoint.Note)); err != nil {
			return err
		}
	}
	return f.print(c.OutOrStdout(), report)
}

func (f *logVerify) verify(c *cobra.Command) (ledger.Report, error) {
	if f.data != "" {
		return verifyStoredLog(c.Context(), f.data)
	}
	log, err := f.open(c.Flags().Changed("root"))
	if err != nil {
		return ledger.Report{}, err
	}
	if err := f.readEarlier(log.Key); err != nil {
		return ledger.Report{}, err
	}
	f.kinds = map[string]int64{}
	log.Earlier, log.Entry = f.earlier, f.count
	bar := progressOf(c.ErrOrStderr(), "entries", progressbar.OptionShowIts(), progressbar.OptionSetPredictTime(true))
	log.Progress = func(done, size int64) {
		bar.ChangeMax64(size)
		bar.Set64(done)
	}
	report, err := log.Verify(c.Context())
	bar.Finish()
	return report, err
}

// readEarlier reads the checkpoints of earlier runs; a --remember file that is
// not there yet is the first run's.
func (f *logVerify) readEarlier(vkey string) error {
	for _, file := range []string{f.since, f.remember} {
		if file == "" {
			continue
		}
		c, err := readCheckpoint(file, vkey)
		if file == f.remember && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		f.earlier = append(f.earlier, c)
	}
	return nil
}

// count refuses an entry that is no event of this log: there is no place for
// anything else in it, personal data least of all.
func (f *logVerify) count(index int64, leaf []byte) error {
	e, err := ledger.ParseEvent(leaf)
	if err != nil {
		return fmt.Errorf("entry %d: %w", index, err)
	}
	f.kinds[e.Kind]++
	return nil
}

func (f *logVerify) print(out io.Writer, r ledger.Report) error {
	extends := []int64{}
	for _, c := range f.earlier {
		extends = append(extends, c.Size)
	}
	if f.json {
		return json.NewEncoder(out).Encode(map[string]any{
			"origin": r.Checkpoint.Origin, "size": r.Size, "root": r.Root.String(), "checkpoint_size": r.Checkpoint.Size, "extends": extends, "kinds": f.kinds,
		})
	}
	fmt.Fprintf(out, "log holds: %s, %d entries, root %s, checkpoint over %d entries\n", r.Checkpoint.Origin, r.Size, r.Root, r.Checkpoint.Size)
	for _, size := range extends {
		fmt.Fprintf(out, "extends the checkpoint over %d entries\n", size)
	}
	if f.remember != "" && len(extends) == 0 {
		fmt.Fprintf(out, "nothing earlier to compare with; remembered in %s\n", f.remember)
	}
	for _, kind := range slices.Sorted(maps.Keys(f.kinds)) {
		fmt.Fprintf(out, "%8d %s\n", f.kinds[kind], kind)
	}
	return nil
}

func verifyStoredLog(ctx context.Context, data string) (ledger.Report, error) {
	g, err := service.OpenStopped(ctx, service.Config{Data: data})
	if err != nil {
		return ledger.Report{}, err
	}
	defer g.Close()
	return g.Ledger.VerifyStore(ctx)
}
