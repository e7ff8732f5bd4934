package attest

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"mohr/internal/fault"
)

// Format is a way in which devices vouch for keys.
type Format string

// The formats that are read here.
const (
	TPM Format = "tpm2" // TPM 2.0: TPM2_Certify by an attestation key that was activated
	PIV Format = "piv"  // PIV devices: an attestation certificate as YubiKeys write it
)

// Key is a public key whose private half a device keeps. Only Verify makes
// one; the zero value is no key.
type Key struct {
	format      Format
	spki        []byte
	device      string
	traits      string
	holder      string
	environment string
	at          time.Time
}

// Format returns how the device vouched for the key; "" for the zero Key.
func (k Key) Format() Format { return k.format }

// SPKISHA256 returns the hex SHA-256 of the key's SubjectPublicKeyInfo; "" for
// the zero Key, which is no key's.
func (k Key) SPKISHA256() string {
	if k.spki == nil {
		return ""
	}
	return hexSum(k.spki)
}

// Device names the device, the same for each of its keys: a hex SHA-256.
func (k Key) Device() string { return k.device }

// Traits says in a few English words what the device says of itself and of
// how the key is guarded: "YubiKey 5.4.3, PIN once, touch always".
func (k Key) Traits() string { return k.traits }

// Holder is the id of the holder for whom the service keeps the key; "" for a
// key that is in a device of its holder's.
func (k Key) Holder() string { return k.holder }

// Environment is "simulated" or "production": that of the roots.
func (k Key) Environment() string { return k.environment }

// At returns when it was verified.
func (k Key) At() time.Time { return k.at }

// Statement is what a device says of a key, as it comes in. Octets are base64
// in JSON.
type Statement struct {
	Format Format `json:"format" maxLength:"16" doc:"tpm2 or piv"`
	Nonce  string `json:"nonce" maxLength:"64" doc:"from the challenge"`
	// Certificates are DER. tpm2: the endorsement key's, then its issuers'.
	// piv: the key's, the device's, then its issuers'.
	Certificates [][]byte `json:"certificates" maxItems:"6" doc:"DER: the endorsement key's (tpm2) or the key's and the device's (piv), then their issuers'"`
	AK           []byte   `json:"ak,omitempty" doc:"tpm2: TPMT_PUBLIC of the attestation key"`
	Secret       []byte   `json:"secret,omitempty" doc:"tpm2: what TPM2_ActivateCredential gave"`
	Key          []byte   `json:"key,omitempty" doc:"tpm2: TPMT_PUBLIC of the holder's key"`
	Info         []byte   `json:"certify_info,omitempty" doc:"tpm2: TPMS_ATTEST of TPM2_Certify over the key"`
	Signature    []byte   `json:"signature" doc:"tpm2: TPMT_SIGNATURE over certify_info; piv: by the key, over the challenge's message"`
	Holder       string   `json:"holder,omitempty" maxLength:"128" doc:"only in statements of the service itself"`
}

// Binding ties a statement to one deed of one service.
type Binding struct {
	Audience string // base URL of the portal
	Purpose  string // what the key is for: one application, one renewal
	Nonce    string // ours; who calls Verify sees to it that it is used once
}

// ForApplication is what a statement for an application is about.
func ForApplication(audience, id, nonce string) Binding {
	return Binding{Audience: audience, Purpose: "application/" + id, Nonce: nonce}
}

// ForRenewal is what a statement for the renewal of a certificate (hex SHA-256
// of its DER) is about.
func ForRenewal(audience, certificate, nonce string) Binding {
	return Binding{Audience: audience, Purpose: "renewal/" + certificate, Nonce: nonce}
}

// Message is what a device is asked to speak about. A PIV key signs it; a TPM
// carries its SHA-256 as qualifying data.
func (b Binding) Message() []byte {
	return []byte("mohr-attestation/1\n" + b.Audience + "\n" + b.Purpose + "\n" + b.Nonce + "\n")
}

func (b Binding) sum() []byte {
	sum := sha256.Sum256(b.Message())
	return sum[:]
}

// Config is what a Verifier needs.
type Config struct {
	TPM, PIV    fs.FS  // whose devices are believed, as Roots reads them; nil: no device of the kind is
	Environment string // of both: "simulated" or "production"
	Secret      []byte // 32 octets that all nodes share; activation secrets come from it
	Held        []byte // 32 octets that all nodes share, of the Voucher; nil: no key is held here
}

// secretSize is the length of Config.Secret and of an activation's secret:
// the digest of the smallest endorsement key bounds that (TPM 2.0 Library,
// Part 3, section 12.6).
const secretSize = 32

// kind judges the statements of one format. Makers of PKCS #11 tokens have
// formats of their own; each would be another kind with roots of its own.
type kind interface {
	// judge returns the key that s is about, if s holds for b at now.
	judge(s Statement, b Binding, now time.Time) (Key, error)
}

// Verifier judges statements. It is immutable and safe for concurrent use.
type Verifier struct {
	environment string
	tpm         *tpm
	kinds       map[Format]kind
}

// New reads the roots and returns a Verifier, or all that is wrong.
func New(c Config) (*Verifier, error) {
	v := &Verifier{environment: c.Environment, kinds: map[Format]kind{}}
	var wrong []error
	if c.Environment != "simulated" && c.Environment != "production" {
		wrong = append(wrong, fmt.Errorf("attest: environment %q is neither simulated nor production", c.Environment))
	}
	if len(c.Secret) != secretSize {
		wrong = append(wrong, fmt.Errorf("attest: the secret is not of %d octets", secretSize))
	}
	if c.TPM != nil {
		r, err := openRoots(c.TPM)
		wrong = append(wrong, err)
		v.tpm = &tpm{roots: r, secret: c.Secret}
		v.kinds[TPM] = v.tpm
	}
	if c.PIV != nil {
		r, err := openRoots(c.PIV)
		wrong = append(wrong, err)
		v.kinds[PIV] = piv{roots: r}
	}
	if c.Held != nil {
		if len(c.Held) != secretSize {
			wrong = append(wrong, fmt.Errorf("attest: the voucher's secret is not of %d octets", secretSize))
		}
		v.kinds[Held] = held{c.Held}
	}
	if len(v.kinds) == 0 {
		wrong = append(wrong, errors.New("attest: no device would be believed"))
	}
	return v, errors.Join(wrong...)
}

// Takes reports whether statements of the format are judged here.
func (v *Verifier) Takes(f Format) bool { return v.kinds[f] != nil }

// Verify returns the key that s is about if a device that is believed vouches
// for it under b at now. Refusals are Invalid or Denied. The same statement
// comes to the same as long as its roots are trusted and its certificates valid.
func (v *Verifier) Verify(s Statement, b Binding, now time.Time) (k Key, err error) {
	defer survive(&err)
	judge := v.kinds[s.Format]
	if judge == nil {
		return Key{}, errFormat()
	}
	if s.Nonce != b.Nonce {
		return Key{}, errOtherChallenge()
	}
	if k, err = judge.judge(s, b, now); err != nil {
		return Key{}, err
	}
	k.environment, k.at = v.environment, now.UTC().Truncate(time.Second)
	return k, nil
}

// survive turns a panic into a refusal: the libraries below read foreign bytes.
func survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%w: panic: %v", errMalformed("the statement"), p)
	}
}

func errFormat() error {
	return fault.New(fault.Invalid, "attestation_format", "attestations of this kind are not taken here; ask the service which devices it believes")
}

func errMalformed(what string) error {
	return fault.New(fault.Invalid, "attestation_malformed", "%[1]s of this attestation is not well-formed or too large; make the attestation anew", what)
}

func errOtherChallenge() error {
	return fault.New(fault.Denied, "attestation_other_challenge", "this attestation answers another challenge; ask for a new one and attest the key again")
}

// hexSum is the hex SHA-256 of b.
func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// spkiOf returns the key's SubjectPublicKeyInfo (DER).
func spkiOf(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, errKeyKind()
	}
	return der, nil
}

func errKeyKind() error {
	return fault.New(fault.Denied, "attestation_key_kind", "keys of this kind are not attested here; make one on P-256 or P-384")
}
