package consistency

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"

	"mohr/ca"
)

// record compares one record with the log and with its own certificate.
func (r *run) record(c ca.Certificate) {
	h := r.log[c.Serial]
	if h == nil {
		h = &history{}
	}
	r.log[c.Serial] = nil // has its record
	switch c.State {
	case ca.Issued:
		r.report.Issued++
		r.issued(c, h)
	case ca.Pending:
		r.report.Pending++
		r.pending[c.Serial] = true
		if c.Revoked != nil {
			r.report.add("record_malformed", c.Serial, "it is pending and revoked")
		}
		if h.issued != "" {
			r.report.add("leaf_of_pending", c.Serial, "the log says it was issued, the record says it is pending")
		}
	case ca.Void:
		r.report.Void++
		if c.Revoked == nil {
			r.report.add("record_malformed", c.Serial, "it is void and not revoked")
		}
		if h.issued != "" {
			r.report.add("leaf_of_void", c.Serial, "the log says it was issued, the record says it was given up")
		}
	default:
		r.report.add("record_malformed", c.Serial, "its state is %q", c.State)
	}
	if !h.says(c.Revoked) {
		r.report.add("status_leaf_differs", c.Serial, "the record says %s, the log does not", statusOf(c))
	}
	r.keep(c)
}

// keep remembers what later steps need of the record.
func (r *run) keep(c ca.Certificate) {
	r.line(c)
	r.asked.offer(c)
	if c.Revoked == nil {
		return
	}
	if c.Suspended() {
		r.report.Suspended++
	} else {
		r.report.Revoked++
	}
	if byIssuer := r.revoked[c.Issuer]; byIssuer != nil {
		byIssuer[c.Serial] = ca.Certificate{Serial: c.Serial, Issuer: c.Issuer, State: c.State, Shard: c.Shard, Revoked: c.Revoked}
	}
}

// issued compares a certificate with its entry, its record and its issuer.
func (r *run) issued(c ca.Certificate, h *history) {
	if h.issued == "" {
		r.report.add("leaf_missing", c.Serial, "it was issued, and the log has no entry of it")
	}
	if h.twice {
		r.report.add("leaf_twice", c.Serial, "the log says twice that it was issued")
	}
	issuer, ok := r.issuers[c.Issuer]
	if !ok {
		r.report.add("issuer_unknown", c.Serial, "its issuer %s is not in the hierarchy", c.Issuer)
	}
	if c.DER == nil {
		return
	}
	if sum := sha256.Sum256(c.DER); h.issued != "" && h.issued != hex.EncodeToString(sum[:]) {
		r.report.add("leaf_differs", c.Serial, "the log has the hash of another certificate")
	}
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		r.report.add("record_malformed", c.Serial, "its certificate cannot be read: %v", err)
		return
	}
	r.compareWords(c, cert)
	if !ok {
		return
	}
	if err := cert.CheckSignatureFrom(issuer.certificate); err != nil {
		r.report.add("issuer_signature", c.Serial, "its certificate is not signed by %s: %v", c.Issuer, err)
	}
	if issuer.shards >= 0 && c.Shard >= issuer.shards {
		r.report.add("record_malformed", c.Serial, "it is in CRL shard %d, and %s has %d", c.Shard, c.Issuer, issuer.shards)
	}
}

// compareWords compares what a record says with what its certificate says.
func (r *run) compareWords(c ca.Certificate, cert *x509.Certificate) {
	spki := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	same := func(what string, same bool) {
		if !same {
			r.report.add("record_differs", c.Serial, "the record has another %s than the certificate", what)
		}
	}
	same("serial number", cert.SerialNumber.Text(16) == c.Serial)
	same("key", hex.EncodeToString(spki[:]) == c.SPKISHA256)
	same("validity", cert.NotBefore.Equal(c.NotBefore) && cert.NotAfter.Equal(c.NotAfter))
	switch points := cert.CRLDistributionPoints; {
	case c.Shard == ca.NoShard && len(points) != 0:
		r.report.add("record_differs", c.Serial, "it names the CRL %s, the record says none", points[0])
	case c.Shard != ca.NoShard && (len(points) != 1 || !strings.HasSuffix(points[0], ca.CRLPath(c.Issuer, c.Shard))):
		r.report.add("record_differs", c.Serial, "it names the CRLs %q, the record says shard %d of %s", points, c.Shard, c.Issuer)
	}
}

// statusOf says in words how a certificate stands.
func statusOf(c ca.Certificate) string {
	switch {
	case c.Revoked != nil:
		return "revoked (" + string(c.Revoked.Reason) + ")"
	case c.State == ca.Issued:
		return "good"
	}
	return string(c.State)
}
