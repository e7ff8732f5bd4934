package enroll

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"mohr/ca/evidence"
	"mohr/internal/eid"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
	"mohr/internal/web"
)

// LoginPath is where eID providers send browsers back to, below the portal.
const LoginPath = "/enroll/eid/callback"

// BeginLogin returns the address at the eID provider at which the applicant
// logs in, once they proved their phone as for a face. Nothing is kept: what
// the browser brings back says which application it is for, and serves once,
// within the time of a nonce, for the token that is the application's now.
func (d *Desk) BeginLogin(ctx context.Context, id, token string) (string, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return "", err
	}
	if a, err = d.mayLogIn(ctx, a); err != nil {
		return "", err
	}
	if err := d.mayAsk(ctx, id); err != nil {
		return "", err
	}
	return d.EID.Begin(ctx, a.ID+"."+d.Nonces.New(loginPurpose(a)), a.Locale)
}

// mayLogIn refuses a login that would serve nothing.
func (d *Desk) mayLogIn(ctx context.Context, a Application) (Application, error) {
	if d.EID == nil {
		return a, fault.New(fault.NotFound, "eid_absent", "this service takes no logins with an eID; look at what the application needs")
	}
	a, wanted, err := d.asks(ctx, a, evidence.EIDOIDC)
	switch {
	case err != nil:
		return a, err
	case !wanted:
		return a, errLoginUnwanted()
	case d.wantsPhone(a.Profile) && !a.phoneProven():
		return a, errLoginEarly()
	}
	return a, nil
}

func errLoginUnwanted() error {
	return fault.New(fault.Conflict, "eid_unwanted", "no login with an eID is asked for now; look at what the application needs next")
}

func errLoginEarly() error {
	return fault.New(fault.Conflict, "eid_early", "a login with an eID counts once the phone is proven; first hand in the code that was sent to it, or ask the registers again")
}

func errLoginOver() error {
	return fault.New(fault.Denied, "eid_over", "this login was not begun here, took too long or was used before; log in again from the page of the application")
}

// loginPurpose binds a login to the application and to who holds its token: a
// token that was replaced takes the logins begun with it along.
func loginPurpose(a Application) nonce.Purpose {
	return nonce.Purpose("enroll-eid/" + a.ID + "/" + a.TokenSHA256)
}

var applicationID = regexp.MustCompile(`^a-[0-9a-f]{32}$`)

// loginOf returns the application that a state names, "" if it names none, and
// the nonce in it.
func loginOf(state string) (id, nonce string) {
	id, nonce, ok := strings.Cut(state, ".")
	if !ok || !applicationID.MatchString(id) {
		return "", ""
	}
	return id, nonce
}

// FinishLogin takes what the browser brought back from the eID provider, from
// who holds the application's token. Whose login it was is evidence if the
// provider is as sure as the policy asks, and a mismatch if it is another
// person's; anything else leaves the application as it was. Once a login
// counts, again changes nothing.
func (d *Desk) FinishLogin(ctx context.Context, id, token string, b eid.Back) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
	}
	if a, err = d.mayLogIn(ctx, a); err != nil {
		if fault.Code(err) == "eid_unwanted" && a.proven(evidence.EIDOIDC) {
			return a, nil
		}
		return a, err
	}
	if err := d.mayAsk(ctx, id); err != nil {
		return a, err
	}
	if a, err = d.useLogin(ctx, a, b.State); err != nil {
		return a, err
	}
	f, err := d.loggedIn(ctx, a, b)
	if err != nil {
		return a, errors.Join(err, d.loginFailed(ctx, id, err))
	}
	return d.prove(ctx, id, f)
}

// useLogin takes the state out of use, before its code is handed in: of many
// at once one gets that far.
func (d *Desk) useLogin(ctx context.Context, a Application, state string) (Application, error) {
	id, n := loginOf(state)
	if id != a.ID {
		return a, errLoginOver()
	}
	checked, err := d.Nonces.Redeemable(loginPurpose(a), n)
	if errors.Is(err, fault.Denied) {
		return a, errLoginOver()
	} else if err != nil {
		return a, err
	}
	return d.change(ctx, id, func(s *step) error {
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		s.with(func(tx store.Tx) error {
			if err := checked.Use(tx); errors.Is(err, fault.Denied) {
				return errLoginOver()
			} else if err != nil {
				return err
			}
			return nil
		})
		s.note("eid_back", "")
		return nil
	})
}

// loggedIn asks the provider whose login it was. Nothing of another person's
// is kept.
func (d *Desk) loggedIn(ctx context.Context, a Application, b eid.Back) (found, error) {
	p, err := d.person(a)
	if err != nil {
		return found{}, err
	}
	login, err := d.EID.Finish(ctx, b.State, b)
	if err != nil {
		return found{}, err
	}
	if rules, _ := d.Policy.Rules(a.Profile); !rules.Takes(evidence.Level(login.Level)) {
		return found{}, eid.ErrLevel
	}
	f := found{}
	if f.record, err = evidence.LoginRecord(login, p.NationalCode); err == nil && f.record.Result == evidence.Match {
		f.raw = login.Raw
	}
	return f, err
}

// loginFailed notes why a login does not count.
func (d *Desk) loginFailed(ctx context.Context, id string, why error) error {
	d.Log.Warn("eid login does not count", "application", id, "error", why)
	_, err := d.change(context.WithoutCancel(ctx), id, func(s *step) error {
		s.note("eid_failed", fault.Code(why))
		return nil
	})
	return err
}

// loginFault returns the fault of a login that a page was sent to show, by its
// code; nil if there is none of that code.
func loginFault(code string) error {
	all := append(eid.Faults(), errLoginUnwanted(), errLoginEarly(), errLoginOver(), errLimit())
	i := slices.IndexFunc(all, func(err error) bool { return fault.Code(err) == code })
	if i < 0 {
		return nil
	}
	return all[i]
}

type loginIn struct {
	ByID
	Body struct {
		Query string `json:"query" maxLength:"8192" doc:"of the address that the browser was sent back to: code=...&state=..."`
	}
}

// back reads the query; what is none is nothing.
func (in *loginIn) back() eid.Back {
	q, err := url.ParseQuery(in.Body.Query)
	if err != nil {
		return eid.Back{}
	}
	return eid.ReadBack(q)
}

type loginOut struct {
	Body struct {
		URL string `json:"url" doc:"at the eID provider; it sends the browser back to the portal, and the query of that address is to be handed in"`
	}
}

func (d *Desk) apiBeginLogin(ctx context.Context, in *ByID) (*loginOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	out := &loginOut{}
	out.Body.URL, err = d.BeginLogin(ctx, in.ID, token)
	return out, err
}
