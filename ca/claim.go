package ca

import (
	"errors"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// keyUse says to whom a public key belongs and for what: nobody else may have
// it certified, and one purpose of one subject is all that it serves. A
// person's signature must not pass for that of an organisation, and a
// time-stamping key signs nothing else (RFC 3161 section 2.3).
type keyUse struct {
	Holder      HolderID   `json:"holder,omitempty"`
	Business    BusinessID `json:"business,omitempty"`
	Service     string     `json:"service,omitempty"`
	Profile     string     `json:"profile"`               // without its version
	Compromised bool       `json:"compromised,omitempty"` // blocked: never certified again
}

// KeyCompromised is the code of the fault that a blocked key meets.
const KeyCompromised = "key_compromised"

func errKeyCompromised() error {
	return fault.New(fault.Denied, KeyCompromised, "this public key has been reported as compromised; make a new key pair")
}

func errKeyInUse() error {
	return fault.New(fault.Denied, "key_in_use", "this public key is in use elsewhere; make a new key pair")
}

// claimKey refuses a public key that is blocked or belongs to another subject.
func claimKey(tx store.Tx, c Certificate) error {
	use := keyUse{Holder: c.Holder, Business: c.Business, Service: c.Service, Profile: profileName(c.Profile)}
	had, err := store.Load[keyUse](tx, spkiBucket, c.SPKISHA256)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if err := store.Save(tx, spkiBucket, c.SPKISHA256, use); err != nil {
			return err
		}
	case err != nil:
		return err
	case had.Compromised:
		return errKeyCompromised()
	case had != use:
		return errKeyInUse()
	}
	return store.Save(tx, keyCertBucket, c.SPKISHA256+"/"+c.Serial, c.Serial)
}

// linkReplaced checks the certificate to be replaced and ties the two
// together: a second renewal of the same one finds it taken.
func linkReplaced(tx store.Tx, c *Certificate) error {
	if c.Replaces == "" {
		c.Lineage = c.Serial
		return nil
	}
	old, err := LoadCertificate(tx, c.Replaces)
	if err != nil {
		return err
	}
	switch {
	case old.State != Issued || !old.sameSubject(*c):
		return fault.New(fault.Denied, "renewal_other_holder", "the certificate to be renewed is not this holder's")
	case old.Revoked != nil:
		return errRevoked(old.Revoked.Reason)
	case old.ReplacedBy != "":
		return fault.New(fault.Conflict, "certificate_replaced", "this certificate has been renewed before; renew the newer one")
	}
	c.Lineage = old.Lineage
	old.ReplacedBy = c.Serial
	return saveCertificate(tx, old)
}

// sameSubject reports whether the two say the same of the same holder,
// organisation or service: only then may one replace the other.
func (c Certificate) sameSubject(d Certificate) bool {
	return c.Holder == d.Holder && c.Business == d.Business && c.Service == d.Service && profileName(c.Profile) == profileName(d.Profile)
}

// TakeBackIn revokes a certificate that its holder did not take, and frees what
// it was to replace: that counts on, as if it had not been renewed. What has
// been superseded meanwhile stays so. It is safe to repeat.
func TakeBackIn(tx store.Tx, serial, by string, now time.Time) error {
	c, err := LoadCertificate(tx, serial)
	if err != nil {
		return err
	}
	if err := unlinkReplaced(tx, c); err != nil {
		return err
	}
	return RevokeIn(tx, serial, CessationOfOperation, by, now)
}

// unlinkReplaced frees what a certificate was to replace that is void or was
// not taken.
func unlinkReplaced(tx store.Tx, c Certificate) error {
	if c.Replaces == "" {
		return nil
	}
	old, err := LoadCertificate(tx, c.Replaces)
	if err != nil || old.ReplacedBy != c.Serial {
		return err
	}
	old.ReplacedBy = ""
	return saveCertificate(tx, old)
}

// lapsed says why an intent must not become a certificate any more: what it
// rested on has ended since it was recorded. why is nil while it stands.
func lapsed(tx store.Tx, c Certificate, now time.Time) (why, err error) {
	use, err := store.Load[keyUse](tx, spkiBucket, c.SPKISHA256)
	switch {
	case err != nil:
		return nil, err
	case use.Compromised:
		return errKeyCompromised(), nil
	case now.After(c.NotAfter):
		return errRequestVoid(), nil
	case c.Replaces == "":
		return nil, nil
	}
	old, err := LoadCertificate(tx, c.Replaces)
	if err != nil || old.Revoked == nil {
		return nil, err
	}
	return errRevoked(old.Revoked.Reason), nil
}

func errRevoked(r Reason) error {
	if r == CertificateHold {
		return errSuspended()
	}
	return fault.New(fault.Denied, "certificate_revoked", "this certificate has been revoked (%s); apply for a new one with a new key", r)
}

func errRequestVoid() error {
	return fault.New(fault.Conflict, "request_void", "this request was given up after a failure; begin a new one")
}
