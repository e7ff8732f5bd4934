package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mohr/internal/ledger"
)

// logFlags say which log, and which key it must be signed with.
type logFlags struct {
	serverFlags
	url  string
	vkey string
	json bool
}

func (f *logFlags) register(flags *pflag.FlagSet) {
	f.serverFlags.register(flags)
	flags.StringVar(&f.url, "url", "", "where the log is published; default SERVER/log")
	flags.StringVar(&f.vkey, "log-key", "mohr-data/log.vkey", "file with the log's verifier key")
	flags.StringVar(&f.vkey, "vkey", "mohr-data/log.vkey", "the same as --log-key")
	flags.MarkHidden("vkey")
	flags.BoolVar(&f.json, "json", false, "print as JSON")
}

// open returns the log as its public sees it. A log named by --url is reached
// with the machine's own trusted roots, unless --root was given.
func (f *logFlags) open(rootGiven bool) (ledger.Public, error) {
	key, err := readVkey(f.vkey)
	if err != nil {
		return ledger.Public{}, err
	}
	api := &client{base: strings.TrimSuffix(f.url, "/"), http: &http.Client{Timeout: time.Minute}}
	if f.url == "" || rootGiven {
		if api, err = f.dial(nil); err != nil {
			return ledger.Public{}, err
		}
		api.base = strings.TrimSuffix(f.url, "/")
		if f.url == "" {
			api.base = f.server + "/log"
		}
	}
	return ledger.Public{Key: key, Fetch: func(ctx context.Context, path string) ([]byte, error) {
		return api.fetch(ctx, request{method: http.MethodGet, path: "/" + path})
	}}, nil
}

// readVkey reads a verifier key from its file.
func readVkey(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the log's verifier key: %w; give it with --log-key", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// readCheckpoint reads and opens a checkpoint that was kept in a file.
func readCheckpoint(file, vkey string) (ledger.Checkpoint, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return ledger.Checkpoint{}, fmt.Errorf("read checkpoint: %w", err)
	}
	c, err := ledger.OpenCheckpoint(string(b), vkey)
	if err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func logCommand() *cobra.Command {
	return group("log", "Check the public log of deeds", logVerifyCommand(), logProveCommand())
}
