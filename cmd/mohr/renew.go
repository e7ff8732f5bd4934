package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/signature"
	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/renew"
)

// renewing is what one renewal sends and receives. It is kept beside the new
// certificate's file until that is there: the same statement, sent again,
// brings the same certificate.
type renewing struct {
	Document  []byte `json:"document"`  // renewal.json
	Statement []byte `json:"statement"` // CMS over it, DER
	CSR       []byte `json:"csr"`       // PEM, of the new key
	chain     []byte // PEM of the new certificate

	Attestation *attest.Statement `json:"attestation,omitempty"` // of the new key, by its TPM
}

// renewal makes the statement of the old key for the new key of csr (PEM).
func (h *holder) renewal(ctx context.Context, api *client, csr []byte) (renewing, error) {
	r := renewing{CSR: csr}
	parsed, err := ca.ParseCSR(csr)
	if err != nil {
		return r, err
	}
	c, err := api.challenge(ctx, "/api/v1/renewals/nonce")
	if err != nil {
		return r, err
	}
	r.Document, err = json.Marshal(renew.Statement{
		Claims: h.claims(c), NewSPKISHA256: parsed.SPKISHA256(), Profile: h.profile(), TermsSHA256: c.TermsSHA256,
	})
	if err != nil {
		return r, err
	}
	if r.Statement, err = signature.SignCMS(h.SigningKey, r.Document); err != nil {
		return r, fmt.Errorf("sign the renewal: %w", err)
	}
	return r, nil
}

// send hands the statement in and takes the certificate. birthDate is for a
// service that does not know it.
func (r *renewing) send(ctx context.Context, api *client, birthDate string) error {
	in := map[string]any{"statement": r.Statement, "document": r.Document, "csr": r.CSR}
	if birthDate != "" {
		in["birth_date"] = birthDate
	}
	if r.Attestation != nil {
		in["attestation"] = r.Attestation
	}
	var out struct {
		Chain string `json:"chain"`
	}
	err := api.call(ctx, request{method: http.MethodPost, path: "/api/v1/renewals", in: in}, &out)
	r.chain = []byte(out.Chain)
	return err
}

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
	r, err := f.begun(ctx, ring, h, api)
	if err != nil {
		return err
	}
	if err := r.send(ctx, api, f.birthDate); err != nil {
		var p *problem
		if errors.As(err, &p) && p.Status < http.StatusInternalServerError {
			err = errors.Join(err, os.Remove(f.pending())) // refused: the next try is a new one
		}
		return err
	}
	if err := os.WriteFile(f.out, r.chain, 0o644); err != nil {
		return err
	}
	if err := os.Remove(f.pending()); err != nil {
		return err
	}
	return printIssued(out, f.json, r.chain, issuedReport{File: f.out})
}

// pending is where a renewal under way is kept.
func (f *renewFlags) pending() string { return f.out + ".pending" }

// begun takes up a renewal that was begun before, or begins one.
func (f *renewFlags) begun(ctx context.Context, ring *hsm.Keyring, h *holder, api *client) (renewing, error) {
	var r renewing
	b, err := os.ReadFile(f.pending())
	if err == nil {
		if err := json.Unmarshal(b, &r); err != nil {
			return r, fmt.Errorf("%s: %w; remove it to begin anew", f.pending(), err)
		}
		return r, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return r, err
	}
	csr, err := f.request(ctx, ring)
	if err != nil {
		return r, err
	}
	if r, err = h.renewal(ctx, api, csr); err != nil {
		return r, err
	}
	if mohr.InTPM(f.key) {
		if err := f.attest(ctx, ring, h, api, &r); err != nil {
			return r, err
		}
	}
	if b, err = json.Marshal(r); err != nil {
		return r, err
	}
	return r, os.WriteFile(f.pending(), b, 0o600)
}

func (f *renewFlags) request(ctx context.Context, ring *hsm.Keyring) ([]byte, error) {
	if f.csr != "" {
		return os.ReadFile(f.csr)
	}
	if mohr.KeyURI(f.newKey) == mohr.KeyURI(f.key) {
		return nil, errors.New("the new key is the old key; give another one with --new-key")
	}
	signer, err := mohr.OpenSigner(ctx, ring, f.newKey, true)
	if err != nil {
		return nil, err
	}
	return mohr.NewCSR(signer)
}
