package bench

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"mohr/cmd/mohr/bench/load"
)

// issuedAnswer is what the service says of a certificate that it issued.
type issuedAnswer struct {
	Serial      string `json:"serial"`
	Certificate string `json:"certificate"` // PEM, with the issuing CA
	Code        string `json:"revocation_code"`
}

// Issue measures the issuance on approved applications, in equal runs.
func (w *World) Issue(ctx context.Context, name string, clients int, list []*applicant) (Result, error) {
	return w.compare(ctx, trial{
		name: name, clients: clients, runs: w.runsOf(list, w.submission),
		counted: "POST of a CSR on an approved application, made beforehand, to the certificate in the answer: checked, linted, intent and record durable, log leaf written",
	})
}

func (w *World) submission(a *applicant) load.Call {
	return load.Call{
		Request: load.Post(a.path("/csr"), "application/pkcs10", a.csr, "Authorization: Bearer "+a.token, "Idempotency-Key: "+a.id),
		Done: func(status int, body []byte) error {
			a.issued = &issuedAnswer{}
			if err := json.Unmarshal(body, a.issued); err != nil || a.issued.Serial == "" {
				a.issued = nil
				return errors.Join(errors.New("the answer holds no certificate"), err)
			}
			return nil
		},
	}
}

// runsOf shares things that are used up among the runs.
func (w *World) runsOf(list []*applicant, of func(*applicant) load.Call) []load.Load {
	var loads []load.Load
	for part := range slices.Chunk(list, max(1, (len(list)+w.Runs-1)/w.Runs)) {
		loads = append(loads, load.Load{Door: w.portal, Next: load.Each(part, of)})
	}
	return loads
}

// issue lets the service issue what is still to be issued of list, unmeasured.
func (w *World) issue(ctx context.Context, list []*applicant) error {
	waiting := slices.DeleteFunc(slices.Clone(list), func(a *applicant) bool { return a.issued != nil })
	pool := newPool(w.portal, w.Clients)
	defer pool.close()
	return inParallel(w.Clients, waiting, func(a *applicant) error {
		c := w.submission(a)
		body, err := pool.call(ctx, c.Request)
		if err != nil {
			return err
		}
		return c.Done(0, body)
	})
}

// chain returns the certificate and its issuing CA.
func (a *applicant) chain() (cert, issuer *x509.Certificate, err error) {
	var list []*x509.Certificate
	rest := []byte(a.issued.Certificate)
	for range 2 {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, nil, fmt.Errorf("certificate %s came without its chain", a.issued.Serial)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, c)
	}
	return list[0], list[1], nil
}
