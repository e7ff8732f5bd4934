package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"mohr/complaints/opendata"
)

// recomputeFlags are those of complaints recompute.
type recomputeFlags struct {
	server        serverFlags
	day, business string
	fetch         string
	json          bool
}

func recomputeCommand() *cobra.Command {
	var f recomputeFlags
	c := &cobra.Command{
		Use: "recompute [DIR]", Short: "Recompute published figures from the public data alone, and compare",
		Long: "Read the open data of a service, or of a directory that --fetch filled, up to a day; check hashes, order and signatures; count the\n" +
			"complaints by the published rules; and compare with the figures of that day. Exit 1 if a figure is not what the data gives.",
		Example: `  mohr complaints recompute --server https://mohr.example --root root.pem --day 2026-03-01 --business 14001234567
  mohr complaints recompute --server https://mohr.example --root root.pem --fetch open
  mohr complaints recompute open --root root.pem`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("give one directory at most")}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args) },
	}
	f.server.register(c.Flags())
	c.Flags().StringVar(&f.day, "day", "", "day of the edition to compare with; default the last")
	c.Flags().StringVar(&f.business, "business", "", "one business; default all")
	c.Flags().StringVar(&f.fetch, "fetch", "", "write the service's editions into this directory first, and read them there")
	c.Flags().BoolVar(&f.json, "json", false, "print the outcome as JSON")
	return c
}

// source is the directory that was named, or the service.
func (f *recomputeFlags) source(c *cobra.Command, args []string) (opendata.Source, error) {
	if len(args) == 1 {
		return opendata.Directory(args[0]), nil
	}
	api, err := f.server.dial(nil)
	if err != nil {
		return nil, err
	}
	server := opendata.Server{URL: api.base, Client: api.http}
	if f.fetch == "" {
		return server, nil
	}
	n, err := opendata.Download(c.Context(), server, f.fetch)
	if err == nil {
		fmt.Fprintf(c.ErrOrStderr(), "%d editions fetched\n", n)
	}
	return opendata.Directory(f.fetch), err
}

func (f *recomputeFlags) run(c *cobra.Command, args []string) error {
	root, err := readCertificate(f.server.root)
	if err != nil {
		return fmt.Errorf("%w; give the root with --root", err)
	}
	src, err := f.source(c, args)
	if err != nil {
		return err
	}
	bar := progressOf(c.ErrOrStderr(), "editions")
	r, err := opendata.Recompute(c.Context(), src, opendata.Check{
		Day: f.day, Business: f.business,
		Signature: func(e opendata.Edition) (opendata.Manifest, error) {
			return opendata.VerifySigned(e, root, time.Now())
		},
	}, func(n int) { bar.Set(n) })
	bar.Finish()
	if err != nil {
		return err
	}
	return f.print(c.OutOrStdout(), r)
}

func (f *recomputeFlags) print(out io.Writer, r opendata.Result) error {
	if f.json {
		if err := printJSON(out, r); err != nil {
			return err
		}
	} else {
		for _, d := range r.Differences {
			fmt.Fprintln(out, "differs:", d)
		}
		fmt.Fprintf(out, "%s, as of %s: %d complaints from %d signed editions give %d lines of figures; %d differ. Rules %s.\n",
			r.Manifest.Day, r.Manifest.At.Format(time.RFC3339), r.Complaints, r.Editions, r.Lines, len(r.Differences), r.Manifest.Rules)
	}
	if len(r.Differences) > 0 {
		return errors.New("published figures are not what the public data gives")
	}
	return nil
}
