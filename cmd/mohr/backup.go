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
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"mohr/cmd/mohr/service"
	"mohr/internal/backup"
	"mohr/internal/control"
	"mohr/internal/store"
)

// backupRun is one run of mohr backup.
type backupRun struct {
	data, out string
	json      bool
}

func backupCommand() *cobra.Command {
	var f backupRun
	c := &cobra.Command{
		Use: "backup", Short: "Copy the store, while the service runs or when it is stopped",
		Long: `Copy the store as of one moment into a file, with a manifest that has its hash and the log's checkpoint. A running
service makes the copy itself and goes on serving; who may read its data directory may ask it to.
Keys and the service secret are not in the file: keep them apart. What is personal in records is sealed under that
secret, but names in certificates are not: keep the file as you keep the data.`,
		Example: "  mohr backup --data mohr-data --out mohr-2026-11-23.tar", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.out == "" {
				return usageError{errors.New("--out is missing")}
			}
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&f.data, "data", "mohr-data", "data directory of the service")
	c.Flags().StringVar(&f.out, "out", "", "file for the backup; it must not be there yet")
	c.Flags().BoolVar(&f.json, "json", false, "print as JSON")
	return c
}

func (f *backupRun) run(ctx context.Context, out, progress io.Writer) error {
	if service.InDatabase(f.data) {
		return fmt.Errorf("the records of %s are in a database; back them up with pg_dump, and the directory beside them", f.data)
	}
	if _, err := os.Lstat(f.out); err == nil {
		return fmt.Errorf("%s is there already; nothing was written", f.out)
	}
	partial := f.out + ".partial"
	to, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(partial) // gone where all went well
	bar := progressOf(progress, "backup", progressbar.OptionShowBytes(true))
	err = copyStore(ctx, f.data, io.MultiWriter(to, bar))
	bar.Finish()
	if err = errors.Join(err, to.Sync()); err != nil {
		return errors.Join(err, to.Close())
	}
	m, err := readBack(to)
	if err != nil {
		return err
	}
	if err := os.Rename(partial, f.out); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(out).Encode(m)
	}
	_, err = fmt.Fprintf(out, "Backup in %s: %d octets, SHA-256 of the store %s.\n", f.out, m.Size, m.SHA256)
	return err
}

// readBack reads what was written, as a restore would.
func readBack(f *os.File) (backup.Manifest, error) {
	_, err := f.Seek(0, io.SeekStart)
	if err != nil {
		return backup.Manifest{}, errors.Join(err, f.Close())
	}
	m, err := backup.Read(f, io.Discard)
	return m, errors.Join(err, f.Close())
}

// copyStore writes a backup of the store in the data directory: by the
// service that runs there, or out of the file.
func copyStore(ctx context.Context, data string, w io.Writer) error {
	c, err := control.Dial(ctx, data)
	if errors.Is(err, control.ErrStopped) {
		return copyStopped(ctx, data, w)
	}
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://mohr/backup", nil)
	if err != nil {
		return err
	}
	res, err := c.Do(q)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 1000)) // only for the message
		return fmt.Errorf("the service made no backup: %s: %s", res.Status, strings.TrimSpace(string(why)))
	}
	if _, err := io.Copy(w, res.Body); err != nil {
		return fmt.Errorf("the backup ended early, the service's log says why: %w", err)
	}
	return nil
}

func copyStopped(ctx context.Context, data string, w io.Writer) error {
	s, vkey, err := openStopped(ctx, data)
	if err != nil {
		return err
	}
	_, err = backup.Source{Store: s, LogKey: vkey}.Write(ctx, w)
	return errors.Join(err, s.Close())
}

// openStopped opens the store of a stopped service, without its keys, and
// reads the log's verifier key beside it.
func openStopped(ctx context.Context, data string) (store.Store, string, error) {
	s, err := service.OpenStore(ctx, data, "", false)
	if err != nil {
		return nil, "", err
	}
	vkey, err := readVkey(filepath.Join(data, "log.vkey"))
	if err != nil {
		return nil, "", errors.Join(err, s.Close())
	}
	return s, vkey, nil
}
