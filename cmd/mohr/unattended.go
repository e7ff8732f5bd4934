package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"mohr/cmd/mohr/place"
)

// keepRenewed renews the pair in the folder of --unattended when the service
// says that it is time, puts the new one in place and tells the hook.
func (f *renewFlags) keepRenewed(ctx context.Context, out io.Writer) error {
	if f.csr != "" || f.json {
		return usageError{errors.New("--unattended makes its own keys and files; leave --csr and --json out")}
	}
	p := place.Place(f.unattended)
	f.key, f.cert = p.Current(place.KeyFile), p.Current(place.CertificateFile)
	f.newKey, f.out = p.Next(place.KeyFile), p.Next(place.CertificateFile)
	if !p.Begun() {
		due, err := f.due(ctx, out, time.Now())
		if err != nil {
			return err
		}
		if !due {
			return f.tell(ctx, p)
		}
		if err := p.Begin(time.Now()); err != nil {
			return err
		}
	}
	if !f.received() {
		if err := f.run(ctx, out); err != nil {
			return err
		}
	}
	if err := p.Finish(); err != nil {
		return err
	}
	return f.tell(ctx, p)
}

// received reports whether a renewal that was cut off had its certificate: the
// statement is kept until then.
func (f *renewFlags) received() bool {
	_, cert := os.Stat(f.out)
	_, pending := os.Stat(f.pending())
	return cert == nil && errors.Is(pending, os.ErrNotExist)
}

// due asks the service when the certificate should be renewed.
func (f *renewFlags) due(ctx context.Context, out io.Writer, now time.Time) (bool, error) {
	cert, err := readCertificate(f.cert)
	if err != nil {
		return false, fmt.Errorf("%w; put the first pair there and link it, as docs/unattended.md says", err)
	}
	api, err := f.dial(nil)
	if err != nil {
		return false, err
	}
	var info struct {
		Window struct {
			Start time.Time `json:"start"`
		} `json:"suggestedWindow"`
	}
	if err := api.call(ctx, request{method: http.MethodGet, path: "/api/v1/renewal-info/" + certID(cert)}, &info); err != nil {
		return false, err
	}
	if info.Window.Start.IsZero() {
		return false, errors.New("the service does not say when to renew")
	}
	if now.Before(info.Window.Start) {
		_, err := fmt.Fprintf(out, "Nothing to do before %s.\n", info.Window.Start.Format(time.RFC3339))
		return false, err
	}
	return true, nil
}

// certID names a certificate as RFC 9773 section 4.1 does.
func certID(c *x509.Certificate) string {
	serial := c.SerialNumber.Bytes()
	if len(serial) > 0 && serial[0] >= 0x80 {
		serial = append([]byte{0}, serial...) // as in DER
	}
	b64 := base64.RawURLEncoding
	return b64.EncodeToString(c.AuthorityKeyId) + "." + b64.EncodeToString(serial)
}

// tell runs the hook, a program without a shell, once for each new pair.
func (f *renewFlags) tell(ctx context.Context, p place.Place) error {
	if f.hook == "" {
		return nil
	}
	return p.Tell(func() error {
		c := exec.CommandContext(ctx, f.hook)
		c.Env = append(os.Environ(), "MOHR_KEY="+f.key, "MOHR_CERT="+f.cert)
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("the certificate is in place, but the hook %s failed and is run again the next time: %w", f.hook, err)
		}
		return nil
	})
}
