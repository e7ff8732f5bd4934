package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/incident"
)

func revokeCommand() *cobra.Command {
	var f holderFlags
	var serial, reason string
	var yes, asJSON bool
	c := &cobra.Command{
		Use: "revoke", Short: "Revoke or suspend your own certificate by a statement signed with it",
		Long: `Signs with the key of a certificate that still counts: the one that is to end, or another one of yours (--serial).
Who has no such key any more uses the revocation code. Who has found a key, whoever's, needs neither this command nor a certificate:

  openssl req -new -key found.key -subj "/CN=` + incident.KeyProof + `" -outform DER -out found.csr
  curl -H 'Content-Type: application/pkcs10' --data-binary @found.csr https://SERVICE/api/v1/compromised-keys`,
		Example: "  mohr revoke --key holder.key --cert holder.pem --reason keyCompromise --yes\n  mohr revoke --reason certificateHold --yes", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			h, api, ring, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			if serial == "" {
				serial = ca.SerialText(h.Certificate.SerialNumber)
			}
			if !yes {
				after := "a revocation cannot be undone"
				if ca.Reason(reason) == ca.CertificateHold {
					after = "only an operator lifts a suspension"
				}
				return fmt.Errorf("nothing was revoked; this would end certificate %s (%s): repeat with --yes, %s", serial, reason, after)
			}
			row, err := api.user().Revoke(c.Context(), h.SigningKey, serial, ca.Reason(reason))
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(row)
			}
			return printCertificates(c.OutOrStdout(), []ca.Entry{row})
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&serial, "serial", "", "serial number of the certificate to end, where it is not the one that signs")
	c.Flags().StringVar(&reason, "reason", "unspecified", holderReasonNames())
	c.Flags().BoolVar(&yes, "yes", false, "revoke, do not only say so")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

func holderReasonNames() string {
	var names []string
	for _, r := range incident.HolderReasons() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ") + " (suspends)"
}
