package main

import (
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	mohr "mohr/cmd/mohr/client"
)

type renewFlags struct {
	holderFlags
	newKey, csr, out, birthDate string
	ekIssuers                   string
	unattended, hook            string
	json                        bool
}

func renewCommand() *cobra.Command {
	var f renewFlags
	c := &cobra.Command{
		Use: "renew", Short: "Renew a certificate: a new key, by a statement of the old one",
		Example: `  mohr renew --key holder.key --cert holder.pem --new-key renewed.key --out renewed.pem
  mohr renew --key holder.key --cert holder.pem --csr token.csr --out renewed.pem
  mohr renew --key 'tpmkms:name=holder;storage-directory=keys;device=/dev/tpmrm0' --cert holder.pem \
      --new-key 'tpmkms:name=renewed;storage-directory=keys;device=/dev/tpmrm0' --out renewed.pem
  mohr renew --unattended /var/lib/mohr-holder --hook /usr/local/bin/reload`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.unattended != "" {
				return f.keepRenewed(c.Context(), c.OutOrStdout())
			}
			return f.run(c.Context(), c.OutOrStdout())
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.newKey, "new-key", "renewed.key", "the new key: file or key URI; made if it is not there")
	c.Flags().StringVar(&f.csr, "csr", "", "file with a certification request for a new key that is elsewhere")
	c.Flags().StringVar(&f.ekIssuers, "ek-issuers", "", "PEM file with the issuers of the TPM's certificate, where the service lacks them")
	c.Flags().StringVar(&f.out, "out", "renewed.pem", "file for the new certificate and its issuer")
	c.Flags().BoolVar(&f.json, "json", false, "print as JSON")
	c.Flags().StringVar(&f.unattended, "unattended", "", "folder with the pair in use: renew it if it is time, else do nothing (docs/unattended.md)")
	c.Flags().StringVar(&f.hook, "hook", "", "with --unattended: program to run when a new pair is in place")
	c.Flags().StringVar(&f.birthDate, "birth-date", "", "date of birth, YYYY-MM-DD, where the service asks for it")
	return c
}

func (f *renewFlags) run(ctx context.Context, out io.Writer) error {
	h, api, ring, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer ring.Close()
	s := mohr.Successor{Ring: ring, Old: h.SigningKey, OldKey: f.key, NewKey: f.newKey, BirthDate: f.birthDate, File: f.out}
	if s.Issuers, err = readIssuers(f.ekIssuers); err != nil {
		return err
	}
	if f.csr != "" {
		if s.CSR, err = os.ReadFile(f.csr); err != nil {
			return err
		}
	}
	issued, err := api.user().RenewTo(ctx, s)
	if err != nil {
		return err
	}
	return printIssued(out, f.json, issued.Chain, issuedReport{File: f.out})
}
