package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mohr/cmd/mohr/service"
	"mohr/complaints"
	"mohr/internal/store"
)

func complaintsCommand() *cobra.Command {
	own := []*cobra.Command{
		answerCommand(), replyCommand(), importCommand(), scorecardCommand(),
		figuresCommand(), rankingCommand(), statisticsCommand(), replayCommand(), treatmentCommand(), recomputeCommand(),
	}
	return group("complaints", "Answer complaints and rule on them; import and count them", append(own, deskCommands()...)...)
}

func answerCommand() *cobra.Command {
	var f holderFlags
	var kind, text string
	var asJSON bool
	c := &cobra.Command{
		Use: "answer ID", Short: "Answer a complaint with a signature of the business",
		Example: `  mohr complaints answer c-0123... --text "Refunded today." --key holder.key --cert holder.pem
  mohr complaints answer c-0123... --kind holding --text "We are asking the carrier."   # does not stop the clock`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if text == "" {
				return usageError{errors.New("--text is missing")}
			}
			h, api, ring, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			a, err := api.user().AnswerComplaint(c.Context(), h.SigningKey, args[0], complaints.Kind(kind), text)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(a)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Complaint %s: %s taken at %s; it is %s now.\n", a.Complaint, a.Kind, a.At.Format(time.RFC3339), a.State)
			return err
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print the answer as JSON")
	c.Flags().StringVar(&kind, "kind", "answer", "answer, holding, no_such_order, or appealed: against a decision")
	c.Flags().StringVar(&text, "text", "", "what you say to the consumer")
	return c
}

// openData opens the store of a data directory, or the database at the URL;
// create makes the directory where there is none.
func openData(ctx context.Context, dir, url string, create bool) (store.Store, error) {
	if create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	return service.OpenStore(ctx, dir, url, create)
}

// importFlags are those of complaints import.
type importFlags struct {
	data, store, columns, layout, policy string
	json                                 bool
}

func importCommand() *cobra.Command {
	var f importFlags
	c := &cobra.Command{
		Use: "import FILE", Short: "Import complaints from a CSV file; - reads standard input",
		Long:    "Import complaints from a CSV file. The same id at the same business counts once; an empty answered date is open;\na row that cannot be used is reported with its line and the reason, and the rest goes on.",
		Example: `  mohr complaints import --columns id=No,business=Company,served=Opened,answered=Closed --date-layout 01/02/2006 file.csv`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c.Context(), args[0], c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&f.data, "data", "mohr-data", "directory of the embedded store; the service must be stopped")
	storeFlag(c.Flags(), &f.store)
	c.Flags().StringVar(&f.columns, "columns", "id=id,business=business,served=served,answered=answered", "which column of the file is which: id, business, served, answered, category, filed")
	c.Flags().StringVar(&f.layout, "date-layout", "2006-01-02", "how dates are written, by the example 2006-01-02 15:04:05")
	c.Flags().BoolVar(&f.json, "json", false, "print the report as JSON")
	policyFlag(c.Flags(), &f.policy)
	return c
}

func parseColumns(s string) (map[string]string, error) {
	columns := map[string]string{}
	for _, pair := range strings.Split(s, ",") {
		ours, theirs, ok := strings.Cut(pair, "=")
		if _, twice := columns[ours]; !ok || theirs == "" || twice {
			return nil, usageError{fmt.Errorf("--columns: %q is not NAME=COLUMN, or NAME comes twice", pair)}
		}
		columns[ours] = theirs
	}
	return columns, nil
}

func (f *importFlags) run(ctx context.Context, file string, in io.Reader, out, progress io.Writer) error {
	columns, err := parseColumns(f.columns)
	if err != nil {
		return err
	}
	policies, err := readPolicies(f.policy)
	if err != nil {
		return err
	}
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return err
		}
		defer opened.Close()
		in = opened
	}
	s, err := openData(ctx, f.data, f.store, true)
	if err != nil {
		return err
	}
	defer s.Close()
	bar := progressOf(progress, "rows", progressbar.OptionShowIts())
	g := &complaints.Register{Store: s, Policies: policies}
	report, err := g.Import(ctx, in, complaints.ImportConfig{
		Columns: columns, DateLayout: f.layout, Batch: aloneBatch,
		OnReject: func(r complaints.Rejection) {
			if !f.json {
				fmt.Fprintf(out, "line %d rejected: %s\n", r.Line, r.Reason)
			}
		},
	}, func(rows int) { bar.Set(rows) })
	bar.Finish()
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(out).Encode(report)
	}
	_, err = fmt.Fprintf(out, "%d rows: %d imported, %d duplicates, %d rejected\n", report.Rows, report.Imported, report.Duplicates, report.RejectedRows)
	return err
}

// scorecardFlags are those of complaints scorecard.
type scorecardFlags struct{ data, store, asOf, window, rolling, format, policy string }

// aloneBatch is how many rows share a transaction when nobody else writes.
const aloneBatch = 25_000

func scorecardCommand() *cobra.Command {
	var f scorecardFlags
	c := &cobra.Command{
		Use: "scorecard", Short: "Count how every business answered, as of an instant",
		Example: `  mohr complaints scorecard --as-of 2025-06-30 --window 'single(720h)' --format csv
  mohr complaints scorecard --rolling 365d --format json`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.OutOrStdout()) },
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.format, "format", "csv", "csv or json")
	return c
}

func (f *scorecardFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.data, "data", "mohr-data", "directory of the embedded store; the service must be stopped")
	storeFlag(flags, &f.store)
	flags.StringVar(&f.asOf, "as-of", "", "date (00:00:00Z) or RFC 3339 instant; default now")
	flags.StringVar(&f.window, "window", "", "judge all by this window, as single(96h) or staged(72h,48h,24h); default each by the policy it was filed under")
	flags.StringVar(&f.rolling, "rolling", "all", "all, or the days before the instant: 365d")
	policyFlag(flags, &f.policy)
}

// storeFlag is of commands upon a service's records.
func storeFlag(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "store", "", "URL of a PostgreSQL database in place of the embedded store: postgres://user@host/database")
}

func policyFlag(flags *pflag.FlagSet, to *string) {
	flags.StringVar(to, "policy", complaints.DefaultPolicies, "window policies for complaints that keep none: default, centre, or a YAML file of versions")
}

// readPolicies returns policies that come with the program or are in a file.
func readPolicies(name string) (complaints.Policies, error) {
	p, err := complaints.LoadPolicies(name)
	if err != nil {
		return nil, usageError{fmt.Errorf("--policy: %w", err)}
	}
	return p, nil
}

// terms reads the flags into what to count.
func (f *scorecardFlags) terms() (t complaints.Terms, err error) {
	t.At = time.Now().UTC()
	if f.asOf != "" {
		if t.At, err = parseInstant(f.asOf); err != nil {
			return t, usageError{err}
		}
	}
	if f.window != "" {
		if t.Window, err = complaints.ParseWindow(f.window); err != nil {
			return t, usageError{err}
		}
	}
	if t.Rolling, err = complaints.ParseRolling(f.rolling); err != nil {
		return t, usageError{err}
	}
	t.Policies, err = readPolicies(f.policy)
	return t, err
}

func parseInstant(s string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)", s)
	}
	return t.UTC(), nil
}

func (f *scorecardFlags) run(ctx context.Context, out io.Writer) error {
	terms, err := f.terms()
	if err != nil {
		return err
	}
	enc, err := complaints.NewEncoder(out, f.format)
	if err != nil {
		return usageError{err}
	}
	s, err := openData(ctx, f.data, f.store, false)
	if err != nil {
		return err
	}
	defer s.Close()
	g := &complaints.Register{Store: s}
	if err := g.Scorecards(ctx, terms, enc.Encode); err != nil {
		return err
	}
	return enc.Close()
}
