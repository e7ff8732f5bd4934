package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"mohr/internal/fault"
)

// piv judges statements of PIV devices: a certificate that the device makes of
// a key it generated itself, signed by a key that its maker put into it. Such
// a certificate answers no challenge: the key itself does.
type piv struct{ roots *roots }

func (p piv) judge(s Statement, b Binding, now time.Time) (k Key, err error) {
	chain, err := parseChain(s.Certificates, 2)
	if err != nil {
		return k, err
	}
	if err := p.roots.verify(chain, now); err != nil {
		return k, err
	}
	// The device's own certificate, not another issuer below the root, made it.
	if chain[0].IsCA || chain[0].CheckSignatureFrom(chain[1]) != nil {
		return k, errDeviceUnknown()
	}
	y, err := parseYubico(chain[0])
	if err != nil {
		return k, err
	}
	if y.pin == "never" {
		return k, fault.New(fault.Denied, "attestation_pin_never", "the device uses this key without asking for a PIN, so that it signs for whoever holds it; make a key that asks")
	}
	if err := answered(chain[0], b, s.Signature); err != nil {
		return k, err
	}
	spki, err := spkiOf(chain[0].PublicKey)
	return Key{format: PIV, spki: spki, device: hexSum(chain[1].RawSubjectPublicKeyInfo), traits: y.String()}, err
}

// answered checks the key's own signature over the challenge: ECDSA with the
// hash of its curve, or RSA (PKCS #1 v1.5) with SHA-256.
func answered(c *x509.Certificate, b Binding, signature []byte) error {
	hash := crypto.SHA256
	if k, ok := c.PublicKey.(*ecdsa.PublicKey); ok && k.Curve == elliptic.P384() {
		hash = crypto.SHA384
	}
	h := hash.New()
	h.Write(b.Message())
	digest := h.Sum(nil)
	if len(signature) > maxStructure {
		return errMalformed("the signature")
	}
	switch k := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() {
			return errKeyKind()
		}
		if !ecdsa.VerifyASN1(k, digest, signature) {
			return errOtherChallenge()
		}
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 || bits > 4096 {
			return errKeyKind()
		}
		if err := rsa.VerifyPKCS1v15(k, hash, digest, signature); err != nil {
			return fmt.Errorf("%w: %w", errOtherChallenge(), err)
		}
	default:
		return errKeyKind()
	}
	return nil
}
