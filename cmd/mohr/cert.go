package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mohr/ca"
	mohr "mohr/cmd/mohr/client"
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

// withOperator runs fn with the API and the operator's key.
func (f *operatorFlags) withOperator(fn func(c *cobra.Command, api *client, key ca.SigningKey, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		api, key, ring, err := f.openOperator(c.Context())
		if err != nil {
			return err
		}
		defer ring.Close()
		return fn(c, api, key, args)
	}
}

// dialOperator opens the operator's key and prepares a client that shows its
// certificate. Close the keyring when done.
func (f *operatorFlags) dialOperator(ctx context.Context) (*client, *hsm.Keyring, error) {
	c, _, ring, err := f.openOperator(ctx)
	return c, ring, err
}

// openOperator is dialOperator for who also signs with the operator's key.
func (f *operatorFlags) openOperator(ctx context.Context) (*client, ca.SigningKey, *hsm.Keyring, error) {
	b, err := os.ReadFile(f.cert)
	if err != nil {
		return nil, ca.SigningKey{}, nil, fmt.Errorf("read the operator's certificate: %w; give it with --cert", err)
	}
	chain, err := parseChain(b)
	if err != nil {
		return nil, ca.SigningKey{}, nil, fmt.Errorf("%s: %w", f.cert, err)
	}
	ring := hsm.Open(hsm.Config{})
	signer, err := ring.Signer(ctx, mohr.KeyURI(f.key))
	if err != nil {
		ring.Close()
		return nil, ca.SigningKey{}, nil, fmt.Errorf("open the operator's key: %w", err)
	}
	cert := &tls.Certificate{PrivateKey: signer, Leaf: chain[0]}
	for _, c := range chain {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	c, err := f.dial(cert)
	if err != nil {
		ring.Close()
	}
	return c, ca.SigningKey{Certificate: chain[0], Chain: chain[1:], Signer: signer}, ring, err
}

// statusOf says what became of a certificate.
func statusOf(r ca.Entry) string {
	switch {
	case r.Reason == ca.CertificateHold:
		return "suspended"
	case r.Reason != "":
		return fmt.Sprintf("revoked (%s)", r.Reason)
	case r.State == ca.Issued && time.Now().After(r.NotAfter):
		return "expired"
	case r.State == ca.Issued && r.RenewNow != "":
		return "good, renew now"
	case r.State == ca.Issued:
		return "good"
	}
	return string(r.State)
}

func certCommand() *cobra.Command {
	return group("cert", "List, show, revoke and suspend certificates (operators)",
		certListCommand(), certShowCommand(), certFindCommand(), certRevokeCommand(), certSuspendCommand(), certResumeCommand(),
		certRenewNowCommand(), certBlockCommand(), certBlockedCommand(), certReconciledCommand())
}

func certListCommand() *cobra.Command {
	var f operatorFlags
	of := url.Values{}
	var holder, business, key, state string
	c := &cobra.Command{
		Use: "list", Short: "List the register of certificates", Example: "  mohr cert list\n  mohr cert list --state pending\n  mohr cert list --holder h-1f2e3d... --json | jq .", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			if key != "" {
				if key, err = keyHash(key); err != nil {
					return usageError{err}
				}
			}
			for name, value := range map[string]string{"holder": holder, "business": business, "key": key} {
				if value != "" {
					of.Set(name, value)
				}
			}
			rows, err := listSelected(c.Context(), api, of)
			if err != nil {
				return err
			}
			rows = slices.DeleteFunc(rows, func(r ca.Entry) bool { return !strings.HasPrefix(statusOf(r), state) })
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(rows)
			}
			return printCertificates(c.OutOrStdout(), rows)
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&holder, "holder", "", "only this person's, by the opaque id that cert find prints")
	c.Flags().StringVar(&business, "business", "", "only this business's")
	c.Flags().StringVar(&key, "spki", "", "only this key's: SHA-256 of its SubjectPublicKeyInfo, or a file with a certificate, a request or a public key")
	c.Flags().StringVar(&state, "state", "", "only these: good, revoked, suspended, expired, pending, void")
	return c
}

// listCertificates reads the whole register.
func listCertificates(ctx context.Context, api *client) ([]ca.Entry, error) {
	return listSelected(ctx, api, url.Values{})
}

// listSelected reads what of selects of the register; all of it, page by
// page, where it selects nothing.
func listSelected(ctx context.Context, api *client, of url.Values) ([]ca.Entry, error) {
	const page = 500
	rows := []ca.Entry{}
	whole := len(of) == 0
	if whole {
		of.Set("limit", strconv.Itoa(page))
	}
	for {
		var out struct{ Certificates []ca.Entry }
		if err := api.call(ctx, request{method: http.MethodGet, path: "/api/v1/certificates?" + of.Encode()}, &out); err != nil {
			return nil, err
		}
		rows = append(rows, out.Certificates...)
		if !whole || len(out.Certificates) < page {
			return rows, nil
		}
		of.Set("after", rows[len(rows)-1].Serial)
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
