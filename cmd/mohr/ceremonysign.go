package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/ca/ceremony/plan"
	"mohr/ca/signature"
	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
)

func ceremonyCustodianCommand() *cobra.Command {
	var key, out string
	c := &cobra.Command{
		Use: "custodian NAME", Short: "Make a custodian's key and the certificate that plans list it by",
		Long:    "Make a custodian's key, or open the one that is there, and a certificate that it signs itself. The fingerprint goes into\nthe plan. The key is the custodian's own: it must not be where the authorities' keys are.",
		Example: "  mohr ceremony custodian Maryam --key maryam.key --out maryam.pem\n  mohr ceremony custodian Maryam --key 'pkcs11:token=maryam;object=custodian?module-path=/usr/lib/opensc-pkcs11.so&pin-source=pin' --out maryam.pem",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			ring := hsm.Open(hsm.Config{})
			defer ring.Close()
			signer, err := mohr.OpenSigner(c.Context(), ring, key, true)
			if err != nil {
				return err
			}
			der, err := plan.SelfSigned(args[0], signer, time.Now())
			if err != nil {
				return err
			}
			if _, err := os.Stat(out); err == nil {
				return fmt.Errorf("%s is there already: a plan may list it; choose another name with --out", out)
			}
			if err := writeWhole(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "- {name: %s, certificate_sha256: %s}\n", args[0], plan.Fingerprint(der))
			return err
		},
	}
	c.Flags().StringVar(&key, "key", "custodian.key", "key: file or key URI")
	c.Flags().StringVar(&out, "out", "custodian.pem", "file for the certificate")
	return c
}

func ceremonySignCommand() *cobra.Command {
	var key, cert, out string
	c := &cobra.Command{
		Use: "sign FILE", Short: "Sign a plan, minutes or another file as a custodian",
		Long:    "Sign the exact bytes of a file as a custodian: a detached CMS, as openssl cms -sign -cades -binary makes it. Read the file first.",
		Example: "  mohr ceremony sign hierarchy.yaml --key maryam.key --cert maryam.pem --out maryam.p7s\n  openssl cms -sign -cades -binary -in hierarchy.yaml -signer maryam.pem -inkey maryam.key -outform DER -out maryam.p7s    # the same",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			return signAsCustodian(c.Context(), args[0], key, cert, out, c.OutOrStdout())
		},
	}
	c.Flags().StringVar(&key, "key", "custodian.key", "key: file or key URI")
	c.Flags().StringVar(&cert, "cert", "custodian.pem", "its certificate")
	c.Flags().StringVar(&out, "out", "custodian.p7s", "file for the signature")
	return c
}

func signAsCustodian(ctx context.Context, file, key, cert, out string, w io.Writer) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	leaf, err := readCertificate(cert)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	signer, err := mohr.OpenSigner(ctx, ring, key, false)
	if err != nil {
		return err
	}
	sig, err := signature.SignCMS(ca.SigningKey{Certificate: leaf, Signer: signer}, content)
	if err != nil {
		return err
	}
	if err := writeWhole(out, sig); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "Signed %s with SHA-256 %s; the signature is in %s.\n", file, plan.Fingerprint(content), out)
	return err
}

func ceremonyCloseCommand() *cobra.Command {
	var dir string
	var signatures []string
	c := &cobra.Command{
		Use: "close RECORD", Short: "Add the custodians' signatures over the minutes to the record",
		Example: "  mohr ceremony close vault/2026-11-23-1a2b3c4d/record.json --dir vault --signature maryam.p7s --signature davood.p7s", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			record, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			list, err := readAll(signatures)
			if err != nil {
				return err
			}
			d, err := openCeremonyDir(dir)
			if err != nil {
				return err
			}
			defer d.Close()
			if record, err = ceremony.Close(c.Context(), d.Config, record, list); err != nil {
				return err
			}
			if err := writeWhole(args[0], record); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "The record %s is closed. Carry it to the service, stop that, and:\n  mohr ceremony import %s --config mohr.yaml\n", args[0], recordFile)
			return err
		},
	}
	c.Flags().StringVar(&dir, "dir", "ceremony", "directory that the ceremony was held in")
	c.Flags().StringArrayVar(&signatures, "signature", nil, "a custodian's signature over minutes.json (CMS); may be repeated")
	return c
}

func ceremonyVerifyCommand() *cobra.Command {
	var root, lang string
	var asJSON bool
	c := &cobra.Command{
		Use: "verify RECORD", Short: "Verify a ceremony's record offline and show its minutes",
		Long:    "Verify that every certificate and list says exactly what the plan says and passes the linter, that enough custodians signed\nthe plan and the minutes, and the time stamp. Who the custodians are stands in the plan: compare their fingerprints.",
		Example: "  mohr ceremony verify record.json\n  mohr ceremony verify record.json --root root.pem --json", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			record, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			report, err := verifyRecord(record, root)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(report)
			}
			return printReport(c.OutOrStdout(), report, lang)
		},
	}
	c.Flags().StringVar(&root, "root", "", "root that the time stamp leads to, where it is not in the record")
	c.Flags().StringVar(&lang, "lang", "en", "language of the minutes: en or fa")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func verifyRecord(record []byte, rootFile string) (ceremony.Report, error) {
	if rootFile == "" {
		return ceremony.Verify(record, nil)
	}
	root, err := readCertificate(rootFile)
	if err != nil {
		return ceremony.Report{}, err
	}
	return ceremony.Verify(record, root)
}

func printReport(out io.Writer, r ceremony.Report, lang string) error {
	fmt.Fprintf(out, "%s\nThe record holds. The minutes are signed by:\n", r.Minutes.Text(lang))
	for _, s := range r.Signers {
		fmt.Fprintf(out, "  %s, certificate %s\n", s.Name, s.CertificateSHA256)
	}
	if r.Stamped.IsZero() {
		_, err := fmt.Fprintln(out, "They have no time stamp yet; the service that imported the record adds one: mohr ceremony export")
		return err
	}
	_, err := fmt.Fprintf(out, "They were stamped at %s.\n", r.Stamped.Format(time.RFC3339))
	return err
}
