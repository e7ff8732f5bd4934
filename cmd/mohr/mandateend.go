package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/mandate"
)

func mandateOfCommand() *cobra.Command {
	return asOperator(&cobra.Command{
		Use: "of BUSINESS", Short: "List the mandates to act for a business (operators)",
		Long:    "People are named by their opaque ids; nothing personal is shown.",
		Example: "  mohr mandate of 14003456780", Args: exactly(1),
	}, func(ctx context.Context, api *client, args []string) ([]mandate.MandateEntry, error) {
		var out struct {
			Mandates []mandate.MandateEntry `json:"mandates"`
		}
		err := api.call(ctx, request{method: http.MethodGet, path: "/api/v1/mandates?business=" + url.QueryEscape(args[0])}, &out)
		return out.Mandates, err
	}, func(w io.Writer, list []mandate.MandateEntry) error {
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "MANDATE\tPERSON\tSCOPES\tUNTIL\tSTATE\tUNDER")
		for _, m := range list {
			var scopes []string
			for _, s := range m.Scopes {
				scopes = append(scopes, string(s))
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", m.ID, m.Holder, strings.Join(scopes, ","), m.ValidTo.Format(time.RFC3339), m.State, m.Under)
		}
		return t.Flush()
	})
}

// endFlags are those of an operator's order.
type endFlags struct {
	operatorFlags
	order     mandate.Order
	keep, yes bool
}

func mandateEndCommand() *cobra.Command {
	var f endFlags
	c := &cobra.Command{
		Use: "end ID", Short: "End a mandate of others, with the certificates that rest on it (operators)",
		Long: `Without --yes nothing ends: what would is shown. The order then names exactly that; if it has changed meanwhile, the
service refuses it. Nobody ends a mandate of an organisation that he acts for himself. The words are kept sealed.`,
		Example: `  mohr mandate end m-0123... --reason ordered --words "order 17 of the court"       # shows what would end
  mohr mandate end m-0123... --reason ordered --words "order 17 of the court" --yes
  mohr mandate end m-0123... --reason dissolved --words "register of 2026-11-28" --given --yes`,
		Args: exactly(1),
	}
	c.RunE = f.withOperator(func(c *cobra.Command, api *client, _ ca.SigningKey, args []string) error {
		return f.run(c, api, args[0])
	})
	f.register(c.Flags())
	var reasons []string
	for _, r := range mandate.OperatorReasons() {
		reasons = append(reasons, string(r))
	}
	c.Flags().StringVar((*string)(&f.order.Reason), "reason", "", strings.Join(reasons, ", "))
	c.Flags().StringVar(&f.order.Words, "words", "", "why, for those who ask later")
	c.Flags().BoolVar(&f.keep, "keep-certificates", false, "leave the certificates that rest on it")
	c.Flags().BoolVar(&f.order.Given, "given", false, "end as well what an administrator gave under it")
	c.Flags().BoolVar(&f.yes, "yes", false, "end it, do not only show")
	return c
}

func (f *endFlags) run(c *cobra.Command, api *client, id string) error {
	f.order.Certificates = !f.keep
	path := "/api/v1/mandates/" + url.PathEscape(id) + "/ending"
	query := url.Values{"given": {strconv.FormatBool(f.order.Given)}, "certificates": {strconv.FormatBool(f.order.Certificates)}}
	var p mandate.Ending
	if err := api.call(c.Context(), request{method: http.MethodGet, path: path + "?" + query.Encode()}, &p); err != nil {
		return err
	}
	if !f.yes {
		if err := printEnding(c.OutOrStdout(), p, f.json); err != nil {
			return err
		}
		return errors.New("nothing was ended; repeat with --yes, it cannot be undone")
	}
	in := struct {
		Given        bool           `json:"given"`
		Certificates bool           `json:"certificates"`
		Reason       mandate.Reason `json:"reason"`
		Words        string         `json:"words"`
		PlanSHA256   string         `json:"plan_sha256"`
	}{f.order.Given, f.order.Certificates, f.order.Reason, f.order.Words, p.SHA256}
	var b mandate.Brief
	if err := api.call(c.Context(), request{method: http.MethodPost, path: path, in: in}, &b); err != nil {
		return err
	}
	return printBrief(c.OutOrStdout(), b, f.json)
}

// printEnding shows what would end.
func printEnding(out io.Writer, p mandate.Ending, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(p)
	}
	for _, id := range p.Mandates {
		fmt.Fprintf(out, "mandate %s\n", id)
	}
	for _, serial := range p.Serials {
		fmt.Fprintf(out, "certificate %s\n", serial)
	}
	_, err := fmt.Fprintf(out, "Would end: %d mandates, %d certificates.\n", len(p.Mandates), len(p.Serials))
	return err
}
