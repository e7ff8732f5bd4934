package consistency

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"

	"mohr/ca"
	"mohr/internal/ledger"
)

// authorities is what the log says of keys and of what ceremonies made: the
// hashes, by kind and name.
type authorities map[string][]string

func (a authorities) add(e ledger.Event) {
	if e.Kind == "key.created" || strings.HasPrefix(e.Kind, "ceremony.") {
		name := e.Kind + " " + e.Subject
		a[name] = append(a[name], e.Hash)
	}
}

// compareHierarchy wants each CA certificate in the log, with the key that was
// made for it, and sorts the issuing CAs out.
func (r *run) compareHierarchy(context.Context) error {
	for _, m := range r.Members {
		cert, err := x509.ParseCertificate(m.DER)
		if err != nil {
			r.report.add("hierarchy_malformed", m.ID, "its certificate cannot be read: %v", err)
			continue
		}
		if !slices.Contains(r.made["ceremony."+string(m.Kind)+" "+m.ID], hash(m.DER)) {
			r.report.add("hierarchy_leaf_missing", m.ID, "no ceremony in the log made this certificate")
		}
		if keys := r.made["key.created "+m.ID]; m.Kind != ca.CrossMember && len(keys) > 0 && !slices.Contains(keys, hash(cert.RawSubjectPublicKeyInfo)) {
			r.report.add("key_differs", m.ID, "the key in its certificate is none that was made for it")
		}
		if m.Kind == ca.IssuingMember {
			r.issuer(m, cert)
		}
	}
	return nil
}

func (r *run) issuer(m ca.Member, cert *x509.Certificate) {
	id := ca.IssuerID(m.ID)
	shards, known := r.Shards[id]
	if !known {
		shards = -1
	}
	r.issuers[id] = issuer{id: id, certificate: cert, shards: shards, answers: m.Revoked == nil && !r.Taken.After(cert.NotAfter) && !r.Taken.Before(cert.NotBefore)}
	r.revoked[id] = map[string]ca.Certificate{}
	r.report.Issuers++
}

// hash is the hex SHA-256 of b.
func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
