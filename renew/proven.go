package renew

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/narrow"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// papers are what the order of a renewal rests on, for a node that signs
// for others. What a protocol has shown is no statement: nothing of it can be
// shown to a third.
func (w Wish) papers(g gathered) ca.Papers {
	p := ca.Papers{Form: w.form, CSR: w.CSR, Records: g.records, Answers: make([][]byte, len(g.records))}
	copy(p.Answers[len(g.records)-len(g.raws):], g.raws) // the first record, of the old key, has no answer
	if w.protocol == "" {
		p.Statement, p.Document = w.Statement, w.Document
	}
	return p
}

// Proven is for a node that did not see the wish (narrow.Renewals): c is the
// record of the renewal's intent. The old certificate must be one that our
// authority has signed, that still counts and whose window is open; the
// statement, where there is one, is by its key and names the new one. How
// many renewals there were since the last full proofing is the store's word.
func (d *Desk) Proven(ctx context.Context, c ca.Certificate, p ca.Papers, key string) (r narrow.Renewal, err error) {
	old, leaf, err := d.replaced(ctx, c)
	if err != nil {
		return r, err
	}
	sum := sha256.Sum256(leaf.Raw)
	r.Old, r.Renewal = hex.EncodeToString(sum[:]), evidence.Renewal{Depth: old.Depth + 1, ProofAt: old.ProofAt}
	if r.Previous, err = IdentityOf(leaf); err != nil || len(p.Statement) == 0 {
		return r, err
	}
	signed, err := d.Verifier.CMS(ctx, p.Statement, p.Document)
	if err != nil {
		return r, err
	}
	s, _, err := signature.ParseClaims[Statement](signed, StatementType, d.Audience, c.NotBefore)
	if err != nil {
		return r, err
	}
	if signed.Standing().Record().Serial != old.Serial || s.NewSPKISHA256 != key || s.Profile != profileName(old) {
		return r, errNotRenewable()
	}
	r.Statement, r.Nonce = signed.SHA256(), s.Nonce
	return r, nil
}

// replaced is the certificate that an intent is to replace.
func (d *Desk) replaced(ctx context.Context, c ca.Certificate) (old ca.Certificate, leaf *x509.Certificate, err error) {
	if old, err = d.CA.Certificate(ctx, c.Replaces); err != nil {
		return old, nil, err
	}
	issuer, ok := d.CA.Issuer(old.Issuer)
	if !ok || old.State != ca.Issued || old.Revoked != nil || old.ReplacedBy != "" && old.ReplacedBy != c.Serial {
		return old, nil, errNotRenewable()
	}
	if leaf, err = x509.ParseCertificate(old.DER); err != nil {
		return old, nil, fmt.Errorf("certificate %s: %w", old.Serial, err)
	}
	if leaf.CheckSignatureFrom(issuer.Certificate) != nil || profileName(old) != profileName(c) {
		return old, nil, errNotRenewable()
	}
	rules, ok := d.Policy.Rules(profileName(old))
	if !ok || rules.MaxDepth == 0 {
		return old, nil, errNotRenewable()
	}
	w := WindowOf(leaf.NotBefore, leaf.NotAfter, rules)
	if old.RenewNow != nil {
		w.Opens = leaf.NotBefore
	}
	return old, leaf, w.Fault(c.NotBefore)
}

func errNotRenewable() error {
	return fault.New(fault.Denied, "renewal_unproven", "the certificate to be renewed does not count any more, or its key has not asked for this one")
}
