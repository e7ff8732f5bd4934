package document

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// Bounds of what is read as a revocation value.
const (
	maxValues = 64
	maxOCSP   = 64 << 10
	maxCRL    = 16 << 20
)

var (
	oidExpiredCertsOnCRL = asn1.ObjectIdentifier{2, 5, 29, 60}
	oidOCSPNoCheck       = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}
	oidArchiveCutoff     = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 6}
)

// status is the latest authentic word on the certificate that is not of the
// future; nil if there is none. A word that it is good does not count if it
// was made when entries of ended certificates may have been dropped.
func (j *judge) status(c, issuer *x509.Certificate) (latest *Status) {
	take := func(s *Status) {
		if s == nil || s.ThisUpdate.After(j.now) || !s.Revoked && s.dropped(c) {
			return
		}
		if latest == nil || s.ThisUpdate.After(latest.ThisUpdate) {
			latest = s
		}
	}
	for n, raw := range j.values.OCSPs {
		if n < maxValues && len(raw) <= maxOCSP {
			take(ocspStatus(raw, c, issuer))
		}
	}
	for n, raw := range j.values.CRLs {
		if n < maxValues && len(raw) <= maxCRL {
			take(crlStatus(j.lists.of(raw, issuer), c))
		}
	}
	return latest
}

// Status is the latest authentic word of v on c that is not later than now; nil
// if there is none. The issuer is believed.
func (v Values) Status(c, issuer *x509.Certificate, now time.Time) *Status {
	return (&judge{now: now, values: v}).status(c, issuer)
}

// dropped reports whether c may be missing because it had ended by then.
func (s *Status) dropped(c *x509.Certificate) bool {
	return s.ThisUpdate.After(c.NotAfter) && (s.keepsFrom.IsZero() || s.keepsFrom.After(c.NotAfter))
}

// ocspStatus reads an OCSPResponse (RFC 6960 section 4.2.1) on c: nil unless
// it is signed by the issuer or one that the issuer has made a responder
// (section 4.2.2.2) and has a nextUpdate.
func ocspStatus(raw []byte, c, issuer *x509.Certificate) *Status {
	r, err := ocsp.ParseResponseForCert(raw, c, issuer)
	if err != nil || r.Status == ocsp.Unknown || r.NextUpdate.IsZero() || !forIssuer(raw, c, issuer) {
		return nil
	}
	if d := r.Certificate; d != nil && !bytes.Equal(d.Raw, issuer.Raw) && !delegated(d, issuer, r.ProducedAt) {
		return nil
	}
	s := &Status{From: "ocsp", ThisUpdate: r.ThisUpdate.UTC(), NextUpdate: r.NextUpdate.UTC()}
	if r.Status == ocsp.Revoked {
		at := r.RevokedAt.UTC()
		s.Revoked, s.At, s.Reason = true, &at, r.RevocationReason
	}
	for _, e := range r.Extensions {
		if e.Id.Equal(oidArchiveCutoff) {
			s.keepsFrom = generalized(e.Value)
		}
	}
	return s
}

// delegated reports whether d may answer for the issuer at that time. It must
// say that its own revocation need not be asked for (section 4.2.2.2.1):
// stricter than the RFC, which leaves that to the asker.
func delegated(d, issuer *x509.Certificate, at time.Time) bool {
	says := slices.ContainsFunc(d.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidOCSPNoCheck) })
	return says && slices.Contains(d.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) &&
		d.CheckSignatureFrom(issuer) == nil && !at.Before(d.NotBefore) && !at.After(d.NotAfter)
}

// generalized reads a GeneralizedTime; zero if it is none.
func generalized(b []byte) (t time.Time) {
	in := cryptobyte.String(b)
	if !in.ReadASN1GeneralizedTime(&t) || !in.Empty() {
		return time.Time{}
	}
	return t.UTC()
}

// lists are the CRLs that were looked at: each is read once for an issuer, since
// a large one costs a second, and every stamp of every signature asks.
type lists map[listKey]*x509.RevocationList

type listKey struct {
	list   *byte
	issuer string // DER
}

// of returns the CRL; nil unless it is one, and the issuer's.
func (m lists) of(raw []byte, issuer *x509.Certificate) *x509.RevocationList {
	if len(raw) == 0 {
		return nil
	}
	key := listKey{&raw[0], string(issuer.Raw)}
	l, known := m[key]
	if !known {
		var err error
		if l, err = x509.ParseRevocationList(raw); err != nil || !bytes.Equal(l.RawIssuer, issuer.RawSubject) || l.CheckSignatureFrom(issuer) != nil {
			l = nil
		}
		if m != nil {
			m[key] = l
		}
	}
	return l
}

// crlStatus reads a complete CRL (RFC 5280 section 5) on c: nil unless it is
// the issuer's and answers for this certificate.
func crlStatus(l *x509.RevocationList, c *x509.Certificate) *Status {
	if l == nil || l.NextUpdate.IsZero() || !covers(l, c) {
		return nil
	}
	s := &Status{From: "crl", ThisUpdate: l.ThisUpdate.UTC(), NextUpdate: l.NextUpdate.UTC()}
	for _, e := range l.Extensions {
		if e.Id.Equal(oidExpiredCertsOnCRL) {
			s.keepsFrom = generalized(e.Value)
		}
	}
	for _, e := range l.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(c.SerialNumber) == 0 {
			at := e.RevocationTime.UTC()
			s.Revoked, s.At, s.Reason = true, &at, e.ReasonCode
		}
	}
	return s
}

var oidIssuingDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

// covers reports whether a CRL is one that must have c if it was revoked. An
// extension that is critical and not known, as that of a delta CRL, makes it
// one that need not (RFC 5280 section 5.2).
func covers(l *x509.RevocationList, c *x509.Certificate) bool {
	for _, e := range l.Extensions {
		if e.Id.Equal(oidIssuingDistributionPoint) {
			if !pointCovers(e.Value, c) {
				return false
			}
		} else if e.Critical {
			return false
		}
	}
	return true
}

// pointCovers reads
//
//	IssuingDistributionPoint ::= SEQUENCE {
//	  distributionPoint          [0] DistributionPointName OPTIONAL,
//	  onlyContainsUserCerts      [1] BOOLEAN DEFAULT FALSE,
//	  onlyContainsCACerts        [2] BOOLEAN DEFAULT FALSE,
//	  onlySomeReasons            [3] ReasonFlags OPTIONAL,
//	  indirectCRL                [4] BOOLEAN DEFAULT FALSE,
//	  onlyContainsAttributeCerts [5] BOOLEAN DEFAULT FALSE }
//	DistributionPointName ::= CHOICE { fullName [0] GeneralNames, ... }
//
// (RFC 5280 section 5.2.5). A CRL of some reasons, of others' certificates or
// of attribute certificates answers for none of ours.
func pointCovers(value []byte, c *x509.Certificate) bool {
	in := cryptobyte.String(value)
	var point, name, full cryptobyte.String
	var named, users, cas bool
	if !in.ReadASN1(&point, der.SEQUENCE) || !in.Empty() ||
		!point.ReadOptionalASN1(&name, &named, der.Tag(0).ContextSpecific().Constructed()) ||
		!readFlag(&point, 1, &users) || !readFlag(&point, 2, &cas) || !point.Empty() ||
		users && c.IsCA || cas && !c.IsCA {
		return false
	}
	if !named {
		return true
	}
	if !name.ReadASN1(&full, der.Tag(0).ContextSpecific().Constructed()) || !name.Empty() {
		return false
	}
	for !full.Empty() {
		var uri cryptobyte.String
		var tag der.Tag
		if !full.ReadAnyASN1(&uri, &tag) {
			return false
		}
		for _, own := range c.CRLDistributionPoints {
			if tag == der.Tag(6).ContextSpecific() && own == string(uri) {
				return true
			}
		}
	}
	return false
}

// readFlag reads [n] IMPLICIT BOOLEAN DEFAULT FALSE.
func readFlag(s *cryptobyte.String, n uint8, out *bool) bool {
	var value cryptobyte.String
	var there bool
	if !s.ReadOptionalASN1(&value, &there, der.Tag(n).ContextSpecific()) {
		return false
	}
	*out = there && len(value) == 1 && value[0] == 0xff
	return !there || *out
}
