package tpm

import (
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/go-tpm/tpm2"
	"go.step.sm/crypto/tpm/storage"

	"mohr/hsm/keyfile"
)

// Create makes a P-256 or P-384 key that signs digests of SHA-256 or SHA-384,
// as its curve wants (TPM 2.0 Library, Part 3, section 12.1). Its file is in
// the format of go.step.sm/crypto/tpm, so that their tools can use it.
//
// The KMS could make it too, but subject to protection from dictionary
// attacks: each loss of power then counts as a wrong guess (Part 1, section
// 19.8), and after a few the TPM refuses its keys for hours. There is no
// password to be guessed: the keys are exempt.
func (d *Device) Create(name string, curve elliptic.Curve) error {
	root, _, err := d.root()
	if err != nil {
		return err
	}
	made, err := tpm2.Create{ParentHandle: root, InPublic: tpm2.New2B(ecdsaTemplate(curve))}.Execute(d.commands())
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	data, err := json.Marshal(sealedKey{
		Encoding: 2, Version: 2, Name: name,
		Public: made.OutPublic.Bytes(), Blob: made.OutPrivate.Buffer, CreateData: made.CreationData.Bytes(),
	})
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	content, err := json.Marshal(&storage.Key{Name: name, Data: data, CreatedAt: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	return keyfile.Write(d.files.path(name), content)
}

// sealedKey is a key in the format of the attestation library: encoding 2 is
// "encrypted by its parent", version 2 is TPM 2.0.
type sealedKey struct {
	Encoding   uint8  `json:"KeyEncoding"`
	Version    uint8  `json:"TPMVersion"`
	Name       string `json:"Name"`
	Public     []byte `json:"Public"`
	Blob       []byte `json:"KeyBlob"`
	CreateData []byte `json:"CreateData"`
}

// ecdsaTemplate is that of a holder's or a service's key: sign only, fixed to
// this TPM. Any curve but P-384 is P-256.
func ecdsaTemplate(curve elliptic.Curve) tpm2.TPMTPublic {
	hash, id := tpm2.TPMAlgSHA256, tpm2.TPMECCNistP256
	if curve == elliptic.P384() {
		hash, id = tpm2.TPMAlgSHA384, tpm2.TPMECCNistP384
	}
	return tpm2.TPMTPublic{
		Type:    tpm2.TPMAlgECC,
		NameAlg: hash,
		ObjectAttributes: tpm2.TPMAObject{
			FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, SignEncrypt: true,
		},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, &tpm2.TPMSECCParms{
			Scheme: tpm2.TPMTECCScheme{
				Scheme:  tpm2.TPMAlgECDSA,
				Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: hash}),
			},
			CurveID: id,
		}),
	}
}
