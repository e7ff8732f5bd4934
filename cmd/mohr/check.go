package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca/consistency"
	"mohr/cmd/mohr/service"
	"mohr/internal/backup"
	"mohr/internal/control"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// checkRun is one run of mohr check.
type checkRun struct {
	operatorFlags
	data, backup, plain, vkey, ocsp string
	progress                        io.Writer
}

func checkCommand() *cobra.Command {
	var f checkRun
	c := &cobra.Command{
		Use: "check", Short: "Compare records, log, CRLs and live answers with each other",
		Long: `Every certificate has its entry in the log and every entry its certificate; what is revoked is on its CRL and revoked
in OCSP, and nothing else is; lines of renewals hold together; every CRL and answer is signed and fresh. One line for each
contradiction, and exit code 1.

With --data: a running service is copied as of one moment and its public addresses are asked; a stopped one's store is
read as it is. With --backup: the store in a backup. With --server: over the network, by an operator who may read the
register (auditor). What changes while a service is asked is told from a contradiction by a second look.`,
		Example: `  mohr check --data mohr-data
  mohr check --backup mohr-2026-11-23.tar --log-key log.vkey
  mohr check --server https://ca.example:8444 --http http://ca.example --cert auditor.pem --key auditor.key`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			f.progress = c.ErrOrStderr()
			return f.run(c)
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.data, "data", "mohr-data", "data directory of the service")
	c.Flags().StringVar(&f.backup, "backup", "", "check the store in this backup")
	c.Flags().StringVar(&f.plain, "http", "", "base URL of CRLs and OCSP; default the one in the service's certificates")
	c.Flags().StringVar(&f.vkey, "log-key", "", "file with the log's verifier key; default log.vkey in the data directory")
	c.Flags().StringVar(&f.ocsp, "ocsp", "1000", "how many certificates OCSP is asked for, or all")
	return c
}

func (f *checkRun) run(c *cobra.Command) error {
	if f.vkey == "" {
		f.vkey = filepath.Join(f.data, "log.vkey")
	}
	look := f.lookData
	switch {
	case f.backup != "" && c.Flags().Changed("server"):
		return usageError{errors.New("--backup and --server exclude each other")}
	case f.backup != "":
		look = f.lookBackup
	case c.Flags().Changed("server"):
		look = f.lookServer
	}
	r, err := look(c.Context())
	if err == nil && r.Live && !r.Holds() {
		var again looked
		again, err = look(c.Context())
		r.Report = again.Confirmed(r.Report)
	}
	if err != nil {
		return err
	}
	return f.print(c.OutOrStdout(), r)
}

// looked is a report, and whether a service was asked for it.
type looked struct {
	consistency.Report
	Live bool `json:"live"`
}

// lookBackup checks what is in a backup.
func (f *checkRun) lookBackup(ctx context.Context) (r looked, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(f.backup), ".mohr-check-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	return f.lookCopy(ctx, f.backup, dir, nil)
}

// lookData checks the store in the data directory; where a service runs on
// it, a copy that the service makes, and the service itself.
func (f *checkRun) lookData(ctx context.Context) (r looked, err error) {
	_, err = control.Dial(ctx, f.data)
	if errors.Is(err, control.ErrStopped) {
		s, _, err := openStopped(ctx, f.data)
		if err != nil {
			return r, err
		}
		r, err := f.lookStore(ctx, s, nil, time.Now())
		return r, errors.Join(err, s.Close())
	}
	if err != nil {
		return r, err
	}
	live, err := f.live()
	if err != nil {
		return r, err
	}
	if service.InDatabase(f.data) { // a database may be read while a service uses it
		s, _, err := openStopped(ctx, f.data)
		if err != nil {
			return r, err
		}
		r, err := f.lookStore(ctx, s, live, time.Now())
		return r, errors.Join(err, s.Close())
	}
	dir, err := os.MkdirTemp(f.data, ".check-") // where the store has room, its copy has
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "copy.tar")
	to, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return r, err
	}
	if err := errors.Join(copyStore(ctx, f.data, to), to.Close()); err != nil {
		return r, err
	}
	return f.lookCopy(ctx, file, filepath.Join(dir, "store"), live)
}

// lookCopy checks the store in a backup file.
func (f *checkRun) lookCopy(ctx context.Context, file, dir string, live *consistency.Live) (r looked, err error) {
	u, err := backup.Unpack(file, dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, u.Close()) }()
	err = u.With(func(s store.Store) error {
		r, err = f.lookStore(ctx, s, live, u.Manifest.MadeAt)
		return err
	})
	return r, err
}

func (f *checkRun) lookStore(ctx context.Context, s store.Store, live *consistency.Live, taken time.Time) (r looked, err error) {
	vkey, err := readVkey(f.vkey)
	if err != nil {
		return r, err
	}
	report, err := ledger.VerifyStored(ctx, s, vkey)
	if err != nil {
		return r, err
	}
	c, err := consistency.Stored(ctx, s, taken.UTC().Truncate(time.Second))
	if err != nil {
		return r, err
	}
	if c.Live = live; live != nil {
		live.At = report.Checkpoint
	}
	return f.look(ctx, c)
}

// lookServer checks a service over the network.
func (f *checkRun) lookServer(ctx context.Context) (r looked, err error) {
	api, ring, err := f.dialOperator(ctx)
	if err != nil {
		return r, err
	}
	defer ring.Close()
	if f.plain == "" {
		return r, usageError{errors.New("--server goes with --http, the base URL of CRLs and OCSP")}
	}
	live, err := f.liveAt(f.plain, f.server)
	if err != nil {
		return r, err
	}
	c, err := consistency.Remote(ctx, func(ctx context.Context, path string) ([]byte, error) {
		return api.fetch(ctx, request{method: http.MethodGet, path: "/api/v1" + path})
	}, live)
	if err != nil {
		return r, err
	}
	return f.look(ctx, c)
}

func (f *checkRun) look(ctx context.Context, c consistency.Check) (looked, error) {
	bar := progressOf(f.progress, "")
	c.Progress = func(step string, done int) {
		bar.Describe(step)
		bar.Set(done)
	}
	r, err := c.Run(ctx)
	bar.Finish()
	return looked{Report: r, Live: c.Live != nil}, err
}

func (f *checkRun) print(out io.Writer, r looked) error {
	if f.json {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return err
		}
	} else {
		for _, finding := range r.Findings {
			fmt.Fprintln(out, finding)
		}
		fmt.Fprintf(out, "%d certificates: %d issued, %d pending, %d void; %d revoked, %d suspended; %d entries of the log\n",
			r.Certificates, r.Issued, r.Pending, r.Void, r.Revoked, r.Suspended, r.Entries)
		if r.Live {
			fmt.Fprintf(out, "asked the service: %d CRLs, %d answers of OCSP\n", r.CRLs, r.OCSP)
		} else {
			fmt.Fprintln(out, "no service was asked: CRLs and OCSP were not looked at")
		}
	}
	if n := len(r.Findings) + r.More; n > 0 {
		return fmt.Errorf("%d contradictions", n)
	}
	if f.json {
		return nil
	}
	_, err := fmt.Fprintln(out, "no contradiction")
	return err
}

// sampleSize reads --ocsp.
func (f *checkRun) sampleSize() (int, error) {
	if f.ocsp == "all" {
		return 0, nil
	}
	n, err := strconv.Atoi(f.ocsp)
	if err != nil || n < 1 {
		return 0, usageError{fmt.Errorf("--ocsp %s: give a number, or all", f.ocsp)}
	}
	return n, nil
}

// live prepares to ask the service that runs on the data directory.
func (f *checkRun) live() (*consistency.Live, error) {
	b, err := os.ReadFile(filepath.Join(f.data, "addresses"))
	publish, portal, ok := strings.Cut(strings.TrimSpace(string(b)), " ")
	if err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("%s does not say where its service is", f.data), err)
	}
	if f.plain != "" {
		publish = f.plain
	}
	f.root = filepath.Join(f.data, "root.pem")
	return f.liveAt(publish, portal)
}
