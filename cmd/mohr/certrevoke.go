package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/incident"
)

func certRevokeCommand() *cobra.Command {
	var f operatorFlags
	var s selectionFlags
	var reason string
	var yes bool
	c := &cobra.Command{
		Use: "revoke [SERIAL]", Short: "Revoke certificates: this cannot be undone",
		Long: `Without --yes nothing is revoked: a plan is made, with a name and a hash, that says what would be.
What concerns several owners, or many certificates of one, must be approved by two persons first (mohr approve PLAN)
and is then carried out with mohr plan execute PLAN.

A key that is compromised, with all its certificates: --spki FILE --reason keyCompromise.`,
		Example: `  mohr cert revoke 01ab23... --reason keyCompromise         # shows what would be revoked
  mohr cert revoke 01ab23... --reason keyCompromise --yes
  mohr cert revoke --holder h-1f2e3d... --reason affiliationChanged --yes
  mohr cert revoke --file serials.txt --reason privilegeWithdrawn`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if err := ca.CheckEnding(ca.Reason(reason)); err != nil {
				return usageError{fmt.Errorf("--reason %s is not one of those in --help", reason)}
			}
			if len(args) == 1 {
				if s.any() {
					return usageError{errors.New("give a serial number or one of the selections in --help, not both")}
				}
				return f.revokeOne(c, args[0], reason, yes)
			}
			ask := incident.Ask{Kind: incident.Revoke, Reason: ca.Reason(reason)}
			return f.plan(c, &s, ask, yes, "nothing was revoked; repeat with --yes, revocation cannot be undone")
		},
	}
	f.register(c.Flags())
	s.register(c.Flags())
	c.Flags().StringVar(&reason, "reason", "unspecified", reasonNames())
	c.Flags().BoolVar(&yes, "yes", false, "revoke, do not only show")
	return c
}

func reasonNames() string {
	var names []string
	for _, r := range ca.Endings() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// atMostOne wants one argument or none.
func atMostOne(c *cobra.Command, args []string) error {
	if err := cobra.MaximumNArgs(1)(c, args); err != nil {
		return usageError{err}
	}
	return nil
}

// revokeOne shows a certificate, and revokes it if told so.
func (f *operatorFlags) revokeOne(c *cobra.Command, serial, reason string, yes bool) error {
	if yes {
		return f.change(c, serial, "revoke", map[string]string{"reason": reason})
	}
	api, ring, err := f.dialOperator(c.Context())
	if err != nil {
		return err
	}
	defer ring.Close()
	var row ca.Entry
	if err := api.call(c.Context(), request{method: http.MethodGet, path: "/api/v1/certificates/" + url.PathEscape(serial)}, &row); err != nil {
		return err
	}
	if err := f.show(c.OutOrStdout(), row); err != nil {
		return err
	}
	return errors.New("nothing was revoked; repeat with --yes, revocation cannot be undone")
}

// change does a deed to one certificate and shows what became of it.
func (f *operatorFlags) change(c *cobra.Command, serial, deed string, in any) error {
	api, ring, err := f.dialOperator(c.Context())
	if err != nil {
		return err
	}
	defer ring.Close()
	var row ca.Entry
	path := "/api/v1/certificates/" + url.PathEscape(serial) + "/" + deed
	if err := api.call(c.Context(), request{method: http.MethodPost, path: path, in: in}, &row); err != nil {
		return err
	}
	return f.show(c.OutOrStdout(), row)
}

func certSuspendCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "suspend SERIAL", Short: "Suspend a certificate until mohr cert resume lifts it",
		Long:    fmt.Sprintf("A suspended certificate counts nowhere. A suspension that nobody lifts within %d days ends the certificate for good.", int(ca.MaxHold.Hours()/24)),
		Example: "  mohr cert suspend 01ab23...", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.change(c, args[0], "suspend", nil) },
	}
	f.register(c.Flags())
	return c
}

func certResumeCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "resume SERIAL", Short: "Lift a suspension; never a revocation", Example: "  mohr cert resume 01ab23...", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.change(c, args[0], "resume", nil) },
	}
	f.register(c.Flags())
	return c
}

func certRenewNowCommand() *cobra.Command {
	var f operatorFlags
	var s selectionFlags
	var yes, off bool
	c := &cobra.Command{
		Use: "renew-now", Short: "Mark certificates to be renewed at once, or take the mark away",
		Example: "  mohr cert renew-now --profile-version natural-sign@1\n  mohr cert renew-now --file serials.txt --off", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			ask := incident.Ask{Kind: incident.RenewNow}
			if off {
				ask.Kind = incident.RenewLater
			}
			return f.plan(c, &s, ask, yes, "nothing was marked; repeat with --yes")
		},
	}
	f.register(c.Flags())
	s.register(c.Flags())
	c.Flags().BoolVar(&off, "off", false, "take the mark away")
	c.Flags().BoolVar(&yes, "yes", false, "mark, do not only show")
	return c
}

func certBlockCommand() *cobra.Command {
	var f operatorFlags
	var s selectionFlags
	c := &cobra.Command{
		Use: "block", Short: "Plan to block public keys, seen here or not, with all their certificates",
		Long:    "Makes a plan that two persons must approve. The list has the SHA-256 of a SubjectPublicKeyInfo in hexadecimal digits on each line.",
		Example: "  mohr cert block --file keys.txt\n  mohr cert block --spki found.pub", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return f.plan(c, &s, incident.Ask{Kind: incident.Block}, false, "nothing was blocked")
		},
	}
	f.register(c.Flags())
	c.Flags().StringArrayVar(&s.keys, "spki", nil, spkiUsage)
	c.Flags().StringVar(&s.file, "file", "", "list of key hashes, one a line; # begins a remark")
	return c
}

// plan has a plan made of what s selects, shows it, and carries it out if told
// so and no approval is needed.
func (f *operatorFlags) plan(c *cobra.Command, s *selectionFlags, ask incident.Ask, yes bool, dry string) error {
	if err := s.fill(&ask); err != nil {
		return usageError{err}
	}
	return f.propose(c, ask, yes, dry)
}

func (f *operatorFlags) propose(c *cobra.Command, ask incident.Ask, yes bool, dry string) error {
	api, ring, err := f.dialOperator(c.Context())
	if err != nil {
		return err
	}
	defer ring.Close()
	var p incident.Plan
	if err := api.call(c.Context(), request{method: http.MethodPost, path: "/api/v1/plans", in: ask}, &p); err != nil {
		return err
	}
	doc := p.Document
	switch {
	case doc.Targets == 0 && doc.Kind != incident.Roles:
		if err := f.showPlan(c.OutOrStdout(), p); err != nil {
			return err
		}
		return errors.New("nothing to do: the plan concerns no certificate and no key; see what was left out")
	case doc.Needs > 0:
		if err := f.showPlan(c.OutOrStdout(), p); err != nil {
			return err
		}
		return fmt.Errorf("%s: the plan waits for the approval of %d persons: mohr approve %s, then mohr plan execute %s", strings.SplitN(dry, ";", 2)[0], doc.Needs, doc.ID, doc.ID)
	case !yes:
		if err := f.showPlan(c.OutOrStdout(), p); err != nil {
			return err
		}
		return errors.New(dry)
	}
	if p, err = executePlan(c.Context(), api, doc.ID, c.ErrOrStderr()); err != nil {
		return err
	}
	return f.showPlan(c.OutOrStdout(), p)
}

func certFindCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "find", Short: "Find a person's certificates by the national code; that you did is recorded",
		Long:    "Reads the national code from the standard input, so that it stays in no history and no list of processes.",
		Example: "  mohr cert find < code.txt", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			code, err := readLine(c.InOrStdin())
			if err != nil {
				return fmt.Errorf("read the national code from the standard input: %w", err)
			}
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			return f.find(c.Context(), api, code, c)
		},
	}
	f.register(c.Flags())
	return c
}

// find prints what the person with the national code has here.
func (f *operatorFlags) find(ctx context.Context, api *client, code string, c *cobra.Command) error {
	var found struct {
		Holder       string     `json:"holder"`
		Certificates []ca.Entry `json:"certificates"`
	}
	if err := api.call(ctx, request{method: http.MethodPost, path: "/api/v1/holders/find", in: map[string]string{"national_code": code}}, &found); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(found)
	}
	fmt.Fprintf(c.OutOrStdout(), "Holder %s\n", found.Holder)
	return printCertificates(c.OutOrStdout(), found.Certificates)
}
