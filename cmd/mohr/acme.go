package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mohr/ca/acme"
	"mohr/ca/signature"
)

// acmeAsk signs a statement about a business's external account keys and
// returns the answer, also as it came.
func (h *holder) acmeAsk(ctx context.Context, api *client, action acme.Action, kid string) (g acme.Given, raw []byte, err error) {
	_, jws, err := api.user().SignStatement(ctx, h.SigningKey, acme.StatementType, "/api/v1/acme/nonce",
		func(claims signature.Claims) any { return acme.Ask{Claims: claims, Action: action, KID: kid} })
	if err != nil {
		return g, nil, err
	}
	raw, err = api.fetch(ctx, request{method: http.MethodPost, path: "/api/v1/acme/keys", kind: "application/jose", body: jws})
	if err != nil {
		return g, nil, err
	}
	err = json.Unmarshal(raw, &g)
	return g, raw, err
}

type acmeFlags struct {
	holderFlags
	json bool
}

func acmeCommand() *cobra.Command {
	return group("acme", "Certificates for a business's servers by ACME",
		acmeSubcommand("account", "Ask for a key that binds one ACME account to your business",
			"Ask for an external account key, by a statement signed with a certificate that acts for the business.\nThe key binds one ACME account; the account orders certificates for the domains of the business's badges.",
			"  mohr acme account --key holder.key --cert holder.pem", 0, acme.ActionCreate),
		acmeSubcommand("list", "List the keys of your business", "",
			"  mohr acme list --key holder.key --cert holder.pem", 0, acme.ActionList),
		acmeSubcommand("revoke KID", "End a key, and the account that it bound", "",
			"  mohr acme revoke k-0123456789abcdef0123456789abcdef --key holder.key --cert holder.pem", 1, acme.ActionRevoke))
}

func acmeSubcommand(use, short, long, example string, args int, action acme.Action) *cobra.Command {
	var f acmeFlags
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example, Args: exactly(args),
		RunE: func(c *cobra.Command, args []string) error {
			return f.run(c.Context(), c.OutOrStdout(), action, append(args, "")[0])
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&f.json, "json", false, "print the answer as JSON")
	return c
}

func (f *acmeFlags) run(ctx context.Context, out io.Writer, action acme.Action, kid string) error {
	h, api, ring, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer ring.Close()
	g, raw, err := h.acmeAsk(ctx, api, action, kid)
	switch {
	case err != nil:
		return err
	case f.json:
		_, err = fmt.Fprintf(out, "%s\n", raw)
		return err
	case action == acme.ActionCreate:
		_, err = fmt.Fprintf(out, "kid       %s\nhmac key  %s\n\nOnce, on the server, with the domain of your badge:\n\n"+
			"  certbot certonly --standalone --server %s \\\n    --eab-kid %s --eab-hmac-key %s -d DOMAIN\n", g.KID, g.HMACKey, g.Directory, g.KID, g.HMACKey)
		return err
	}
	return printKeys(out, g)
}

func printKeys(out io.Writer, g acme.Given) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KID\tSTATE\tMADE\tBOUND")
	for _, k := range g.Keys {
		bound := ""
		if !k.BoundAt.IsZero() {
			bound = k.BoundAt.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.KID, k.State, k.CreatedAt.Format(time.RFC3339), bound)
	}
	return w.Flush()
}
