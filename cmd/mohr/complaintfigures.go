package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mohr/complaints"
)

// register opens the data directory for counting. The service must be stopped.
func (f *scorecardFlags) open(ctx context.Context) (*complaints.Register, complaints.Terms, func() error, error) {
	terms, err := f.terms()
	if err != nil {
		return nil, terms, nil, err
	}
	s, err := openData(ctx, f.data, f.store, false)
	if err != nil {
		return nil, terms, nil, err
	}
	return &complaints.Register{Store: s, Policies: terms.Policies}, terms, s.Close, nil
}

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// part is a statistic for a table; a dash for none.
func part(x *float64) string {
	if x == nil {
		return "-"
	}
	return strconv.FormatFloat(*x, 'f', 4, 64)
}

// everyFigure is what complaints figures prints.
type everyFigure struct {
	complaints.Figures
	Rating     complaints.Rating     `json:"rating"`
	YearOnYear complaints.Comparison `json:"year_on_year"`
	Forecast   complaints.Forecast   `json:"forecast"`
}

func figuresCommand() *cobra.Command {
	var f scorecardFlags
	var asJSON bool
	c := &cobra.Command{
		Use: "figures BUSINESS", Short: "Count everything that the record says of one business",
		Long:    "Count everything that the record says of one business: the scorecard, the censored view with its intervals, delays per stage,\ncategories, settlements, the year before, the score in five dimensions and what becomes of the pending ones.",
		Example: `  mohr complaints figures 14001234567 --as-of 2026-03-01 --rolling 365d --json`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			g, terms, done, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			all, err := countEverything(c.Context(), g, args[0], terms)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), all)
			}
			return all.print(c.OutOrStdout())
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print all figures as JSON")
	return c
}

func countEverything(ctx context.Context, g *complaints.Register, business string, t complaints.Terms) (all everyFigure, err error) {
	weights, err := complaints.DefaultWeights()
	if err != nil {
		return all, err
	}
	rows, err := g.RowsOf(ctx, business)
	if err != nil {
		return all, err
	}
	y := complaints.NewTally(business, t)
	for _, r := range rows {
		y.Add(r)
	}
	all.Figures = y.Figures()
	all.Rating = complaints.Rate(all.Figures, nil, weights.At(t.At))
	all.YearOnYear, all.Forecast = complaints.YearOnYear(rows, t), complaints.Foresee(rows, t)
	return all, nil
}

func (f everyFigure) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	c, s := f.Scorecard, f.Censored
	row := func(name string, format string, a ...any) {
		fmt.Fprintf(w, "%s\t"+format+"\n", append([]any{name}, a...)...)
	}
	row("as of", "%s", f.At.Format("2006-01-02T15:04:05Z"))
	row("complaints", "%d (%s)", c.Received, f.Level)
	row("unanswered", "%d of %d whose time is over; %d ever were", c.Unanswered, f.Aside.Due, f.Aside.EverUnanswered)
	row("on time", "%d of %d, share %s (%s to %s)", c.MaturedOnTime, c.Matured, part(c.ShareOnTime), part(c.WilsonLow), part(c.WilsonHigh))
	row("open after the window", "%s (%s to %s)", part(s.OpenAfter), part(s.OpenLow), part(s.OpenHigh))
	row("median days to the answer", "%s (%s to %s)", part(s.P50Days), part(s.P50Low), part(s.P50High))
	row("mean days, none counted longer than 90", "%s (%s to %s)", part(s.MeanDays), part(s.MeanLow), part(s.MeanHigh))
	row("settled directly", "%d of %d closed; %d silent", f.Settlement.Direct, f.Settlement.Closed, f.Settlement.Silent)
	row("unanswered a year before", "%d", f.YearOnYear.Before.Unanswered)
	row("if all open ones are answered now", "share %s, %d unanswered", part(f.Forecast.Answered.ShareOnTime), f.Forecast.Answered.Unanswered)
	row("if none is", "share %s, %d unanswered", part(f.Forecast.Silent.ShareOnTime), f.Forecast.Silent.Unanswered)
	row("score", "%s of the %d %% that is measured (%s)", part(f.Rating.Score), f.Rating.Measured, f.Rating.Version)
	return w.Flush()
}

func rankingCommand() *cobra.Command {
	var f scorecardFlags
	var asJSON bool
	c := &cobra.Command{
		Use: "ranking", Short: "Rank businesses of 30 complaints and more by shares drawn towards the overall one",
		Example: `  mohr complaints ranking --as-of 2026-03-01 --rolling 365d`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			g, terms, done, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			var cards []complaints.Scorecard
			err = g.Scorecards(c.Context(), terms, func(card complaints.Scorecard) error {
				cards = append(cards, card)
				return nil
			})
			if err != nil {
				return err
			}
			r := complaints.Rank(cards)
			if asJSON {
				return printJSON(c.OutOrStdout(), r)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintf(w, "place\tbusiness\ton time\tshare\tinterval\tdrawn\n")
			for _, b := range r.Ranked {
				fmt.Fprintf(w, "%d\t%s\t%d of %d\t%.4f\t%.4f to %.4f\t%.4f\n", b.Place, b.Business, b.MaturedOnTime, b.Matured, b.ShareOnTime, b.WilsonLow, b.WilsonHigh, b.Shrunk)
			}
			fmt.Fprintf(w, "%d businesses have too few complaints to be ranked; the overall share is %.4f\n", r.TooFew, r.Overall)
			return w.Flush()
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print the ranking as JSON")
	return c
}
