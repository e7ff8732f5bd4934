package tpm

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"go.step.sm/crypto/tpm/storage"

	"mohr/hsm/attest"
	"mohr/internal/fault"
)

// Introduce begins a statement about a key of this TPM: the certificate of the
// endorsement key that the maker put into it, and the attestation key. The
// same TPM always makes the same attestation key, until it is cleared, so that
// none is kept.
func (d *Device) Introduce() (s attest.Statement, err error) {
	ek, err := d.endorsement()
	if err != nil {
		return s, err
	}
	ak, err := d.primary(attestationTemplate())
	if err != nil {
		return s, fmt.Errorf("make attestation key: %w", err)
	}
	s = attest.Statement{Format: attest.TPM, Certificates: [][]byte{ek.certificate}, AK: ak.OutPublic.Bytes()}
	return s, d.unload(ak.ObjectHandle)
}

// Attest completes a statement: it opens c and has the attestation key certify
// the key called name over qualifying, 32 octets.
func (d *Device) Attest(s attest.Statement, c attest.Credential, name string, qualifying []byte) (out attest.Statement, err error) {
	ak, err := d.primary(attestationTemplate())
	if err != nil {
		return s, fmt.Errorf("make attestation key: %w", err)
	}
	defer func() { err = errors.Join(err, d.unload(ak.ObjectHandle)) }()
	if s.Secret, err = d.activate(ak, c); err != nil {
		return s, err
	}
	certified, err := d.certify(ak, name, qualifying)
	s.Key, s.Info, s.Signature = certified.Key, certified.Info, certified.Signature
	return s, err
}

// Certify has the attestation key certify the key called name over qualifying.
func (d *Device) Certify(name string, qualifying []byte) (c attest.Certification, err error) {
	ak, err := d.primary(attestationTemplate())
	if err != nil {
		return c, fmt.Errorf("make attestation key: %w", err)
	}
	defer func() { err = errors.Join(err, d.unload(ak.ObjectHandle)) }()
	return d.certify(ak, name, qualifying)
}

func (d *Device) certify(ak *tpm2.CreatePrimaryResponse, name string, qualifying []byte) (c attest.Certification, err error) {
	key, err := d.load(name)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, d.unload(key.handle)) }()
	said, err := tpm2.Certify{
		ObjectHandle:   tpm2.AuthHandle{Handle: key.handle, Name: key.name, Auth: tpm2.PasswordAuth(nil)},
		SignHandle:     tpm2.AuthHandle{Handle: ak.ObjectHandle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		QualifyingData: tpm2.TPM2BData{Buffer: qualifying},
		InScheme:       tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
	}.Execute(d.commands())
	if err != nil {
		return c, fmt.Errorf("certify key: %w", err)
	}
	return attest.Certification{Key: key.public, Info: said.CertifyInfo.Bytes(), Signature: tpm2.Marshal(said.Signature)}, nil
}

// attestationTemplate is that of the attestation key: a restricted signing key
// on P-256, so that it signs what the TPM says and nothing else.
func attestationTemplate() tpm2.TPMTPublic {
	return tpm2.TPMTPublic{
		Type:    tpm2.TPMAlgECC,
		NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{
			FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, NoDA: true, Restricted: true, SignEncrypt: true,
		},
		Parameters: ecdsaTemplate(nil).Parameters,
	}
}

// primary makes a key under the endorsement hierarchy.
func (d *Device) primary(template tpm2.TPMTPublic) (*tpm2.CreatePrimaryResponse, error) {
	return tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(template)}.Execute(d.commands())
}

// activate opens what was sealed for the attestation key. The endorsement key
// lets its use by whom the endorsement hierarchy lets (TCG EK Credential
// Profile, section B.6.2).
func (d *Device) activate(ak *tpm2.CreatePrimaryResponse, c attest.Credential) (secret []byte, err error) {
	found, err := d.endorsement()
	if err != nil {
		return nil, err
	}
	ek, err := d.primary(found.template)
	if err != nil {
		return nil, fmt.Errorf("make endorsement key: %w", err)
	}
	defer func() { err = errors.Join(err, d.unload(ek.ObjectHandle)) }()
	session, done, err := tpm2.PolicySession(d.commands(), tpm2.TPMAlgSHA256, 16)
	if err != nil {
		return nil, fmt.Errorf("begin session: %w", err)
	}
	defer func() { err = errors.Join(err, done()) }()
	_, err = tpm2.PolicySecret{
		AuthHandle:    tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)},
		PolicySession: session.Handle(), NonceTPM: session.NonceTPM(),
	}.Execute(d.commands())
	if err != nil {
		return nil, fmt.Errorf("satisfy policy: %w", err)
	}
	got, err := tpm2.ActivateCredential{
		ActivateHandle: tpm2.AuthHandle{Handle: ak.ObjectHandle, Name: ak.Name, Auth: tpm2.PasswordAuth(nil)},
		KeyHandle:      tpm2.AuthHandle{Handle: ek.ObjectHandle, Name: ek.Name, Auth: session},
		CredentialBlob: tpm2.TPM2BIDObject{Buffer: c.Blob},
		Secret:         tpm2.TPM2BEncryptedSecret{Buffer: c.Secret},
	}.Execute(d.commands())
	if err != nil {
		return nil, fmt.Errorf("activate credential: %w", err)
	}
	return got.CertInfo.Buffer, nil
}

// loaded is a key of the directory, loaded into the TPM.
type loaded struct {
	handle tpm2.TPMHandle
	name   tpm2.TPM2BName
	public []byte // TPMT_PUBLIC
}

// load loads the key called name; unload it.
func (d *Device) load(name string) (l loaded, err error) {
	kept, err := d.files.GetKey(name)
	if errors.Is(err, storage.ErrNotFound) {
		return l, fault.New(fault.NotFound, "key_not_found", "there is no key of this name; create it, or correct the key URI")
	}
	if err != nil {
		return l, err
	}
	var sealed sealedKey
	if err := json.Unmarshal(kept.Data, &sealed); err != nil {
		return l, fmt.Errorf("key %s: %w", name, err)
	}
	root, _, err := d.root()
	if err != nil {
		return l, err
	}
	got, err := tpm2.Load{
		ParentHandle: root, InPrivate: tpm2.TPM2BPrivate{Buffer: sealed.Blob}, InPublic: tpm2.BytesAs2B[tpm2.TPMTPublic](sealed.Public),
	}.Execute(d.commands())
	if err != nil {
		return l, fmt.Errorf("load key: %w", err)
	}
	return loaded{got.ObjectHandle, got.Name, sealed.Public}, nil
}
