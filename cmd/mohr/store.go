package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"mohr/cmd/mohr/service"
	"mohr/internal/store"
)

func storeCommand() *cobra.Command {
	return group("store", "Move a service's records to another store", storeCopyCommand(), storeInspectCommand())
}

const placeHelp = "A store is a data directory, for the embedded store in it, or the URL of a PostgreSQL database."

func storeCopyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "copy FROM TO", Short: "Copy all records to an empty store and compare both",
		Long: placeHelp + ` The services that use them must be stopped. A copy
that was interrupted is continued by the same command; until it is whole and both sides have the same hash, no service
starts on the target. Keys, witness file and configuration are not records: they stay where they are.`,
		Example: `  mohr store copy mohr-data 'postgres://mohr@db.example/mohr?sslmode=verify-full'
  mohr store copy 'postgres://mohr@db.example/mohr?sslmode=verify-full' back`, Args: exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return copyStores(c.Context(), args[0], args[1], asJSON, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print counts and hashes as JSON")
	return c
}

func storeInspectCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "inspect STORE", Short: "Count the records of a store and print their hash",
		Long:    placeHelp + " Two stores with the same hash hold the same.",
		Example: "  mohr store inspect mohr-data", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			s, err := openPlace(c.Context(), args[0], false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			bar := progressOf(c.ErrOrStderr(), "records", progressbar.OptionShowIts())
			content, err := store.Inspect(c.Context(), s, func(n int64) { bar.Set64(n) })
			bar.Finish()
			if err != nil {
				return err
			}
			return printContent(c.OutOrStdout(), content, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print counts and hashes as JSON")
	return c
}

// openPlace opens the store in a data directory or at a URL.
func openPlace(ctx context.Context, place string, create bool) (store.Store, error) {
	if strings.Contains(place, "://") {
		return store.OpenPostgres(ctx, place)
	}
	return openEmbedded(place, create)
}

// openEmbedded opens the embedded store of a stopped service; create makes it
// and the directory where there is none.
func openEmbedded(dir string, create bool) (store.Store, error) {
	file := filepath.Join(dir, "mohr.db")
	if service.InDatabase(dir) {
		return nil, service.NoStore(dir)
	}
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	} else if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("%w: %w", service.NoStore(dir), err)
	}
	return store.OpenBolt(file)
}

func copyStores(ctx context.Context, from, to string, asJSON bool, out, progress io.Writer) (err error) {
	if same, err := samePlace(from, to); err != nil || same {
		return errors.Join(err, usageError{errors.New("FROM and TO are the same")})
	}
	source, err := openPlace(ctx, from, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	target, err := openPlace(ctx, to, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	bar := progressOf(progress, "copied and compared", progressbar.OptionShowIts())
	content, err := store.Copy(ctx, source, target, func(n int64) { bar.Set64(n) })
	bar.Finish()
	if err != nil {
		return err
	}
	return printContent(out, content, asJSON)
}

func samePlace(from, to string) (bool, error) {
	if strings.Contains(from, "://") || strings.Contains(to, "://") {
		return from == to, nil
	}
	a, err1 := filepath.Abs(from)
	b, err2 := filepath.Abs(to)
	return a == b, errors.Join(err1, err2)
}

func printContent(out io.Writer, c store.Content, asJSON bool) error {
	if asJSON {
		return printJSON(out, c)
	}
	_, err := fmt.Fprintf(out, "%d records in %d buckets, SHA-256 %s.\n", c.Records, len(c.Buckets), c.SHA256)
	return err
}
