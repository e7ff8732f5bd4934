package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/complaints"
)

const outagesPath = "/api/v1/complaints/outages"

func outageCommand() *cobra.Command {
	return group("outage", "Let the clocks of complaints rest for an outage of this service", outagePlanCommand(), outageListCommand(), outageApproveCommand(), outageRecordCommand())
}

func outagePath(id string) string { return outagesPath + "/" + url.PathEscape(id) }

func fetchOutage(ctx context.Context, api *client, id string) (o complaints.Outage, err error) {
	err = api.call(ctx, request{method: http.MethodGet, path: outagePath(id)}, &o)
	return o, err
}

func printOutage(w io.Writer, o complaints.Outage) error {
	p := o.Plan
	_, err := fmt.Fprintf(w, "%s: %s from %s to %s, %d clocks, %s; approved by %d of %d %v\n", p.ID, p.Reason, p.From.Format(time.RFC3339), p.To.Format(time.RFC3339), p.Clocks, o.State, len(o.Approved), p.Needs, o.Approved)
	return err
}

func outagePlanCommand() *cobra.Command {
	var from, to, reason string
	c := asOperator(&cobra.Command{
		Use: "plan", Short: "Plan the record of an outage; it changes nothing and says how many clocks would rest",
		Example: "  mohr complaints outage plan --from 2026-11-27T08:00:00Z --to 2026-11-27T11:30:00Z --reason power", Args: exactly(0),
	}, func(ctx context.Context, api *client, _ []string) (o complaints.Outage, err error) {
		in := map[string]any{"reason": reason}
		for name, s := range map[string]string{"from": from, "to": to} {
			at, err := parseInstant(s)
			if err != nil {
				return o, usageError{fmt.Errorf("--%s: %w", name, err)}
			}
			in[name] = at
		}
		err = api.call(ctx, request{method: http.MethodPost, path: outagesPath, in: in}, &o)
		return o, err
	}, printOutage)
	c.Flags().StringVar(&from, "from", "", "when the service was lost (RFC 3339)")
	c.Flags().StringVar(&to, "to", "", "when it was back (RFC 3339)")
	c.Flags().StringVar(&reason, "reason", "", "power, network, software, attack or maintenance")
	return c
}

func outageListCommand() *cobra.Command {
	return asOperator(&cobra.Command{Use: "list", Short: "List outages, planned and recorded", Example: "  mohr complaints outage list", Args: exactly(0)},
		func(ctx context.Context, api *client, _ []string) ([]complaints.Outage, error) {
			var out struct{ Outages []complaints.Outage }
			err := api.call(ctx, request{method: http.MethodGet, path: outagesPath}, &out)
			return out.Outages, err
		}, func(w io.Writer, list []complaints.Outage) error {
			t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "OUTAGE\tREASON\tFROM\tTO\tCLOCKS\tMOVED\tSTATE\tAPPROVED")
			for _, o := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%d/%d\n", o.Plan.ID, o.Plan.Reason, o.Plan.From.Format(time.RFC3339), o.Plan.To.Format(time.RFC3339), o.Plan.Clocks, o.Moved, o.State, len(o.Approved), o.Plan.Needs)
			}
			return t.Flush()
		})
}

func outageApproveCommand() *cobra.Command {
	var f operatorFlags
	var yes bool
	c := &cobra.Command{
		Use: "approve ID", Short: "Approve the record of an outage by a statement signed with the operator's key",
		Long: "Shows the plan, after checking here that it has the hash it says; with --yes signs the hash and sends it.", Example: "  mohr complaints outage approve out-6b04... --yes", Args: exactly(1),
	}
	c.RunE = f.withOperator(func(c *cobra.Command, api *client, key ca.SigningKey, args []string) error {
		o, err := fetchOutage(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		hash, err := o.Plan.Hash()
		if err != nil {
			return err
		}
		if hash != o.SHA256 || o.Plan.ID != args[0] {
			return errors.New("the service shows another plan than the one it asks to sign; nothing was signed")
		}
		if !yes {
			return errors.Join(printOutage(c.OutOrStdout(), o), errors.New("nothing was approved; repeat with --yes"))
		}
		ch, err := api.challenge(c.Context(), outagePath(args[0])+"/challenge")
		if err != nil {
			return err
		}
		jws, err := signApproval(key, ch, o.Plan.ID, hash)
		if err != nil {
			return err
		}
		if err := api.call(c.Context(), request{method: http.MethodPost, path: outagePath(args[0]) + "/approvals", in: map[string]string{"jws": string(jws)}}, &o); err != nil {
			return err
		}
		return f.outage(c.OutOrStdout(), o)
	})
	f.register(c.Flags())
	c.Flags().BoolVar(&yes, "yes", false, "sign and send, do not only show")
	return c
}

func (f *operatorFlags) outage(w io.Writer, o complaints.Outage) error {
	if f.json {
		return json.NewEncoder(w).Encode(o)
	}
	return printOutage(w, o)
}

func outageRecordCommand() *cobra.Command {
	var f operatorFlags
	var yes bool
	c := &cobra.Command{
		Use: "record ID", Short: "Record a planned outage, for good: the clocks that ran in it rest for it",
		Long: "Many clocks need the signed approval of two persons. Without --yes it only shows the plan.", Example: "  mohr complaints outage record out-6b04... --yes", Args: exactly(1),
	}
	c.RunE = f.withOperator(func(c *cobra.Command, api *client, _ ca.SigningKey, args []string) error {
		if !yes {
			o, err := fetchOutage(c.Context(), api, args[0])
			if err != nil {
				return err
			}
			return errors.Join(f.outage(c.OutOrStdout(), o), errors.New("nothing was recorded; repeat with --yes"))
		}
		var o complaints.Outage
		if err := api.call(c.Context(), request{method: http.MethodPost, path: outagePath(args[0]) + "/execute"}, &o); err != nil {
			return err
		}
		return f.outage(c.OutOrStdout(), o)
	})
	f.register(c.Flags())
	c.Flags().BoolVar(&yes, "yes", false, "record it, do not only show")
	return c
}
