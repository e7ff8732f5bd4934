package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/badge"
)

type badgeVerifyFlags struct {
	trustFlags
	lists  []string
	online bool
	domain string
	cert   string
}

func badgeVerifyCommand() *cobra.Command {
	var f badgeVerifyFlags
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check the signed file of a badge, or the code from an invoice, offline",
		Long: "Check the file that a shop hosts under /.well-known/mohr-badge.jwt, or the text of a QR code, by the root certificate alone.\nWhat became of the badge since is in its status lists: give them as files, or have them fetched with --online.",
		Example: `  curl -s https://shop.example/.well-known/mohr-badge.jwt -o badge.jwt && mohr badge verify badge.jwt --root root.pem --domain shop.example
  mohr badge verify badge.jwt --root root.pem --list revocation.jwt --list suspension.jwt
  mohr badge verify code.txt --cert credential.pem   # of a QR code`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			b = bytes.TrimSpace(b)
			if bytes.Count(b, []byte(".")) == 2 && bytes.HasPrefix(b, []byte("e")) {
				return f.credential(c, b)
			}
			return f.token(c, string(b))
		},
	}
	c.Flags().StringVar(&f.root, "root", "mohr-data/root.pem", "root certificate of the service")
	c.Flags().BoolVar(&f.json, "json", false, "print as JSON")
	c.Flags().StringArrayVar(&f.lists, "list", nil, "file with a status list of the credential")
	c.Flags().BoolVar(&f.online, "online", false, "fetch the status lists that the credential names")
	c.Flags().StringVar(&f.domain, "domain", "", "domain that it must be for")
	c.Flags().StringVar(&f.cert, "cert", "", "certificate that signed the code")
	return c
}

// credential checks a hosted file.
func (f *badgeVerifyFlags) credential(c *cobra.Command, jwt []byte) error {
	root, err := readCertificate(f.root)
	if err != nil {
		return fmt.Errorf("%w; give the root with --root", err)
	}
	v, err := badge.Verify(jwt, root, time.Now())
	if err != nil {
		return err
	}
	if err := f.isFor(v.Domain); err != nil {
		return err
	}
	lists, err := f.fetchLists(c.Context(), v)
	if err != nil {
		return err
	}
	for _, list := range lists {
		if v, err = v.Under(list, root, time.Now()); err != nil {
			return err
		}
	}
	err = f.print(c.OutOrStdout(), v, "badge holds: %s, %d stars, of %s %s\nuntil %s, signed by %s; status: %s\n",
		v.Domain, v.Level, v.Business, v.Name, v.Until.Format(time.RFC3339), v.Signer, v.Status)
	if err == nil && v.Status != "not looked up" && v.Status != "good" {
		err = fmt.Errorf("the badge is %s", v.Status)
	}
	return err
}

// isFor refuses what is for another domain than the one asked for.
func (f *badgeVerifyFlags) isFor(domain string) error {
	want, err := badge.ParseDomain(strings.ToLower(f.domain))
	switch {
	case f.domain == "":
		return nil
	case err != nil:
		return err
	case want.ASCII != domain:
		return fmt.Errorf("it belongs to %s and not to %s", domain, want.ASCII)
	}
	return nil
}

// fetchLists returns the status lists, from files or from where the
// credential says.
func (f *badgeVerifyFlags) fetchLists(ctx context.Context, v badge.Shown) (lists [][]byte, err error) {
	for _, file := range f.lists {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		lists = append(lists, bytes.TrimSpace(b))
	}
	if !f.online {
		return lists, nil
	}
	for _, at := range v.Lists() {
		u, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		api, err := serverFlags{server: u.Scheme + "://" + u.Host, root: f.root}.dial(nil)
		if err != nil {
			return nil, err
		}
		b, err := api.fetch(ctx, request{method: http.MethodGet, path: u.Path})
		if err != nil {
			return nil, err
		}
		lists = append(lists, b)
	}
	return lists, nil
}

// token checks the text of a QR code, or the address that it holds.
func (f *badgeVerifyFlags) token(c *cobra.Command, text string) error {
	if i := strings.LastIndex(text, "/badge/qr/"); i >= 0 {
		text = text[i+len("/badge/qr/"):]
	}
	t, err := badge.ParseToken(text)
	if err != nil {
		return err
	}
	if f.cert == "" {
		return fmt.Errorf("this is a code signed by the key %s: give that key's certificate with --cert; the service has it at /api/v1/badges/keys", t.Key)
	}
	chain, err := readChain(f.cert)
	if err != nil {
		return err
	}
	root, err := readCertificate(f.root)
	if err != nil {
		return fmt.Errorf("%w; give the root with --root", err)
	}
	if err := badge.Leads(chain[0], chain[1:], root, time.Now()); err != nil {
		return err
	}
	if err := t.Holds(chain[0], time.Now()); err != nil {
		return err
	}
	if err := f.isFor(t.Domain); err != nil {
		return err
	}
	return f.print(c.OutOrStdout(), t, "code holds: badge %s of %s, until %s\n", t.Badge, t.Domain, t.Expires.Format(time.DateOnly))
}

func readChain(file string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return parseChain(b)
}
