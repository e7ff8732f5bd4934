package attest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"github.com/google/go-tpm/tpm2"

	"mohr/internal/fault"
)

// Credential is a secret that only the TPM of an endorsement key can open, and
// only for the attestation key it was made for: the arguments of
// TPM2_ActivateCredential without their sizes (TPM 2.0 Library, Part 3,
// section 12.5).
type Credential struct {
	Blob   []byte `json:"credential_blob" doc:"TPMS_ID_OBJECT, what a TPM2B_ID_OBJECT holds"`
	Secret []byte `json:"encrypted_secret" doc:"what a TPM2B_ENCRYPTED_SECRET holds"`
}

// Challenge makes the credential that shows whether the attestation key ak
// (TPMT_PUBLIC) lives in the TPM whose endorsement key's certificate is the
// first of certificates. Nothing is kept of it: the secret follows from b, the
// certificate and ak, so that any node can check the answer, and a challenge
// asked for again is answered by the same.
func (v *Verifier) Challenge(certificates [][]byte, ak []byte, b Binding, now time.Time) (c Credential, err error) {
	defer survive(&err)
	if v.tpm == nil {
		return c, errFormat()
	}
	e, err := v.tpm.enter(certificates, ak, b, now)
	if err != nil {
		return c, err
	}
	key, err := tpm2.ImportEncapsulationKey(e.endorsement)
	if err != nil {
		return c, errMalformed("the endorsement key")
	}
	c.Blob, c.Secret, err = tpm2.CreateCredential(rand.Reader, key, e.ak.name, e.secret)
	return c, err
}

// tpm judges statements of TPMs 2.0.
type tpm struct {
	roots  *roots
	secret []byte
}

// entry is an attestation key on its way in.
type entry struct {
	device      string // names the TPM: its endorsement key
	make        string // as the certificate's issuer calls itself
	endorsement *tpm2.TPMTPublic
	ak          area
	secret      []byte // what the TPM must give back
}

// enter checks who the TPM is and what the attestation key says it is. That
// the one lives in the other is not yet shown: activated asks that.
func (t *tpm) enter(certificates [][]byte, ak []byte, b Binding, now time.Time) (e entry, err error) {
	chain, err := parseChain(certificates, 1)
	if err != nil {
		return e, err
	}
	if e.endorsement, err = t.roots.endorsement(chain, now); err != nil {
		return e, err
	}
	if e.ak, err = parseArea(ak, "the attestation key"); err != nil {
		return e, err
	}
	if err := e.ak.attests(); err != nil {
		return e, err
	}
	e.device, e.make = hexSum(chain[0].RawSubjectPublicKeyInfo), chain[0].Issuer.CommonName
	mac := hmac.New(sha256.New, t.secret)
	mac.Write([]byte("mohr activation\x00"))
	mac.Write(b.sum())
	sum := sha256.Sum256(chain[0].Raw)
	mac.Write(sum[:])
	mac.Write(e.ak.name)
	e.secret = mac.Sum(nil)
	return e, nil
}

// activated reports whether the TPM opened the credential: the attestation key
// lives in it.
func (e entry) activated(secret []byte) error {
	if subtle.ConstantTimeCompare(secret, e.secret) != 1 {
		return fault.New(fault.Denied, "attestation_unactivated", "the attestation key was not shown to live in the TPM of this endorsement key; ask for a challenge, let that TPM activate it, and send what it gives")
	}
	return nil
}
