package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca"
	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
)

type applyFlags struct {
	serverFlags
	who                      applicant
	profile, legalID, locale string
	application              string
	key, csr, out, bundle    string
	ekIssuers                string
	secret                   string
	acceptTerms              string
	json                     bool
}

func applyCommand() *cobra.Command {
	var f applyFlags
	c := &cobra.Command{
		Use: "apply", Short: "Apply for a certificate and receive it",
		Long: "Apply for a certificate. What the registers need and is not given by a flag is asked for.\nThe key is made where --key says, unless it is there; --csr FILE is for a key that is elsewhere.\n" +
			"A key in a TPM (tpmkms:) is attested: the TPM vouches for it, and the certificate says that it lives there.\n" +
			"At a terminal you are asked whether you accept the terms, which SERVER/repository/ shows before too; --accept-terms VERSION answers for runs without one.",
		Example: `  mohr apply --key holder.key --out holder.pem
  mohr apply --profile organisation-sign --legal-id 14003456780 --key holder.key --out holder.pem
  mohr apply --key 'tpmkms:name=holder;storage-directory=keys;device=/dev/tpmrm0' --out holder.pem
  mohr apply --csr token.csr --out token.pem --accept-terms 1
  mohr apply --application a-0123... --key holder.key --out holder.pem
  mohr apply --profile natural-auth --secret est --json > secret.json`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("accept-terms") && f.acceptTerms == "" {
				return usageError{errors.New("--accept-terms names no version; leave it out, or give the one that you have read")}
			}
			if !slices.Contains([]string{"", "est", "cmp", "scep"}, f.secret) {
				return usageError{errors.New("--secret is for est, cmp or scep")}
			}
			talk := c.OutOrStdout()
			if f.json {
				talk = c.ErrOrStderr()
			}
			return f.run(c.Context(), c.InOrStdin(), c.OutOrStdout(), talk)
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.who.NationalCode, "national-code", "", "national code, 10 digits")
	c.Flags().StringVar(&f.who.BirthDate, "birth-date", "", "date of birth, YYYY-MM-DD")
	c.Flags().StringVar(&f.who.Mobile, "mobile", "", "mobile number, +989...")
	c.Flags().StringVar(&f.application, "application", "", "number of an application begun elsewhere: go on with it here, by a code to its phone")
	c.Flags().StringVar(&f.profile, "profile", ca.NaturalSign, "natural-sign or organisation-sign")
	c.Flags().StringVar(&f.legalID, "legal-id", "", "legal id of the organisation, for organisation-sign")
	c.Flags().StringVar(&f.locale, "locale", "fa", "language of messages: fa or en")
	c.Flags().StringVar(&f.key, "key", "holder.key", "key file or key URI; made if it is not there")
	c.Flags().StringVar(&f.csr, "csr", "", "file with a certification request for a key that is elsewhere")
	c.Flags().StringVar(&f.ekIssuers, "ek-issuers", "", "PEM file with the issuers of the TPM's certificate, where the service lacks them")
	c.Flags().StringVar(&f.out, "out", "holder.pem", "file for the certificate and its issuer")
	c.Flags().StringVar(&f.acceptTerms, "accept-terms", "", "version of the terms that you have read and accept; another one in force stops the command")
	c.Flags().BoolVar(&f.json, "json", false, "print the result as JSON on standard output, all else on standard error")
	c.Flags().StringVar(&f.secret, "secret", "", "est, cmp or scep: print the one-time secret with which another client hands in the key, and make none here")
	c.Flags().StringVar(&f.bundle, "bundle", "", "file for the evidence bundle")
	return c
}

// keyed makes the request and, for a key in a device, what lets that vouch
// for it; nothing where another client hands in the key.
func (f *applyFlags) keyed(ctx context.Context, ring *hsm.Keyring) (csr []byte, d *mohr.Device, err error) {
	if f.secret != "" {
		return nil, nil, nil
	}
	if csr, err = f.request(ctx, ring); err != nil {
		return nil, nil, err
	}
	d, err = f.device(ring)
	return csr, d, err
}

func (f *applyFlags) run(ctx context.Context, in io.Reader, out, talk io.Writer) error {
	lines := bufio.NewScanner(in)
	ask := func(question string) (string, error) {
		fmt.Fprint(talk, question)
		if !lines.Scan() {
			return "", errors.New("no answer; run the command in a terminal, or give the answers by flags")
		}
		return strings.TrimSpace(lines.Text()), nil
	}
	for _, q := range []struct {
		to       *string
		question string
	}{{&f.who.NationalCode, "National code: "}, {&f.who.BirthDate, "Date of birth (YYYY-MM-DD): "}, {&f.who.Mobile, "Mobile: "}} {
		if *q.to == "" && !(q.to == &f.who.Mobile && f.application != "") { // whose phone it is is known there
			answer, err := ask(q.question)
			if err != nil {
				return err
			}
			*q.to = answer
		}
	}
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	csr, device, err := f.keyed(ctx, ring)
	if err != nil {
		return err
	}
	api, err := f.dial(nil)
	if err != nil {
		return err
	}
	say := func(format string, args ...any) { fmt.Fprintf(talk, format+"\n", args...) }
	a := &applying{api: api, id: f.application, profile: f.profile, legalID: f.legalID, locale: f.locale, csr: csr, device: device, ask: ask, say: say}
	a.accept = termsAsk{address: f.server + "/repository/terms-" + f.locale, accepted: f.acceptTerms, person: atTerminal(in), ask: ask, say: say}.accept
	if f.secret != "" {
		a.stopAt = "csr"
	}
	issued, err := a.run(ctx, f.who)
	if err != nil {
		return err
	}
	if f.secret != "" {
		return f.handOver(ctx, a, out)
	}
	return f.keep(ctx, a, issued, out)
}

// request returns the certification request: the given one, or one for the key.
func (f *applyFlags) request(ctx context.Context, ring *hsm.Keyring) ([]byte, error) {
	if f.csr != "" {
		return os.ReadFile(f.csr)
	}
	signer, err := mohr.OpenSigner(ctx, ring, f.key, true)
	if err != nil {
		return nil, err
	}
	return mohr.NewCSR(signer)
}

// handOver prints the one-time secret of the approved application.
func (f *applyFlags) handOver(ctx context.Context, a *applying, out io.Writer) error {
	s, err := a.oneTime(ctx, f.secret)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(out).Encode(s)
	}
	fmt.Fprintf(out, "User   %s\nSecret %s\nFor one key, by %s, until %s.\n", s.User, s.Secret, strings.ToUpper(f.secret), s.Expires.Format(time.RFC3339))
	return nil
}

// keep writes what was received.
func (f *applyFlags) keep(ctx context.Context, a *applying, issued mohr.Issued, out io.Writer) error {
	if err := os.WriteFile(f.out, issued.Chain, 0o644); err != nil {
		return err
	}
	report := issuedReport{File: f.out, RevocationCode: issued.RevocationCode}
	if f.bundle != "" {
		b, err := a.application().Bundle(ctx)
		if err != nil {
			return err
		}
		if err := os.WriteFile(f.bundle, b, 0o600); err != nil {
			return err
		}
		report.Bundle = f.bundle
	}
	return printIssued(out, f.json, issued.Chain, report)
}

// issuedReport is what apply and renew print.
type issuedReport struct {
	Serial         string    `json:"serial"`
	NotAfter       time.Time `json:"not_after"`
	File           string    `json:"file"`
	Bundle         string    `json:"bundle,omitempty"`
	RevocationCode string    `json:"revocation_code,omitempty"`
}

func printIssued(out io.Writer, asJSON bool, chain []byte, r issuedReport) error {
	certs, err := parseChain(chain)
	if err != nil {
		return err
	}
	r.Serial, r.NotAfter = ca.SerialText(certs[0].SerialNumber), certs[0].NotAfter
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	fmt.Fprintf(out, "Certificate %s in %s, valid until %s.\n", r.Serial, r.File, r.NotAfter.Format(time.RFC3339))
	if r.RevocationCode != "" {
		fmt.Fprintf(out, "Revocation code %s: keep it on paper. With it the certificate can be revoked when the key is lost.\n", r.RevocationCode)
	}
	if r.Bundle != "" {
		fmt.Fprintf(out, "Evidence bundle in %s.\n", r.Bundle)
	}
	return nil
}
