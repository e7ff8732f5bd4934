package enroll

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/web"
)

// UseEarlier lets the face check behind an earlier certificate of the same
// person count in this application, once, where the policy takes such (R20):
// for who proved the phone here and has the revocation code that came with
// that certificate, once the certificate counts no more. A wrong code, an
// unknown serial and another person's certificate are answered alike. A face
// check that is there already stays, and again changes nothing.
func (d *Desk) UseEarlier(ctx context.Context, id, token, serial, code string) (Application, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return a, err
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
	from, lineage, err := d.earlier(ctx, a, serial, code)
	if err != nil {
		return a, err
	}
	f, err := d.repeat(ctx, a.Profile, from)
	if err != nil {
		return a, err
	}
	return d.change(ctx, id, func(s *step) error {
		if lacks, err := d.lacks(s.Application, evidence.FaceMatch, s.now); err != nil {
			return err
		} else if !lacks {
			return errUnchanged
		}
		if err := s.in(Collecting, Waiting); err != nil {
			return err
		}
		s.with(func(tx store.Tx) error {
			if disowned, err := store.Has(tx, disownedBucket, lineage); err != nil || disowned {
				return cmp.Or(err, errEarlierUnusable())
			}
			return takeEarlier(tx, f.record.Earlier, id)
		})
		if err := d.add(s, f); err != nil {
			return err
		}
		return d.settle(s)
	})
}

// earlier returns the application behind the certificate and the line of the
// certificate, for who has its revocation code and is the person it names.
func (d *Desk) earlier(ctx context.Context, a Application, serial, code string) (from Application, lineage string, err error) {
	p, err := d.person(a)
	if err != nil {
		return from, "", err
	}
	c, application, err := d.redeemRevocation(ctx, plainSerial(serial), code)
	if err != nil {
		return from, "", err
	}
	if c.Holder != d.CA.Holder(p.NationalCode) {
		return from, "", errRevocationCode()
	}
	for c.ReplacedBy != "" {
		if c, err = d.CA.Certificate(ctx, c.ReplacedBy); err != nil {
			return from, "", err
		}
	}
	if !c.Ended() && d.now().Before(c.NotAfter) {
		return from, "", fault.New(fault.Conflict, "earlier_alive", "this certificate still counts: renew it with its key, or revoke it first if the key is lost")
	}
	if c.Ended() && c.Revoked.Reason == ca.PrivilegeWithdrawn {
		return from, "", errEarlierUnusable()
	}
	from, err = d.load(ctx, application)
	return from, c.Lineage, err
}

func errEarlierUnusable() error {
	return fault.New(fault.Denied, "earlier_unusable", "nothing that was proven for this certificate can be used again; make the face check")
}

// repeat returns the face check of an earlier application as evidence for
// another one. Only one that was made there is repeated: no chain grows.
func (d *Desk) repeat(ctx context.Context, profile string, from Application) (found, error) {
	if from.Stage != Issued {
		return found{}, errEarlierUnusable()
	}
	records, err := d.records(from)
	if err != nil {
		return found{}, err
	}
	rules, _ := d.Policy.Rules(profile)
	for _, r := range slices.Backward(records) {
		if r.Type != evidence.FaceMatch || r.Result != evidence.Match || r.Earlier != "" {
			continue
		}
		if age := rules.KnownAges[r.Type]; age <= 0 || d.now().Sub(r.CheckedAt) > age {
			return found{}, fault.New(fault.Denied, "earlier_old", "the earlier face check is too old, or this policy wants a new one; make the face check")
		}
		raw, err := d.rawOf(ctx, from.ID, r.ID)
		if err != nil {
			return found{}, err
		}
		r.Earlier, r.ID = r.Hash(), evidence.NewID()
		return found{r, raw}, nil
	}
	return found{}, errEarlierUnusable()
}

// rawOf opens what a source answered, as it was received; nil if nothing is kept.
func (d *Desk) rawOf(ctx context.Context, application, record string) (raw []byte, err error) {
	var s seal.Sealed
	err = d.Store.View(ctx, func(tx store.Tx) error {
		s, err = store.Load[seal.Sealed](tx, rawBucket, application+"/"+record)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return d.Seal.Open(rawBucket, application, record, s)
}

// takeEarlier lets a record of an earlier application serve one other
// application and no more (R11).
func takeEarlier(tx store.Tx, record, application string) error {
	by, err := store.Load[string](tx, earlierBucket, record)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.Save(tx, earlierBucket, record, application)
	case err == nil && by != application:
		return fault.New(fault.Conflict, "earlier_used", "the earlier face check has served another application already; make the face check")
	}
	return err
}

// takesEarlier reports whether an earlier face check may serve the application.
func (d *Desk) takesEarlier(profile string) bool {
	rules, _ := d.Policy.Rules(profile)
	return rules.KnownAges[evidence.FaceMatch] > 0
}

type earlierIn struct {
	ByID
	Body struct {
		Serial string `json:"serial" maxLength:"64" doc:"of a certificate that counts no more"`
		Code   string `json:"revocation_code" maxLength:"64" doc:"that came with it"`
	}
}

// routesEarlier hangs what serves who had a certificate before.
func (d *Desk) routesEarlier(s *web.Server) {
	op := web.Operation{Method: http.MethodPost, Path: "/applications/{id}/evidence/earlier", ID: "use-earlier", Summary: "Have the face check of an earlier certificate count again, by its revocation code", Tag: "enroll", Bearer: true}
	web.Handle(s, op, func(ctx context.Context, in *earlierIn) (*stateOut, error) {
		return d.answer(ctx, func(token string) (Application, error) {
			return d.UseEarlier(ctx, in.ID, token, in.Body.Serial, in.Body.Code)
		})
	})
}
