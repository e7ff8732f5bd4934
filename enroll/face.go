package enroll

import (
	"context"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// MatchFace has the register compare its picture with the applicant in the
// session of the (simulated) camera, once the applicant proved the phone that
// the register says is theirs: to anybody else the answer would tell whether
// there is such a living person, and whose face it is. Some tries may fail; then the
// application does (R7): a try is counted before the register is asked, so
// that many at once are no more tries. Once it matched, again changes nothing.
// Where a vendor compares faces, the applicant is sent there instead.
func (d *Desk) MatchFace(ctx context.Context, id, token, session string) (Application, error) {
	if d.Vendors[evidence.FaceMatch] != nil {
		return d.BeginVisit(ctx, id, token, evidence.FaceMatch)
	}
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	if len(session) == 0 || len(session) > 256 {
		return a, fault.New(fault.Invalid, "face_session_invalid", "the session of the face check is missing or too long; give the one that the camera step returned")
	}
	a, wanted, err := d.asks(ctx, a, evidence.FaceMatch)
	if err != nil || !wanted {
		return a, err
	}
	if err := d.phoneFirst(a); err != nil {
		return a, err
	}
	if err := d.mayAsk(ctx, id); err != nil {
		return a, err
	}
	p, err := d.person(a)
	if err != nil {
		return a, err
	}
	if a, err = d.tryFace(ctx, id, 1); err != nil {
		return a, err
	}
	answer, err := d.compareFace(ctx, a, p.NationalCode, session)
	if err != nil {
		d.giveFaceBack(ctx, id)
		d.Log.Warn("register gave no answer", "type", evidence.FaceMatch, "error", err)
		return a, fault.New(fault.Unavailable, "face_unavailable", "the face check cannot be made now; the application waits, try again in some minutes")
	}
	f := found{evidence.FaceRecord(answer), answer.Raw}
	if f.record.Result == evidence.Mismatch || f.record.Result == evidence.Match && !answer.Value.Live {
		return d.faceFailed(ctx, id)
	}
	return d.prove(ctx, id, f)
}

// phoneFirst refuses with Conflict while the phone is not proven.
func (d *Desk) phoneFirst(a Application) error {
	if d.wantsPhone(a.Profile) && !a.phoneProven() {
		return fault.New(fault.Conflict, "phone_unproven", "a face is compared once the phone is proven; first hand in the code that was sent to it, or ask the registers again")
	}
	return nil
}

// giveFaceBack gives a try back with which nothing was compared, also to who
// hung up.
func (d *Desk) giveFaceBack(ctx context.Context, id string) {
	if _, err := d.tryFace(context.WithoutCancel(ctx), id, -1); err != nil {
		d.Log.Warn("give back face try", "application", id, "error", err)
	}
}

// wantsPhone reports whether the policy asks for a code for the profile.
func (d *Desk) wantsPhone(profile string) bool {
	rules, _ := d.Policy.Rules(profile)
	return rules.Asks(evidence.OTPSMS)
}

// tryFace takes a try, or gives one back.
func (d *Desk) tryFace(ctx context.Context, id string, n int) (Application, error) {
	return d.change(ctx, id, func(s *step) error {
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		if n > 0 && s.Tries.Face >= d.Limits.FaceTries {
			return fault.New(fault.Limited, "face_tries", "as many face checks as allowed are under way; wait for what they come to")
		}
		s.Tries.Face += n
		return nil
	})
}

// ofFace reports whether a proof of the type is a try of the face.
func ofFace(t evidence.Type) bool { return t == evidence.FaceMatch || t == evidence.DocumentVideo }

// faceUnclear reports whether all tries are used up and the last one had no
// clear answer, whoever compares.
func (d *Desk) faceUnclear(a Application) bool {
	last, n := evidence.Result(""), a.Tries.Unlike
	for _, p := range a.Evidence {
		if ofFace(p.Type) {
			last = p.Result
			if last == evidence.Inconclusive {
				n++
			}
		}
	}
	return last == evidence.Inconclusive && n >= d.Limits.FaceTries
}

// failFace notes that a try failed, and ends the application after the last.
func (d *Desk) failFace(s *step) error {
	s.note("face_failed", "")
	s.Tries.Unlike++
	if s.Tries.Face >= d.Limits.FaceTries {
		s.Stage = Collecting
		return s.move(FailedAttempts, "failed_attempts", "")
	}
	return nil
}

// faceFailed ends an application whose last try was a face that is not the
// register's.
func (d *Desk) faceFailed(ctx context.Context, id string) (Application, error) {
	a, err := d.change(ctx, id, func(s *step) error {
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		return d.failFace(s)
	})
	if err != nil {
		return a, err
	}
	return a, fault.New(fault.Denied, "face_mismatch", "the face is not the one in the register; try again in good light, at most %[1]d times in all", d.Limits.FaceTries)
}
