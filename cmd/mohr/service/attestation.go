package service

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"mohr/badge/merchant"
	"mohr/ca"
	"mohr/ca/csc"
	"mohr/ca/evidence"
	"mohr/ca/held"
	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// AttestationConfig says whose devices are believed when they vouch for
// holders' keys (docs/attestation.md).
type AttestationConfig struct {
	TPM         string `yaml:"tpm"`         // directory of certificates of TPM makers' authorities; "": no TPM is believed
	PIV         string `yaml:"piv"`         // the same of makers of PIV devices
	Environment string `yaml:"environment"` // "simulated" or "production"
}

// Validate returns what is wrong.
func (c AttestationConfig) Validate(production bool) error {
	switch {
	case c.TPM == "" && c.PIV == "" && c.Environment != "":
		return errors.New("attestation.tpm and attestation.piv are missing; without one no device is believed")
	case c.TPM == "" && c.PIV == "":
		return nil
	case c.Environment != "simulated" && c.Environment != "production":
		return errors.New("attestation.environment is neither simulated nor production")
	case production && c.Environment != "production":
		return errors.New("production is set, but attestation.environment is simulated")
	}
	return nil
}

// openAttestation reads the roots; what is wrong with one keeps the service
// from starting.
func (r *rooms) openAttestation(context.Context) (err error) {
	c := r.Config.Attestation
	if c.TPM == "" && c.PIV == "" && r.Config.Held == "" {
		return nil
	}
	ours := attest.Config{TPM: folder(c.TPM), PIV: folder(c.PIV), Environment: c.Environment, Secret: r.box.Derive("attestation")}
	if r.Config.Held != "" {
		ours.Held = r.box.Derive("held keys")
	}
	if ours.Environment == "" { // no device's: what is held is of our own kind
		ours.Environment = "simulated"
		if r.Config.Production {
			ours.Environment = "production"
		}
	}
	r.attestation, err = attest.New(ours)
	return err
}

// openHeld opens the room that keeps holders' keys, where it is offered.
func (r *rooms) openHeld(context.Context) (err error) {
	if r.Config.Held == "" {
		return nil
	}
	rules, _ := r.policy.Rules(ca.NaturalSign)
	r.held, err = held.New(held.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, SignIn: r.signin, Ring: r.Ring, Home: hsm.KeyURI(r.Config.Held, "holders"), Seal: r.box, Nonces: r.nonces,
		Voucher: attest.NewVoucher(r.box.Derive("held keys")), Offered: rules.PolicyOIDs[evidence.HSM] != "", Audience: r.Config.Portal, Log: r.Log,
	})
	return err
}

// openCSC opens the room at which other software asks for signatures by held
// keys. Its seal is its own: it cannot open what the keys are kept in.
func (r *rooms) openCSC(context.Context) error {
	if r.held == nil {
		return nil
	}
	box, err := seal.New(r.box.Derive("csc"))
	if err != nil {
		return err
	}
	r.csc, err = csc.New(csc.Config{Now: r.Clock.Time, Store: r.Store, Held: r.held, SignIn: r.signin, Seal: box, File: r.Config.CSC, Portal: r.Config.Portal, Name: r.Config.Name, Log: r.Log})
	return err
}

// left ends what a person who signs out everywhere, or is forgotten, left that
// opens something.
func left(tx store.Tx, h ca.HolderID) error {
	if err := csc.End(tx, h); err != nil {
		return err
	}
	return merchant.EndFeeds(tx, h)
}

// forget has the rooms forget what they keep of a person who signs in: the keys
// that are held for them, too, whether any is held for others now or not.
func (r *rooms) forget(tx store.Tx, h ca.HolderID, at time.Time) error {
	if err := held.Forget(tx, h, at); err != nil {
		return err
	}
	return r.signin.Forget(tx, h, at)
}

func folder(dir string) fs.FS {
	if dir == "" {
		return nil
	}
	return os.DirFS(dir)
}
