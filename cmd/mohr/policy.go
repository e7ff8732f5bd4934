package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/enroll"
)

func policyCommand() *cobra.Command {
	return group("policy", "Check an assurance policy, try it, and explain what it decided", policyCheckCommand(), policyTryCommand(), policyExplainCommand())
}

func policyCheckCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "check FILE", Short: "Check a policy file as the service does when it starts, and show what it asks",
		Example: "  mohr policy check policy.yaml", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			p, err := evidence.ParsePolicy(b)
			if err != nil {
				return err
			}
			return printPolicy(c.OutOrStdout(), p, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func printPolicy(w io.Writer, p *evidence.Policy, asJSON bool) error {
	if asJSON {
		all := map[string]evidence.Rules{}
		for _, name := range p.Profiles() {
			all[name], _ = p.Rules(name)
		}
		return json.NewEncoder(w).Encode(map[string]any{"version": p.Version(), "environment": p.Environment(), "profiles": all})
	}
	fmt.Fprintf(w, "Policy %s, %s: it holds.\n", p.Version(), p.Environment())
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "PROFILE\tLEVEL\tHOMES\tONE OF\tOFFICERS\tVALID\tRENEWALS")
	for _, name := range p.Profiles() {
		r, _ := p.Rules(name)
		fmt.Fprintf(t, "%s\t%s\t%v\t%v\t%d\t%s\t%d\n", name, r.Level, slices.Sorted(maps.Keys(r.PolicyOIDs)), r.AnyOf, r.Officers, r.Validity, r.MaxDepth)
	}
	return t.Flush()
}

func policyTryCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "try FILE", Short: "Say what a policy would have decided of past applications; it changes nothing",
		Long:    "Has every application that was decided judged again by the policy in the file, on the evidence and at the time of its decision.",
		Example: "  mohr policy try stricter.yaml", Args: exactly(1),
	}
	c.RunE = f.withOperator(func(c *cobra.Command, api *client, _ ca.SigningKey, args []string) error {
		b, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		bar := progressOf(c.ErrOrStderr(), "applications")
		all := enroll.Trial{Moves: []enroll.Move{}}
		for {
			var t enroll.Trial
			in := map[string]string{"policy": string(b), "after": all.After}
			if err := api.call(c.Context(), request{method: http.MethodPost, path: "/api/v1/policies/trial", in: in}, &t); err != nil {
				return err
			}
			all.Join(t)
			bar.Set(all.Decided + all.Skipped)
			if t.After == "" {
				break
			}
		}
		bar.Finish()
		return printTrial(c.OutOrStdout(), all, f.json)
	})
	f.register(c.Flags())
	return c
}

func printTrial(w io.Writer, all enroll.Trial, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(all)
	}
	fmt.Fprintf(w, "Policy %s over %d decided applications (%d others left out):\n", all.Policy, all.Decided, all.Skipped)
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "WAS\tWOULD BE\tAPPLICATIONS\tFOR EXAMPLE")
	for _, m := range all.Moves {
		fmt.Fprintf(t, "%s\t%s\t%d\t%v\n", m.From, m.To, m.Count, m.Applications)
	}
	return t.Flush()
}

func policyExplainCommand() *cobra.Command {
	return asOperator(&cobra.Command{
		Use: "explain APPLICATION", Short: "Say why an application was decided as it was, rule by rule",
		Example: "  mohr policy explain a-6b04...", Args: exactly(1),
	}, func(ctx context.Context, api *client, args []string) (e enroll.Explained, err error) {
		err = api.call(ctx, request{method: http.MethodGet, path: "/api/v1/applications/" + url.PathEscape(args[0]) + "/decision"}, &e)
		return e, err
	}, func(w io.Writer, e enroll.Explained) error {
		_, err := fmt.Fprintf(w, "%s, %s: %s by policy %s %s; now %s\n", e.ID, e.Profile, e.Outcome, e.Policy, e.PolicyOID, e.Stage)
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		for _, s := range e.Trace {
			fmt.Fprintf(t, "%s\t%s\t%s\n", s.Outcome, s.Rule, s.Why)
		}
		return errors.Join(err, t.Flush())
	})
}
