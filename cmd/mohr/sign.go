package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
	"mohr/internal/gateway"
)

// outFlags say what may be dialed for others' statuses and time stamps.
type outFlags struct{ allow []string }

func (f *outFlags) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.allow, "allow", nil, "addresses that may be asked though they are not public, as 127.0.0.0/8 for a service of your own")
}

func (f *outFlags) client() (*http.Client, error) {
	var allow []netip.Prefix
	for _, s := range f.allow {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, usageError{fmt.Errorf("--allow %s: write addresses as 127.0.0.0/8", s)}
		}
		allow = append(allow, p)
	}
	return mohr.Outside(allow...)
}

// signFlags say how a document is signed.
type signFlags struct {
	outFlags
	key, cert, format, level, kind, tsa, out string
	detached                                 bool
}

func signCommand() *cobra.Command {
	var f signFlags
	c := &cobra.Command{
		Use: "sign FILE", Short: "Sign a document with your own key",
		Long: `Signs a file as CMS (cades, ETSI EN 319 122-1) or JWS (jades, ETSI TS 119 182-1), with the document inside or --detached, or a
PDF within itself (pades, ETSI EN 319 142-1).
Level B is the signature alone. T adds a time stamp, by which it outlives the certificate. LT adds what authorities say of
revocations, so that it can be judged without them; they are asked at the addresses in the certificates. LTA, of PDFs only, adds a time stamp
over all of it: it lasts as long as that stamp's unit, and longer where another program stamps it once more before then.`,
		Example: "  mohr sign contract.txt --key holder.key --cert holder.pem\n  mohr sign contract.txt --format jades --level LT --detached --out contract.jws\n  mohr sign contract.pdf --format pades --out signed.pdf", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.sign(c, args[0]) },
	}
	flags := c.Flags()
	f.register(flags)
	flags.StringVar(&f.key, "key", "holder.key", "key: file or key URI")
	flags.StringVar(&f.cert, "cert", "holder.pem", "its certificate, with its issuer")
	flags.StringVar(&f.format, "format", "cades", "cades, jades, or pades for a PDF")
	flags.StringVar(&f.level, "level", "B", "B, T, LT or, for PDFs, LTA")
	flags.BoolVar(&f.detached, "detached", false, "the document stays out of the signature")
	flags.StringVar(&f.kind, "type", "", "media type of the document, where its name does not tell")
	flags.StringVar(&f.tsa, "tsa", "", "address of the time-stamping unit; that of the certificate's authority if not given")
	flags.StringVar(&f.out, "out", "", "file for the signature; FILE with .p7m, .p7s, .jws or .signed.pdf if not given")
	return c
}

func (f *signFlags) sign(c *cobra.Command, file string) error {
	outside, err := f.client()
	if err != nil {
		return err
	}
	how := mohr.Signing{Format: f.format, Level: f.level, Detached: f.detached, Name: filepath.Base(file), MIME: f.kind, Stamps: f.tsa, HTTP: outside}
	if err := how.Check(); err != nil {
		return usageError{err}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	h, err := openHolder(c.Context(), ring, f.key, f.cert)
	if err != nil {
		return err
	}
	signed, err := mohr.SignDocument(c.Context(), h.SigningKey, b, how)
	if errors.Is(err, gateway.ErrAddress) {
		return fmt.Errorf("%w; if it is a service of your own, name its addresses by --allow, as --allow 127.0.0.0/8", err)
	}
	if err != nil {
		return err
	}
	out := f.out
	if out == "" {
		out = file + f.extension()
	}
	if err := os.WriteFile(out, signed, 0o644); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "signed by %s: %s, %s B-%s\n", h.Certificate.Subject.CommonName, out, f.format, f.level)
	return err
}

func (f *signFlags) extension() string {
	switch {
	case f.format == mohr.PAdES:
		return ".signed.pdf"
	case f.format == mohr.JAdES:
		return ".jws"
	case f.detached:
		return ".p7s"
	}
	return ".p7m"
}
