package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// termsAsk is how a person comes to accept what they apply under
// (docs/decisions/0165).
type termsAsk struct {
	address  string // where they can be read
	accepted string // the version that was accepted by a flag; "": none was
	person   bool   // somebody sits at a terminal and can be asked
	ask      func(question string) (string, error)
	say      func(format string, args ...any)
}

// accept returns nil if the terms of this version are accepted. Nothing was
// done yet when it is asked.
func (t termsAsk) accept(_ context.Context, version string) error {
	t.say("The terms, version %s: %s", version, t.address)
	switch {
	case t.accepted == version:
		t.say("You accepted them by --accept-terms; the registers are asked now.")
		return nil
	case t.accepted != "":
		return fmt.Errorf("--accept-terms says %s, and the terms in force are version %s: read them at %s and run the command again with --accept-terms %s", t.accepted, version, t.address, version)
	case !t.person:
		t.say("Nobody is at a terminal to be asked: who runs this command accepts them. With --accept-terms %s it goes on under this version only.", version)
		return nil
	}
	answer, err := t.ask("Do you accept them? (y/N) ")
	if err != nil {
		return err
	}
	if !strings.EqualFold(answer, "y") && !strings.EqualFold(answer, "yes") {
		return fmt.Errorf("the terms were not accepted, and no register was asked; read them at %s, and run the command again", t.address)
	}
	return nil
}

// atTerminal reports whether what is read comes from somebody who can be asked.
func atTerminal(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
