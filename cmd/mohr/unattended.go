package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	mohr "mohr/cmd/mohr/client"
	"mohr/cmd/mohr/place"
	"mohr/hsm"
)

// keepRenewed renews the pair in the folder of --unattended when the service
// says that it is time, and tells the hook.
func (f *renewFlags) keepRenewed(ctx context.Context, out io.Writer) error {
	if f.csr != "" || f.json {
		return usageError{errors.New("--unattended makes its own keys and files; leave --csr and --json out")}
	}
	api, err := f.dial(nil)
	if err != nil {
		return err
	}
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	k := mohr.Keeper{Client: api.user(), Ring: ring, Place: place.Place(f.unattended), BirthDate: f.birthDate}
	if k.Issuers, err = readIssuers(f.ekIssuers); err != nil {
		return err
	}
	kept, err := k.Keep(ctx, time.Now())
	if err != nil {
		return err
	}
	if kept.Chain == nil {
		_, err = fmt.Fprintf(out, "Nothing to do before %s.\n", kept.NotBefore.Format(time.RFC3339))
	} else {
		err = printIssued(out, false, kept.Chain, issuedReport{File: k.Place.Current(place.CertificateFile)})
	}
	return errors.Join(err, f.tell(ctx, k.Place))
}

// tell runs the hook, a program without a shell, once for each new pair.
func (f *renewFlags) tell(ctx context.Context, p place.Place) error {
	if f.hook == "" {
		return nil
	}
	key, err := p.Key()
	if err != nil {
		return err
	}
	return p.Tell(func() error {
		c := exec.CommandContext(ctx, f.hook)
		c.Env = append(os.Environ(), "MOHR_KEY="+key, "MOHR_CERT="+p.Current(place.CertificateFile))
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("the certificate is in place, but the hook %s failed and is run again the next time: %w", f.hook, err)
		}
		return nil
	})
}
