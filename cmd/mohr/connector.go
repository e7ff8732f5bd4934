package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/cmd/mohr/service"
	"mohr/internal/gateway"
)

func connectorCommand() *cobra.Command {
	return group("connector", "Check and try the files that say how registries and message gateways are asked", connectorCheckCommand(), connectorTestCommand())
}

func connectorCheckCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "check FILE...", Short: "Check connector files as the service does when it starts; nobody is asked",
		Long:    "Says too which certificates of a vendor's laboratories end within thirty days, and refuses a file whose certificates have ended or are missing: the service does not send people there.",
		Example: "  mohr connector check shahkar.yaml sms.yaml", Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, file := range args {
				n, err := service.ReadConnector(file, nil, nil)
				if err == nil {
					err = checkConnector(c.OutOrStdout(), file, n, asJSON)
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON, one line a file")
	return c
}

// checkConnector says that a connector holds, and which of its certificates
// end soon; it refuses one whose certificates do not hold now.
func checkConnector(w io.Writer, file string, n *gateway.Connector, asJSON bool) error {
	now := time.Now()
	if err := n.Certified(now); err != nil {
		return fmt.Errorf("%s: %s sends nobody there: %w", file, n.Name(), err)
	}
	ending := n.Ending(now)
	if asJSON {
		return json.NewEncoder(w).Encode(map[string]any{"file": file, "connector": n.Name(), "asks": n.Asks(), "environment": n.Environment(), "fields": n.Fields(), "certificates_ending": ending})
	}
	fmt.Fprintf(w, "%s: it holds. %s asks %s (%s); a question has %s.\n", file, n.Name(), n.Asks(), n.Environment(), strings.Join(n.Fields(), ", "))
	for _, c := range ending {
		fmt.Fprintf(w, "%s: warning: certificate %s of %s (%s) ends with %s; from then on nobody is sent to %s.\n", file, c.Number, c.Lab, c.Standard, c.ValidTo, n.Name())
	}
	return nil
}

// maxQuestion bounds a question on standard input, octets.
const maxQuestion = 8 << 10

func connectorTestCommand() *cobra.Command {
	var asJSON, show bool
	var config string
	c := &cobra.Command{
		Use: "test NAME", Short: "Put one question to a gateway and say what its answer comes to",
		Long: "Reads the question from standard input, as JSON, so that no personal data is in the list of processes or the shell's history.\n" +
			"NAME is a connector that the configuration names, or a file. The question is put once. A connector for messages sends one.",
		Example: "  mohr connector test --config mohr.yaml shahkar < question.json\n  mohr connector test shahkar.yaml --show < question.json", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := findConnector(config, args[0])
			if err != nil {
				return err
			}
			question, err := readQuestion(c.InOrStdin(), n)
			if err != nil {
				return err
			}
			t, err := n.Try(c.Context(), question)
			if err != nil {
				return fmt.Errorf("test %s: %w", n.Name(), err)
			}
			return printConnectorTrial(c.OutOrStdout(), t, show, asJSON)
		},
	}
	c.Flags().StringVar(&config, "config", "", "configuration file in which NAME is looked up")
	c.Flags().BoolVar(&show, "show", false, "print what the answer says of the person too")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// findConnector returns the connector of the configuration with this name,
// with or without its version; without a configuration, the one of the file.
func findConnector(config, name string) (*gateway.Connector, error) {
	if config == "" {
		return service.ReadConnector(name, nil, nil)
	}
	c, err := service.LoadConfig(config)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, file := range c.Connectors {
		n, err := service.ReadConnector(file, nil, nil)
		if err != nil {
			return nil, err
		}
		if n.Name() == name || strings.HasPrefix(n.Name(), name+"@") {
			return n, nil
		}
		names = append(names, n.Name())
	}
	return nil, fmt.Errorf("%s names no connector %q; it names: %s", config, name, strings.Join(names, ", "))
}

func readQuestion(in io.Reader, n *gateway.Connector) (map[string]string, error) {
	b, err := io.ReadAll(io.LimitReader(in, maxQuestion+1))
	if err != nil {
		return nil, fmt.Errorf("read question: %w", err)
	}
	var q map[string]string
	if err := json.Unmarshal(b, &q); err != nil || len(b) > maxQuestion {
		return nil, fmt.Errorf("standard input holds no question; give a JSON object with %s, all texts", strings.Join(n.Fields(), ", "))
	}
	return q, nil
}

func printConnectorTrial(w io.Writer, t gateway.Trial, show, asJSON bool) error {
	for name := range t.Claims {
		if !show {
			t.Claims[name] = "given"
		}
	}
	if asJSON {
		return json.NewEncoder(w).Encode(t)
	}
	fmt.Fprintf(w, "%s: %s (status %d, %d octets, %d ms)\n", t.Connector, t.Result, t.Status, t.Octets, t.TookMS)
	for _, name := range slices.Sorted(maps.Keys(t.Claims)) {
		fmt.Fprintf(w, "  %s: %v\n", name, t.Claims[name])
	}
	return nil
}
