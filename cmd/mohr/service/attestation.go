package service

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"mohr/hsm/attest"
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
	if c.TPM == "" && c.PIV == "" {
		return nil
	}
	r.attestation, err = attest.New(attest.Config{TPM: folder(c.TPM), PIV: folder(c.PIV), Environment: c.Environment, Secret: r.box.Derive("attestation")})
	return err
}

func folder(dir string) fs.FS {
	if dir == "" {
		return nil
	}
	return os.DirFS(dir)
}
