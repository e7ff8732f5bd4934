package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca/incident"
)

func planCommand() *cobra.Command {
	return group("plan", "Plans for what concerns many: list, show, carry out (operators)", planListCommand(), planShowCommand(), planExecuteCommand())
}

func planListCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "list", Short: "List plans, oldest first", Example: "  mohr plan list", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			list, err := everyPage(c.Context(), api, "/api/v1/plans", "plans", func(p incident.Plan) string { return p.Document.ID })
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "PLAN\tKIND\tREASON\tTARGETS\tSTATE\tBY\tUNTIL")
			for _, p := range list {
				doc := p.Document
				fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", doc.ID, doc.Kind, doc.Reason, doc.Targets, p.State, doc.ProposedBy, doc.Until.Format(time.RFC3339))
			}
			return t.Flush()
		},
	}
	f.register(c.Flags())
	return c
}

// everyPage reads a list of the API to its end; key names a row's place.
func everyPage[T any](ctx context.Context, api *client, path, name string, key func(T) string) ([]T, error) {
	rows, after := []T{}, ""
	for {
		var page map[string][]T
		if err := api.call(ctx, request{method: http.MethodGet, path: path + "?after=" + url.QueryEscape(after)}, &page); err != nil {
			return nil, err
		}
		if len(page[name]) == 0 {
			return rows, nil
		}
		rows = append(rows, page[name]...)
		after = key(rows[len(rows)-1])
	}
}

func planShowCommand() *cobra.Command {
	var f operatorFlags
	var targets bool
	c := &cobra.Command{
		Use: "show PLAN", Short: "Show a plan, who approved it and how far it has come", Example: "  mohr plan show p-6b04... --targets", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			s, list, err := fetchPlan(c.Context(), api, args[0])
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(s)
			}
			if err := printPlan(c.OutOrStdout(), s.Plan); err != nil {
				return err
			}
			for _, a := range s.Approvals {
				fmt.Fprintf(c.OutOrStdout(), "approved by %s at %s, certificate %s, statement sha256 %s\n", a.Operator, a.At.Format(time.RFC3339), a.Serial, a.SHA256)
			}
			if targets {
				_, err = fmt.Fprintln(c.OutOrStdout(), strings.Join(list, "\n"))
			}
			return err
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&targets, "targets", false, "print all serials or keys too")
	return c
}

func planExecuteCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "execute PLAN", Short: "Carry a plan out, or go on with it; a revocation cannot be undone",
		Long:    "Exactly the plan that was approved is carried out. If this is interrupted the service goes on by itself.",
		Example: "  mohr plan execute p-6b04...", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			p, err := executePlan(c.Context(), api, args[0], c.ErrOrStderr())
			if err != nil {
				return err
			}
			return f.showPlan(c.OutOrStdout(), p)
		},
	}
	f.register(c.Flags())
	return c
}

// executePlan asks for a plan to be carried out until it is, and tells how far
// it has come.
func executePlan(ctx context.Context, api *client, id string, progress io.Writer) (incident.Plan, error) {
	var p incident.Plan
	for {
		if err := api.call(ctx, request{method: http.MethodPost, path: "/api/v1/plans/" + url.PathEscape(id) + "/execute"}, &p); err != nil {
			return p, err
		}
		if p.State == incident.Done {
			return p, nil
		}
		fmt.Fprintf(progress, "%d of %d\n", p.Dealt, p.Document.Targets)
	}
}

// fetchPlan reads a plan with all its targets and checks here that both have
// the hashes that are approved.
func fetchPlan(ctx context.Context, api *client, id string) (incident.Shown, []string, error) {
	var s incident.Shown
	path := "/api/v1/plans/" + url.PathEscape(id)
	if err := api.call(ctx, request{method: http.MethodGet, path: path}, &s); err != nil {
		return s, nil, err
	}
	hash, err := s.Plan.Document.Hash()
	if err != nil {
		return s, nil, err
	}
	if hash != s.Plan.SHA256 || s.Plan.Document.ID != id {
		return s, nil, fmt.Errorf("the service's plan does not have the hash it says: do not approve it; if this mohr is older than the service, take a newer one")
	}
	if s.Plan.Document.Kind == incident.Roles {
		return s, nil, nil
	}
	list, err := everyPage(ctx, api, path+"/targets", "targets", func(t string) string { return t })
	if err != nil {
		return s, nil, err
	}
	sum := sha256.New()
	for _, t := range list {
		sum.Write([]byte(t + "\n"))
	}
	if hex.EncodeToString(sum.Sum(nil)) != s.Plan.Document.TargetsSHA256 {
		return s, nil, fmt.Errorf("the service's list of targets is not the one the plan was made for: do not approve it")
	}
	return s, list, nil
}

// showPlan prints a plan as facts or for people.
func (f *operatorFlags) showPlan(w io.Writer, p incident.Plan) error {
	if f.json {
		return json.NewEncoder(w).Encode(p)
	}
	return printPlan(w, p)
}

func printPlan(w io.Writer, p incident.Plan) error {
	doc := p.Document
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	row("plan", "%s by %s at %s", doc.ID, doc.ProposedBy, doc.At.Format(time.RFC3339))
	row("sha256", "%s", p.SHA256)
	row("does", "%s %s", doc.Kind, doc.Reason)
	for name, value := range map[string]string{"holder": string(doc.Holder), "business": string(doc.Business), "profile": doc.Profile} {
		if value != "" {
			row(name, "%s", value)
		}
	}
	if doc.Kind == incident.Roles {
		row("operator", "%s gets the roles %v and no other", doc.Operator, doc.Roles)
	} else {
		row("targets", "%d, with %d certificates", doc.Targets, doc.Certificates)
		row("by profile", "%s", counts(doc.ByProfile))
		row("left out", "%s", counts(doc.LeftOut))
		row("first", "%s", strings.Join(doc.Sample, " "))
	}
	row("needs", "the approval of %d persons, none of them %v", doc.Needs, doc.Subjects)
	row("until", "%s", doc.Until.Format(time.RFC3339))
	row("state", "%s: %d of %d dealt with, %d changed", p.State, p.Dealt, doc.Targets, p.Changed)
	return t.Flush()
}

func counts(m map[string]int) string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		words = append(words, fmt.Sprintf("%s %d", k, m[k]))
	}
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, ", ")
}
