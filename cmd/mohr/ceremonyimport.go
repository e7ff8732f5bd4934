package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"mohr/ca/ceremony"
	"mohr/hsm"
)

func ceremonyImportCommand() *cobra.Command {
	var f placeFlags
	c := &cobra.Command{
		Use: "import RECORD", Short: "Put a ceremony's results into a stopped service",
		Long:    "Put a ceremony's results into the store of a stopped service, all or none. Records are imported in the order of their\nceremonies; the keys of the issuing authorities must be at hand, under the authorities' ids.",
		Example: "  mohr ceremony import record.json --config mohr.yaml", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			record, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			p, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			report, err := ceremony.Import(c.Context(), p.Config, record)
			if err != nil {
				return err
			}
			for _, a := range report.Minutes.Authorities {
				fmt.Fprintf(c.OutOrStdout(), "%-20s %s  %s\n", a.ID, a.CertificateSHA256, a.Subject)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "The service works with these from its next start.")
			return err
		},
	}
	f.register(c)
	return c
}

func ceremonyExportCommand() *cobra.Command {
	var f placeFlags
	var out string
	c := &cobra.Command{
		Use: "export [SHA256-OF-FILE]", Short: "Write the record of a ceremony from a stopped service, with its time stamp",
		Example: "  mohr ceremony export --config mohr.yaml --out record.json    # of the last ceremony", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			record, err := ceremony.Export(c.Context(), p.Config, append(args, "")[0])
			if err != nil {
				return err
			}
			return writeWhole(out, record)
		},
	}
	f.register(c)
	c.Flags().StringVar(&out, "out", recordFile, "file for the record")
	return c
}

func ceremonyCSRCommand() *cobra.Command {
	var f placeFlags
	s := ceremony.Subordinate{}
	var algorithm, out string
	c := &cobra.Command{
		Use: "csr ISSUER", Short: "Ask a foreign root for an issuing authority's certificate",
		Long:    "Make the key of an issuing authority in the home of a stopped service's keys, and a request that a foreign, such as a\nnational, root is to certify. The same command gives the same request again. mohr ceremony accept takes the answer.",
		Example: "  mohr ceremony csr sign-p256-ir --name sign-p256 --country IR --organisation 'Example Trust' --common-name 'Example CA 1' --config mohr.yaml --out sign.csr",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			s.ID, s.Algorithm = args[0], hsm.Algorithm(algorithm)
			csr, err := ceremony.Request(c.Context(), p.Config, s)
			if err != nil {
				return err
			}
			if err := writeWhole(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "The request for %s is in %s.\n", s.ID, out)
			return err
		},
	}
	f.register(c)
	c.Flags().StringVar(&s.Name, "name", "sign-p256", "authority that profiles ask for and that this one becomes the newest of")
	c.Flags().StringVar(&s.Country, "country", "IR", "country in the name")
	c.Flags().StringVar(&s.Organisation, "organisation", "", "organisation in the name")
	c.Flags().StringVar(&s.CommonName, "common-name", "", "common name")
	c.Flags().StringVar(&algorithm, "algorithm", string(hsm.P256), "algorithm of the key: P-256, P-384 or RSA-3072")
	c.Flags().StringVar(&out, "out", "issuer.csr", "file for the request")
	return c
}

func ceremonyStopCommand() *cobra.Command {
	var f placeFlags
	var reason string
	c := &cobra.Command{
		Use: "stop ISSUER", Short: "Issue no more under a foreign root's certificate, for good",
		Long:    "End the use of an issuing authority under a foreign root in a stopped service, as when that root revoked it. What is\nunder our own root is revoked by a ceremony.",
		Example: "  mohr ceremony stop sign-p256-ir --reason cessationOfOperation --config mohr.yaml", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer p.Close()
			if err := ceremony.Stop(c.Context(), p.Config, args[0], reason); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s issues nothing from the service's next start.\n", args[0])
			return err
		},
	}
	f.register(c)
	c.Flags().StringVar(&reason, "reason", "", "reason of RFC 5280 section 5.3.1, such as cessationOfOperation")
	return c
}

// acceptFlags take a certificate from a foreign root.
type acceptFlags struct {
	placeFlags
	root    string
	approve []string
}

func ceremonyAcceptCommand() *cobra.Command {
	var f acceptFlags
	c := &cobra.Command{
		Use: "accept ISSUER CERT CHAIN", Short: "Take an issuing authority's certificate from a foreign root",
		Long: `Take an issuing authority's certificate from a foreign root into a stopped service. CHAIN holds the authorities above it
as PEM, the one that signed first and the foreign root last. The root's fingerprint has to be known from elsewhere.
Where a ceremony was held, its custodians sign the certificate: mohr ceremony sign CERT (in DER).`,
		Example: "  mohr ceremony accept sign-p256-ir sign.der chain.pem --root-sha256 9f3c... --approve maryam.p7s --approve davood.p7s --config mohr.yaml", Args: exactly(3),
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c.Context(), args[0], args[1], args[2], c.OutOrStdout())
		},
	}
	f.register(c)
	c.Flags().StringVar(&f.root, "root-sha256", "", "SHA-256 of the foreign root's certificate, in hexadecimal")
	c.Flags().StringArrayVar(&f.approve, "approve", nil, "a custodian's signature over CERT in DER (CMS); may be repeated")
	return c
}

func (f *acceptFlags) run(ctx context.Context, id, certFile, chainFile string, out io.Writer) error {
	a := ceremony.Acceptance{ID: id, RootSHA256: f.root}
	var err error
	if a.Approvals, err = readAll(f.approve); err != nil {
		return err
	}
	if a.Certificate, err = readDER(certFile); err != nil {
		return err
	}
	b, err := os.ReadFile(chainFile)
	if err != nil {
		return err
	}
	chain, err := parseChain(b)
	if err != nil {
		return fmt.Errorf("%s: %w", chainFile, err)
	}
	for _, c := range chain {
		a.Chain = append(a.Chain, c.Raw)
	}
	p, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	done, err := ceremony.Accept(ctx, p.Config, a)
	if err != nil {
		return err
	}
	if done.Subject != done.AskedSubject {
		fmt.Fprintf(out, "The name was changed: asked for %s, got %s.\n", done.AskedSubject, done.Subject)
	}
	_, err = fmt.Fprintf(out, "%s is accepted as %s. The service issues with it from its next start.\n", done.Subject, id)
	return err
}

// readDER reads a certificate in DER or PEM and returns the DER.
func readDER(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if c, err := x509.ParseCertificate(b); err == nil {
		return c.Raw, nil
	}
	c, err := readCertificate(file)
	if err != nil {
		return nil, err
	}
	return c.Raw, nil
}
