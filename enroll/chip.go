package enroll

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode"

	json "github.com/go-json-experiment/json/v1"

	"mohr/ca/evidence"
	"mohr/enroll/chip"
	"mohr/internal/fault"
	"mohr/internal/nonce"
)

// chipSource is the connector's name in the records of chips.
const chipSource = "chip@1"

// chipFresh is how long ago a chip may have been read: as long as its
// challenge is good. chipAhead is how far a phone's clock may be ahead.
const (
	chipFresh = 10 * time.Minute
	chipAhead = 2 * time.Minute
)

// ChipReading is what a phone read from the chip of a passport or card.
type ChipReading struct {
	chip.Files
	ReadAt    time.Time
	Challenge string // that we gave; "": none
	Response  []byte // what the chip made of it
}

// ChipChallenge is what a chip has to sign to show that it is no copy.
type ChipChallenge struct {
	Challenge string `json:"challenge" doc:"to be sent back with the answer; good once, for ten minutes, for this application"`
	RND       string `json:"rnd" doc:"what the chip signs (INTERNAL AUTHENTICATE): 8 octets in hexadecimal"`
}

// chipPurpose ties a challenge to one application.
func chipPurpose(id string) nonce.Purpose { return nonce.Purpose("chip/" + id) }

// chipRND is the challenge in the eight octets that a chip takes.
func chipRND(id, challenge string) (rnd [chip.ChallengeSize]byte) {
	sum := sha256.Sum256([]byte("mohr chip\x00" + id + "\x00" + challenge))
	copy(rnd[:], sum[:])
	return rnd
}

// ChipChallenge gives a challenge for a chip that is about to be read.
func (d *Desk) ChipChallenge(ctx context.Context, id, token string) (ChipChallenge, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return ChipChallenge{}, err
	}
	if err := a.in(Collecting, Waiting); err != nil {
		return ChipChallenge{}, err
	}
	if _, err := d.chips(a.Profile); err != nil {
		return ChipChallenge{}, err
	}
	n := d.Nonces.New(chipPurpose(id))
	rnd := chipRND(id, n)
	return ChipChallenge{n, hex.EncodeToString(rnd[:])}, nil
}

// chips returns whose documents are believed, if chips are read for the profile.
func (d *Desk) chips(profile string) (*chip.Trust, error) {
	if rules, _ := d.Policy.Rules(profile); !rules.Asks(evidence.EMRTDChip) {
		return nil, fault.New(fault.Conflict, "chip_unasked", "for this kind of certificate no chip is read; give the evidence that the application needs")
	}
	if d.Chips != nil {
		if t := d.Chips(); t != nil {
			return t, nil
		}
	}
	return nil, fault.New(fault.Unavailable, "chip_off", "this service reads no chips now; try again later or give other evidence")
}

// ReadChip takes what was read from a chip as evidence, once the applicant
// proved the phone that the register says is theirs. A document that is not
// genuine, not the applicant's, or on a chip that is or may be a copy where
// the policy rejects that, is refused; some tries may fail, then the
// application does (R7). Once it counted, again changes nothing.
func (d *Desk) ReadChip(ctx context.Context, id, token string, r ChipReading) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	trust, err := d.chips(a.Profile)
	if err != nil {
		return a, err
	}
	a, wanted, err := d.asksChip(ctx, a)
	if err != nil || !wanted {
		return a, err
	}
	if d.phoneFirst(a) != nil {
		return a, fault.New(fault.Conflict, "chip_phone_unproven", "a chip is read once the phone is proven; first hand in the code that was sent to it, or ask the registers again")
	}
	if err := d.mayAsk(ctx, id); err != nil {
		return a, err
	}
	p, err := d.person(a)
	if err != nil {
		return a, err
	}
	now := d.now()
	if r.ReadAt.Before(now.Add(-chipFresh)) || r.ReadAt.After(now.Add(chipAhead)) {
		return a, fault.New(fault.Invalid, "chip_read_stale", "the chip was not read just now; stored copies are not taken: read it again, with the phone's clock right")
	}
	f, used, err := d.judgeChip(a, p, trust, r, now)
	if err != nil {
		return d.chipFailed(ctx, a, used, err)
	}
	return d.change(ctx, id, func(s *step) error {
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		if used != nil {
			s.with(used.Use)
		}
		if err := d.add(s, f); err != nil {
			return err
		}
		if err := d.keepPicture(s, f.record.ID, r.DG2); err != nil {
			return err
		}
		return d.settle(s)
	})
}

// keptReading is a reading as it is kept: without the picture, which is kept
// apart and for a shorter time. The files that its country signed name the
// picture's hash too.
type keptReading struct {
	ChipReading
	PictureSHA256 string // hex, of DG2; "": none was read
}

func (r ChipReading) kept() keptReading {
	k := keptReading{ChipReading: r}
	if len(r.DG2) > 0 {
		k.PictureSHA256, k.DG2 = hexHash(r.DG2), nil
	}
	return k
}

// asksChip reports whether a chip may be read now: one that counts is not read
// twice, and that is no error.
func (d *Desk) asksChip(ctx context.Context, a Application) (Application, bool, error) {
	if a.proven(evidence.EMRTDChip) {
		return d.asks(ctx, a, evidence.EMRTDChip)
	}
	return a, true, a.in(Collecting, Waiting)
}

// judgeChip makes a record of a reading, or says why it is none. used is the
// challenge that it rests on, if it rests on one, whatever it came to.
func (d *Desk) judgeChip(a Application, p Person, trust *chip.Trust, r ChipReading, now time.Time) (f found, used *nonce.Checked, err error) {
	doc, err := trust.Read(r.Files, now)
	if err != nil {
		return f, nil, err
	}
	code, err := evidence.ParseNationalCode(doc.Personal)
	if err != nil {
		return f, nil, fault.New(fault.Invalid, "chip_no_national_code", "the document holds no national code, so it cannot be tied to you; use another, or read DG11 too")
	}
	if code != p.NationalCode {
		return f, nil, fault.New(fault.Denied, "chip_other_person", "the document is not that of the person whom the application names; use your own")
	}
	proof, used, err := d.proveChip(a, doc, r)
	if err != nil {
		return f, used, err
	}
	raw, err := json.Marshal(r.kept())
	if err != nil {
		return f, used, err
	}
	expires, err := time.Parse(time.DateOnly, doc.Expires)
	if err != nil {
		return f, used, err
	}
	claims := evidence.Claims{
		NationalCode: code, BirthDate: doc.BirthDate, DocumentNumber: doc.Number, DocumentState: doc.State,
		LatinName: strings.TrimSpace(doc.LastName + " " + doc.FirstName), ChipProof: proof,
	}
	if inRegistersScript(doc.OwnFirstName) && inRegistersScript(doc.OwnLastName) {
		claims.FirstName, claims.LastName = doc.OwnFirstName, doc.OwnLastName
	}
	return found{evidence.Record{
		ID: evidence.NewID(), Type: evidence.EMRTDChip, Source: chipSource, Environment: evidence.Environment(trust.Environment()), Result: evidence.Match,
		Claims: claims, RawSHA256: hexHash(raw), CheckedAt: now, ValidTo: expires.AddDate(0, 0, 1),
	}, raw}, used, nil
}

// inRegistersScript reports whether the civil registry could have written the
// name so. Latin letters are compared with nothing.
func inRegistersScript(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool { return unicode.Is(unicode.Arabic, r) })
}

// proveChip asks whether the chip is a copy. Where the policy rejects what it
// comes to, it is an error and no evidence: the applicant may try again.
func (d *Desk) proveChip(a Application, doc *chip.Document, r ChipReading) (evidence.ChipProof, *nonce.Checked, error) {
	rules, _ := d.Policy.Rules(a.Profile)
	if !doc.HasKey() && r.Challenge == "" && len(r.Response) == 0 {
		if rules.ChipUnproven != evidence.Review {
			return "", nil, fault.New(fault.Denied, "chip_unproven", "this chip cannot show that it is no copy; use a document whose chip can")
		}
		return evidence.ChipUnproven, nil, nil
	}
	var used *nonce.Checked
	if r.Challenge != "" {
		checked, err := d.Nonces.Redeemable(chipPurpose(a.ID), r.Challenge)
		if err != nil {
			return "", nil, err
		}
		used = &checked
	}
	err := errUnanswered()
	if used != nil {
		err = doc.Prove(chipRND(a.ID, r.Challenge), r.Response)
	}
	switch {
	case err == nil:
		return evidence.ChipProven, used, nil
	case doc.HasKey() && rules.ChipCopied == evidence.Review:
		return evidence.ChipCopied, used, nil
	}
	return "", used, err
}

func errUnanswered() error {
	return fault.New(fault.Denied, "chip_unanswered", "the chip of this document can show that it is no copy, and did not; ask for a challenge, have the chip sign it, and send both")
}

// chipFailed counts a reading that was refused, and returns cause. What is no
// verdict is not counted.
func (d *Desk) chipFailed(ctx context.Context, a Application, used *nonce.Checked, cause error) (Application, error) {
	if !errors.Is(cause, fault.Invalid) && !errors.Is(cause, fault.Denied) {
		return a, cause
	}
	a, err := d.change(ctx, a.ID, func(s *step) error {
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		if used != nil {
			s.with(used.Use)
		}
		s.Tries.Chip++
		s.note("chip_failed", fault.Code(cause))
		if s.Tries.Chip >= d.Limits.ChipTries {
			s.Stage = Collecting
			return s.move(FailedAttempts, "failed_attempts", "")
		}
		return nil
	})
	if err != nil {
		return a, err
	}
	return a, cause
}
