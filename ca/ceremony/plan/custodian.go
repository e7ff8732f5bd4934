package plan

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// custodianLife is what is written into a custodian's own certificate; plans
// count the key and not the date.
const custodianLife = 20

// SelfSigned returns a certificate (DER) for a custodian's own key, by which
// plans list it.
func SelfSigned(name string, key crypto.Signer, now time.Time) ([]byte, error) {
	serial := make([]byte, 16)
	rand.Read(serial) // never fails (crypto/rand)
	serial[0] = serial[0]&0x7f | 0x40
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.UTC().Truncate(time.Second), NotAfter: now.UTC().Truncate(time.Second).AddDate(custodianLife, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate of custodian: %w", err)
	}
	return der, nil
}

// Fingerprint is how plans list a certificate (DER): its hex SHA-256.
func Fingerprint(certificate []byte) string { return sum(certificate) }
