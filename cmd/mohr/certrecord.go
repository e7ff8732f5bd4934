package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca"
)

func certBlockedCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "blocked", Short: "List public keys that are never certified", Example: "  mohr cert blocked --json", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			list, err := everyPage(c.Context(), api, "/api/v1/blocked-keys", "keys", func(b ca.Blocked) string { return b.SPKISHA256 })
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "KEY (SHA-256 OF ITS SUBJECTPUBLICKEYINFO)\tSINCE\tBY")
			for _, b := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\n", b.SPKISHA256, b.At.Format(time.RFC3339), b.By)
			}
			return t.Flush()
		},
	}
	f.register(c.Flags())
	return c
}

func certReconciledCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "reconciled", Short: "List what the reconciler took up after a failure, finished or gave up, and why", Example: "  mohr cert reconciled", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			api, ring, err := f.dialOperator(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			list, err := everyPage(c.Context(), api, "/api/v1/reconciled", "intents", func(r ca.ReconciledEntry) string { return r.Key })
			if err != nil {
				return err
			}
			if f.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(list)
			}
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			fmt.Fprintln(t, "SERIAL\tPROFILE\tPLANNED\tTAKEN UP\tOUTCOME\tWHY")
			for _, r := range list {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Serial, r.Profile, r.Planned.Format(time.RFC3339), r.TakenUp.Format(time.RFC3339), r.Outcome, r.Why)
			}
			return t.Flush()
		},
	}
	f.register(c.Flags())
	return c
}
