package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/custody"
)

func keyCommand() *cobra.Command {
	return group("key", "The keys of the service: which serves what, since when (operators)",
		keyListCommand(), keyTestCommand(), keyCreateCommand(), keyRotateCommand(), keyRetireCommand())
}

// asOperator is a command that asks the service as an operator and prints.
func asOperator[T any](c *cobra.Command, ask func(ctx context.Context, api *client, args []string) (T, error), print func(io.Writer, T) error) *cobra.Command {
	var f operatorFlags
	c.RunE = f.withOperator(func(c *cobra.Command, api *client, _ ca.SigningKey, args []string) error {
		answer, err := ask(c.Context(), api, args)
		if err != nil {
			return err
		}
		if f.json {
			return json.NewEncoder(c.OutOrStdout()).Encode(answer)
		}
		return print(c.OutOrStdout(), answer)
	})
	f.register(c.Flags())
	return c
}

func keyListCommand() *cobra.Command {
	return asOperator(&cobra.Command{
		Use: "list", Short: "List the keys: purpose, home, algorithm, age, uses", Example: "  mohr key list\n  mohr key list --json | jq '.[] | select(.state == \"replaced\")'", Args: exactly(0),
	}, func(ctx context.Context, api *client, _ []string) ([]custody.Line, error) {
		var out struct{ Keys []custody.Line }
		err := api.call(ctx, request{method: http.MethodGet, path: "/api/v1/keys"}, &out)
		return out.Keys, err
	}, func(w io.Writer, lines []custody.Line) error {
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		fmt.Fprintln(t, "PURPOSE\tGENERATION\tSTATE\tHOME\tALGORITHM\tAGE\tUSES\tLAST USE\tKEY")
		for _, l := range lines {
			last := "-"
			if !l.LastUse.IsZero() {
				last = l.LastUse.Format(time.RFC3339)
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t%s\t%d\t%s\t%.16s\n", l.Purpose, l.Generation, l.State, l.Home, l.Algorithm, ageOf(l.Created), l.Signatures, last, l.SPKISHA256)
		}
		return t.Flush()
	})
}

// ageOf says how long ago t was, in days or less.
func ageOf(t time.Time) string {
	if d := time.Since(t); d >= 48*time.Hour {
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	} else {
		return d.Round(time.Minute).String()
	}
}

func keyTestCommand() *cobra.Command {
	return asOperator(&cobra.Command{
		Use: "test [PURPOSE]", Short: "Have the service open each key, sign with it and verify", Example: "  mohr key test\n  mohr key test ocsp-sign-p256",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{errors.New("one purpose at most")}
			}
			return nil
		},
	}, func(ctx context.Context, api *client, args []string) ([]custody.Trial, error) {
		in := map[string]string{}
		if len(args) > 0 {
			in["purpose"] = args[0]
		}
		var out struct{ Trials []custody.Trial }
		err := api.call(ctx, request{method: http.MethodPost, path: "/api/v1/keys/test", in: in}, &out)
		return out.Trials, err
	}, func(w io.Writer, trials []custody.Trial) error {
		failed := 0
		t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
		for _, trial := range trials {
			if trial.Fault != "" {
				failed++
			}
			fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", trial.Key.Purpose, trial.Key.Generation, cmp.Or(trial.Fault, "holds"), time.Duration(trial.Took)*time.Microsecond)
		}
		if err := t.Flush(); err != nil {
			return err
		}
		if failed > 0 {
			return fmt.Errorf("%d keys do not sign; see the lines above", failed)
		}
		return nil
	})
}

// changeKey is a command that changes the key of a purpose.
func changeKey(c *cobra.Command, deed string, in func() map[string]any, done string) *cobra.Command {
	c.Args = exactly(1)
	return asOperator(c, func(ctx context.Context, api *client, args []string) (custody.Key, error) {
		var k custody.Key
		err := api.call(ctx, request{method: http.MethodPost, path: "/api/v1/keys/" + url.PathEscape(args[0]) + "/" + deed, in: in()}, &k)
		return k, err
	}, func(w io.Writer, k custody.Key) error {
		_, err := fmt.Fprintf(w, "%s, generation %d (%s, %s, key %.16s): %s.\n", k.Purpose, k.Generation, k.Home, k.Algorithm, k.SPKISHA256, done)
		return err
	})
}

func keyCreateCommand() *cobra.Command {
	c := &cobra.Command{Use: "create PURPOSE", Short: "Make the first key of a purpose, ahead of its use", Example: "  mohr key create audit --algorithm P-384"}
	algorithm := c.Flags().String("algorithm", "P-256", "P-256, P-384 or RSA-3072")
	return changeKey(c, "create", func() map[string]any { return map[string]any{"algorithm": *algorithm} }, "made")
}

func keyRotateCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "rotate PURPOSE", Short: "Give a purpose a new key, which serves from now on", Example: "  mohr key rotate ocsp-sign-p256\n  mohr key rotate time-stamping --algorithm P-384",
		Long: "Give a purpose a new key, where the service's keys live now; it gets its certificate at once and serves from now on.\nThe old key stays until mohr key retire. Issuing authorities and the root change their keys in a ceremony.",
	}
	algorithm := c.Flags().String("algorithm", "", "P-256, P-384 or RSA-3072; default that of the old key")
	return changeKey(c, "rotate", func() map[string]any {
		if *algorithm == "" {
			return map[string]any{}
		}
		return map[string]any{"algorithm": *algorithm}
	}, "serves from now on; retire the old one when nothing rests on it any more")
}

func keyRetireCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "retire PURPOSE", Short: "Say that a key that was replaced is used no more", Example: "  mohr key retire ocsp-sign-p256 --generation 1",
		Long: "Say that a key that was replaced is used no more. It is not destroyed: remove it from its token or file yourself,\nonce no certificate of it has to be vouched for.",
	}
	generation := c.Flags().Int("generation", 0, "the generation to retire, as mohr key list shows it")
	return changeKey(c, "retire", func() map[string]any { return map[string]any{"generation": *generation} }, "retired")
}
