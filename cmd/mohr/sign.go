package main

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/jades"
	"mohr/ca/document/online"
	"mohr/ca/document/pades"
	"mohr/ca/timestamp"
	"mohr/hsm"
	"mohr/internal/gateway"
)

// outFlags say what may be dialed for others' statuses and time stamps.
type outFlags struct{ allow []string }

func (f *outFlags) register(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.allow, "allow", nil, "addresses that may be asked though they are not public, as 127.0.0.0/8 for a service of your own")
}

// maxAnswerOutside bounds what an authority answers: a CRL may be long.
const maxAnswerOutside = 16 << 20

func (f *outFlags) client() (*http.Client, error) {
	var allow []netip.Prefix
	for _, s := range f.allow {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, usageError{fmt.Errorf("--allow %s: write addresses as 127.0.0.0/8", s)}
		}
		allow = append(allow, p)
	}
	d, err := gateway.NewDialer(gateway.DialConfig{Allow: allow, MaxBody: maxAnswerOutside, Timeout: 20 * time.Second})
	if err != nil {
		return nil, err
	}
	return d.Client(""), nil
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
revocations, so that it can be judged without them; they are asked at the addresses in the certificates.`,
		Example: "  mohr sign contract.txt --key holder.key --cert holder.pem\n  mohr sign contract.txt --format jades --level LT --detached --out contract.jws\n  mohr sign contract.pdf --format pades --out signed.pdf", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.sign(c, args[0]) },
	}
	flags := c.Flags()
	f.register(flags)
	flags.StringVar(&f.key, "key", "holder.key", "key: file or key URI")
	flags.StringVar(&f.cert, "cert", "holder.pem", "its certificate, with its issuer")
	flags.StringVar(&f.format, "format", "cades", "cades, jades, or pades for a PDF")
	flags.StringVar(&f.level, "level", "B", "B, T or LT")
	flags.BoolVar(&f.detached, "detached", false, "the document stays out of the signature")
	flags.StringVar(&f.kind, "type", "", "media type of the document, where its name does not tell")
	flags.StringVar(&f.tsa, "tsa", "", "address of the time-stamping unit; that of the certificate's authority if not given")
	flags.StringVar(&f.out, "out", "", "file for the signature; FILE with .p7m, .p7s, .jws or .signed.pdf if not given")
	return c
}

func (f *signFlags) sign(c *cobra.Command, file string) error {
	switch {
	case !slices.Contains([]string{"cades", "jades", "pades"}, f.format):
		return usageError{fmt.Errorf("--format %s: there are cades, jades and pades", f.format)}
	case f.format == "pades" && f.detached:
		return usageError{errors.New("--detached: the signature of a PDF is inside it")}
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
	stamper, source, err := f.raise(h.SigningKey)
	if err != nil {
		return err
	}
	signed, err := f.write(c.Context(), h.SigningKey, filepath.Base(file), b, stamper, source)
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

func (f *signFlags) write(ctx context.Context, key ca.SigningKey, name string, b []byte, stamper document.Stamper, source document.Source) ([]byte, error) {
	kind := f.kind
	if kind == "" {
		kind = mime.TypeByExtension(filepath.Ext(name))
	}
	if kind == "" {
		kind = "application/octet-stream"
	}
	now := time.Now()
	switch f.format {
	case "pades":
		return pades.Sign(ctx, key, b, pades.Options{Time: now, Name: key.Certificate.Subject.CommonName, Stamper: stamper, Source: source})
	case "jades":
		return jades.Sign(ctx, key, document.Bytes(b), jades.Options{MIME: kind, Time: now, Enclose: !f.detached, Name: name, Stamper: stamper, Source: source})
	}
	return cades.Sign(ctx, key, document.Bytes(b), cades.Options{MIME: kind, Time: now, Enclose: !f.detached, Stamper: stamper, Source: source})
}

func (f *signFlags) extension() string {
	switch {
	case f.format == "pades":
		return ".signed.pdf"
	case f.format == "jades":
		return ".jws"
	case f.detached:
		return ".p7s"
	}
	return ".p7m"
}

// raise says who is asked for the level.
func (f *signFlags) raise(key ca.SigningKey) (document.Stamper, document.Source, error) {
	if !slices.Contains([]string{"B", "T", "LT"}, f.level) {
		return nil, nil, usageError{fmt.Errorf("--level %s: there are B, T and LT", f.level)}
	}
	if f.level == "B" {
		return nil, nil, nil
	}
	client, err := f.client()
	if err != nil {
		return nil, nil, err
	}
	at := f.tsa
	if at == "" {
		if at, err = stampAddress(key); err != nil {
			return nil, nil, err
		}
	}
	stamper := timestamp.Client{URL: at, HTTP: client}
	if f.level == "T" {
		return stamper, nil, nil
	}
	return stamper, online.Source{HTTP: client}, nil
}

// stampAddress is where a service of this program stamps: beside its responder.
func stampAddress(key ca.SigningKey) (string, error) {
	if len(key.Certificate.OCSPServer) > 0 {
		if u, err := url.Parse(key.Certificate.OCSPServer[0]); err == nil && u.Host != "" {
			return u.Scheme + "://" + u.Host + "/tsa", nil
		}
	}
	return "", errors.New("the certificate does not tell where its authority stamps; give the address with --tsa")
}
