package enroll

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Named is a certificate in a person's name that counts, or rests.
type Named struct {
	Serial    string    `json:"serial" doc:"hexadecimal"`
	Profile   string    `json:"profile"`
	Business  string    `json:"legal_id,omitempty" doc:"of the organisation it names"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Suspended bool      `json:"suspended"`
}

// InMyName returns the certificates in the name of who has just locked them,
// oldest first.
func (d *Desk) InMyName(ctx context.Context, id, token string) ([]Named, error) {
	_, p, err := d.turned(ctx, id, token)
	if err != nil {
		return nil, err
	}
	list, err := d.CA.OfHolder(ctx, d.CA.Holder(p.NationalCode))
	if err != nil {
		return nil, err
	}
	now, named := d.now(), []Named{}
	for _, c := range list {
		if c.State == ca.Issued && !c.Ended() && now.Before(c.NotAfter) {
			profile, _, _ := strings.Cut(c.Profile, "@")
			named = append(named, Named{c.Serial, profile, string(c.Business), c.NotBefore, c.NotAfter, c.Suspended()})
		}
	}
	slices.SortFunc(named, func(a, b Named) int { return a.NotBefore.Compare(b.NotBefore) })
	return named, nil
}

// Disown ends certificates that somebody else obtained in the person's name,
// for who has just locked them with the phone that the register says is the
// person's. Their keys are blocked, for they never were the person's. If the
// SIM was changed a short time ago, or its age is not known, they are
// suspended instead: that can be undone, should the phone be the stolen thing,
// and ends by itself in their revocation (ca.MaxHold). What was proven for
// them serves nobody again. Again it changes nothing.
func (d *Desk) Disown(ctx context.Context, id, token string, serials []string) ([]Named, error) {
	ask, p, err := d.turned(ctx, id, token)
	if err != nil {
		return nil, err
	}
	if len(serials) == 0 || len(serials) > maxDisowned {
		return nil, fault.New(fault.Invalid, "disown_none", "name the certificates that are not yours, at most %[1]d at once", maxDisowned)
	}
	now, holder := d.now(), d.CA.Holder(p.NationalCode)
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		for _, serial := range serials {
			if err := d.disown(tx, holder, plainSerial(serial), ask.Quiet, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.Log.Warn("certificates disowned", "holder", holder, "count", len(serials), "revoked", ask.Quiet)
	text := d.Texts.Text(ask.Locale, "enroll.sms.disowned", len(serials))
	if _, err := d.Notifier.SMS(context.WithoutCancel(ctx), p.Mobile, text); err != nil {
		d.Log.Warn("disowning not told", "error", err) // the phone's owner sees the answer
	}
	return d.InMyName(ctx, id, token)
}

// maxDisowned bounds the certificates disowned at once.
const maxDisowned = 50

// disown ends or suspends one certificate and what replaced it.
func (d *Desk) disown(tx store.Tx, holder ca.HolderID, serial string, quiet bool, now time.Time) error {
	c, err := ca.LoadCertificate(tx, serial)
	if errors.Is(err, fault.NotFound) || err == nil && c.Holder != holder {
		return fault.New(fault.Invalid, "disown_unknown", "there is no certificate of this serial in your name; choose from the list")
	}
	if err != nil {
		return err
	}
	if err := store.Save(tx, disownedBucket, c.Lineage, now); err != nil {
		return err
	}
	if quiet {
		_, err := ca.RevokeLineIn(tx, serial, ca.KeyCompromise, ca.DisownedBy, time.Time{}, now)
		return err
	}
	for ; ; serial = c.ReplacedBy {
		if c, err = ca.LoadCertificate(tx, serial); err != nil {
			return err
		}
		if !c.Ended() && c.State == ca.Issued {
			if err := ca.SuspendIn(tx, serial, ca.DisownedBy, now); err != nil {
				return err
			}
		}
		if c.ReplacedBy == "" {
			return nil
		}
	}
}

// turned reads an ask that has locked, for who holds its token.
func (d *Desk) turned(ctx context.Context, id, token string) (lockAsk, Person, error) {
	a, p, err := d.openLock(ctx, id, token)
	if err == nil && !a.Turned {
		err = fault.New(fault.Conflict, "lock_unturned", "first lock with the code; then the certificates in your name are shown")
	}
	return a, p, err
}

type namedOut struct {
	Body struct {
		Certificates []Named `json:"certificates"`
	}
}

type disownIn struct {
	ByID
	Body struct {
		Serials []string `json:"serials" maxItems:"50" doc:"of certificates that somebody else obtained"`
	}
}

// routesDisown hangs what a person does whose identity was used by another.
func (d *Desk) routesDisown(s *web.Server) {
	answer := func(ctx context.Context, do func(token string) ([]Named, error)) (*namedOut, error) {
		token, err := web.Bearer(ctx)
		if err != nil {
			return nil, err
		}
		out := &namedOut{}
		out.Body.Certificates, err = do(token)
		return out, err
	}
	list := web.Operation{Method: http.MethodGet, Path: "/locks/{id}/certificates", ID: "list-named", Summary: "Certificates in the name of who has just locked them", Tag: "lock", Bearer: true}
	web.Handle(s, list, func(ctx context.Context, in *ByID) (*namedOut, error) {
		return answer(ctx, func(token string) ([]Named, error) { return d.InMyName(ctx, in.ID, token) })
	})
	disown := web.Operation{Method: http.MethodPost, Path: "/locks/{id}/disown", ID: "disown", Summary: "End certificates that somebody else obtained in one's name", Tag: "lock", Bearer: true}
	web.Handle(s, disown, func(ctx context.Context, in *disownIn) (*namedOut, error) {
		return answer(ctx, func(token string) ([]Named, error) { return d.Disown(ctx, in.ID, token, in.Body.Serials) })
	})
}
