package attest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"github.com/google/go-tpm/tpm2"

	"mohr/internal/fault"
	"mohr/internal/roca"
)

// Object identifiers of certificates of endorsement keys: TCG EK Credential
// Profile for TPM Family 2.0, sections 3.2.12 and 3.2.16; RFC 5280 section
// 4.2.1.6.
var (
	oidEKCertificate = asn1.ObjectIdentifier{2, 23, 133, 8, 1}
	oidSAN           = asn1.ObjectIdentifier{2, 5, 29, 17}
)

// endorsement returns the public area of the endorsement key that chain[0] is
// about, if a maker who is believed says that it is a TPM's. Stricter than the
// profile: the extended key usage must be there.
func (r *roots) endorsement(chain []*x509.Certificate, now time.Time) (*tpm2.TPMTPublic, error) {
	ek := chain[0]
	if ek.IsCA || !slices.ContainsFunc(ek.UnknownExtKeyUsage, oidEKCertificate.Equal) {
		return nil, fault.New(fault.Denied, "attestation_no_ek", "the certificate is not that of a TPM's endorsement key; send the one that the TPM's maker put into it")
	}
	// A critical subjectAltName with a directoryName alone is the TPM's make
	// and model (section 3.2.9); the standard library hands it back unread.
	ek.UnhandledCriticalExtensions = slices.DeleteFunc(ek.UnhandledCriticalExtensions, oidSAN.Equal)
	if err := r.verify(chain, now); err != nil {
		return nil, err
	}
	return endorsementArea(ek)
}

// endorsementArea writes the public area that the maker's template gives an
// endorsement key of this kind (sections B.3.3 and B.3.4 of the
// profile): a certificate names the key alone. If the TPM's is another, it
// cannot open the challenge, and that is all.
func endorsementArea(ek *x509.Certificate) (*tpm2.TPMTPublic, error) {
	refused := fault.New(fault.Denied, "attestation_ek_kind", "endorsement keys of this kind are not believed here; use RSA of 2048 bits or P-256")
	switch k := ek.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() != 2048 || k.E != 65537 || ek.KeyUsage&^x509.KeyUsageDataEncipherment != x509.KeyUsageKeyEncipherment {
			return nil, refused
		}
		if roca.Recognise(k.N) {
			return nil, errKeyWeak()
		}
		area := tpm2.RSAEKTemplate
		area.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: k.N.FillBytes(make([]byte, 256))})
		return &area, nil
	case *ecdsa.PublicKey:
		if ek.KeyUsage != x509.KeyUsageKeyAgreement {
			return nil, refused
		}
		return ecEndorsement(k, refused)
	}
	return nil, refused
}

func ecEndorsement(k *ecdsa.PublicKey, refused error) (*tpm2.TPMTPublic, error) {
	if k.Curve != elliptic.P256() {
		return nil, refused
	}
	point, err := k.Bytes() // refuses what is not on the curve
	if err != nil {
		return nil, refused
	}
	half := len(point) / 2
	area := tpm2.ECCEKTemplate
	area.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
		X: tpm2.TPM2BECCParameter{Buffer: point[1 : 1+half]}, Y: tpm2.TPM2BECCParameter{Buffer: point[1+half:]},
	})
	return &area, nil
}

// errKeyWeak is for RSA keys that chips of one maker made so that others can
// find the private half: nothing that they sign or open shows anything.
func errKeyWeak() error {
	return fault.New(fault.Denied, "attestation_key_weak", "a key of this device was made so weakly that others can find its private half; use another device")
}
