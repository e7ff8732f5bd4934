package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/complaints"
)

// deskCommands are those of officers.
func deskCommands() []*cobra.Command {
	return []*cobra.Command{
		queueCommand(), caseCommand(), admitCommand(), setAsideCommand(), mergeCommand(), moveCommand(), withdrawCommand(), testOrderCommand(),
		decideCommand(), appealCommand(), outageCommand(),
	}
}

func complaintPath(id string) string { return "/api/v1/complaints/" + url.PathEscape(id) }

func queueCommand() *cobra.Command {
	var task string
	c := asOperator(&cobra.Command{
		Use: "queue", Short: "List what waits for officers, the next to be due first", Example: "  mohr complaints queue\n  mohr complaints queue --task appeal --json", Args: exactly(0),
	}, func(ctx context.Context, api *client, _ []string) ([]complaints.Queued, error) {
		var out struct{ Queue []complaints.Queued }
		err := api.call(ctx, request{method: http.MethodGet, path: "/api/v1/complaints/queue?task=" + url.QueryEscape(task)}, &out)
		return out.Queue, err
	}, func(w io.Writer, list []complaints.Queued) error {
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "TASK\tCOMPLAINT\tBUSINESS\tCATEGORY\tDUE\tLATE")
		for _, q := range list {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%t\n", q.Task, q.Complaint, q.Business, q.Category, q.Due.Format(time.RFC3339), q.Late)
		}
		return t.Flush()
	})
	c.Flags().StringVar(&task, "task", "", "flagged, appeal, escalated or order")
	return c
}

// fetchCase opens a complaint as an officer sees it.
func fetchCase(ctx context.Context, api *client, id, business string) (c complaints.Case, err error) {
	err = api.call(ctx, request{method: http.MethodGet, path: complaintPath(id) + "/case?business=" + url.QueryEscape(business)}, &c)
	return c, err
}

func caseCommand() *cobra.Command {
	var business string
	c := asOperator(&cobra.Command{
		Use: "show ID", Short: "Show a complaint, what may be ruled, and others about the same purchase", Example: "  mohr complaints show c-0123...", Args: exactly(1),
	}, func(ctx context.Context, api *client, args []string) (complaints.Case, error) {
		return fetchCase(ctx, api, args[0], business)
	}, func(w io.Writer, c complaints.Case) error {
		if err := printComplaint(w, c.Complaint); err != nil {
			return err
		}
		for _, s := range c.Same {
			fmt.Fprintf(w, "About the same purchase: %s, %s\n", s.Complaint, s.State)
		}
		_, err := fmt.Fprintf(w, "May be ruled: %s\n", joined(c.Kinds))
		return err
	})
	c.Flags().StringVar(&business, "business", "", "which business, where the complaint is against several")
	return c
}

func joined[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = string(v)
	}
	return strings.Join(words, " ")
}

func printComplaint(w io.Writer, c complaints.Complaint) error {
	fmt.Fprintf(w, "%s at %s: %s %s\n", c.ID, c.Business, c.State, c.Outcome)
	fmt.Fprintf(w, "%s; order %s of %s, %d rials\n%s\n", c.Category, c.Purchase.Order, c.Purchase.Day, c.Purchase.Rials, c.Text)
	for _, d := range c.Deadlines {
		fmt.Fprintf(w, "Deadline %s\n", d.Format(time.RFC3339))
	}
	for _, e := range c.History {
		fmt.Fprintf(w, "%s %s by %s %s %s %s\n", e.At.Format(time.RFC3339), e.Kind, e.Actor, e.Reason, e.Outcome, strings.Join(e.Flags, " "))
		if e.Text != "" {
			fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(e.Text, "\n", "\n    "))
		}
	}
	return nil
}

// ruled is what the service says of a ruling.
type ruled struct {
	Complaint complaints.Complaint `json:"complaint"`
	DryRun    bool                 `json:"dry_run"`
}

// ruling makes a command that rules on one complaint: without --yes a dry run
// that says what would become of it.
func ruling(c *cobra.Command, r *complaints.Ruling) *cobra.Command {
	var f operatorFlags
	var yes bool
	c.Args = exactly(1)
	c.Long = strings.TrimSpace(c.Long + "\nWithout --yes it is a dry run: the service does all of it, says what would become of the complaint, and keeps nothing.")
	c.RunE = f.withOperator(func(c *cobra.Command, api *client, _ ca.SigningKey, args []string) error {
		in := struct {
			complaints.Ruling
			DryRun bool `json:"dry_run,omitempty"`
		}{*r, !yes}
		var out ruled
		if err := api.call(c.Context(), request{method: http.MethodPost, path: complaintPath(args[0]) + "/rulings", in: in}, &out); err != nil {
			return err
		}
		if f.json {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(out); err != nil {
				return err
			}
		} else if err := out.print(c.OutOrStdout()); err != nil {
			return err
		}
		if out.DryRun {
			return errors.New("nothing was changed; repeat with --yes")
		}
		return nil
	})
	f.register(c.Flags())
	c.Flags().StringVar((*string)(&r.Business), "business", "", "which business, where the complaint is against several")
	c.Flags().BoolVar(&yes, "yes", false, "do it, do not only show")
	return c
}

func (r ruled) print(w io.Writer) error {
	is := "is"
	if r.DryRun {
		is = "would be"
	}
	_, err := fmt.Fprintf(w, "Complaint %s at %s %s %s %s\n", r.Complaint.ID, r.Complaint.Business, is, r.Complaint.State, r.Complaint.Outcome)
	return err
}

// reasonFlag adds --reason with the closed sets of the kinds.
func reasonFlag(c *cobra.Command, r *complaints.Ruling, kinds ...complaints.Kind) *cobra.Command {
	var all []string
	for _, k := range kinds {
		all = append(all, complaints.Reasons(k)...)
	}
	c.Flags().StringVar(&r.Reason, "reason", all[0], strings.Join(all, ", "))
	return c
}

func admitCommand() *cobra.Command {
	r := &complaints.Ruling{Kind: complaints.KindAdmitted}
	c := ruling(&cobra.Command{Use: "admit ID", Short: "Serve a flagged complaint now", Example: "  mohr complaints admit c-0123... --yes"}, r)
	return reasonFlag(c, r, r.Kind)
}

func setAsideCommand() *cobra.Command {
	r := &complaints.Ruling{}
	c := ruling(&cobra.Command{
		Use: "set-aside ID", Short: "Set a complaint aside as inadmissible, or as a duplicate of another",
		Example: "  mohr complaints set-aside c-0123... --reason abusive --yes\n  mohr complaints set-aside c-0123... --kind duplicate --of c-4567... --reason filed_twice --yes",
	}, r)
	c.Flags().StringVar((*string)(&r.Kind), "kind", string(complaints.KindInadmissible), "inadmissible or duplicate")
	c.Flags().StringVar(&r.Of, "of", "", "the complaint that it is a duplicate of")
	return reasonFlag(c, r, complaints.KindInadmissible, complaints.KindDuplicate)
}

func mergeCommand() *cobra.Command {
	r := &complaints.Ruling{Kind: complaints.KindMerged}
	c := ruling(&cobra.Command{
		Use: "merge ID", Short: "Merge a complaint into another of the same consumer about the same purchase",
		Long: "The one that was served first stays.", Example: "  mohr complaints merge c-0123... --into c-4567... --yes",
	}, r)
	c.Flags().StringVar(&r.Of, "into", "", "the complaint that stays")
	return reasonFlag(c, r, r.Kind)
}

func moveCommand() *cobra.Command {
	r := &complaints.Ruling{Kind: complaints.KindMoved}
	c := ruling(&cobra.Command{
		Use: "move ID", Short: "Move a complaint to the business that is meant; its clock begins there",
		Example: "  mohr complaints move c-0123... --to 10380284790 --yes",
	}, r)
	c.Flags().StringVar((*string)(&r.To), "to", "", "legal id of the business that is meant")
	return reasonFlag(c, r, r.Kind)
}

func withdrawCommand() *cobra.Command {
	r := &complaints.Ruling{Kind: complaints.KindWithdrawn}
	c := ruling(&cobra.Command{Use: "withdraw ID", Short: "Withdraw a complaint for the consumer who asked", Example: "  mohr complaints withdraw c-0123... --reason asked_in_writing --yes"}, r)
	return reasonFlag(c, r, r.Kind)
}

func testOrderCommand() *cobra.Command {
	r := &complaints.Ruling{}
	c := ruling(&cobra.Command{
		Use: "test-order ID", Short: "Say whether there is the order that the business says it does not know",
		Long:    "If there is, the answer was none: the same clock goes on.",
		Example: "  mohr complaints test-order c-0123... --finding order_found --reason consumer_proved --yes",
	}, r)
	c.Flags().StringVar((*string)(&r.Kind), "finding", string(complaints.KindOrderFound), "order_found or order_not_found")
	return reasonFlag(c, r, complaints.KindOrderFound, complaints.KindOrderNotFound)
}

// wordsFlags add what decisions have.
func wordsFlags(c *cobra.Command, r *complaints.Ruling) {
	c.Flags().StringVar((*string)(&r.Outcome), "outcome", "", "for_consumer, for_both or for_business")
	c.Flags().StringVar(&r.Text, "text", "", "the grounds, for both sides to read")
}

func decideCommand() *cobra.Command {
	r := &complaints.Ruling{Kind: complaints.KindDecided}
	c := ruling(&cobra.Command{
		Use: "decide ID", Short: "Decide a complaint for which the consumer asked it",
		Example: `  mohr complaints decide c-0123... --outcome for_consumer --reason answer_insufficient --text "The money is to be paid back." --yes`,
	}, r)
	wordsFlags(c, r)
	return reasonFlag(c, r, r.Kind)
}

func appealCommand() *cobra.Command {
	r := &complaints.Ruling{}
	c := ruling(&cobra.Command{
		Use: "appeal ID", Short: "Decide of an appeal against another officer's decision",
		Example: `  mohr complaints appeal c-0123... --finding appeal_refused --reason rightly_decided --text "..." --yes`,
	}, r)
	c.Flags().StringVar((*string)(&r.Kind), "finding", string(complaints.KindAppealRefused), "appeal_granted or appeal_refused")
	wordsFlags(c, r)
	return reasonFlag(c, r, complaints.KindAppealRefused, complaints.KindAppealGranted)
}
