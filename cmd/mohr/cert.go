package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mohr/ca"
	"mohr/hsm"
)

// operatorFlags say which service an operator speaks to, and as whom.
type operatorFlags struct {
	serverFlags
	cert, key string
	json      bool
}

func (f *operatorFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.server, "server", "https://localhost:8444", "base URL of the service's mutual TLS door")
	flags.StringVar(&f.root, "root", "mohr-data/root.pem", "certificate that the service's TLS certificate leads to")
	flags.StringVar(&f.cert, "cert", "mohr-data/operator.pem", "operator's certificate, with its issuer")
	flags.StringVar(&f.key, "key", "mohr-data/operator.key", "operator's key: a file or a key URI")
	flags.BoolVar(&f.json, "json", false, "print as JSON")
}

// dialOperator opens the operator's key and prepares a client that shows its
// certificate. Close the keyring when done.
func (f *operatorFlags) dialOperator(ctx context.Context) (*client, *hsm.Keyring, error) {
	b, err := os.ReadFile(f.cert)
	if err != nil {
		return nil, nil, fmt.Errorf("read the operator's certificate: %w; give it with --cert", err)
	}
	chain, err := parseChain(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", f.cert, err)
	}
	ring := hsm.Open(hsm.Config{})
	signer, err := ring.Signer(ctx, keyURI(f.key))
	if err != nil {
		ring.Close()
		return nil, nil, fmt.Errorf("open the operator's key: %w", err)
	}
	cert := &tls.Certificate{PrivateKey: signer, Leaf: chain[0]}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	c, err := f.dial(cert)
	if err != nil {
		ring.Close()
	}
	return c, ring, err
}

// statusOf says what became of a certificate.
func statusOf(r ca.Entry) string {
	switch {
	case r.Reason != "":
		return fmt.Sprintf("revoked (%s)", r.Reason)
	case r.State == ca.Issued && time.Now().After(r.NotAfter):
		return "expired"
	case r.State == ca.Issued:
		return "good"
	}
	return string(r.State)
}

func certCommand() *cobra.Command {
	return group("cert", "List, show and revoke certificates (operators)", certListCommand(), certShowCommand(), certRevokeCommand())
}

func certListCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "list", Short: "List the register of certificates", Example: "  mohr cert list\n  mohr cert list --json | jq .", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			rows, err := listCertificates(c.Context(), api)
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(rows)
			}
			return printCertificates(c.OutOrStdout(), rows)
		},
	}
	f.register(c.Flags())
	return c
}

// listCertificates reads the register page by page.
func listCertificates(ctx context.Context, api *client) ([]ca.Entry, error) {
	const page = 500
	rows, after := []ca.Entry{}, ""
	for {
		var out struct{ Certificates []ca.Entry }
		path := fmt.Sprintf("/api/v1/certificates?limit=%d&after=%s", page, url.QueryEscape(after))
		if err := api.call(ctx, request{method: http.MethodGet, path: path}, &out); err != nil {
			return nil, err
		}
		rows = append(rows, out.Certificates...)
		if len(out.Certificates) < page {
			return rows, nil
		}
		after = rows[len(rows)-1].Serial
	}
}

func printCertificates(w io.Writer, rows []ca.Entry) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "SERIAL\tPROFILE\tOF\tUNTIL\tSTATUS")
	for _, r := range rows {
		of := r.Business
		if of == "" {
			of = r.Holder + r.Service
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", r.Serial, r.Profile, of, r.NotAfter.Format(time.RFC3339), statusOf(r))
	}
	return t.Flush()
}

func certShowCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "show SERIAL", Short: "Show one certificate and what became of it", Example: "  mohr cert show 01ab23... | openssl x509 -noout -text", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			var row ca.Entry
			if err := api.call(c.Context(), request{method: http.MethodGet, path: "/api/v1/certificates/" + url.PathEscape(args[0])}, &row); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), row)
		},
	}
	f.register(c.Flags())
	return c
}

func (f *operatorFlags) show(w io.Writer, row ca.Entry) error {
	if f.json {
		return json.NewEncoder(w).Encode(row)
	}
	if err := printCertificates(w, []ca.Entry{row}); err != nil {
		return err
	}
	_, err := io.WriteString(w, row.PEM)
	return err
}

func certRevokeCommand() *cobra.Command {
	var f operatorFlags
	var reason string
	var yes bool
	c := &cobra.Command{
		Use: "revoke SERIAL", Short: "Revoke a certificate: this cannot be undone",
		Example: "  mohr cert revoke 01ab23... --reason keyCompromise         # shows what would be revoked\n  mohr cert revoke 01ab23... --reason keyCompromise --yes", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if _, ok := ca.Reason(reason).Code(); !ok {
				return usageError{fmt.Errorf("--reason %s is not one of those in --help", reason)}
			}
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			path := "/api/v1/certificates/" + url.PathEscape(args[0])
			var row ca.Entry
			if !yes {
				if err := api.call(c.Context(), request{method: http.MethodGet, path: path}, &row); err != nil {
					return err
				}
				if err := f.show(c.OutOrStdout(), row); err != nil {
					return err
				}
				return errors.New("nothing was revoked; repeat with --yes, revocation cannot be undone")
			}
			if err := api.call(c.Context(), request{method: http.MethodPost, path: path + "/revoke", in: map[string]string{"reason": reason}}, &row); err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), row)
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&reason, "reason", "unspecified", "unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, privilegeWithdrawn")
	c.Flags().BoolVar(&yes, "yes", false, "revoke, do not only show")
	return c
}
