package bench

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/cmd/mohr/bench/load"
	"mohr/renew"
)

// statementLife is how long a prepared statement is good; the nonce in it is
// good for ten minutes.
const statementLife = 9 * time.Minute

// Renew measures renewals by statements that the old keys signed, over nonces
// that were fetched beforehand.
func (w *World) Renew(ctx context.Context, list []*applicant) (Result, error) {
	if err := w.issue(ctx, list); err != nil {
		return Result{}, fmt.Errorf("issue what is to be renewed: %w", err)
	}
	pool := newPool(w.portal, w.Clients)
	defer pool.close()
	requests := make([][]byte, len(list))
	index := make(map[*applicant]int, len(list))
	for i, a := range list {
		index[a] = i
	}
	err := inParallel(w.Clients, list, func(a *applicant) error {
		guide, err := pool.call(ctx, load.Get(renewalGuide))
		if err == nil {
			requests[index[a]], err = a.renewal(guide)
		}
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("prepare renewals: %w", err)
	}
	return w.compare(ctx, trial{
		name: "renew", clients: w.Clients,
		counted: "POST of a statement signed by the old key (CMS, nonce fetched and signature made beforehand) to the new certificate in the answer: authenticated, the register asked, the policy run, checked, linted, intent and record durable, log leaves written",
		runs: w.runsOf(list, func(a *applicant) load.Call {
			return load.Call{Request: requests[index[a]], Done: func(_ int, body []byte) error {
				var out struct{ Serial string }
				if err := json.Unmarshal(body, &out); err != nil || out.Serial == "" || out.Serial == a.issued.Serial {
					return errors.Join(errors.New("the answer holds no new certificate"), err)
				}
				return nil
			}}
		}),
	})
}

// renewalGuide is where a nonce and what a statement has to say are fetched.
const renewalGuide = "/api/v1/renewals/nonce"

// renewal makes the request that renews a's certificate by what the service
// said at renewalGuide.
func (a *applicant) renewal(said []byte) ([]byte, error) {
	var guide struct {
		Type, Nonce string
		Audience    string `json:"aud"`
		Terms       string `json:"terms_sha256"`
	}
	if err := json.Unmarshal(said, &guide); err != nil {
		return nil, err
	}
	cert, issuer, err := a.chain()
	if err != nil {
		return nil, err
	}
	next := &applicant{}
	if err := next.makeKey(); err != nil {
		return nil, err
	}
	csr, err := ca.ParseCSR(next.csr)
	if err != nil {
		return nil, err
	}
	now, sum := time.Now(), sha256.Sum256(cert.Raw)
	document, err := json.Marshal(renew.Statement{
		Claims: signature.Claims{
			Type: guide.Type, Audience: guide.Audience, CertificateSHA256: hex.EncodeToString(sum[:]), Nonce: guide.Nonce,
			IssuedAt: now.Unix(), Expires: now.Add(statementLife).Unix(),
		},
		NewSPKISHA256: csr.SPKISHA256(), Profile: "natural-sign", TermsSHA256: guide.Terms,
	})
	if err != nil {
		return nil, err
	}
	statement, err := signature.SignCMS(ca.SigningKey{Certificate: cert, Chain: []*x509.Certificate{issuer}, Signer: a.key}, document)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(map[string][]byte{"statement": statement, "document": document, "csr": next.csr})
	if err != nil {
		return nil, err
	}
	return load.Post("/api/v1/renewals", "application/json", b, "Idempotency-Key: "+a.id), nil
}
