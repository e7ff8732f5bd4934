package tpm

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/google/go-tpm/tpm2"
)

// Make makes a P-256 key like Create and keeps no file of it: it returns the
// public half, and the whole encrypted under the storage root key.
func (d *Device) Make() (*ecdsa.PublicKey, []byte, error) {
	root, _, err := d.root()
	if err != nil {
		return nil, nil, err
	}
	made, err := tpm2.Create{ParentHandle: root, InPublic: tpm2.New2B(ecdsaTemplate(elliptic.P256()))}.Execute(d.commands())
	if err != nil {
		return nil, nil, fmt.Errorf("create key: %w", err)
	}
	public, err := publicOf(made.OutPublic)
	if err != nil {
		return nil, nil, err
	}
	b, err := sealed{public: made.OutPublic.Bytes(), private: made.OutPrivate.Buffer}.bytes()
	return public, b, err
}

func publicOf(b tpm2.TPM2BPublic) (*ecdsa.PublicKey, error) {
	area, err := b.Contents()
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	parameters, err := area.Parameters.ECCDetail()
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	point, err := area.Unique.ECC()
	if err != nil {
		return nil, fmt.Errorf("read public key: %w", err)
	}
	return tpm2.ECDSAPub(parameters, point)
}

// Sign loads a key that Make made, signs a digest of SHA-256 with it, and
// flushes it. The signature is an Ecdsa-Sig-Value (RFC 3279 section 2.2.3).
func (d *Device) Sign(key, digest []byte) (signature []byte, err error) {
	s, err := parseSealed(key)
	if err != nil {
		return nil, err
	}
	root, _, err := d.root()
	if err != nil {
		return nil, err
	}
	got, err := tpm2.Load{
		ParentHandle: root, InPrivate: tpm2.TPM2BPrivate{Buffer: s.private}, InPublic: tpm2.BytesAs2B[tpm2.TPMTPublic](s.public),
	}.Execute(d.commands())
	if err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	defer func() { err = errors.Join(err, d.unload(got.ObjectHandle)) }()
	signed, err := tpm2.Sign{
		KeyHandle:  tpm2.AuthHandle{Handle: got.ObjectHandle, Name: got.Name, Auth: tpm2.PasswordAuth(nil)},
		Digest:     tpm2.TPM2BDigest{Buffer: digest},
		InScheme:   tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull},
	}.Execute(d.commands())
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	pair, err := signed.Signature.Signature.ECDSA()
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(pair.SignatureR.Buffer), new(big.Int).SetBytes(pair.SignatureS.Buffer),
	})
}
