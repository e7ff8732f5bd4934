package enroll

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func personKey(h ca.HolderID, id string) string { return string(h) + "/" + id }

// Kept is an application as the person sees it who is signed in.
type Kept struct {
	ID        string
	Profile   string
	Stage     Stage
	CreatedAt time.Time
	KeepUntil time.Time // then it is erased; zero while it is open
	Serial    string    // of its certificate; ""
}

// Erasable reports whether the person may have it erased.
func (k Kept) Erasable() bool { return k.Stage.erasable() }

// asThemselves refuses who acts for an organisation, and operators: what is
// held of a person is the person's.
func asThemselves(who signin.Who) error {
	if who.Holder == "" || who.Business != "" {
		return fault.New(fault.Denied, "mine_not_oneself", "you are signed in for an organisation or as an operator; what is held of you as a person is shown to you once you sign in with your own certificate, passkey or eID")
	}
	return nil
}

// KeptOf returns the applications that hold something of the person: those in
// which they proved the phone that the register says is theirs, and those
// behind their certificates. The newest first.
func (d *Desk) KeptOf(ctx context.Context, who signin.Who) ([]Kept, error) {
	list, err := d.applicationsOf(ctx, who)
	if err != nil {
		return nil, err
	}
	var kept []Kept
	for _, a := range list {
		if a.overdue(d.now()) {
			a.Stage = Expired
		}
		kept = append(kept, Kept{a.ID, a.Profile, a.Stage, a.CreatedAt, a.KeepUntil, a.Serial})
	}
	return kept, nil
}

// applicationsOf returns the papers of KeptOf.
func (d *Desk) applicationsOf(ctx context.Context, who signin.Who) (list []Application, err error) {
	if err := asThemselves(who); err != nil {
		return nil, err
	}
	certificates, err := d.CA.OfHolder(ctx, who.Holder)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, c := range certificates {
		ids[c.Request] = true // an application, or the statement of a renewal, of which there is none
	}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		err := store.Each(tx, personBucket, string(who.Holder)+"/", "", func(_ string, id string) error {
			ids[id] = true
			return nil
		})
		for id := range ids {
			a, missing := loadApplication(tx, id)
			if missing != nil && !errors.Is(missing, fault.NotFound) {
				return missing
			}
			if missing == nil && a.Stage != Erased {
				list = append(list, a)
			}
		}
		return err
	})
	slices.SortFunc(list, func(a, b Application) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, err
}

// theirs returns the application if it is one of KeptOf; NotFound if not.
func (d *Desk) theirs(ctx context.Context, who signin.Who, id string) (Application, error) {
	list, err := d.applicationsOf(ctx, who)
	if err != nil {
		return Application{}, err
	}
	i := slices.IndexFunc(list, func(a Application) bool { return a.ID == id })
	if i < 0 {
		return Application{}, errUnknown()
	}
	return list[i], nil
}

// The purposes of proofs that open or erase what is held of a person.
func seePurpose(id string) signin.Purpose   { return signin.Purpose("data/" + id) }
func erasePurpose(id string) signin.Purpose { return signin.Purpose("erase/" + id) }

// ExportMine is Export for who is signed in and has just proven it again: the
// proof is not used up, it is for looking, for its few minutes.
func (d *Desk) ExportMine(ctx context.Context, in *signin.Desk, who signin.Who, id string) (Export, error) {
	a, err := d.theirs(ctx, who, id)
	if err != nil {
		return Export{}, err
	}
	if _, err := in.Confirmed(ctx, who, seePurpose(id)); err != nil {
		return Export{}, err
	}
	return d.export(ctx, a)
}

// EraseMine is Erase for who is signed in, by a fresh proof that it uses up.
func (d *Desk) EraseMine(ctx context.Context, in *signin.Desk, who signin.Who, id string) error {
	if _, err := d.theirs(ctx, who, id); err != nil {
		return err
	}
	proof, err := in.Confirmed(ctx, who, erasePurpose(id))
	if err != nil {
		return err
	}
	_, err = d.eraseEnded(ctx, id, proof.Use)
	return err
}

// AskLockMine is AskLock for who is signed in: the code goes to the phone of
// their newest application, and nothing is typed. Conflict (mine_no_phone) if
// no such phone is held.
func (d *Desk) AskLockMine(ctx context.Context, who signin.Who, lift bool, locale string) (id, token string, err error) {
	list, err := d.applicationsOf(ctx, who)
	if err != nil {
		return "", "", err
	}
	for _, a := range list {
		p, err := d.person(a)
		if err != nil {
			return "", "", err
		}
		if a.phoneProven() {
			return d.AskLock(ctx, LockForm{NationalCode: p.NationalCode, Mobile: p.Mobile, Lift: lift, Locale: locale})
		}
	}
	return "", "", fault.New(fault.Conflict, "mine_no_phone", "no phone of yours is held here; name it on the page of locks")
}
