package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mohr/complaints"
)

func replyCommand() *cobra.Command {
	var f holderFlags
	var object string
	var consent bool
	c := &cobra.Command{
		Use: "reply BUSINESS", Short: "Consent or object to the publication of the business's record",
		Long: "Signed by the business after an officer invited it to publish. The last word counts; an objection comes within the time for it.",
		Example: `  mohr complaints reply 14003456780 --consent --key holder.key --cert holder.pem
  mohr complaints reply 14003456780 --object figures_wrong`, Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			if consent == (object != "") {
				return usageError{errors.New("give one of --consent and --object")}
			}
			s := complaints.ReplyStatement{Business: args[0], Reply: "consents"}
			if object != "" {
				s.Reply, s.Reason = "objects", object
			}
			h, api, ring, err := f.open(c.Context())
			if err != nil {
				return err
			}
			defer ring.Close()
			r, err := api.user().ReplyToInvitation(c.Context(), h.SigningKey, s)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Business %s %s at %s.\n", s.Business, s.Reply, r.At.Format(time.RFC3339))
			return err
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&consent, "consent", false, "let the record be published")
	c.Flags().StringVar(&object, "object", "", "object, for one of: "+strings.Join(complaints.ObjectionReasons(), ", "))
	return c
}
