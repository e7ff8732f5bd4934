package enroll

import (
	"context"
	"strings"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// openFor is how long an application may take from its creation: a register
// that is down may come back, a person may sleep.
const openFor = 24 * time.Hour

// Form is what an applicant hands in.
type Form struct {
	Person  Person
	Profile string
	Locale  string // "fa" or "en"; "" is fa

	Home evidence.KeyHome // of the key that is to be certified; "" is software
}

// Create opens an application and returns its token, which is not kept. It
// asks no register: the answer says nothing about the person.
func (d *Desk) Create(ctx context.Context, f Form) (Application, string, error) {
	now := d.now()
	if f.Locale == "" {
		f.Locale = "fa"
	}
	if f.Locale != "fa" && f.Locale != "en" {
		return Application{}, "", fault.New(fault.Invalid, "locale_unknown", "the locale is fa or en")
	}
	p, err := f.Person.normalised(now)
	if err != nil {
		return Application{}, "", err
	}
	if err := d.offers(f.Profile, p); err != nil {
		return Application{}, "", err
	}
	home, err := d.keyHome(f.Profile, f.Home)
	if err != nil {
		return Application{}, "", err
	}
	token, hash := newToken()
	a := Application{
		ID: newID(), Stage: Created, Profile: f.Profile, Home: home, Locale: f.Locale,
		TokenSHA256: hash, PersonIndex: d.Seal.Index(applicationBucket, "national_code", p.NationalCode),
		CreatedAt: now, Deadline: now.Add(openFor),
	}
	if a.Person, err = d.sealJSON(a.ID, "person", p); err != nil {
		return Application{}, "", err
	}
	s := newStep(a, now)
	s.note("created", "")
	s.with(func(tx store.Tx) error {
		return d.Limits.open(tx, a.PersonIndex, now)
	})
	a, err = d.save(ctx, s)
	if err != nil {
		return Application{}, "", err
	}
	d.Log.Info("application created", "application", a.ID, "profile", a.Profile)
	return a, token, nil
}

// offers refuses a profile that people cannot apply for, or an organisation
// where the policy asks the register of none and the other way round.
func (d *Desk) offers(profile string, p Person) error {
	rules, ok := d.Policy.Rules(profile)
	if !ok || rules.PolicyOIDs[evidence.Software] == "" && rules.PolicyOIDs[evidence.Token] == "" && rules.PolicyOIDs[evidence.HSM] == "" {
		return fault.New(fault.Invalid, "application_profile", "this service does not take applications for this profile; choose one of %[1]s", strings.Join(d.Policy.Profiles(), ", "))
	}
	if rules.Asks(evidence.LegalRegistry) != (p.LegalID != "") {
		return fault.New(fault.Invalid, "legal_id_misplaced", "a certificate that names an organisation needs its legal_id, any other takes none")
	}
	return nil
}

// ConsentForm is the applicant's wilful act (R17).
type ConsentForm struct {
	Accepted     bool
	TermsVersion string
	SPKISHA256   string // hex; "" or the only key that may be certified
}

// Consent records the consent, asks the registers and sends the first code.
// A register that is down is no error: the application waits. Of many at once
// one does the work, and the others answer with the stage they find. Again,
// with the same terms, it finishes what is missing.
func (d *Desk) Consent(ctx context.Context, id, token string, f ConsentForm) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	if !f.Accepted {
		return a, fault.New(fault.Invalid, "consent_missing", "without consent the registers are not asked; accept, or cancel the application")
	}
	if f.SPKISHA256 != "" && !isHexHash(f.SPKISHA256) {
		return a, fault.New(fault.Invalid, "spki_sha256_invalid", "spki_sha256 is the SHA-256 of the public key in 64 lower-case hex digits")
	}
	rules, _ := d.Policy.Rules(a.Profile)
	if f.TermsVersion != rules.TermsVersion {
		return a, fault.New(fault.Conflict, "terms_version", "the terms in force are version %[1]s; read them and accept that version", rules.TermsVersion)
	}
	return d.begin(ctx, id, func(s *step) error { return s.consent(f) })
}

// claimFor is how long the first questions and the first code are left to the
// request that claimed them: longer than registers are waited for.
const claimFor = 30 * time.Second

// begin asks the registers and sends the first code, if fn lets the caller
// claim that. The claim is part of a change, so that of many callers one gets
// it, and it runs out, so that what a crash left is taken up by another.
func (d *Desk) begin(ctx context.Context, id string, fn func(*step) error) (Application, error) {
	mine := false
	a, err := d.change(ctx, id, func(s *step) error {
		err := fn(s)
		mine = err == nil
		return err
	})
	if err != nil || !mine {
		return a, err
	}
	if a.Stage == Consented {
		if a, mine, err = d.collect(ctx, id); err != nil || !mine {
			return a, err
		}
	}
	return d.firstCode(ctx, a)
}

// claim takes on what is to be done after consent; errUnchanged if nothing is,
// or somebody else is at it.
func (s *step) claim() error {
	if !s.beginning() || s.now.Sub(s.ClaimedAt) < claimFor {
		return errUnchanged
	}
	s.ClaimedAt = s.now
	return nil
}

// consent takes the step once; the same consent again only takes up what was
// left undone.
func (s *step) consent(f ConsentForm) error {
	if c := s.Application.Consent; c != nil {
		going := s.Stage.Open() || s.Stage == Issued
		if going && c.TermsVersion == f.TermsVersion && c.SPKISHA256 == f.SPKISHA256 {
			return s.claim()
		}
		return s.forbids()
	}
	if err := s.move(Consented, "consented", f.TermsVersion); err != nil {
		return err
	}
	s.Application.Consent = &Consent{At: s.now, TermsVersion: f.TermsVersion, SPKISHA256: f.SPKISHA256}
	s.ClaimedAt = s.now
	s.todo(workCollect)
	s.leaf("application.consented", f.TermsVersion, "")
	return nil
}

// leaf appends a leaf about the application to the public log. The log shows
// neither the application's id nor anything personal: the subject is a hash
// that only who knows the id (128 random bits) can find again.
func (s *step) leaf(kind, of, note string) {
	e := ledger.Event{Kind: kind, Subject: publicName(s.ID), At: s.now, Hash: hexHash([]byte(kind + "\x00" + s.ID + "\x00" + of)), Note: note}
	s.with(func(tx store.Tx) error { return ledger.Append(tx, e) })
}

// publicName is how the public log calls an application.
func publicName(id string) string {
	return "application:" + hexHash([]byte("mohr application\x00" + id))[:32]
}

// isHexHash reports whether s is a SHA-256 in lower-case hex.
func isHexHash(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Cancel ends the application at the applicant's wish; again it changes nothing.
func (d *Desk) Cancel(ctx context.Context, id, token string) (Application, error) {
	if a, err := d.open(ctx, id, token); err != nil {
		return a, err
	}
	return d.change(ctx, id, func(s *step) error {
		if s.Stage == Cancelled {
			return errUnchanged
		}
		return s.move(Cancelled, "cancelled", "")
	})
}
