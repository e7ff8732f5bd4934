// Command mohr is the whole service, and the tools of its users, in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"mohr/internal/fault"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Exit codes: what was asked for was done, was refused or failed, could not
// be understood.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError marks wrong use of a command.
type usageError struct{ error }

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	var judged judgedError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &judged):
		return judged.exitCode()
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "mohr: %v\nSee: mohr %s--help\n", err, commandPath(root, args))
		return exitUsage
	}
	fmt.Fprintf(os.Stderr, "mohr: %s\n", describe(err))
	return exitFailed
}

func commandPath(root *cobra.Command, args []string) string {
	c, _, err := root.Find(args)
	if err != nil || c == root {
		return ""
	}
	return c.CommandPath()[len(root.Name())+1:] + " "
}

// describe adds the stable code to what a person reads.
func describe(err error) string {
	if code := fault.Code(err); code != "" {
		return fmt.Sprintf("%v [%s]", err, code)
	}
	return err.Error()
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "mohr",
		Short:         "Certificates without a visit, badges without an expert, a public record of complaints",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		serveCommand(), tourCommand(), refregistryCommand(), benchCommand(),
		applyCommand(), renewCommand(), revokeCommand(), signInCommand(), badgeCommand(), acmeCommand(), complaintsCommand(), mandateCommand(),
		certCommand(), planCommand(), approveCommand(), reviewCommand(), policyCommand(), connectorCommand(), chipCommand(), keyCommand(), operatorCommand(), ceremonyCommand(),
		checkCommand(), doctorCommand(), backupCommand(), restoreCommand(), pruneCommand(), compactCommand(), storeCommand(),
		signCommand(), verifyCommand(), logCommand(), verifyBundleCommand(), receiptCommand(), versionCommand(),
	)
	return root
}

// exactly is cobra.ExactArgs whose error counts as wrong use.
func exactly(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Example: "  mohr " + use + " " + children[0].Name() + " --help",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return c.Help()
		},
	}
	c.AddCommand(children...)
	return c
}
