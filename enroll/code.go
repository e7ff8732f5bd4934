package enroll

import (
	"context"
	"errors"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/otp"
	"mohr/internal/store"
)

// Codes sends and redeems one-time codes; otp.Codes is the real one.
type Codes interface {
	Send(ctx context.Context, b otp.Binding, to, lang string) error
	Redeem(ctx context.Context, b otp.Binding, code string) error
}

// codeSource is the connector's name in the records of codes.
const codeSource = "otp@1"

// binding ties a code to this application, its purpose and, where it was
// announced, the key (NIST SP 800-63A, R18).
func (a *Application) binding() otp.Binding {
	return otp.Binding{Session: a.ID, Purpose: "enroll", SPKISHA256: a.Consent.SPKISHA256}
}

// firstCode sends the first code after consent, for who claimed it. That the
// phone network is down is no error here: the applicant asks for another.
func (d *Desk) firstCode(ctx context.Context, a Application) (Application, error) {
	if !a.CodeAt.IsZero() || a.Stage != Collecting {
		return a, d.drop(ctx, workCollect, a.ID)
	}
	sent, err := d.sendCode(ctx, a)
	if errors.Is(err, fault.Unavailable) || errors.Is(err, fault.Limited) {
		d.Log.Warn("first code not sent", "application", a.ID, "error", err)
		return a, d.drop(ctx, workCollect, a.ID)
	}
	return sent, err
}

// SendCode sends another code to the phone the applicant named, whether or
// not the register knows it: an outsider learns nothing from what arrives
// where.
func (d *Desk) SendCode(ctx context.Context, id, token string) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	a, wanted, err := d.asks(ctx, a, evidence.OTPSMS)
	if err != nil || !wanted {
		return a, err
	}
	return d.sendCode(ctx, a)
}

// sendCode sends a code and counts it for the phone. It is counted before it
// goes out, so that many at once are no more than allowed, and given back if
// it did not.
func (d *Desk) sendCode(ctx context.Context, a Application) (Application, error) {
	p, err := d.person(a)
	if err != nil {
		return a, err
	}
	key, now := d.phoneKey(p.Mobile), d.now()
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		return take(tx, key, d.Limits.PerMobile, d.Limits.Window, now)
	})
	if err != nil {
		return a, err
	}
	// What went out is recorded, and what did not is given back, also when
	// the caller hangs up meanwhile.
	kept := context.WithoutCancel(ctx)
	if err := d.OTP.Send(ctx, a.binding(), p.Mobile, a.Locale); err != nil {
		// Any other error, a caller who hung up for one, may come after the sending.
		if errors.Is(err, fault.Limited) || errors.Is(err, fault.Denied) || errors.Is(err, fault.Unavailable) {
			back := d.Store.Update(kept, func(tx store.Tx) error { return giveBack(tx, key, now) })
			err = errors.Join(err, back)
		}
		return a, err
	}
	return d.change(kept, a.ID, func(s *step) error {
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		s.CodeAt = s.now
		s.done(workCollect)
		s.note("code_sent", "")
		return nil
	})
}

// ProveCode redeems the code that was sent. Once one was right, again changes
// nothing; too many wrong ones end the application (R7).
func (d *Desk) ProveCode(ctx context.Context, id, token, code string) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	a, wanted, err := d.asks(ctx, a, evidence.OTPSMS)
	if err != nil || !wanted {
		return a, err
	}
	p, err := d.person(a)
	if err != nil {
		return a, err
	}
	if err := d.OTP.Redeem(ctx, a.binding(), code); err != nil {
		if errors.Is(err, fault.Denied) {
			return d.codeFailed(ctx, id, err)
		}
		return a, err
	}
	f := found{record: evidence.Record{
		ID: evidence.NewID(), Type: evidence.OTPSMS, Source: codeSource, Environment: d.Policy.Environment(), Result: evidence.Match,
		Claims: evidence.Claims{Mobile: p.Mobile, SPKISHA256: a.Consent.SPKISHA256}, CheckedAt: d.now(),
	}}
	return d.prove(ctx, id, f)
}

// codeFailed counts a wrong code and returns cause; a twin of a request that
// has just redeemed the same code gets its answer.
func (d *Desk) codeFailed(ctx context.Context, id string, cause error) (Application, error) {
	twin := false
	a, err := d.change(ctx, id, func(s *step) error {
		if lacks, err := d.lacks(s.Application, evidence.OTPSMS, s.now); err != nil {
			return err
		} else if twin = !lacks; twin {
			return errUnchanged
		}
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		s.Tries.Code++
		s.note("code_failed", "")
		if s.Tries.Code < d.Limits.WrongCodes {
			return nil
		}
		return s.move(FailedAttempts, "failed_attempts", "")
	})
	if err != nil || twin {
		return a, err
	}
	return a, cause
}
