package main

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strings"

	"mohr/cmd/mohr/service"

	"github.com/spf13/cobra"

	"mohr/ca"
)

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
	c, err := service.LoadConfig(f.config)
	if err != nil {
		return usageError{err}
	}
	if f.data != "" {
		c.Data = f.data
	}
	g, err := service.OpenStopped(ctx, c)
	if err != nil {
		return err
	}
	defer g.Close()
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
	if err := g.CA.GrantRoles(ctx, name, roles...); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Roles of %s: %s.\n", name, f.roles)
	return err
}

func (f *operatorGrant) certify(ctx context.Context, g *service.Ground, name string) error {
	b, err := os.ReadFile(f.csr)
	if err != nil {
		return err
	}
	csr, err := ca.ParseCSR(b)
	if err != nil {
		return err
	}
	c, err := g.CA.Issue(ctx, ca.Order{Request: "operator/" + name + "/" + csr.SPKISHA256(), CSR: csr, Service: ca.Service{Profile: ca.OperatorAuth, CommonName: name}})
	if err != nil {
		return err
	}
	issuer, ok := g.CA.Issuer(c.Issuer)
	if !ok {
		return fmt.Errorf("issuer %s is not here", c.Issuer)
	}
	leaf := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.DER})
	return os.WriteFile(f.out, append(leaf, ca.ChainPEM(issuer.Certificate)...), 0o644)
}
