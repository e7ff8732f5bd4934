package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"mohr/cmd/mohr/care"
	"mohr/cmd/mohr/service"
	"mohr/internal/control"
)

// careFlags say which service's data a command looks after.
type careFlags struct {
	config, data string
	json         bool
}

func (f *careFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", "", "configuration file of the service (YAML)")
	c.Flags().StringVar(&f.data, "data", "", "data directory, where the configuration does not say; default mohr-data")
	c.Flags().BoolVar(&f.json, "json", false, "print as JSON")
}

// load reads the configuration; a data directory that was given wins.
func (f *careFlags) load() (service.Config, error) {
	c, err := service.LoadConfig(f.config)
	if err != nil {
		return c, usageError{err}
	}
	if f.data != "" {
		c.Data = f.data
	}
	c.Defaults()
	return c, nil
}

func doctorCommand() *cobra.Command {
	var f careFlags
	c := &cobra.Command{
		Use: "doctor", Short: "Look at keys, clock, store, disk, certificates and log, and say what to do next",
		Long: `One line for each thing: OK, WARN (it works, and somebody should look at it) or FAIL (it does not work, or will not at
the next start), and what to do next. Exit code 1 where something fails. A running service looks at itself; a stopped
one's data are looked at as they are, and nothing is made or renewed.`,
		Example: "  mohr doctor --data mohr-data\n  mohr doctor --config mohr.yaml --json | jq '.[] | select(.state != \"OK\")'", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error { return f.doctor(c.Context(), c.OutOrStdout()) },
	}
	f.register(c)
	return c
}

func (f *careFlags) doctor(ctx context.Context, out io.Writer) error {
	c, err := f.load()
	if err != nil {
		return err
	}
	var lines []care.Line
	err = askRunning(ctx, c.Data, http.MethodGet, "doctor", &lines)
	if errors.Is(err, control.ErrStopped) {
		lines, err = service.ExamineStopped(ctx, c, f.config != "")
	}
	if err == nil {
		err = f.print(out, lines, func(t io.Writer) {
			for _, l := range lines {
				// An error of several lines is one here.
				fmt.Fprintf(t, "%s\t%s\t%s\n", l.State, l.Name, strings.ReplaceAll(l.Words, "\n", "; "))
			}
		})
	}
	if err != nil {
		return err
	}
	failed := 0
	for _, l := range lines {
		if l.State == care.Fail {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d fail; the lines say what to do next", failed, len(lines))
	}
	return nil
}

// print writes the answer as JSON, or as the table that rows writes.
func (f *careFlags) print(out io.Writer, answer any, rows func(io.Writer)) error {
	if f.json {
		return json.NewEncoder(out).Encode(answer)
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	rows(t)
	return t.Flush()
}

// askRunning asks the service that runs on the data directory;
// control.ErrStopped if none does.
func askRunning(ctx context.Context, data, method, what string, to any) error {
	c, err := control.Dial(ctx, data)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://mohr/"+what, nil)
	if err != nil {
		return err
	}
	res, err := c.Do(q)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("ask the service for %s: %w", what, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the service gave no answer to %s: %s: %s", what, res.Status, strings.TrimSpace(string(b)))
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("read the service's answer to %s: %w", what, err)
	}
	return nil
}
