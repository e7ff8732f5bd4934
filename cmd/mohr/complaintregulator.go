package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"mohr/complaints"
	"mohr/complaints/regulator"
)

// statistics is what complaints statistics prints.
type statistics struct {
	regulator.National
	Publication regulator.Publication `json:"publication"`
	Visits      regulator.Visits      `json:"visits_avoided"`
}

func gatherStatistics(c *cobra.Command, g *complaints.Register, t complaints.Terms) (s statistics, err error) {
	bar := progressOf(c.ErrOrStderr(), "rows", progressbar.OptionShowIts())
	counts, err := g.Counts(c.Context(), func(rows int) { bar.Set(rows) })
	bar.Finish()
	if err != nil {
		return s, err
	}
	s.National = regulator.Country(counts, t.At)
	if s.Publication, err = regulator.AroundPublication(c.Context(), g, t); err != nil {
		return s, err
	}
	s.Visits, err = regulator.VisitsAvoided(c.Context(), g.Store, s.At)
	return s, err
}

func statisticsCommand() *cobra.Command {
	var f scorecardFlags
	var asJSON, cells bool
	c := &cobra.Command{
		Use: "statistics", Short: "Count the country's complaints by year, month and category, beside the year before",
		Long:    "Count the country's complaints as of the last beginning of a day in Iran, by year and month of the Solar Hijri calendar and by category,\neach beside the view as of one year before, with the visits that were avoided. Read from kept counts; where there are none they are made first.",
		Example: `  mohr complaints statistics --as-of 2026-03-21 --json`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			g, terms, done, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			report, err := gatherStatistics(c, g, terms)
			if err != nil {
				return err
			}
			if !cells {
				report.Shelves, report.Cells = nil, nil
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), report)
			}
			if err := printNational(c.OutOrStdout(), report.National); err != nil {
				return err
			}
			p, v := report.Publication, report.Visits
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d public records: share on time %s before publication, %s after.\n%d enrollments and %d renewals without a visit.\n",
				p.Businesses, part(p.Before.ShareOnTime), part(p.After.ShareOnTime), v.Enrollments, v.Renewals)
			return err
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print the statistics as JSON, with their method")
	c.Flags().BoolVar(&cells, "cells", false, "every month by category too (JSON)")
	return c
}

func printNational(out io.Writer, n regulator.National) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "as of %s\treceived\thandled\tunanswered\ta year before\tchange\ton time\tmean days\tdirect\n", n.At.Format(time.RFC3339))
	line := func(name string, l regulator.Line) {
		before := "-"
		if l.Before != nil {
			before = fmt.Sprint(l.Before.Unanswered)
		}
		if l.Partial {
			name += " (not over)"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", name, l.Received, l.Handled, l.Unanswered, before, part(l.Change.Unanswered), part(l.ShareOnTime), part(l.MeanDays), part(l.DirectShare))
	}
	line("all", n.Total)
	for _, l := range n.Years {
		line(l.Period, l)
	}
	for _, l := range n.Categories {
		line(l.Period+" "+l.Category, l)
	}
	return w.Flush()
}

// replayFlags are those of complaints replay.
type replayFlags struct {
	scorecardFlags
	proposed, from, weights string
	top                     int
	json                    bool
}

func replayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use: "replay", Short: "Try another window or other weights on all history: who would change, and by how much",
		Long: "Count all history as it is and as a proposal would have it: another window (--propose) for complaints filed from a day on (--from), or other\nweights of the five dimensions (--weights FILE). It changes nothing: what is published is judged by the policy it was filed under, for ever.",
		Example: `  mohr complaints replay --propose 'staged(72h,48h,24h)' --as-of 2026-03-01 --top 20
  mohr complaints replay --weights weights.yaml --json`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c) },
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.proposed, "propose", "", "the window to try, as single(96h) or staged(72h,48h,24h)")
	c.Flags().StringVar(&f.from, "from", "", "only for complaints filed from this date or instant on; default all of history")
	c.Flags().StringVar(&f.weights, "weights", "", "YAML file of the weights to try")
	c.Flags().IntVar(&f.top, "top", 20, "how many businesses to list, the largest change first; 0 for all")
	c.Flags().BoolVar(&f.json, "json", false, "print the outcome as JSON")
	return c
}

func (f *replayFlags) proposal() (p regulator.Proposal, err error) {
	if f.proposed == "" && f.weights == "" {
		return p, usageError{errors.New("nothing to try: give --propose WINDOW or --weights FILE")}
	}
	if f.proposed != "" {
		if p.Window, err = complaints.ParseWindow(f.proposed); err != nil {
			return p, usageError{err}
		}
	}
	if f.from != "" {
		if p.From, err = parseInstant(f.from); err != nil {
			return p, usageError{err}
		}
	}
	if f.weights != "" {
		b, err := os.ReadFile(f.weights)
		if err != nil {
			return p, err
		}
		p.Weights, err = complaints.ParseWeights(b)
		return p, err
	}
	return p, nil
}

func (f *replayFlags) run(c *cobra.Command) error {
	p, err := f.proposal()
	if err != nil {
		return err
	}
	weights, err := complaints.DefaultWeights()
	if err != nil {
		return err
	}
	g, terms, done, err := f.open(c.Context())
	if err != nil {
		return err
	}
	defer done()
	bar := progressOf(c.ErrOrStderr(), "businesses", progressbar.OptionShowIts())
	r, err := regulator.Replay(c.Context(), g, p, regulator.Terms{At: terms.At, Rolling: terms.Rolling, Policies: terms.Policies, Weights: weights}, func(n int) { bar.Set(n) })
	bar.Finish()
	if err != nil {
		return err
	}
	if f.top > 0 && len(r.Effects) > f.top {
		r.Effects = r.Effects[:f.top]
	}
	if f.json {
		return printJSON(c.OutOrStdout(), r)
	}
	return printReplayed(c.OutOrStdout(), r)
}

func printReplayed(out io.Writer, r regulator.Replayed) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "%d complaints at %d businesses: %d would change, %d to a higher share on time and %d to a lower one, %d clearly.\n", r.Complaints, r.Businesses, r.Changed, r.Better, r.Worse, r.Clearly)
	fmt.Fprintf(w, "all: share %s (%s to %s) -> %s (%s to %s); unanswered %d -> %d; delays %d -> %d\n", part(r.Before.ShareOnTime), part(r.Before.WilsonLow), part(r.Before.WilsonHigh),
		part(r.After.ShareOnTime), part(r.After.WilsonLow), part(r.After.WilsonHigh), r.Before.Unanswered, r.After.Unanswered, r.Before.Delays, r.After.Delays)
	fmt.Fprintf(w, "business\tcomplaints\tshare\tinterval\twould be\tinterval\tunanswered\tplace\tscore\n")
	for _, e := range r.Effects {
		b, a := e.Before, e.After
		fmt.Fprintf(w, "%s\t%d\t%s\t%s to %s\t%s\t%s to %s\t%d -> %d\t%d -> %d\t%s -> %s\n", e.Business, e.Received, part(b.ShareOnTime), part(b.WilsonLow), part(b.WilsonHigh),
			part(a.ShareOnTime), part(a.WilsonLow), part(a.WilsonHigh), b.Unanswered, a.Unanswered, b.Place, a.Place, part(b.Score), part(a.Score))
	}
	return w.Flush()
}

func treatmentCommand() *cobra.Command {
	var f scorecardFlags
	var kinds string
	var asJSON bool
	c := &cobra.Command{
		Use: "treatment", Short: "Compare how businesses of each size, sector and region were treated",
		Long:    "Compare how complaints at each kind of business went and what the service did with them. --kinds is a CSV file with a column business and\none for each thing to compare by, such as size, sector, region.",
		Example: `  mohr complaints treatment --kinds businesses.csv --as-of 2026-03-01`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if kinds == "" {
				return usageError{errors.New("--kinds is missing")}
			}
			attributes, err := readKinds(kinds)
			if err != nil {
				return err
			}
			g, terms, done, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			list, err := regulator.Equal(c.Context(), g, terms, attributes)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), list)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintf(w, "kind\tbusinesses\tcomplaints\ton time\tinterval\tset aside\tinterval\tstands apart\n")
			for _, k := range list {
				fmt.Fprintf(w, "%s %q\t%d\t%d\t%s\t%s to %s\t%s\t%s to %s\t%v\n", k.Attribute, k.Value, k.Businesses, k.Complaints, part(k.ShareOnTime), part(k.WilsonLow), part(k.WilsonHigh), part(k.SetAsideShare), part(k.SetAsideLow), part(k.SetAsideHigh), k.Apart)
			}
			return w.Flush()
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&kinds, "kinds", "", "CSV file: business,size,sector,region")
	c.Flags().BoolVar(&asJSON, "json", false, "print the comparison as JSON")
	return c
}

// readKinds reads a CSV file with a column business.
func readKinds(name string) (map[string]regulator.Attributes, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(records) == 0 || records[0][0] != "business" {
		return nil, fmt.Errorf("%s: the first column is not called business", name)
	}
	kinds := map[string]regulator.Attributes{}
	for _, r := range records[1:] {
		kinds[r[0]] = regulator.Attributes{}
		for i, attribute := range records[0][1:] {
			kinds[r[0]][attribute] = r[i+1]
		}
	}
	return kinds, nil
}
