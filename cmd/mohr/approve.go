package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
)

func approveCommand() *cobra.Command {
	var f operatorFlags
	var yes bool
	c := &cobra.Command{
		Use: "approve PLAN", Short: "Approve a plan by a statement signed with the operator's key",
		Long: `Shows what is approved, after checking here that plan and list have the hashes they say; with --yes signs the hash and sends it.
Whoever has a certificate in the plan does not approve it, and nobody approves twice.`,
		Example: "  mohr approve p-6b04...\n  mohr approve p-6b04... --yes", Args: exactly(1),
		RunE: func(c *cobra.Command, args []string) error { return f.approve(c, args[0], yes) },
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&yes, "yes", false, "sign and send, do not only show")
	return c
}

func (f *operatorFlags) approve(c *cobra.Command, id string, yes bool) error {
	api, key, ring, err := f.openOperator(c.Context())
	if err != nil {
		return err
	}
	defer ring.Close()
	s, _, err := fetchPlan(c.Context(), api, id)
	if err != nil {
		return err
	}
	if !yes {
		if err := f.showPlan(c.OutOrStdout(), s.Plan); err != nil {
			return err
		}
		return errors.New("nothing was approved; repeat with --yes")
	}
	path := "/api/v1/plans/" + url.PathEscape(id)
	ch, err := api.challenge(c.Context(), path+"/challenge")
	if err != nil {
		return err
	}
	jws, err := signApproval(key, ch, s.Plan.Document.ID, s.Plan.SHA256)
	if err != nil {
		return err
	}
	if err := api.call(c.Context(), request{method: http.MethodPost, path: path + "/approvals", in: map[string]string{"jws": string(jws)}}, &s); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(s)
	}
	if err := printPlan(c.OutOrStdout(), s.Plan); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "Approved; %d of %d persons have. Carry it out with: mohr plan execute %s\n", s.Counting, s.Plan.Document.Needs, id)
	return err
}

// signApproval signs the statement that approves exactly the matter with this hash.
func signApproval(key ca.SigningKey, ch challenge, id, sha256 string) ([]byte, error) {
	ch.Type = approval.StatementType
	payload, err := json.Marshal(approval.Statement{Claims: ch.Claims(key), Approves: id, ApprovesSHA256: sha256})
	if err != nil {
		return nil, err
	}
	return signature.SignJWS(key, approval.StatementType, payload)
}
