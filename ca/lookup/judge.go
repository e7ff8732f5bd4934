package lookup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Verdict is what is said of a certificate.
type Verdict string

// The verdicts.
const (
	Good      Verdict = "good"
	Revoked   Verdict = "revoked"
	Suspended Verdict = "suspended"
	Replaced  Verdict = "replaced" // by a newer one of the same holder
	Expired   Verdict = "expired"
	Early     Verdict = "early"     // not valid yet
	Authority Verdict = "authority" // of one of our CAs
	Foreign   Verdict = "foreign"   // not issued here: nothing is said of it
	Unknown   Verdict = "unknown"   // a serial that was not given here
)

// Found is what is known of a certificate.
type Found struct {
	Verdict   Verdict
	Serial    string      // hex
	Profile   string      // "" where it is not ours
	Issuer    ca.IssuerID // of ours; "" else
	NotBefore time.Time
	NotAfter  time.Time
	At        time.Time // when it was revoked, or suspended since
	Reason    ca.Reason // of it
	Simulated bool      // issued on simulated evidence: it proves nothing

	// Of the certificate itself, where it was brought.
	Brought     bool
	Subject     string
	IssuerName  string
	Fingerprint string   // SHA-256, hex
	Names       []string // DNS names and e-mail addresses
}

// Book looks certificates up. It is safe for concurrent use.
type Book struct {
	Store store.Store
	Now   func() time.Time // nil: time.Now
}

func (b *Book) now() time.Time {
	if b.Now == nil {
		return time.Now()
	}
	return b.Now()
}

// MaxFile bounds a file with a certificate, in octets: a chain of a few in PEM.
const MaxFile = 64 << 10

// Parse reads a certificate as DER or PEM; of several in PEM the first, which
// is the holder's (RFC 8446, 4.4.2, has that order). What is longer than
// MaxFile, holds something behind the DER or a private key is Invalid.
func Parse(file []byte) (*x509.Certificate, error) {
	malformed := fault.New(fault.Invalid, "lookup_malformed", "this is no certificate; bring the file or the text that begins with -----BEGIN CERTIFICATE-----")
	if len(file) > MaxFile || len(bytes.TrimSpace(file)) == 0 {
		return nil, malformed
	}
	der := file
	if !bytes.HasPrefix(file, []byte{0x30}) { // "0": DER's SEQUENCE; PEM begins otherwise
		der = nil
		for rest := file; der == nil; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return nil, malformed
			}
			if strings.HasSuffix(block.Type, "PRIVATE KEY") {
				return nil, fault.New(fault.Invalid, "lookup_private_key", "this file holds a private key: never send it to anyone; bring the certificate alone, and if this was your key have the certificate revoked")
			}
			if block.Type == "CERTIFICATE" {
				der = block.Bytes
			}
		}
	}
	c, err := x509.ParseCertificate(der) // refuses what is behind it
	if err != nil {
		return nil, malformed
	}
	return c, nil
}

// Certificate says what a certificate is.
func (b *Book) Certificate(ctx context.Context, c *x509.Certificate) (Found, error) {
	sum := sha256.Sum256(c.Raw)
	f := Found{Verdict: Foreign, NotBefore: c.NotBefore, NotAfter: c.NotAfter, Serial: ca.SerialText(c.SerialNumber)}
	now := b.now()
	err := b.Store.View(ctx, func(tx store.Tx) error {
		s, err := ca.StandingIn(tx, c, now)
		if err == nil {
			f = judge(s.Record(), now)
			return nil
		}
		if fault.Code(err) != "certificate_foreign" {
			return err
		}
		members, err := ca.Members(tx)
		for _, m := range members {
			if bytes.Equal(m.DER, c.Raw) {
				f.Verdict, f.Issuer = Authority, ca.IssuerID(m.ID)
			}
		}
		return err
	})
	f.Brought, f.Subject, f.IssuerName, f.Fingerprint = true, called(c.Subject), called(c.Issuer), hex.EncodeToString(sum[:])
	f.Names = append(append(f.Names, c.DNSNames...), c.EmailAddresses...)
	return f, err
}

// called is what a name says for people: common name and organisation.
func called(n pkix.Name) string {
	words := slices.DeleteFunc(append([]string{n.CommonName}, n.Organization...), func(s string) bool { return s == "" })
	if len(words) == 0 {
		return n.String()
	}
	return strings.Join(words, " – ")
}

// Serial says what the certificate of a serial is, and nothing of whose it is.
func (b *Book) Serial(ctx context.Context, written string) (Found, error) {
	serial, err := ca.ParseSerial(strings.NewReplacer(":", "", " ", "").Replace(strings.TrimSpace(written)))
	if err != nil {
		return Found{}, err
	}
	f := Found{Verdict: Unknown, Serial: serial}
	now := b.now()
	err = b.Store.View(ctx, func(tx store.Tx) error {
		c, err := ca.LoadCertificate(tx, serial)
		if errors.Is(err, fault.NotFound) || err == nil && c.State == ca.Pending {
			return nil
		}
		if err == nil {
			f = judge(c, now)
		}
		return err
	})
	return f, err
}

// judge says what a record of ours comes to at now.
func judge(c ca.Certificate, now time.Time) Found {
	name, _, _ := strings.Cut(c.Profile, "@")
	f := Found{
		Verdict: Good, Serial: c.Serial, Profile: name, Issuer: c.Issuer, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Simulated: c.Environment == "simulated",
	}
	if r := c.Revoked; r != nil {
		f.At, f.Reason = r.At, r.Reason
	}
	switch {
	case c.State == ca.Void: // a signature may exist: CRL and OCSP say revoked too
		f.Verdict = Revoked
	case c.Suspended():
		f.Verdict = Suspended
	case c.Revoked != nil && c.Revoked.Reason == ca.Superseded:
		f.Verdict = Replaced
	case c.Revoked != nil:
		f.Verdict = Revoked
	case now.Before(c.NotBefore):
		f.Verdict = Early
	case now.After(c.NotAfter):
		f.Verdict = Expired
	}
	return f
}
