package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mohr/ca/signature"
	"mohr/ca/signin"
)

func signInCommand() *cobra.Command {
	var f holderFlags
	var purpose, nonce string
	c := &cobra.Command{
		Use: "sign-in", Short: "Sign a statement that signs you in at the portal",
		Long: `Prints one line to paste into the portal's sign-in page. Paste it nowhere else: whoever has it signs in as you, for five minutes, once.
With --confirm it proves instead, to a page where you are signed in, that it is you who wants one thing; the page shows purpose and nonce.`,
		Example: "  mohr sign-in --key holder.key --cert holder.pem\n  mohr sign-in --confirm revoke/1f3a --nonce NONCE", Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if (purpose == "") != (nonce == "") {
				return errors.New("--confirm and --nonce go together; the page that asks shows both")
			}
			h, api, ring, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			ch, err := api.challenge(c.Context(), "/api/v1/signin/nonce")
			if err != nil {
				return err
			}
			if ch.Type != signin.StatementType {
				return errors.New("the service takes another type of statement than this mohr makes; take a newer one")
			}
			jws, err := h.signIn(ch, signin.Purpose(purpose), nonce)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\n", jws)
			return err
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&purpose, "confirm", "", "purpose to confirm, as the page shows it")
	c.Flags().StringVar(&nonce, "nonce", "", "nonce of the page that asks to confirm")
	return c
}

// signIn signs the statement that signs in or, with a purpose, confirms that.
func (h *holder) signIn(ch challenge, p signin.Purpose, nonce string) ([]byte, error) {
	var statement any = signin.Statement{Claims: h.claims(ch)}
	if p != "" {
		ch.Type, ch.Nonce = signin.ConfirmType, nonce
		statement = signin.ConfirmStatement{Claims: h.claims(ch), Purpose: p}
	}
	payload, err := json.Marshal(statement)
	if err != nil {
		return nil, err
	}
	return signature.SignJWS(h.SigningKey, ch.Type, payload)
}
