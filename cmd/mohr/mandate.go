package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca/mandate"
	"mohr/ca/signature"
)

func mandateCommand() *cobra.Command {
	return group("mandate", "Let others act for an organisation, and take that back", mandateGiveCommand(), mandateListCommand(), mandateRevokeCommand(), mandateOfCommand(), mandateEndCommand())
}

// say signs a statement about mandates, hands it in and decodes the answer.
func (h *holder) say(ctx context.Context, api *client, typ, path string, statement func(signature.Claims) any, out any) error {
	_, jws, err := api.user().SignStatement(ctx, h.SigningKey, typ, "/api/v1/mandates/nonce?type="+url.QueryEscape(typ), statement)
	if err != nil {
		return err
	}
	return api.call(ctx, request{method: http.MethodPost, path: path, in: map[string]string{"jws": string(jws)}}, out)
}

// giveMandate signs terms and hands them in.
func (h *holder) giveMandate(ctx context.Context, api *client, t mandate.GrantTerms) (b mandate.Brief, err error) {
	err = h.say(ctx, api, mandate.StatementType, "/api/v1/mandates", func(c signature.Claims) any { return mandate.Statement{Claims: c, GrantTerms: t} }, &b)
	return b, err
}

// mandates are those that h may see: of the organisation, or the own ones.
func (h *holder) mandates(ctx context.Context, api *client, legalID string) ([]mandate.Listing, error) {
	var out struct {
		Mandates []mandate.Listing `json:"mandates"`
	}
	err := h.say(ctx, api, mandate.QueryType, "/api/v1/mandates/list", func(c signature.Claims) any { return mandate.Query{Claims: c, LegalID: legalID} }, &out)
	return out.Mandates, err
}

type giveFlags struct {
	holderFlags
	terms       mandate.GrantTerms
	scopes      []string
	under, join string
	from, until string
	days        int
	yes, json   bool
}

func mandateGiveCommand() *cobra.Command {
	var f giveFlags
	c := &cobra.Command{
		Use: "give", Short: "Let somebody act for an organisation, by a signed statement",
		Long: `Signed by one who binds the organisation alone, or by an administrator, the mandate stands at once. Of those who bind it
jointly, each signs the same: the first gives it, the others join it (--join) after looking at its terms.
The national code of the person is read from the standard input, so that it stays in no history and no list of processes.`,
		Example: `  mohr mandate give --legal-id 14003456780 --title "Sales" --scope sign,complaint-answer --until 2027-11-30 < code.txt
  mohr mandate give --legal-id 14003456780 --title "Sales" --scope sign --until 2027-03-20 --under m-0123... < code.txt   # as an administrator
  mohr mandate give --legal-id 10323012419 --join m-0123... --yes`,
		Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.terms.LegalID, "legal-id", "", "legal id of the organisation")
	c.Flags().StringVar(&f.terms.Title, "title", "", "what the person is in the organisation, as certificates will say")
	c.Flags().StringSliceVar(&f.scopes, "scope", nil, "what the person may do: "+scopeNames())
	c.Flags().BoolVar(&f.terms.Delegate, "delegate", false, "let an administrator appoint others")
	c.Flags().StringVar(&f.under, "under", "", "your own mandate, as an administrator")
	c.Flags().StringVar(&f.from, "from", "", "first day, YYYY-MM-DD (UTC); now if it is left out")
	c.Flags().StringVar(&f.until, "until", "", "last day, YYYY-MM-DD (UTC)")
	c.Flags().IntVar(&f.days, "days", 0, "how many days it is valid, instead of --until")
	c.Flags().StringVar(&f.join, "join", "", "mandate that another has signed and that you sign too")
	c.Flags().BoolVar(&f.yes, "yes", false, "with --join: sign, do not only show")
	c.Flags().BoolVar(&f.json, "json", false, "print as JSON")
	return c
}

func scopeNames() string {
	var names []string
	for _, s := range mandate.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

func (f *giveFlags) run(c *cobra.Command) error {
	if f.terms.LegalID == "" || f.join == "" && (f.terms.Title == "" || len(f.scopes) == 0 || (f.until == "") == (f.days <= 0)) {
		return usageError{errors.New("--legal-id, --title, --scope and one of --until and --days are needed; with --join, --legal-id alone")}
	}
	h, api, ring, err := f.open(c.Context())
	if err != nil {
		return err
	}
	defer ring.Close()
	t := f.terms
	if f.join != "" {
		t, err = f.joined(c, h, api)
	} else if err = f.fill(&t, time.Now()); err == nil {
		if t.NationalCode, err = readLine(c.InOrStdin()); err != nil {
			err = fmt.Errorf("read the national code from the standard input: %w", err)
		}
	}
	if err != nil {
		return err
	}
	b, err := h.giveMandate(c.Context(), api, t)
	if err != nil {
		return err
	}
	return printBrief(c.OutOrStdout(), b, f.json)
}

// fill makes terms of the flags.
func (f *giveFlags) fill(t *mandate.GrantTerms, now time.Time) error {
	t.Reference, t.Under = randomID(), mandate.ID(f.under)
	for _, s := range f.scopes {
		t.Scopes = append(t.Scopes, mandate.Scope(s))
	}
	t.ValidFrom = now.UTC().Truncate(time.Second)
	if f.from != "" {
		day, err := time.Parse(time.DateOnly, f.from)
		if err != nil {
			return usageError{errors.New("--from is no day YYYY-MM-DD")}
		}
		t.ValidFrom = day
	}
	if f.days > 0 {
		t.ValidTo = t.ValidFrom.AddDate(0, 0, f.days)
		return nil
	}
	last, err := time.Parse(time.DateOnly, f.until)
	if err != nil {
		return usageError{errors.New("--until is no day YYYY-MM-DD")}
	}
	t.ValidTo = last.AddDate(0, 0, 1)
	return nil
}

// joined returns the terms that others have signed, after showing them.
func (f *giveFlags) joined(c *cobra.Command, h *holder, api *client) (mandate.GrantTerms, error) {
	list, err := h.mandates(c.Context(), api, f.terms.LegalID)
	if err != nil {
		return mandate.GrantTerms{}, err
	}
	i := slices.IndexFunc(list, func(v mandate.Listing) bool { return string(v.ID) == f.join })
	if i < 0 {
		return mandate.GrantTerms{}, fmt.Errorf("there is no mandate %s of this organisation that you may see", f.join)
	}
	if f.yes {
		return list[i].Terms, nil
	}
	if err := printMandates(c.OutOrStdout(), list[i:i+1]); err != nil {
		return mandate.GrantTerms{}, err
	}
	return mandate.GrantTerms{}, errors.New("nothing was signed; repeat with --yes to sign this")
}

func printBrief(out io.Writer, b mandate.Brief, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(b)
	}
	if b.Needs > 0 {
		_, err := fmt.Fprintf(out, "Mandate %s: %s; it waits for %d more to sign: mohr mandate give --join %s\n", b.ID, b.State, b.Needs, b.ID)
		return err
	}
	_, err := fmt.Fprintf(out, "Mandate %s: %s.\n", b.ID, b.State)
	return err
}
