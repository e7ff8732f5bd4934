package main

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca/document"
	"mohr/ca/document/anyform"
	"mohr/ca/document/online"
)

// judgedError ends a command whose report was printed already.
type judgedError struct{ document.Indication }

// Error implements error.
func (e judgedError) Error() string { return string(e.Indication) }

// exitCode is exitFailed for a signature that is wrong, and exitUsage for one of
// which nothing can be said yet.
func (e judgedError) exitCode() int {
	if e.Indication == document.Failed {
		return exitFailed
	}
	return exitUsage
}

// verifyFlags say what a document is judged by.
type verifyFlags struct {
	outFlags
	signature, at              string
	trust, crls, ocsps, policy []string
	fetch, json                bool
}

func verifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use: "verify FILE", Short: "Judge the signatures of a document",
		Long: `Judges each signature of a file in the manner of ETSI EN 319 102-1, by the roots of --trust, and prints a report.
It asks nobody unless --fetch says so: what the document does not carry comes from --crl and --ocsp.
Exit codes: 0 TOTAL-PASSED, 1 TOTAL-FAILED, 2 INDETERMINATE (or wrong use). docs/documents.md explains the report.`,
		Example: "  mohr verify contract.txt.p7m --trust root.pem\n  mohr verify contract.txt --signature contract.txt.p7s --trust root.pem --crl issuer.crl --json", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := f.judge(c.Context(), args[0])
			if err != nil {
				return err
			}
			if err := f.print(c.OutOrStdout(), r); err != nil || r.Indication == document.Passed {
				return err
			}
			return judgedError{r.Indication}
		},
	}
	flags := c.Flags()
	f.register(flags)
	flags.StringVar(&f.signature, "signature", "", "signature, where it is not in FILE")
	flags.StringSliceVar(&f.trust, "trust", []string{"mohr-data/root.pem"}, "files with the roots that are believed")
	flags.StringSliceVar(&f.crls, "crl", nil, "files with revocation lists, DER or PEM")
	flags.StringSliceVar(&f.ocsps, "ocsp", nil, "files with OCSP responses, DER")
	flags.StringSliceVar(&f.policy, "policy", nil, "certificate policies, of which the signer's certificate must have one")
	flags.StringVar(&f.at, "at", "", "judge as of this time (RFC 3339) instead of now")
	flags.BoolVar(&f.fetch, "fetch", false, "ask the authorities at the addresses in the certificates")
	flags.BoolVar(&f.json, "json", false, "print as JSON")
	return c
}

func (f *verifyFlags) judge(ctx context.Context, file string) (document.Report, error) {
	now := time.Now
	var none document.Report
	if f.at != "" {
		at, err := time.Parse(time.RFC3339, f.at)
		if err != nil {
			return none, usageError{fmt.Errorf("--at %s: write a time as 2026-11-29T10:00:00Z", f.at)}
		}
		now = func() time.Time { return at }
	}
	policy, err := f.policies()
	if err != nil {
		return none, err
	}
	p, err := f.given()
	if err != nil {
		return none, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return none, err
	}
	beside := document.Content{}
	if f.signature != "" {
		beside = document.Bytes(raw)
		if raw, err = os.ReadFile(f.signature); err != nil {
			return none, err
		}
	}
	if p.Signatures, err = anyform.Read(raw, beside); err != nil {
		return document.Unreadable(err, now()), nil
	}
	if f.fetch {
		if err := f.ask(ctx, &p); err != nil {
			return none, err
		}
	}
	return document.Validate(p, policy, now()), nil // what was said while we asked is not of the future
}

// given reads roots and values.
func (f *verifyFlags) given() (p document.Proof, err error) {
	for _, file := range f.trust {
		b, err := os.ReadFile(file)
		if err != nil {
			return p, fmt.Errorf("%w; give the roots that you believe with --trust", err)
		}
		roots, err := parseChain(b)
		if err != nil {
			return p, fmt.Errorf("%s: %w", file, err)
		}
		p.Roots = append(p.Roots, roots...)
	}
	for _, file := range f.crls {
		b, err := os.ReadFile(file)
		if err != nil {
			return p, err
		}
		if block, _ := pem.Decode(b); block != nil {
			b = block.Bytes
		}
		if _, err := x509.ParseRevocationList(b); err != nil {
			return p, fmt.Errorf("%s is no revocation list: %w", file, err)
		}
		p.Known.CRLs = append(p.Known.CRLs, b)
	}
	for _, file := range f.ocsps {
		b, err := os.ReadFile(file)
		if err != nil {
			return p, err
		}
		p.Known.OCSPs = append(p.Known.OCSPs, b)
	}
	return p, nil
}

// policies parses --policy.
func (f *verifyFlags) policies() (p document.Policy, err error) {
	for _, s := range f.policy {
		var oid asn1.ObjectIdentifier
		for arc := range strings.SplitSeq(s, ".") {
			n, err := strconv.Atoi(arc)
			if err != nil || n < 0 {
				return p, usageError{fmt.Errorf("--policy %s: write an object identifier, as 1.3.6.1.4.1.99999.1", s)}
			}
			oid = append(oid, n)
		}
		p.Certificates = append(p.Certificates, oid)
	}
	return p, nil
}

// ask adds what authorities say. What they do not say is missing in the
// judgement, which tells.
func (f *verifyFlags) ask(ctx context.Context, p *document.Proof) error {
	client, err := f.client()
	if err != nil {
		return err
	}
	for _, s := range p.Signatures {
		v, err := document.Gather(ctx, online.Source{HTTP: client}, s)
		if err != nil {
			fmt.Fprintf(os.Stderr, "mohr: %s\n", describe(err))
		}
		p.Known = p.Known.With(v)
	}
	return nil
}

// print writes the report for people, or as JSON.
func (f *verifyFlags) print(out io.Writer, r document.Report) error {
	if f.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Indication)
	for _, v := range r.Signatures {
		fmt.Fprintf(&b, "\n%s", v.Indication)
		if v.SubIndication != "" {
			fmt.Fprintf(&b, " %s: %s", v.SubIndication, v.Why)
		}
		fmt.Fprintln(&b)
		if v.Signer != nil {
			fmt.Fprintf(&b, "  signer     %s, by %s, serial %s\n", v.Signer.Name, v.Signer.Issuer, v.Signer.Serial)
		}
		if v.Format != "" {
			fmt.Fprintf(&b, "  format     %s %s, %s\n", v.Format, v.Level, v.Algorithm)
		}
		if v.ClaimedTime != nil {
			fmt.Fprintf(&b, "  claimed    %s\n", v.ClaimedTime.Format(time.RFC3339))
		}
		for _, s := range v.Stamps {
			printStamp(&b, "stamped ", s)
		}
		for _, s := range v.ArchiveStamps {
			printStamp(&b, "archived", s)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func printStamp(b *strings.Builder, what string, s document.Stamped) {
	if !s.Holds {
		fmt.Fprintf(b, "  %s by a time stamp that does not count: %s\n", what, s.Why)
		return
	}
	fmt.Fprintf(b, "  %s   %s by %s\n", what, s.At.Format(time.RFC3339), s.Unit.Name)
}
