package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/hsm"
)

// devOperator makes the operator's certificate of a development service, with
// all roles, and leaves it with its key beside the data.
func (g *ground) devOperator(ctx context.Context) error {
	const name = "operator"
	signer, err := openOrCreate(ctx, g.ring, hsm.FileURI(filepath.Join(g.config.Data, name+".key")))
	if err != nil {
		return fmt.Errorf("operator's key: %w", err)
	}
	k, err := g.ca.SigningKey(ctx, signer, ca.Service{Profile: ca.OperatorAuth, CommonName: name})
	if err != nil {
		return err
	}
	if err := g.ca.GrantRoles(ctx, name, ca.RoleRegistrar, ca.RoleOfficer); err != nil {
		return fmt.Errorf("operator's roles: %w", err)
	}
	chain := append([]*x509.Certificate{k.Certificate}, k.Chain...)
	return os.WriteFile(filepath.Join(g.config.Data, name+".pem"), chainPEM(chain...), 0o644)
}

type operatorGrant struct {
	config, data, csr, roles, out string
}

func operatorCommand() *cobra.Command {
	return group("operator", "Say who operates the service", operatorGrantCommand())
}

func operatorGrantCommand() *cobra.Command {
	var f operatorGrant
	c := &cobra.Command{
		Use: "grant NAME", Short: "Give an operator a certificate and roles, on the machine of a stopped service",
		Long: "Give an operator a certificate for the key of a request, and roles. Who holds the data directory and the\nservice's keys may do this; nobody can over the network. Without --csr only the roles change; --roles \"\" takes all away.",
		Example: `  mohr operator grant maryam --config mohr.yaml --csr maryam.csr --roles registrar,officer --out maryam.pem
  mohr operator grant maryam --config mohr.yaml --roles ""`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c.Context(), args[0], c.OutOrStdout()) },
	}
	c.Flags().StringVar(&f.config, "config", "", "configuration file of the service (YAML)")
	c.Flags().StringVar(&f.data, "data", "", "data directory, where the configuration does not say")
	c.Flags().StringVar(&f.csr, "csr", "", "certification request for the operator's key")
	c.Flags().StringVar(&f.roles, "roles", "registrar,officer", "registrar: certificates; officer: complaints and publication")
	c.Flags().StringVar(&f.out, "out", "operator.pem", "file for the certificate and its issuer")
	return c
}

func (f *operatorGrant) run(ctx context.Context, name string, out io.Writer) error {
	c, err := loadConfig(f.config)
	if err != nil {
		return usageError{err}
	}
	if f.data != "" {
		c.Data = f.data
	}
	g, err := openStopped(ctx, c)
	if err != nil {
		return err
	}
	defer g.close()
	var roles []ca.Role
	for _, r := range strings.FieldsFunc(f.roles, func(c rune) bool { return c == ',' }) {
		roles = append(roles, ca.Role(r))
	}
	if f.csr != "" {
		if err := f.certify(ctx, g, name); err != nil {
			return err
		}
		fmt.Fprintf(out, "Certificate of %s in %s.\n", name, f.out)
	}
	if err := g.ca.GrantRoles(ctx, name, roles...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Roles of %s: %s.\n", name, f.roles)
	return err
}

func (f *operatorGrant) certify(ctx context.Context, g *ground, name string) error {
	b, err := os.ReadFile(f.csr)
	if err != nil {
		return err
	}
	csr, err := ca.ParseCSR(b)
	if err != nil {
		return err
	}
	c, err := g.ca.Issue(ctx, ca.Order{Request: "operator/" + name + "/" + csr.SPKISHA256(), CSR: csr, Service: ca.Service{Profile: ca.OperatorAuth, CommonName: name}})
	if err != nil {
		return err
	}
	issuer, ok := g.ca.Issuer(c.Issuer)
	if !ok {
		return fmt.Errorf("issuer %s is not here", c.Issuer)
	}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.DER})
	return os.WriteFile(f.out, append(leaf, chainPEM(issuer.Certificate)...), 0o644)
}

// openStopped opens the ground of a service that has served and is stopped.
func openStopped(ctx context.Context, c Config) (*ground, error) {
	c.defaults()
	if _, err := os.Stat(filepath.Join(c.Data, "mohr.db")); err != nil {
		return nil, fmt.Errorf("no store in %s: %w", c.Data, err)
	}
	addresses, err := os.ReadFile(filepath.Join(c.Data, addressFile))
	publish, portal, ok := strings.Cut(strings.TrimSpace(string(addresses)), " ")
	if err != nil || !ok {
		return nil, errors.Join(fmt.Errorf("%s has never served", c.Data), err)
	}
	c.fillAddresses(publish, portal)
	return openGround(ctx, c, slog.New(slog.DiscardHandler))
}
