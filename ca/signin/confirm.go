package signin

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"time"

	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/session"
	"mohr/internal/store"
)

// Purpose is the one deed that a proof is for: a kind, a slash, and what it is
// done to, as in "revoke/1f3a".
type Purpose string

const (
	// proofFor is how long a proof waits for its deed.
	proofFor = 5 * time.Minute
	// maxProofs bounds those of one session that wait.
	maxProofs = 8
)

var purposeForm = regexp.MustCompile(`^([a-z][a-z_]{0,30})/([A-Za-z0-9_.-]{1,100})$`)

// split returns kind and subject; Invalid if p has another form.
func (p Purpose) split() (kind, subject string, err error) {
	m := purposeForm.FindStringSubmatch(string(p))
	if m == nil {
		return "", "", fault.New(fault.Invalid, "confirm_purpose", "there is no such thing to confirm; go back and begin again")
	}
	return m[1], m[2], nil
}

// proof is a fresh one that waits for its deed.
type proof struct {
	Purpose     Purpose   `json:"purpose"`
	By          Way       `json:"by"`
	Certificate string    `json:"certificate,omitempty"` // that the proof rests on
	Until       time.Time `json:"until"`
}

// Proof is a fresh proof of the person who is signed in, for one purpose. Only
// Confirmed makes one.
type Proof struct {
	sessions    *session.Keeper[signed]
	session     string
	purpose     Purpose
	by          Way
	certificate string // that it rests on; ""
	at          time.Time
}

// By is how it was proven.
func (p Proof) By() Way { return p.by }

// Use uses the proof up, in the transaction of the deed; Denied
// (confirm_needed) if that has happened before.
func (p Proof) Use(tx store.Tx) error {
	if p.sessions == nil {
		return errConfirm()
	}
	return p.sessions.Change(tx, p.session, p.at, func(s *signed) error {
		i := slices.IndexFunc(s.Proofs, func(o proof) bool { return o.Purpose == p.purpose && p.at.Before(o.Until) })
		if i < 0 {
			return errConfirm()
		}
		if err := supports(tx, s.Proofs[i].Certificate); err != nil { // it may have ended since
			return err
		}
		s.Proofs = slices.Delete(s.Proofs, i, i+1)
		return nil
	})
}

// Confirmed returns the proof that who gave for the purpose a short time ago;
// Denied (confirm_needed) if there is none.
func (d *Desk) Confirmed(ctx context.Context, who Who, p Purpose) (Proof, error) {
	now := d.now()
	found := Proof{sessions: d.sessions, session: who.session, purpose: p, at: now}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		s, err := d.sessions.Get(tx, who.session, now)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(s.Of.Proofs, func(o proof) bool { return o.Purpose == p && now.Before(o.Until) })
		if i < 0 {
			return errConfirm()
		}
		found.by, found.certificate = s.Of.Proofs[i].By, s.Of.Proofs[i].Certificate
		return nil
	})
	if err != nil {
		return Proof{}, err
	}
	return found, nil
}

// confirm keeps a proof of the same person for the purpose in the session, and
// gives the session a cookie that nobody has seen before.
func (d *Desk) confirm(ctx context.Context, who Who, p Purpose, h heard) (*http.Cookie, error) {
	now, token := d.now(), session.NewToken()
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		if err := h.use(tx); err != nil {
			return err
		}
		return d.sessions.Raise(tx, who.session, token, now, func(s *signed) error {
			if !s.same(h.signed) {
				return errOtherPerson()
			}
			s.Proofs = slices.DeleteFunc(s.Proofs, func(o proof) bool { return o.Purpose == p || !now.Before(o.Until) })
			if len(s.Proofs) >= maxProofs {
				s.Proofs = s.Proofs[1:]
			}
			s.Proofs = append(s.Proofs, proof{p, h.By, h.Certificate, now.Add(proofFor)})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return session.Cookie(token), nil
}

// confirmNonce binds a challenge to the session and to the purpose.
func (w Who) confirmNonce(p Purpose) nonce.Purpose {
	return nonce.Purpose("confirm/" + w.session + "/" + string(p))
}

// loginNonce binds the way to the eID provider to the session whose page showed
// what is to be confirmed. It is no challenge of confirmNonce: it proves nothing.
func (w Who) loginNonce(p Purpose) nonce.Purpose {
	return nonce.Purpose("confirm-eid/" + w.session + "/" + string(p))
}

// fromConfirm is Denied (confirm_other_page) for a way to the provider that our
// page of the purpose did not lead to in this session, a short time ago.
func (d *Desk) fromConfirm(who Who, p Purpose, n string) error {
	err := d.Nonces.Check(who.loginNonce(p), n)
	if errors.Is(err, fault.Denied) {
		return fault.New(fault.Denied, "confirm_other_page", "this was not begun on this page, or too long ago; see what is to be confirmed, and if you want it begin from here")
	}
	return err
}

func errConfirm() error {
	return fault.New(fault.Denied, "confirm_needed", "this needs a fresh proof that it is you, made for this alone; confirm it and send it again")
}

func errOtherPurpose() error {
	return fault.New(fault.Denied, "confirm_other_purpose", "the statement confirms something else; sign one for what this page shows")
}

func errOtherPerson() error {
	return fault.New(fault.Denied, "confirm_other_person", "the proof is not of who is signed in here, or of the same person for another organisation; use the key, passkey or login of the one who is signed in")
}

// isDenied reports whether err says no, and not that something is broken.
func isDenied(err error) bool { return errors.Is(err, fault.Denied) || errors.Is(err, fault.Invalid) }
