package tpm

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/crypto/cryptobyte"

	"mohr/hsm/keyfile"
)

// Seal returns secret, at most 128 octets, encrypted so that only this TPM
// opens it: a sealed data object (TPM 2.0 Library, Part 1, section 27.7) under
// the storage root key, not bound to the state of the machine.
func (d *Device) Seal(secret []byte) ([]byte, error) {
	root, public, err := d.root()
	if err != nil {
		return nil, err
	}
	made, err := tpm2.Create{
		ParentHandle: root,
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
			Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: secret}),
		}},
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type:             tpm2.TPMAlgKeyedHash,
			NameAlg:          tpm2.TPMAlgSHA256,
			ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, UserWithAuth: true, NoDA: true},
			Parameters:       tpm2.NewTPMUPublicParms(tpm2.TPMAlgKeyedHash, &tpm2.TPMSKeyedHashParms{}),
		}),
	}.Execute(d.commands(), encrypted(root, public, tpm2.AESEncryption(128, tpm2.EncryptIn)))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed{public: made.OutPublic.Bytes(), private: made.OutPrivate.Buffer}.bytes()
}

// Unseal returns the secret in what Seal returned.
func (d *Device) Unseal(b []byte) (secret []byte, err error) {
	s, err := parseSealed(b)
	if err != nil {
		return nil, err
	}
	root, public, err := d.root()
	if err != nil {
		return nil, err
	}
	object, err := tpm2.Load{
		ParentHandle: root,
		InPrivate:    tpm2.TPM2BPrivate{Buffer: s.private},
		InPublic:     tpm2.BytesAs2B[tpm2.TPMTPublic](s.public),
	}.Execute(d.commands())
	if err != nil {
		return nil, fmt.Errorf("load sealed secret: %w", err)
	}
	defer func() { err = errors.Join(err, d.unload(object.ObjectHandle)) }()
	got, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{
		Handle: object.ObjectHandle, Name: object.Name, Auth: encrypted(root, public, tpm2.AESEncryption(128, tpm2.EncryptOut)),
	}}.Execute(d.commands())
	if err != nil {
		return nil, fmt.Errorf("unseal: %w", err)
	}
	return got.OutData.Buffer, nil
}

// encrypted is a session that hides the secret, in the direction of how, from
// who listens between the processor and the TPM (Part 1, section 21).
func encrypted(root tpm2.NamedHandle, public *tpm2.TPMTPublic, how tpm2.AuthOption) tpm2.Session {
	return tpm2.HMAC(tpm2.TPMAlgSHA256, 16, tpm2.Salted(root.Handle, *public), how)
}

// sealed is a sealed data object outside the TPM: TPM2B_PUBLIC and
// TPM2B_PRIVATE (Part 2, sections 12.2.5 and 12.3.7), one after the other:
//
//	struct { UINT16 size; BYTE buffer[size]; }
type sealed struct{ public, private []byte }

func (s sealed) bytes() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.public) })
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(s.private) })
	return b.Bytes()
}

func parseSealed(b []byte) (sealed, error) {
	var public, private cryptobyte.String
	in := cryptobyte.String(b)
	if len(b) > maxResponse || !in.ReadUint16LengthPrefixed(&public) || !in.ReadUint16LengthPrefixed(&private) ||
		!in.Empty() || public.Empty() || private.Empty() {
		return sealed{}, keyfile.ErrBroken()
	}
	return sealed{public: public, private: private}, nil
}
