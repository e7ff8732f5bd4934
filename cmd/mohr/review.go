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

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/enroll"
)

func reviewCommand() *cobra.Command {
	return group("review", "Decide applications that the policy sent to review (officers)", reviewListCommand(), reviewShowCommand(), reviewProposeCommand(), reviewSignCommand())
}

// reviewPath is the API's path of an application at review.
func reviewPath(id string) string { return "/api/v1/reviews/" + url.PathEscape(id) }

func reviewListCommand() *cobra.Command {
	return asOperator(&cobra.Command{Use: "list", Short: "List the applications at review, the next to expire first", Example: "  mohr review list", Args: exactly(0)},
		func(ctx context.Context, api *client, _ []string) ([]enroll.ReviewItem, error) {
			var out struct {
				Reviews []enroll.ReviewItem `json:"reviews"`
			}
			err := api.call(ctx, request{method: http.MethodGet, path: "/api/v1/reviews"}, &out)
			return out.Reviews, err
		}, func(w io.Writer, list []enroll.ReviewItem) error {
			t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "APPLICATION\tPROFILE\tUNTIL\tAPPEAL\tTO REVIEW")
			for _, r := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\t%t\t%s\n", r.ID, r.Profile, r.Deadline.Format("2006-01-02 15:04"), r.Appeal, strings.Join(r.Rules, " "))
			}
			return t.Flush()
		})
}

// fetchReview opens the case of an application at review.
func fetchReview(ctx context.Context, api *client, args []string) (r enroll.ReviewCase, err error) {
	err = api.call(ctx, request{method: http.MethodGet, path: reviewPath(args[0])}, &r)
	return r, err
}

func reviewShowCommand() *cobra.Command {
	return asOperator(&cobra.Command{
		Use: "show APPLICATION", Short: "Show what the applicant and the sources said, and what was proposed",
		Long: "Shows personal data. The application's history says who opened it.", Example: "  mohr review show a-6b04...", Args: exactly(1),
	}, fetchReview, printReview)
}

func printReview(w io.Writer, r enroll.ReviewCase) error {
	fmt.Fprintf(w, "%s, %s, until %s\n", r.ID, r.Profile, r.Deadline.Format("2006-01-02 15:04"))
	fmt.Fprintf(w, "The applicant: %s, born %s, %s %s %s\n", r.Person.NationalCode, r.Person.BirthDate, r.Person.Mobile, r.Person.NamesLatin, r.Person.LegalID)
	for _, e := range r.Records {
		claims, err := json.Marshal(e.Claims)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s (%s): %s %s\n", e.Type, e.Source, e.Result, claims)
	}
	for _, s := range r.Trace {
		if s.Outcome != "pass" {
			fmt.Fprintf(w, "%s: %s, %s\n", s.Outcome, s.Rule, s.Why)
		}
	}
	if r.Appeal {
		fmt.Fprintf(w, "Officers refused it before: %s\nThe applicant objects: %s\n", r.Earlier, r.Objection)
	}
	for _, p := range r.Proposals {
		fmt.Fprintf(w, "Proposal %s by %s: %s, because: %s\n  signed by %v\n", p.ID, p.By, p.Document.Outcome, p.Document.Reasons, p.Signed)
	}
	return nil
}

// proposed is a proposal as the service names it.
type proposed struct {
	application string
	ID          string `json:"id"`
	SHA256      string `json:"sha256"`
}

func reviewProposeCommand() *cobra.Command {
	var outcome, reasons string
	c := asOperator(&cobra.Command{
		Use: "propose APPLICATION", Short: "Propose what to decide, with reasons; it decides nothing yet",
		Long:    "Writes a proposal for officers to sign. The applicant reads the reasons of a refusal.",
		Example: "  mohr review propose a-6b04... --outcome approved --reasons \"called on the old number; the person confirms the new SIM\"", Args: exactly(1),
	}, func(ctx context.Context, api *client, args []string) (proposed, error) {
		p := proposed{application: args[0]}
		in := map[string]string{"outcome": outcome, "reasons": reasons}
		err := api.call(ctx, request{method: http.MethodPost, path: reviewPath(args[0]) + "/proposals", in: in}, &p)
		return p, err
	}, func(w io.Writer, p proposed) error {
		_, err := fmt.Fprintf(w, "Proposed as %s. Officers sign it with: mohr review sign %s %s --yes\n", p.ID, p.application, p.ID)
		return err
	})
	c.Flags().StringVar(&outcome, "outcome", "", "approved or rejected")
	c.Flags().StringVar(&reasons, "reasons", "", "why")
	return c
}

func reviewSignCommand() *cobra.Command {
	var f operatorFlags
	var yes bool
	c := &cobra.Command{
		Use: "sign APPLICATION PROPOSAL", Short: "Approve a proposal by a statement signed with the operator's key",
		Long:    "Shows the case and the proposal; with --yes signs the proposal's hash and sends it.\nOne officer refuses; as many as the policy asks, two where certificates sign, approve. Nobody decides of oneself, or twice.",
		Example: "  mohr review sign a-6b04... rv-91ce...\n  mohr review sign a-6b04... rv-91ce... --yes", Args: exactly(2),
	}
	c.RunE = f.withOperator(func(c *cobra.Command, api *client, key ca.SigningKey, args []string) error {
		r, err := fetchReview(c.Context(), api, args)
		if err != nil {
			return err
		}
		hash, err := proposalHash(r, args[1])
		if err != nil {
			return err
		}
		if !yes {
			return errors.Join(printReview(c.OutOrStdout(), r), errors.New("nothing was signed; repeat with --yes"))
		}
		ch, err := api.challenge(c.Context(), reviewPath("challenge"))
		if err != nil {
			return err
		}
		jws, err := signApproval(key, ch, args[1], hash)
		if err != nil {
			return err
		}
		var out struct {
			Stage enroll.Stage `json:"stage"`
		}
		path := reviewPath(args[0]) + "/proposals/" + url.PathEscape(args[1]) + "/approvals"
		if err := api.call(c.Context(), request{method: http.MethodPost, path: path, in: map[string]string{"jws": string(jws)}}, &out); err != nil {
			return err
		}
		if f.json {
			return json.NewEncoder(c.OutOrStdout()).Encode(out)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "Signed; the application is at %s.\n", out.Stage)
		return err
	})
	f.register(c.Flags())
	c.Flags().BoolVar(&yes, "yes", false, "sign and send, do not only show")
	return c
}

// proposalHash returns the hash of the proposal as it is shown, made here: an
// officer signs what he was shown and not what the service says its hash is.
func proposalHash(r enroll.ReviewCase, id string) (string, error) {
	for _, p := range r.Proposals {
		if p.ID != id {
			continue
		}
		hash, err := p.Document.SHA256()
		if err != nil {
			return "", err
		}
		if hash != p.SHA256 || p.Document.Application != r.ID || p.Document.Seen.SeenSHA256 != evidence.Seen(r.Records) {
			return "", errors.New("the service shows a proposal that is not the one it asks to sign, or that rests on other evidence; nothing was signed")
		}
		return hash, nil
	}
	return "", fmt.Errorf("no proposal %s for this application; look with: mohr review show %s", id, r.ID)
}
