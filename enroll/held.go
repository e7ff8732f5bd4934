package enroll

import (
	"context"

	"mohr/ca/evidence"
	"mohr/ca/signin"
	"mohr/hsm/attest"
)

// offersHeld reports whether applications of the profile may have their key
// held by the service.
func (d *Desk) offersHeld(profile string) bool {
	home, err := d.keyHome(profile, evidence.HSM)
	return err == nil && home == evidence.HSM
}

// AttestHeld attaches that the service holds the key for the applicant, who is
// signed in. It is AttestKey with a statement of the service itself.
func (d *Desk) AttestHeld(ctx context.Context, id, token string, who signin.Who, key string) (Application, error) {
	if d.Held == nil {
		return Application{}, errHomeUnoffered()
	}
	s, err := d.Held.Vouch(ctx, who, key, d.attestationOf(id, d.Nonces.New(attestationPurpose(id))))
	if err != nil {
		return Application{}, err
	}
	return d.AttestKey(ctx, id, token, s)
}

// heldFor refuses a key that the service holds for somebody else than the applicant.
func (d *Desk) heldFor(a Application, k attest.Key) error {
	if k.Holder() == "" {
		return nil
	}
	p, err := d.person(a)
	if err != nil {
		return err
	}
	code, err := evidence.ParseNationalCode(p.NationalCode)
	if err != nil {
		return err
	}
	if k.Holder() != string(d.CA.Holder(code)) {
		return errHeldOther()
	}
	return nil
}
