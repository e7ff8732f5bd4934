package ca

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"time"

	"mohr/internal/fault"
)

const (
	// maxCertID bounds the two parts of a CertID: a key identifier of 64
	// octets and a serial of 20 (RFC 5280 section 4.1.2.2).
	maxCertID = 128
	// atMost is the length of a suggested window, unless the time to renew is
	// short.
	atMost = 48 * time.Hour
	// asked is after how long a client asks again (RFC 9773 section 4.3.3).
	asked = 6 * time.Hour
)

// RenewalInfo is when a certificate should be renewed (RFC 9773 section 4.2).
type RenewalInfo struct {
	Start, End time.Time
	Again      time.Duration // after which to ask again
}

// RenewalInfoOf suggests a window to renew c in: in the first half of the
// time before its end that lead is, or a third of its life where lead is zero.
// Where in that half is drawn from the serial, so that certificates of one day
// are not renewed in one hour, and every node and every asking gives the same.
// What has ended, or is to be renewed after an incident, has a window that is
// over: renew now. It is pure.
func RenewalInfoOf(c Certificate, lead time.Duration) RenewalInfo {
	life := c.NotAfter.Sub(c.NotBefore)
	i := RenewalInfo{Again: max(min(asked, life/20), time.Minute)}
	if at, now := renewAtOnce(c); now {
		i.Start, i.End = at.Add(-time.Hour), at
		return i
	}
	if lead <= 0 {
		lead = life / 3
	}
	lead = min(lead, life)
	length := min(atMost, lead/8)
	spread := lead/2 - length
	i.Start = c.NotAfter.Add(-lead).Add(time.Duration(jitter(c.Serial) * float64(spread))).Truncate(time.Second)
	i.End = i.Start.Add(length)
	return i
}

// renewAtOnce returns since when c is to be renewed at once, and whether it is.
func renewAtOnce(c Certificate) (at time.Time, now bool) {
	switch {
	case c.RenewNow != nil:
		return c.RenewNow.At, true
	case c.Ended(): // a suspended one cannot be renewed, and may count again
		return c.Revoked.At, true
	}
	return at, false
}

// jitter is a number from 0 to 1, below 1, that a serial always gives.
func jitter(serial string) float64 {
	sum := sha256.Sum256([]byte("mohr renewal window\x00" + serial))
	return float64(binary.BigEndian.Uint64(sum[:])>>11) / math.Pow(2, 53)
}

// ByCertID returns the certificate with the identifier of RFC 9773 section
// 4.1: base64url, without padding, of the key identifier in its
// authorityKeyIdentifier, a dot, base64url of its serial's octets. Invalid if
// it is none, NotFound if there is no such certificate.
func (a *Authority) ByCertID(ctx context.Context, id string) (Certificate, error) {
	aki, serial, ok := splitCertID(id)
	if !ok {
		return Certificate{}, fault.New(fault.Invalid, "certid_malformed", "this is not the identifier of a certificate: base64url of its authority key identifier, a dot, base64url of its serial number, without padding")
	}
	unknown := fault.New(fault.NotFound, "certid_unknown", "there is no such certificate here")
	c, err := a.Certificate(ctx, strings.TrimLeft(hex.EncodeToString(serial), "0"))
	if errors.Is(err, fault.NotFound) {
		return c, unknown
	}
	if err != nil {
		return c, err
	}
	issuer, ok := a.issuers[c.Issuer]
	if !ok || c.State != Issued || string(issuer.Certificate.SubjectKeyId) != string(aki) {
		return Certificate{}, unknown
	}
	return c, nil
}

func splitCertID(id string) (aki, serial []byte, ok bool) {
	left, right, ok := strings.Cut(id, ".")
	if !ok || len(id) > maxCertID || strings.ContainsAny(id, "\r\n") {
		return nil, nil, false
	}
	aki, errAKI := base64.RawURLEncoding.Strict().DecodeString(left)
	serial, errSerial := base64.RawURLEncoding.Strict().DecodeString(right)
	// The octets of a positive INTEGER in DER: the first is 0 only before one
	// that would make it negative.
	ok = errAKI == nil && errSerial == nil && len(aki) > 0 && len(serial) > 0 && serial[0] < 0x80 &&
		(len(serial) == 1 || serial[0] != 0 || serial[1] >= 0x80)
	return aki, serial, ok
}
