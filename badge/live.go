package badge

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// maxLine bounds how many renewals are followed from one certificate.
const maxLine = 100

// lineOf follows the renewals from the certificate that signed, and says how
// the line stands. A renewal is no end of it; any other revocation of any
// certificate in it is. last is the record of the line's last certificate.
func lineOf(tx store.Tx, serial string, now time.Time) (s Signer, last ca.Certificate, err error) {
	return lineBy(func(serial string) (ca.Certificate, error) { return ca.LoadCertificate(tx, serial) }, serial, now)
}

// lineBy is lineOf with another way to the certificates' records.
func lineBy(load func(serial string) (ca.Certificate, error), serial string, now time.Time) (s Signer, last ca.Certificate, err error) {
	s = Signer{Signed: serial, Life: lifeGood}
	for range maxLine {
		c, err := load(serial)
		if err != nil {
			return s, c, fmt.Errorf("line of %s: %w", s.Signed, err)
		}
		if c.State != ca.Issued {
			// The renewal is being signed, or was given up: its predecessor speaks.
			break
		}
		last, s.Current = c, c.Serial
		if c.Suspended() {
			s.Life, s.Ended = lifeHeld, c.Revoked.At
			return s, last, nil
		}
		if c.Revoked != nil && c.Revoked.Reason != ca.Superseded {
			s.Life, s.Ended = lifeRevoked, c.Revoked.At
			return s, last, nil
		}
		if c.ReplacedBy == "" {
			break
		}
		serial = c.ReplacedBy
	}
	switch {
	case last.Serial == "":
		s.Life, s.Ended = lifeRevoked, now
	case last.Revoked != nil: // superseded by nothing that lives
		s.Life, s.Ended = lifeRevoked, last.Revoked.At
	case now.After(last.NotAfter):
		s.Life, s.Ended = lifeExpired, last.NotAfter
	}
	return s, last, nil
}

// certificateHeld is why a badge is suspended while its signer's certificate is.
const certificateHeld Why = "certificate_suspended"

// live returns the badge as it stands at now.
func (b Badge) live(tx store.Tx, now time.Time) (Badge, error) {
	b, _, err := b.stands(tx, now)
	return b, err
}

// stands returns the badge as it stands at now: what its certificate and the
// calendar say counts at once, whether or not a job has written it down.
// since is when that came to be; zero if the record says all there is.
func (b Badge) stands(tx store.Tx, now time.Time) (as Badge, since time.Time, err error) {
	if b.State != Active && b.State != Suspended {
		return b, since, nil
	}
	line, _, err := lineOf(tx, b.Certificate, now)
	if err != nil {
		return b, since, err
	}
	b, since = b.under(line, now)
	return b, since, nil
}

// under returns the badge as its signer's line and the calendar leave it.
func (b Badge) under(s Signer, now time.Time) (as Badge, since time.Time) {
	switch {
	case s.Life == lifeRevoked:
		b.State, b.Why, since = Revoked, "certificate_revoked", s.Ended
	case !now.Before(b.ValidTo):
		b.State, b.Why, since = Expired, "badge_expired", b.ValidTo
	case s.Life == lifeExpired && b.State == Active:
		b.State, b.Why, since = Suspended, "certificate_expired", s.Ended
	case s.Life == lifeHeld && b.State == Active:
		b.State, b.Why, since = Suspended, certificateHeld, s.Ended
	}
	return b, since
}

// oidSerialNumber is the attribute that carries "PNOIR-" and the national code.
var oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}

// nationalCode returns the national code in a certificate's subject (ETSI EN
// 319 412-1 section 5.1.3), "" if there is none. It is never shown or stored.
func nationalCode(der []byte) string {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return ""
	}
	for _, name := range leaf.Subject.Names {
		if s, ok := name.Value.(string); ok && name.Type.Equal(oidSerialNumber) {
			if code, found := strings.CutPrefix(s, "PNOIR-"); found {
				return code
			}
		}
	}
	return ""
}
