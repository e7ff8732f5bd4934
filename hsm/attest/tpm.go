package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"math/big"
	"time"

	"github.com/google/go-tpm/tpm2"

	"mohr/internal/fault"
)

// judge follows the chain of what is shown: a maker who is believed says that
// the endorsement key is a TPM's; that TPM opened what was sealed for the
// attestation key; the attestation key, which signs nothing but what its TPM
// says, names the holder's key, whose attributes are fixed by its name.
func (t *tpm) judge(s Statement, b Binding, now time.Time) (k Key, err error) {
	e, err := t.enter(s.Certificates, s.AK, b, now)
	if err != nil {
		return k, err
	}
	if err := e.activated(s.Secret); err != nil {
		return k, err
	}
	key, err := e.ak.vouches(Certification{s.Key, s.Info, s.Signature}, b.sum())
	if err != nil {
		return k, err
	}
	spki, err := spkiOf(key.public)
	return Key{format: TPM, spki: spki, device: e.device, traits: "TPM 2.0 of " + e.make}, err
}

// Certification is what TPM2_Certify gives of a key, with the key's public area.
type Certification struct {
	Key       []byte // TPMT_PUBLIC
	Info      []byte // TPMS_ATTEST
	Signature []byte // TPMT_SIGNATURE
}

// vouches returns the key that c is about, if the attestation key a says so
// over the qualifying data and a holder may have such a key.
func (a area) vouches(c Certification, qualifying []byte) (key area, err error) {
	if key, err = parseArea(c.Key, "the key"); err != nil {
		return key, err
	}
	said, err := parseCertified(c.Info)
	if err != nil {
		return key, err
	}
	if err := a.signed(c.Info, c.Signature); err != nil {
		return key, err
	}
	if subtle.ConstantTimeCompare(said.qualifying, qualifying) != 1 {
		return key, errOtherChallenge()
	}
	if !bytes.Equal(said.name, key.name) {
		return key, fault.New(fault.Denied, "attestation_other_key", "the TPM vouches for another key than the one sent; send the key's public area as the TPM gives it, and certify that key")
	}
	return key, key.holds()
}

// Again reports whether the TPM that vouched for a key by s, under b, vouches
// for the same key by c, over other qualifying data of 32 octets: that of a
// protocol with challenges of its own.
func (v *Verifier) Again(s Statement, b Binding, c Certification, qualifying []byte, now time.Time) (err error) {
	defer survive(&err)
	k, err := v.Verify(s, b, now)
	if err != nil {
		return err
	}
	if k.format != TPM {
		return errFormat()
	}
	ak, err := parseArea(s.AK, "the attestation key")
	if err != nil {
		return err
	}
	key, err := ak.vouches(c, qualifying)
	if err != nil {
		return err
	}
	spki, err := spkiOf(key.public)
	if err == nil && !bytes.Equal(spki, k.spki) {
		err = fault.New(fault.Denied, "attestation_not_that_key", "the TPM vouches for another key than before; certify the key that was attested")
	}
	return err
}

// resident reports whether an object was made by its TPM and cannot leave it
// (Part 2, section 8.3.3).
func (a area) resident() bool {
	o := a.ObjectAttributes
	return o.FixedTPM && o.FixedParent && o.SensitiveDataOrigin && !o.EncryptedDuplication
}

// attests refuses what is no attestation key: one that signs what its TPM says
// and nothing else.
func (a area) attests() error {
	o := a.ObjectAttributes
	if !a.resident() || !o.Restricted || !o.SignEncrypt || o.Decrypt || strength[a.hash] == 0 {
		return fault.New(fault.Denied, "attestation_ak_refused", "the attestation key is not one: it must be made in the TPM, fixed to it, restricted, and sign only, with SHA-256 or better")
	}
	return nil
}

// holds refuses a key that a holder must not have. One with a policy for its
// certification is refused too: that the TPM asked for the key's own
// authorisation shows that it had the private half.
func (a area) holds() error {
	o := a.ObjectAttributes
	if _, ec := a.public.(*ecdsa.PublicKey); !ec {
		return errKeyKind()
	}
	if !a.resident() || o.Restricted || !o.SignEncrypt || o.Decrypt || o.AdminWithPolicy || strength[a.hash] == 0 {
		return fault.New(fault.Denied, "attestation_key_refused", "the key is not one that a signature may rest on: it must be made in the TPM, fixed to it, sign only, not be restricted, and use SHA-256 or better")
	}
	return nil
}

// signed checks a TPMT_SIGNATURE (Part 2, section 11.3.4) by the key over info.
func (a area) signed(info, signature []byte) error {
	sig, err := parse[tpm2.TPMTSignature](signature)
	if err != nil {
		return errMalformed("the signature")
	}
	if sig.SigAlg != a.scheme {
		return errSignature()
	}
	h := strength[a.hash].New()
	h.Write(info)
	digest := h.Sum(nil)
	switch public := a.public.(type) {
	case *ecdsa.PublicKey:
		s, err := sig.Signature.ECDSA()
		if err != nil || s.Hash != a.hash ||
			!ecdsa.Verify(public, digest, new(big.Int).SetBytes(s.SignatureR.Buffer), new(big.Int).SetBytes(s.SignatureS.Buffer)) {
			return errSignature()
		}
	case *rsa.PublicKey:
		s, err := sig.Signature.RSASSA()
		if err != nil || s.Hash != a.hash || rsa.VerifyPKCS1v15(public, strength[a.hash], digest, s.Sig.Buffer) != nil {
			return errSignature()
		}
	default:
		return errors.New("attest: a key of no kind")
	}
	return nil
}

func errSignature() error {
	return fault.New(fault.Denied, "attestation_signature", "the statement about the key is not signed by the attestation key or the key it names; attest the key again")
}
