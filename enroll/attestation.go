package enroll

import (
	"context"
	"fmt"
	"slices"
	"strings"

	json "github.com/go-json-experiment/json/v1"

	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// keyHome reads the home that an applicant wants for the key: "" is software.
// A device is offered where the policy has a certificate for it and somebody
// here believes its maker.
func (d *Desk) keyHome(profile string, home evidence.KeyHome) (evidence.KeyHome, error) {
	rules, _ := d.Policy.Rules(profile)
	switch {
	case (home == "" || home == evidence.Software) && rules.PolicyOIDs[evidence.Software] != "":
		return evidence.Software, nil
	case home == evidence.HSM && d.Held == nil: // another node's statement would do, but who would sign the request?
	case (home == evidence.Token || home == evidence.HSM) && rules.PolicyOIDs[home] != "" && slices.ContainsFunc(rules.Attestation[home], d.believes):
		return home, nil
	}
	return "", errHomeUnoffered()
}

func errHomeUnoffered() error {
	return fault.New(fault.Invalid, "key_home_unoffered", "this service takes no applications for a key in this home; apply with a key in software, or ask which devices it believes")
}

func errHeldOther() error {
	return fault.New(fault.Denied, "held_other_person", "the service holds this key for another person than the applicant; sign in as the applicant, and choose a key of theirs")
}

// believes reports whether statements of the format are judged here.
func (d *Desk) believes(f attest.Format) bool {
	return d.Attestation != nil && d.Attestation.Takes(f)
}

// AttestationChallenge is what a device has to answer.
type AttestationChallenge struct {
	Nonce    string `json:"nonce" doc:"to be sent back with the statement; good once, for ten minutes, for this application"`
	Audience string `json:"aud" doc:"base URL of the service"`
	Purpose  string `json:"purpose" doc:"what the key is for"`
	// Credential is for a TPM alone.
	*attest.Credential
}

// attestationPurpose ties a challenge to one application.
func attestationPurpose(id string) nonce.Purpose { return nonce.Purpose("attestation/" + id) }

// attestationOf is what a statement for the application must be about.
func (d *Desk) attestationOf(id, n string) attest.Binding {
	return attest.ForApplication(d.Audience, id, n)
}

// ChallengeDevice begins an attestation. Of a TPM the certificates and the
// attestation key are wanted, of a PIV device nothing. Nothing is kept of it:
// it may be asked for again, and the answer may come to another node.
func (d *Desk) ChallengeDevice(ctx context.Context, id, token string, s attest.Statement) (AttestationChallenge, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return AttestationChallenge{}, err
	}
	if err := a.in(Collecting, Waiting); err != nil {
		return AttestationChallenge{}, err
	}
	if err := d.takesDevice(a, s.Format); err != nil {
		return AttestationChallenge{}, err
	}
	now := d.now()
	if err := d.mayAttest(ctx, id); err != nil {
		return AttestationChallenge{}, err
	}
	b := d.attestationOf(id, d.Nonces.New(attestationPurpose(id)))
	c := AttestationChallenge{Nonce: b.Nonce, Audience: b.Audience, Purpose: b.Purpose}
	if s.Format == attest.TPM {
		credential, err := d.Attestation.Challenge(s.Certificates, s.AK, b, now)
		if err != nil {
			return AttestationChallenge{}, err
		}
		c.Credential = &credential
	}
	return c, nil
}

// mayAttest counts what makes us compute.
func (d *Desk) mayAttest(ctx context.Context, id string) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		return take(tx, "attestation/"+id, d.Limits.PerRefresh, d.Limits.Window, now)
	})
}

// takesDevice refuses a statement that would count for nothing here.
func (d *Desk) takesDevice(a Application, f attest.Format) error {
	rules, _ := d.Policy.Rules(a.Profile)
	asked := slices.DeleteFunc(rules.Attestation[a.Home], func(f attest.Format) bool { return !d.believes(f) })
	switch {
	case len(asked) == 0:
		return fault.New(fault.Conflict, "attestation_unasked", "no device has to vouch for the key of this application; give the evidence that it needs")
	case !slices.Contains(asked, f):
		return fault.New(fault.Invalid, "attestation_kind", "this kind of attestation does not count for this application; of these one does: %[1]s", join(asked))
	}
	return nil
}

func join(list []attest.Format) string {
	words := make([]string, len(list))
	for i, f := range list {
		words[i] = string(f)
	}
	return strings.Join(words, ", ")
}

// AttestKey attaches what a device says of the key that is to be certified.
// A refused statement uses nothing up but a try; again it changes nothing.
func (d *Desk) AttestKey(ctx context.Context, id, token string, s attest.Statement) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	if err := d.takesDevice(a, s.Format); err != nil {
		return a, err
	}
	a, wanted, err := d.asks(ctx, a, evidence.DeviceAttestation)
	if err != nil || !wanted {
		return a, err
	}
	if err := d.mayAttest(ctx, id); err != nil {
		return a, err
	}
	used, err := d.Nonces.Redeemable(attestationPurpose(id), s.Nonce)
	if err != nil {
		return a, err
	}
	k, err := d.Attestation.Verify(s, d.attestationOf(id, s.Nonce), d.now())
	if err != nil {
		return a, err
	}
	if err := d.heldFor(a, k); err != nil {
		return a, err
	}
	if c := a.Consent; c != nil && c.SPKISHA256 != "" && c.SPKISHA256 != k.SPKISHA256() {
		return a, errNotAnnounced()
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return a, fmt.Errorf("keep attestation: %w", err)
	}
	return d.change(ctx, id, func(step *step) error {
		if lacks, err := d.lacks(step.Application, evidence.DeviceAttestation, step.now); err != nil {
			return err
		} else if !lacks {
			return errUnchanged
		}
		if err := step.in(Collecting, Waiting); err != nil {
			return err
		}
		step.with(used.Use)
		if err := d.add(step, found{evidence.DeviceRecord(k, raw), raw}); err != nil {
			return err
		}
		return d.settle(step)
	})
}

func errNotAnnounced() error {
	return fault.New(fault.Denied, "key_not_announced", "the consent was given for another key; hand in the request for the key that was announced")
}

// attested returns the key that a device vouched for: what is kept of the
// statement is judged again, by the roots that are trusted now. It is the zero
// Key for an application whose key lives in software.
func (d *Desk) attested(ctx context.Context, a Application) (attest.Key, error) {
	if a.Home == evidence.Software {
		return attest.Key{}, nil
	}
	s, err := d.statement(ctx, a)
	if err != nil {
		return attest.Key{}, err
	}
	return d.Attestation.Verify(s, d.attestationOf(a.ID, s.Nonce), d.now())
}
