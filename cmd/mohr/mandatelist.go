package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca/mandate"
	"mohr/ca/signature"
)

func mandateListCommand() *cobra.Command {
	var f holderFlags
	var legalID string
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List mandates: your own, or all of an organisation that you bind or administer",
		Example: "  mohr mandate list\n  mohr mandate list --legal-id 14003456780 --json", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			h, api, ring, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			list, err := h.mandates(c.Context(), api, legalID)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			return printMandates(c.OutOrStdout(), list)
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&legalID, "legal-id", "", "legal id of the organisation")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func printMandates(out io.Writer, list []mandate.Listing) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MANDATE\tORGANISATION\tPERSON\tTITLE\tSCOPES\tUNTIL\tSTATE")
	for _, v := range list {
		var scopes []string
		for _, s := range v.Terms.Scopes {
			scopes = append(scopes, string(s))
		}
		state := string(v.State)
		if v.State == mandate.Proposed {
			state = fmt.Sprintf("%s, %d more to sign", v.State, v.Needs)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Terms.LegalID, v.Terms.NationalCode, v.Terms.Title, strings.Join(scopes, ","), v.Terms.ValidTo.Format(time.RFC3339), state)
	}
	return w.Flush()
}

type mandateRevokeFlags struct {
	holderFlags
	reason           string
	keep, given, yes bool
	json             bool
}

func mandateRevokeCommand() *cobra.Command {
	var f mandateRevokeFlags
	c := &cobra.Command{
		Use: "revoke ID", Short: "Take a mandate back, with the certificates that rest on it",
		Long: `Without --yes nothing is revoked: what would end is shown. The statement that is signed then names exactly that; if it has
changed meanwhile, the service refuses it. Who has the mandate may end it, who binds the organisation, and an administrator.`,
		Example: `  mohr mandate revoke m-0123... --reason left            # shows what would end
  mohr mandate revoke m-0123... --reason left --yes
  mohr mandate revoke m-0123... --given --keep-certificates --yes`,
		Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, mandate.ID(args[0])) },
	}
	f.register(c.Flags())
	var reasons []string
	for _, r := range mandate.Reasons() {
		reasons = append(reasons, string(r))
	}
	c.Flags().StringVar(&f.reason, "reason", string(mandate.NotNeeded), strings.Join(reasons, ", "))
	c.Flags().BoolVar(&f.keep, "keep-certificates", false, "leave the certificates that rest on it")
	c.Flags().BoolVar(&f.given, "given", false, "take back as well what an administrator gave under it")
	c.Flags().BoolVar(&f.yes, "yes", false, "revoke, do not only show")
	c.Flags().BoolVar(&f.json, "json", false, "print as JSON")
	return c
}

func (f *mandateRevokeFlags) run(c *cobra.Command, id mandate.ID) error {
	h, api, ring, err := f.open(c.Context())
	if err != nil {
		return err
	}
	defer ring.Close()
	choice := mandate.Choice{Mandate: id, Given: f.given, Certificates: !f.keep}
	var p mandate.Ending
	err = h.say(c.Context(), api, mandate.QueryType, "/api/v1/mandates/plan", func(c signature.Claims) any {
		return mandate.Query{Claims: c, Mandate: id, Given: choice.Given, Certificates: choice.Certificates}
	}, &p)
	if err != nil {
		return err
	}
	if !f.yes {
		if err := printEnding(c.OutOrStdout(), p, f.json); err != nil {
			return err
		}
		return errors.New("nothing was revoked; repeat with --yes, it cannot be undone")
	}
	var b mandate.Brief
	err = h.say(c.Context(), api, mandate.RevokeType, "/api/v1/mandates/revocations", func(c signature.Claims) any {
		return mandate.Revocation{Claims: c, Choice: choice, Reason: mandate.Reason(f.reason), PlanSHA256: p.SHA256}
	}, &b)
	if err != nil {
		return err
	}
	return printBrief(c.OutOrStdout(), b, f.json)
}
