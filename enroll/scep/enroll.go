package scep

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// transactionBucket keeps requests that wait: message.row -> waiting.
const transactionBucket = "scep_transactions"

// A waiting request is kept as long as its secret may count, and pruned in
// batches.
const (
	keepFor = 48 * time.Hour
	batch   = 500
)

// waiting is a request for an application that is not approved yet.
type waiting struct {
	Profile string      `json:"profile"`
	Request seal.Sealed `json:"request"` // PKCS #10, with the one-time secret in it
	Expires time.Time   `json:"expires"`
}

// begin takes PKCSReq (RFC 8894 section 3.3.1). The same key again gives the
// same certificate.
func (d *Desk) begin(ctx context.Context, profile string, m message) (ca.Certificate, error) {
	csr, err := d.open(ctx, m)
	if err != nil {
		return ca.Certificate{}, err
	}
	c, err := d.submit(ctx, profile, m, csr)
	if fault.Code(err) == "application_unapproved" {
		if err := d.wait(ctx, profile, m, csr); err != nil {
			return c, err
		}
	}
	return c, err
}

// submit hands the key of a request in. The key must be the one that signs the
// message, under a certificate that it signed itself, which is so in a first
// request: what comes before that is known is refused in one way.
func (d *Desk) submit(ctx context.Context, profile string, m message, der []byte) (ca.Certificate, error) {
	csr, err := ca.ParseCSR(der)
	if err != nil {
		return ca.Certificate{}, errUnopened()
	}
	if k, ok := csr.Key().(*rsa.PublicKey); !ok || !k.Equal(m.signer.PublicKey) || !m.selfSigned() {
		return ca.Certificate{}, errUnopened()
	}
	user, secret, ok := challengeOf(der)
	if !ok || user == "" || secret == "" {
		return ca.Certificate{}, fault.New(fault.Denied, "scep_secret_missing", "the challengePassword of the request has to be the application's number and its one-time secret with a colon between them; make one with the application's token")
	}
	b, err := d.Applications.BySCEPSecret(ctx, user, secret)
	if err != nil {
		return ca.Certificate{}, err
	}
	if b.Profile() != profile {
		return ca.Certificate{}, fault.New(fault.Denied, "scep_profile_differs", "the application or the certificate is of the profile %[1]s; use the address of that profile", b.Profile())
	}
	i, err := d.Applications.SubmitBy(ctx, b, ca.PKCS10, der)
	return i.Certificate, err
}

// wait keeps a request whose application somebody has to act on.
func (d *Desk) wait(ctx context.Context, profile string, m message, csr []byte) error {
	kept, err := d.Seal.Seal(transactionBucket, m.row(), "request", csr)
	if err != nil {
		return err
	}
	w := waiting{Profile: profile, Request: kept, Expires: d.now().Add(keepFor)}
	return d.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, transactionBucket, m.row(), w) })
}

// poll takes CertPoll (RFC 8894 section 3.3.3): the request that waits is
// handed in again. The transaction and the key that signs say which; the names
// in the message are not looked at.
func (d *Desk) poll(ctx context.Context, profile string, m message) (ca.Certificate, error) {
	var w waiting
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		w, err = store.Load[waiting](tx, transactionBucket, m.row())
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && (w.Profile != profile || d.now().After(w.Expires)) {
		return ca.Certificate{}, fault.New(fault.NotFound, "scep_transaction_unknown", "nothing waits in this transaction; begin with PKCSReq")
	}
	if err != nil {
		return ca.Certificate{}, err
	}
	csr, err := d.Seal.Open(transactionBucket, m.row(), "request", w.Request)
	if err != nil {
		return ca.Certificate{}, err
	}
	return d.submit(ctx, profile, m, csr)
}

// renew takes RenewalReq: the certificate that signs is replaced.
func (d *Desk) renew(ctx context.Context, profile string, m message) (ca.Certificate, error) {
	s, err := d.CA.Standing(ctx, m.signer)
	if err != nil {
		return ca.Certificate{}, err
	}
	if p := profileOf(s.Record()); p != profile {
		return ca.Certificate{}, fault.New(fault.Denied, "scep_profile_differs", "the application or the certificate is of the profile %[1]s; use the address of that profile", p)
	}
	csr, err := d.open(ctx, m)
	if err != nil {
		return ca.Certificate{}, err
	}
	if _, err := ca.ParseCSR(csr); err != nil {
		return ca.Certificate{}, errUnopened()
	}
	return d.Renewals.RenewSCEP(ctx, Renewal{Old: m.signer, Message: m.raw, CSR: csr})
}

// find takes GetCert (RFC 8894 section 3.3.4): a holder fetches a certificate
// of the same holder. Whose it is otherwise, and whether there is one, nobody
// is told.
func (d *Desk) find(ctx context.Context, m message) (ca.Certificate, error) {
	s, err := d.CA.Standing(ctx, m.signer)
	if err == nil {
		err = s.Fault()
	}
	if err == nil && s.Leaf().KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		err = fault.New(fault.Denied, "scep_signing_only", "this certificate is for signing content only, so its key protects no SCEP message")
	}
	if err != nil {
		return ca.Certificate{}, err
	}
	plain, err := d.open(ctx, m)
	if err != nil {
		return ca.Certificate{}, err
	}
	serial, ok := parseWanted(plain)
	if !ok {
		return ca.Certificate{}, errUnopened()
	}
	c, err := d.CA.Certificate(ctx, ca.SerialText(serial))
	if err != nil && !errors.Is(err, fault.NotFound) {
		return ca.Certificate{}, err
	}
	if err != nil || c.State != ca.Issued || c.Holder == "" || c.Holder != s.Record().Holder {
		return ca.Certificate{}, fault.New(fault.NotFound, "certificate_unknown", "there is no such certificate of this holder")
	}
	return c, nil
}

// parseWanted reads IssuerAndSerialNumber ::= SEQUENCE { issuer Name,
// serialNumber INTEGER } (RFC 5652 section 10.2.4). Serials are one-off over
// all our authorities, so the issuer is not looked at.
func parseWanted(b []byte) (*big.Int, bool) {
	input, serial := cryptobyte.String(b), new(big.Int)
	var pair cryptobyte.String
	ok := input.ReadASN1(&pair, der.SEQUENCE) && input.Empty() && pair.SkipASN1(der.SEQUENCE) && pair.ReadASN1Integer(serial) && pair.Empty()
	return serial, ok && serial.Sign() > 0 && serial.BitLen() <= 160
}

// Prune is a job: it deletes requests that have waited too long.
func (d *Desk) Prune(ctx context.Context) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		var old []string
		err := store.Each(tx, transactionBucket, "", "", func(key string, w waiting) error {
			if now.After(w.Expires) {
				old = append(old, key)
			}
			if len(old) == batch {
				return store.Stop
			}
			return nil
		})
		for _, key := range old {
			if err == nil {
				err = tx.Delete(transactionBucket, key)
			}
		}
		return err
	})
}
