package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"mohr/cmd/mohr/service"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mohr/internal/ledger"
)

// logFlags say which log, and which key it must be signed with.
type logFlags struct {
	serverFlags
	vkey string
	json bool
}

func (f *logFlags) register(flags *pflag.FlagSet) {
	f.serverFlags.register(flags)
	flags.StringVar(&f.vkey, "log-key", "mohr-data/log.vkey", "file with the log's verifier key")
	flags.BoolVar(&f.json, "json", false, "print as JSON")
}

// readVkey reads a verifier key from its file.
func readVkey(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the log's verifier key: %w; give it with --log-key", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func logCommand() *cobra.Command {
	return group("log", "Check the public log of deeds", logVerifyCommand(), logProveCommand())
}

func logVerifyCommand() *cobra.Command {
	var f logFlags
	var data string
	c := &cobra.Command{
		Use: "verify", Short: "Recompute the log's tree and compare it with what was signed",
		Example: "  mohr log verify                      # from the public tiles of a service\n  mohr log verify --data mohr-data     # from the store of a stopped service", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			report, err := f.verify(c.Context(), data)
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]any{"size": report.Size, "root": report.Root.String(), "checkpoint_size": report.Checkpoint.Size})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "log holds: %d entries, root %s, checkpoint over %d entries\n", report.Size, report.Root, report.Checkpoint.Size)
			return err
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&data, "data", "", "check the store in this directory and not a service's tiles")
	return c
}

func (f *logFlags) verify(ctx context.Context, data string) (ledger.Report, error) {
	if data != "" {
		return verifyStoredLog(ctx, data)
	}
	vkey, err := readVkey(f.vkey)
	if err != nil {
		return ledger.Report{}, err
	}
	api, err := f.dial(nil)
	if err != nil {
		return ledger.Report{}, err
	}
	return ledger.VerifyTiles(ctx, func(path string) ([]byte, error) {
		return api.fetch(ctx, request{method: http.MethodGet, path: "/log/" + path})
	}, vkey)
}

func verifyStoredLog(ctx context.Context, data string) (ledger.Report, error) {
	g, err := service.OpenStopped(ctx, service.Config{Data: data})
	if err != nil {
		return ledger.Report{}, err
	}
	defer g.Close()
	return g.Ledger.VerifyStore(ctx)
}

func logProveCommand() *cobra.Command {
	var f logFlags
	c := &cobra.Command{
		Use: "prove ID", Short: "Fetch and check the proof that an entry is in the log",
		Example: "  mohr log prove 5f1c...   # the hex SHA-256 of the entry, as receipts name it", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			vkey, err := readVkey(f.vkey)
			if err != nil {
				return err
			}
			api, err := f.dial(nil)
			if err != nil {
				return err
			}
			b, err := api.fetch(c.Context(), request{method: http.MethodGet, path: "/log/proof/" + url.PathEscape(args[0])})
			if err != nil {
				return err
			}
			proof, err := ledger.ParseProof(b)
			if err != nil {
				return err
			}
			if err := proof.Verify(vkey); err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(proof)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "entry %d of %d is in the log: %s\n", proof.Index, proof.Size, proof.Leaf)
			return err
		},
	}
	f.register(c.Flags())
	return c
}
