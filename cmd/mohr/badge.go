package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/badge"
	mohr "mohr/cmd/mohr/client"
)

// badgeAsk is what a merchant wants of the service.
type badgeAsk struct {
	legalID, domain, licence string
	licences                 []string // further ones
	level                    string   // stars at the lowest: 0, 1 or 2; "": as the service has it
	contact                  string   // path of the contact page
	appeal                   string   // reasons
	withdraw, renew          bool
}

// action is what is asked for.
func (a badgeAsk) action() badge.Action {
	switch {
	case a.withdraw:
		return badge.ActionWithdrawal
	case a.appeal != "":
		return badge.ActionAppeal
	case a.renew:
		return badge.ActionRenewal
	}
	return badge.ActionGrant
}

// put writes the wish into the payload.
func (a badgeAsk) put(ask *badge.Ask) {
	ask.LegalID, ask.Domain, ask.Action = a.legalID, a.domain, a.action()
	if ask.Reasons = a.appeal; a.withdraw || a.appeal != "" {
		return
	}
	ask.Licence.Type, ask.Licence.Number, _ = strings.Cut(a.licence, ":")
	for _, l := range a.licences {
		var one badge.Licence
		one.Type, one.Number, _ = strings.Cut(l, ":")
		ask.Licences = append(ask.Licences, one)
	}
	if ask.Contact = a.contact; a.level != "" {
		level, err := strconv.Atoi(a.level)
		if err != nil {
			level = -1 // the service says what it takes
		}
		ask.Level = &level
	}
}

// badgeRequest makes the payload and the signed request for it.
func (h *holder) badgeRequest(ctx context.Context, api *client, a badgeAsk) (payload, jws []byte, err error) {
	var ask badge.Ask
	a.put(&ask)
	r, err := api.user().NewBadgeRequest(ctx, h.SigningKey, ask)
	return r.Payload, r.JWS, err
}

type badgeFlags struct {
	holderFlags
	badgeAsk
	out    string
	format string // of the request: jws or pdf
	wait   time.Duration
	json   bool
}

func badgeCommand() *cobra.Command {
	return group("badge", "Ask for a trust badge, verify one, and keep watch over all", badgeRequestCommand(), badgeCheckCommand(), badgeVerifyCommand(),
		badgeReplayCommand(), badgeTryCommand(), badgeActCommand(), badgeAppealCommand(), badgeAppealsCommand())
}

func badgeRequestCommand() *cobra.Command {
	var f badgeFlags
	c := &cobra.Command{
		Use: "request", Short: "Ask for a badge by a signed request",
		Long: "Ask for a badge by a request signed with the key of a certificate for the organisation.\nThe service answers with a file to put under the shop's /.well-known/; once it is there, the checks go on.",
		Example: `  mohr badge request --key holder.key --cert holder.pem --legal-id 14003456780 --domain shop.example --licence trade
  mohr badge request ... --wait 10m      # until the file is there and the decision is made
  mohr badge request ... --licences cosmetics --level 2 --contact /about/contact
  mohr badge request ... --format pdf --out request.pdf
  mohr badge request ... --renew         # within 60 days before its end
  mohr badge request --appeal "the licence was extended on 3 May" --legal-id 14003456780 --domain shop.example`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.OutOrStdout()) },
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.legalID, "legal-id", "", "legal id of the business; none: the signer is a sole trader")
	c.Flags().StringVar(&f.domain, "domain", "", "domain of the shop")
	c.Flags().StringVar(&f.licence, "licence", "", "TYPE or TYPE:NUMBER of the licence")
	c.Flags().StringSliceVar(&f.licences, "licences", nil, "further ones, with commas between")
	c.Flags().StringVar(&f.level, "level", "", "stars taken at the lowest: 0 is a temporary badge without a licence (default 1)")
	c.Flags().StringVar(&f.contact, "contact", "", "path of the shop's contact page (default /contact)")
	c.Flags().BoolVar(&f.renew, "renew", false, "renew the badge that there is")
	c.Flags().StringVar(&f.appeal, "appeal", "", "appeal against what was decided, with these reasons")
	c.Flags().BoolVar(&f.withdraw, "withdraw", false, "give the badge back")
	c.Flags().StringVar(&f.out, "out", "", "file for the signed request")
	c.Flags().StringVar(&f.format, "format", "jws", "of the request: jws, or pdf for one to read and to keep with other papers")
	c.Flags().DurationVar(&f.wait, "wait", 0, "how long to wait for the decision")
	c.Flags().BoolVar(&f.json, "json", false, "print the record as JSON")
	return c
}

func (f *badgeFlags) run(ctx context.Context, out io.Writer) error {
	if f.domain == "" {
		return usageError{errors.New("--domain is needed")}
	}
	if f.format != "jws" && f.format != "pdf" {
		return usageError{fmt.Errorf("--format %s: there are jws and pdf", f.format)}
	}
	h, api, ring, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer ring.Close()
	payload, jws, err := h.badgeRequest(ctx, api, f.badgeAsk)
	if err != nil {
		return err
	}
	letter := mohr.BadgeRequest{Payload: payload, JWS: jws}
	if f.format == "pdf" {
		if letter, err = letter.AsPDF(ctx, h.SigningKey); err != nil {
			return err
		}
	}
	if _, signed := letter.Signed(); f.out != "" {
		if err := os.WriteFile(f.out, signed, 0o600); err != nil {
			return err
		}
	}
	r, err := api.user().SendBadgeRequest(ctx, letter)
	if err != nil {
		return err
	}
	if err := f.print(out, r); err != nil {
		return err
	}
	return f.follow(ctx, api, r, out)
}

// follow asks again until a decision is made or the patience is over.
func (f *badgeFlags) follow(ctx context.Context, api *client, r badge.Record, out io.Writer) error {
	patient, stop := context.WithTimeout(ctx, f.wait)
	defer stop()
	var failed error
	_, err := api.user().AwaitBadge(patient, r, func(r badge.Record) { failed = errors.Join(failed, f.print(out, r)) })
	if patient.Err() != nil && ctx.Err() == nil {
		err = nil // it may be decided later
	}
	return errors.Join(err, failed)
}

func (f *badgeFlags) print(out io.Writer, r badge.Record) error {
	if f.json {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "Badge %s: %s.\n", r.ID, r.State)
	challenge := r.Challenge
	if r.Renewal != nil {
		challenge = r.Renewal.Challenge
	}
	if c := challenge; c != nil {
		fmt.Fprintf(out, "Put this line at %s and run: mohr badge check %s\n%s\n", c.URL, r.ID, c.Content)
		fmt.Fprintf(out, "Or as a TXT record of %s, or into the head of %s:\n%s\n", c.TXT, c.Front, c.Meta())
	}
	return nil
}

func badgeCheckCommand() *cobra.Command {
	var f badgeFlags
	c := &cobra.Command{
		Use: "check ID", Short: "Have the facts checked now, as after putting the file in place",
		Example: "  mohr badge check b-0123...", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := f.dial(nil)
			if err != nil {
				return err
			}
			r, err := api.user().CheckBadge(c.Context(), badge.ID(args[0]))
			if err != nil {
				return err
			}
			return f.print(c.OutOrStdout(), r)
		},
	}
	f.serverFlags.register(c.Flags())
	c.Flags().BoolVar(&f.json, "json", false, "print the record as JSON")
	return c
}
