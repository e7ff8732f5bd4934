package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mohr/badge"
	"mohr/ca"
)

// badgePath is the API's path of a badge.
func badgePath(id string) string { return "/api/v1/badges/" + url.PathEscape(id) }

// replayed is a decision judged again here.
type replayed struct {
	Trace   badge.Trace   `json:"trace"`
	Outcome badge.Outcome `json:"outcome"`
	Same    bool          `json:"same"`
}

func badgeReplayCommand() *cobra.Command {
	return asOperator(&cobra.Command{
		Use: "replay ID", Short: "Judge every decision about a badge again, from what was stored (operators)",
		Long:    "Fetches the facts, rules and findings of each decision and judges the facts anew, on this machine.\nFails where one does not come out as it is on record.",
		Example: "  mohr badge replay b-0123...", Args: exactly(1),
	}, func(ctx context.Context, api *client, args []string) ([]replayed, error) {
		var c badge.Case
		if err := api.call(ctx, request{method: http.MethodGet, path: badgePath(args[0]) + "/case"}, &c); err != nil {
			return nil, err
		}
		return replayAll(c.Traces)
	}, func(w io.Writer, list []replayed) error {
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "NUMBER\tAT\tRULES\tOUTCOME\tSTARS\tREPLAYS")
		for _, r := range list {
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d\t%t\n", r.Trace.Number, r.Trace.Facts.At.Format("2006-01-02 15:04:05"), r.Trace.Rules.Version, r.Trace.Outcome, r.Trace.Level, r.Same)
			for _, f := range r.Trace.Findings {
				fmt.Fprintf(t, "\t\t%s\t%s\t\t%s\n", f.Rule, f.Result, f.Why)
			}
		}
		return t.Flush()
	})
}

// replayAll judges every trace again; an error says that one differs.
func replayAll(traces []badge.Trace) (list []replayed, err error) {
	for _, t := range traces {
		_, outcome, same := badge.Replay(t)
		list = append(list, replayed{t, outcome, same})
		if !same {
			err = errors.Join(err, fmt.Errorf("decision %d is %s on record and replays to %s", t.Number, t.Outcome, outcome))
		}
	}
	return list, err
}

func badgeTryCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "try RULES", Short: "Say what other rules would make of all badges, and why; it changes nothing (operators)",
		Long:    "Has the last facts known of every badge judged by the rules in the file.",
		Example: "  mohr badge try stricter.yaml", Args: exactly(1),
	}
	c.RunE = f.withOperator(func(c *cobra.Command, api *client, _ ca.SigningKey, args []string) error {
		b, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		if _, err := badge.ParseRules(b); err != nil {
			return err
		}
		bar := progressOf(c.ErrOrStderr(), "badges")
		all := badge.TrialReport{Moves: []badge.TrialMove{}}
		for {
			var t badge.TrialReport
			in := map[string]string{"rules": string(b), "after": string(all.After)}
			if err := api.call(c.Context(), request{method: http.MethodPost, path: "/api/v1/badges/trial", in: in}, &t); err != nil {
				return err
			}
			all.Rules, all.After, all.Judged, all.Moves = t.Rules, t.After, all.Judged+t.Judged, append(all.Moves, t.Moves...)
			bar.Set(all.Judged)
			if t.After == "" {
				break
			}
		}
		bar.Finish()
		return printBadgeTrial(c.OutOrStdout(), all, f.json)
	})
	f.register(c.Flags())
	return c
}

func printBadgeTrial(w io.Writer, all badge.TrialReport, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(all)
	}
	fmt.Fprintf(w, "Rules %s over %d badges: %d would change.\n", all.Rules, all.Judged, len(all.Moves))
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "BADGE\tSTATE\tWAS\tWOULD BE\tWHY")
	for _, m := range all.Moves {
		fmt.Fprintf(t, "%s\t%s\t%s %d\t%s %d\t%s\n", m.Badge, m.State, m.From, m.FromLevel, m.To, m.ToLevel, m.Why)
	}
	return t.Flush()
}

// printBadgeState says what became of a badge.
func printBadgeState(w io.Writer, r badge.Record) error {
	_, err := fmt.Fprintf(w, "Badge %s of %s: %s (%s).\n", r.ID, r.Domain.ASCII, r.State, r.Why)
	return err
}

func badgeActCommand() *cobra.Command {
	var in struct {
		Deed    badge.DeedKind `json:"deed"`
		Ground  badge.Ground   `json:"ground"`
		Reasons string         `json:"reasons"`
	}
	c := asOperator(&cobra.Command{
		Use: "act ID", Short: "Suspend a badge, lift that, or revoke it for fraud (operators)",
		Long:    "A suspension has its notice: the badge's page says when it ends in a revocation, and how to appeal. Only fraud is revoked at once.\nThe reasons are kept sealed, for the business and for whoever decides an appeal.",
		Example: "  mohr badge act b-0123... --deed suspend --ground misuse --reasons \"shown on another site\"", Args: exactly(1),
	}, func(ctx context.Context, api *client, args []string) (r badge.Record, err error) {
		err = api.call(ctx, request{method: http.MethodPost, path: badgePath(args[0]) + "/deeds", in: in}, &r)
		return r, err
	}, printBadgeState)
	c.Flags().StringVar((*string)(&in.Deed), "deed", "", "suspend, lift or revoke")
	c.Flags().StringVar((*string)(&in.Ground), "ground", "", "fraud, misuse or court_order; resolved for a lift")
	c.Flags().StringVar(&in.Reasons, "reasons", "", "why")
	return c
}

func badgeAppealCommand() *cobra.Command {
	var in struct {
		Outcome badge.AppealOutcome `json:"outcome"`
		Reasons string              `json:"reasons"`
	}
	c := asOperator(&cobra.Command{
		Use: "appeal ID", Short: "Answer a business's appeal, as one who decided nothing of the badge before (officers)",
		Example: "  mohr badge appeal b-0123... --outcome upheld --reasons \"the goods were genuine\"", Args: exactly(1),
	}, func(ctx context.Context, api *client, args []string) (r badge.Record, err error) {
		err = api.call(ctx, request{method: http.MethodPost, path: badgePath(args[0]) + "/appeal", in: in}, &r)
		return r, err
	}, printBadgeState)
	c.Flags().StringVar((*string)(&in.Outcome), "outcome", "", "upheld or rejected")
	c.Flags().StringVar(&in.Reasons, "reasons", "", "why")
	return c
}

func badgeAppealsCommand() *cobra.Command {
	return asOperator(&cobra.Command{Use: "appeals", Short: "List the open appeals (officers)", Example: "  mohr badge appeals", Args: exactly(0)},
		func(ctx context.Context, api *client, _ []string) ([]badge.OpenAppeal, error) {
			var out struct {
				Appeals []badge.OpenAppeal `json:"appeals"`
			}
			err := api.call(ctx, request{method: http.MethodGet, path: "/api/v1/badges/appeals"}, &out)
			return out.Appeals, err
		}, func(w io.Writer, list []badge.OpenAppeal) error {
			t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "BADGE\tDOMAIN\tAGAINST\tWHY\tUNTIL")
			for _, a := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", a.Badge, a.Domain, a.State, a.Why, a.Deadline.Format("2006-01-02 15:04"))
			}
			return t.Flush()
		})
}
