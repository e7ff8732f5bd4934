package chip

import (
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// maxCRL bounds a CRL, octets.
const maxCRL = 8 << 20

// crl is a CRL whose signature verified under issuer.
type crl struct {
	issuer                 *Certificate
	thisUpdate, nextUpdate time.Time
	revoked                map[string]bool // serial numbers, decimal
}

var errPartialCRL = errors.New("it says critical things that are not known here: it may be of a part only")

// readCRL reads a CRL (RFC 5280, 5) and verifies it under one of the anchors.
func readCRL(raw []byte, anchors []*Certificate) (*crl, error) {
	if len(raw) > maxCRL {
		return nil, errTooLarge("CRL", maxCRL)
	}
	s := cryptobyte.String(raw)
	var list, tbs cryptobyte.String
	if !s.ReadASN1(&list, der.SEQUENCE) || !s.Empty() || !list.ReadASN1Element(&tbs, der.SEQUENCE) {
		return nil, errMalformed("CRL")
	}
	a, err := readAlgorithm(&list, "CRL")
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseRevocationList(raw)
	if err != nil {
		return nil, err
	}
	rawIssuer := cryptobyte.String(parsed.RawIssuer)
	issuer, ok := readName(&rawIssuer)
	if !ok || parsed.NextUpdate.IsZero() {
		return nil, errMalformed("CRL")
	}
	for _, e := range parsed.Extensions {
		if e.Critical {
			return nil, errPartialCRL
		}
	}
	c := &crl{thisUpdate: parsed.ThisUpdate, nextUpdate: parsed.NextUpdate, revoked: map[string]bool{}}
	for _, e := range parsed.RevokedCertificateEntries {
		for _, x := range e.Extensions {
			if x.Critical {
				return nil, errPartialCRL
			}
		}
		c.revoked[e.SerialNumber.String()] = true
	}
	for _, k := range anchors {
		if k.signs(issuer, parsed.AuthorityKeyId) && (k.usage == nil || k.may(bitCRLSign)) && k.key.verify(a, tbs, parsed.Signature) {
			c.issuer = k
			return c, nil
		}
	}
	return nil, errIssuerUnknown()
}

// status asks the CRLs of c's issuer, whatever key of the issuer signed them.
// Without a current one nothing is said of c, unless the country is one
// that publishes none.
func (t *Trust) status(c, issuer *Certificate, now time.Time) error {
	if t.revoked(c, issuer) {
		return errSignerRevoked()
	}
	current := slices.ContainsFunc(t.crls, func(l *crl) bool {
		return l.issuer.subject.roughly(issuer.subject) && now.Before(l.nextUpdate) && !l.thisUpdate.After(now.Add(skew))
	})
	if !current && !t.silent[issuer.Country()] {
		return errStatus()
	}
	return nil
}

// revoked reports whether a CRL of the issuer's names c, however old it is.
func (t *Trust) revoked(c, issuer *Certificate) bool {
	return slices.ContainsFunc(t.crls, func(l *crl) bool {
		return l.issuer.subject.roughly(issuer.subject) && l.revoked[c.serial.String()]
	})
}
