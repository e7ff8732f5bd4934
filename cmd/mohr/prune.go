package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"mohr/cmd/mohr/care"
	"mohr/internal/control"
)

// pruneRun is one run of mohr prune.
type pruneRun struct {
	careFlags
	yes bool
}

func pruneCommand() *cobra.Command {
	var f pruneRun
	c := &cobra.Command{
		Use: "prune", Short: "Count, or delete, the records whose time is over",
		Long: `Count, for each kind, the records whose time is over, and with --yes delete them: nonces that were used, answers kept
for idempotency keys, codes that were sent, ACME orders that ended, plans that nobody approved in their time, and the files
of open data older than three years that no younger figure needs; their signed manifests stay. A running service does so by
itself each hour, and when this command asks it; on a stopped one's data the command does it.
Certificates, the evidence of certificates and the log are never pruned, neither here nor there.`,
		Example: "  mohr prune --data mohr-data\n  mohr prune --data mohr-data --yes", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.OutOrStdout()) },
	}
	f.register(c)
	c.Flags().BoolVar(&f.yes, "yes", false, "delete them; without it nothing is changed")
	return c
}

func (f *pruneRun) run(ctx context.Context, out io.Writer) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	method, heading := http.MethodGet, "WOULD GO"
	if f.yes {
		method, heading = http.MethodPost, "GONE"
	}
	var list []care.Pruned
	err = askRunning(ctx, c.Data, method, "prune", &list)
	if errors.Is(err, control.ErrStopped) {
		list, err = pruneStopped(ctx, c.Data, f.yes)
	}
	if err != nil {
		return err
	}
	err = f.print(out, list, func(t io.Writer) {
		fmt.Fprintf(t, "RECORDS OF\t%s\n", heading)
		for _, p := range list {
			fmt.Fprintf(t, "%s\t%d\n", p.Kind, p.Records)
		}
	})
	if err == nil && !f.yes && !f.json {
		_, err = fmt.Fprintln(out, "nothing was changed; repeat with --yes")
	}
	return err
}

func pruneStopped(ctx context.Context, data string, yes bool) ([]care.Pruned, error) {
	s, _, err := openStopped(ctx, data)
	if err != nil {
		return nil, err
	}
	list, err := care.Prune(ctx, s, yes)
	return list, errors.Join(err, s.Close())
}
