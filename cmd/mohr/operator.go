package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/incident"
	"mohr/cmd/mohr/service"
)

type operatorGrant struct {
	config, data, csr, roles, out string
	person                        bool
}

func operatorCommand() *cobra.Command {
	return group("operator", "Say who operates the service", operatorListCommand(), operatorRolesCommand(), operatorGrantCommand())
}

// duties says in a help text which role may do what.
func duties() string {
	var b strings.Builder
	b.WriteString("Roles:\n")
	for _, d := range ca.Duties() {
		fmt.Fprintf(&b, "  %-20s %s\n", d.Role, d.Words)
	}
	return b.String()
}

func operatorListCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "list", Short: "List operators and their roles", Long: duties(), Example: "  mohr operator list", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			var out struct{ Operators []ca.OperatorRecord }
			if err := api.call(c.Context(), request{method: http.MethodGet, path: "/api/v1/operators"}, &out); err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(out.Operators)
			}
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "OPERATOR\tROLES\tIS THE HOLDER")
			for _, o := range out.Operators {
				fmt.Fprintf(t, "%s\t%v\t%s\n", o.Name, o.Roles, o.Holder)
			}
			return t.Flush()
		},
	}
	f.register(c.Flags())
	return c
}

func operatorRolesCommand() *cobra.Command {
	var f operatorFlags
	var roles string
	c := &cobra.Command{
		Use: "roles NAME", Short: "Plan a change of an operator's roles, for two custodians to approve",
		Long:    "Makes a plan; two custodians whom it does not concern approve it with mohr approve, one carries it out with mohr plan execute.\n\n" + duties(),
		Example: "  mohr operator roles maryam --roles registrar\n  mohr operator roles maryam --roles \"\"", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			ask := incident.Ask{Kind: incident.Roles, Operator: args[0], Roles: splitRoles(roles)}
			return f.propose(c, ask, false, "no role was changed")
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&roles, "roles", "", "all roles the operator is to have, with commas between; none takes all away")
	return c
}

func splitRoles(s string) (list []ca.Role) {
	for _, r := range strings.FieldsFunc(s, func(c rune) bool { return c == ',' }) {
		list = append(list, ca.Role(strings.TrimSpace(r)))
	}
	return list
}

func operatorGrantCommand() *cobra.Command {
	var f operatorGrant
	c := &cobra.Command{
		Use: "grant NAME", Short: "Give an operator a certificate and roles, on the machine of a stopped service",
		Long: "Give an operator a certificate for the key of a request, and roles. Who holds the data directory and the\nservice's keys may do this: it is how the first operators come to be. Over the network two custodians change roles: see mohr operator roles.\nWithout --csr only the roles change; --roles \"\" takes all away.\n\n" + duties(),
		Example: `  mohr operator grant maryam --config mohr.yaml --csr maryam.csr --roles registrar,officer --out maryam.pem
  mohr operator grant maryam --config mohr.yaml --roles ""`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c.Context(), args[0], c.InOrStdin(), c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&f.config, "config", "", "configuration file of the service (YAML)")
	c.Flags().StringVar(&f.data, "data", "", "data directory, where the configuration does not say")
	c.Flags().StringVar(&f.csr, "csr", "", "certification request for the operator's key")
	c.Flags().StringVar(&f.roles, "roles", "registrar,officer", "all roles the operator is to have, with commas between")
	c.Flags().BoolVar(&f.person, "person", false, "read the operator's national code from the standard input: nobody acts upon certificates of his own, or twice under two names")
	c.Flags().StringVar(&f.out, "out", "operator.pem", "file for the certificate and its issuer")
	return c
}

func (f *operatorGrant) run(ctx context.Context, name string, in io.Reader, out io.Writer) error {
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
	if f.csr != "" {
		if err := f.certify(ctx, g, name); err != nil {
			return err
		}
		fmt.Fprintf(out, "Certificate of %s in %s.\n", name, f.out)
	}
	if err := g.CA.GrantRoles(ctx, name, splitRoles(f.roles)...); err != nil {
		return err
	}
	if f.person {
		if err := introduce(ctx, g, name, in); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "Roles of %s: %s.\n", name, f.roles)
	return err
}

// introduce records which holder the operator is.
func introduce(ctx context.Context, g *service.Ground, name string, in io.Reader) error {
	line, err := readLine(in)
	if err != nil {
		return fmt.Errorf("read the national code from the standard input: %w", err)
	}
	code, err := evidence.ParseNationalCode(line)
	if err != nil {
		return err
	}
	return g.CA.IntroduceOperator(ctx, name, g.CA.Holder(code))
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
	return os.WriteFile(f.out, append(leaf, ca.ChainPEM(issuer.Delivery()...)...), 0o644)
}
