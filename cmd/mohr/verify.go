package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mohr/ca/receipt"
	"mohr/enroll/bundle"
)

// trustFlags say what an offline check trusts.
type trustFlags struct {
	root, vkey string
	json       bool
}

func (f *trustFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.root, "root", "mohr-data/root.pem", "root certificate of the service")
	flags.StringVar(&f.vkey, "log-key", "mohr-data/log.vkey", "file with the log's verifier key")
	flags.BoolVar(&f.json, "json", false, "print as JSON")
}

// open reads both.
func (f *trustFlags) open() (*x509.Certificate, string, error) {
	root, err := readCertificate(f.root)
	if err != nil {
		return nil, "", fmt.Errorf("%w; give the root with --root", err)
	}
	vkey, err := readVkey(f.vkey)
	return root, vkey, err
}

func readCertificate(file string) (*x509.Certificate, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	chain, err := parseChain(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return chain[0], nil
}

// print writes a report as JSON or by the lines of text.
func (f *trustFlags) print(out io.Writer, report any, format string, args ...any) error {
	if f.json {
		return json.NewEncoder(out).Encode(report)
	}
	_, err := fmt.Fprintf(out, format, args...)
	return err
}

func verifyBundleCommand() *cobra.Command {
	var f trustFlags
	var cert string
	c := &cobra.Command{
		Use: "verify-bundle FILE", Short: "Check an evidence bundle offline",
		Example: "  mohr verify-bundle bundle.json --root root.pem --log-key log.vkey --cert holder.pem", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			var t bundle.Trust
			var err error
			if t.Root, t.LogKey, err = f.open(); err != nil {
				return err
			}
			if cert != "" {
				if t.Certificate, err = readCertificate(cert); err != nil {
					return err
				}
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			r, err := bundle.Verify(b, t)
			if err != nil {
				return err
			}
			return f.print(c.OutOrStdout(), r, "bundle holds: certificate %s, %d pieces of evidence, policy %s\nsigned by %s\nstamped %s, entry %d of the log\n",
				r.Manifest.Serial, len(r.Manifest.Evidence), r.Manifest.Decision.Policy, r.SignedBy, r.StampedAt.Format(time.RFC3339), r.LogIndex)
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&cert, "cert", "", "certificate that the bundle must be about")
	return c
}

func receiptCommand() *cobra.Command {
	return group("receipt", "Check a receipt", receiptVerifyCommand())
}

func receiptVerifyCommand() *cobra.Command {
	var f trustFlags
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check a receipt offline",
		Example: "  mohr receipt verify receipt.json --root root.pem --log-key log.vkey", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			root, vkey, err := f.open()
			if err != nil {
				return err
			}
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			r, err := receipt.Verify(b, root, vkey, time.Now())
			if err != nil {
				return err
			}
			return f.print(c.OutOrStdout(), r, "receipt holds: %s of %s, given %s by %s; in the log: %t\n%s\n",
				r.Kind, r.Issuer, r.IssuedAt.Format(time.RFC3339), r.Signer, r.Logged, r.Claims)
		},
	}
	f.register(c.Flags())
	return c
}
