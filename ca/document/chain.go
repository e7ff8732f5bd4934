package document

import (
	"crypto/x509"
	"encoding/asn1"
	"time"
)

// Extensions of certificates of which no revocation is ever told.
var (
	oidNoRevAvail = asn1.ObjectIdentifier{2, 5, 29, 56}          // RFC 9608
	oidShortTerm  = asn1.ObjectIdentifier{0, 4, 0, 194121, 2, 1} // ETSI EN 319 412-1 section 5.2
)

// maxCertificates bounds those a chain is built from.
const maxCertificates = 64

// chain validates leaf at an instant (RFC 5280 section 6 with ETSI EN 319
// 102-1 section 5.2.6): a path to an anchor, within the life of each
// certificate, none revoked. The links are those of the first path that
// holds, else of the first; nil if there is none.
func (j *judge) chain(leaf *x509.Certificate, more []*x509.Certificate, usage []x509.ExtKeyUsage, at time.Time) ([]Link, *finding) {
	paths := j.paths(leaf, more, usage, at)
	if len(paths) == 0 {
		return nil, unsure(NoCertificateChain, "%s does not lead to a root that is believed", oneLine(leaf.Subject.CommonName))
	}
	links, f := j.path(paths[0], at)
	for _, p := range paths[1:] {
		if f == nil {
			break
		}
		if other, better := j.path(p, at); better == nil {
			links, f = other, nil
		}
	}
	return links, f
}

// paths has the standard library build the paths. They are looked for at an
// instant within the leaf's life: whether at is within it, and within those of
// the others, is told apart from whether there is a path.
func (j *judge) paths(leaf *x509.Certificate, more []*x509.Certificate, usage []x509.ExtKeyUsage, at time.Time) [][]*x509.Certificate {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range j.proof.Roots {
		roots.AddCert(c)
	}
	for n, c := range append(more[:len(more):len(more)], j.values.Certificates...) {
		if n < maxCertificates {
			others.AddCert(c)
		}
	}
	if at.Before(leaf.NotBefore) {
		at = leaf.NotBefore
	}
	at = earlier(at, leaf.NotAfter)
	paths, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, CurrentTime: at, KeyUsages: usage})
	if err != nil {
		return nil
	}
	return paths
}

// path looks at the certificates of one path at an instant.
func (j *judge) path(certs []*x509.Certificate, at time.Time) ([]Link, *finding) {
	links := make([]Link, len(certs))
	for n, c := range certs {
		links[n] = Link{Party: *partyOf(c), Anchor: n == len(certs)-1}
		if n < len(certs)-1 {
			links[n].Status = j.status(c, certs[n+1])
		}
	}
	if leaf := certs[0]; at.Before(leaf.NotBefore) {
		if at.Equal(j.now) {
			return links, unsure(NotYetValid, "the certificate is not valid yet")
		}
		return links, failed(NotYetValid, "the signature is older than the signer's certificate")
	}
	// From the anchor down: what an authority that was revoked says of those
	// below it counts for nothing.
	for n := len(certs) - 2; n >= 0; n-- {
		if f := ended(links[n].Status, n == 0, at); f != nil {
			return links, f
		}
	}
	for _, c := range certs[:len(certs)-1] {
		if at.After(c.NotAfter) {
			return links, unsure(OutOfBoundsNoPOE, "%s ended at %s, and nothing proves that the signature is older", oneLine(c.Subject.CommonName), c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	for n := len(certs) - 2; n >= 0; n-- {
		if f := unknown(certs[n], links[n].Status, at); f != nil {
			return links, f
		}
	}
	return links, nil
}

// ended says whether a certificate had been revoked by then. A suspension may
// be lifted: it is for later.
func ended(s *Status, leaf bool, at time.Time) *finding {
	const certificateHold = 6
	switch {
	case s == nil || !s.Revoked || s.At.After(at):
		return nil
	case s.Reason == certificateHold:
		return unsure(TryLater, "a certificate is suspended since %s", s.At.Format(time.RFC3339))
	case leaf:
		return unsure(RevokedNoPOE, "the certificate was revoked at %s, and nothing proves that the signature is older", s.At.Format(time.RFC3339))
	}
	return unsure(RevokedCANoPOE, "the certificate of an authority was revoked at %s", s.At.Format(time.RFC3339))
}

// unknown says whether the revocation status of a certificate at an instant is
// not known: there is none, or it is stale (section 5.2.5).
func unknown(c *x509.Certificate, s *Status, at time.Time) *finding {
	name := oneLine(c.Subject.CommonName)
	switch {
	case Unrevocable(c):
		return nil
	case s == nil:
		return unsure(TryLater, "nothing is known of a revocation of %s", name)
	case s.NextUpdate.Before(at):
		return unsure(TryLater, "what is known of a revocation of %s is of %s and has ended", name, s.ThisUpdate.Format(time.RFC3339))
	}
	return nil
}

// Unrevocable reports whether c says that no revocation of it is ever told.
func Unrevocable(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidNoRevAvail) || e.Id.Equal(oidShortTerm) {
			return true
		}
	}
	return false
}

// carriesAll reports whether the statuses of the chain at an instant are among
// the values, which the signature carries.
func (j *judge) carriesAll(values Values, links []Link, at time.Time) bool {
	carried := &judge{proof: j.proof, now: j.now, values: values, lists: j.lists}
	paths := carried.paths(j.signature.Signer, nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, j.now)
	for _, p := range paths {
		ok := true
		for n, c := range p[:len(p)-1] {
			ok = ok && unknown(c, carried.status(c, p[n+1]), at) == nil
		}
		if ok && len(p) == len(links) {
			return true
		}
	}
	return false
}
