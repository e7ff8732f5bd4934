package incident

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// page is how many records are looked at, or targets kept, at a time.
const page = 500

// harvest is what gathering adds up to.
type harvest struct {
	byProfile map[string]int
	leftOut   map[string]int
	owner     ca.Certificate // the first target, for its owner
	many      bool           // not all of one owner, or the service's own
	subjects  map[string]bool
	operators []ca.OperatorRecord
	seen      int
}

// gather goes through what a selects and gives the targets to keep, a page at
// a time.
func (d *Desk) gather(ctx context.Context, a Ask, now time.Time, keep func(targets []string) error) (*harvest, error) {
	h := &harvest{byProfile: map[string]int{}, leftOut: map[string]int{}, subjects: map[string]bool{}}
	var err error
	if h.operators, err = d.CA.Operators(ctx); err != nil {
		return nil, err
	}
	if a.Kind == Block {
		return h, d.gatherKeys(ctx, a.Keys, h, keep)
	}
	return h, d.each(ctx, a, h, func(list []ca.Certificate) error {
		var targets []string
		for _, c := range list {
			if why := leaveOut(c, a, now); why != "" {
				h.leftOut[why]++
				continue
			}
			h.take(c)
			targets = append(targets, c.Serial)
		}
		return keep(targets)
	})
}

// each calls fn with the certificates that a selects, by pages.
func (d *Desk) each(ctx context.Context, a Ask, h *harvest, fn func([]ca.Certificate) error) error {
	switch {
	case a.Holder != "":
		list, err := d.CA.OfHolder(ctx, a.Holder)
		return errors.Join(err, fn(list))
	case a.Business != "":
		list, err := d.CA.OfBusiness(ctx, a.Business)
		return errors.Join(err, fn(list))
	case a.Profile != "":
		return d.eachOfProfile(ctx, a.Profile, fn)
	case len(a.Keys) > 0:
		for _, key := range a.Keys {
			list, err := d.CA.OfKey(ctx, key)
			if err := errors.Join(err, fn(list)); err != nil {
				return err
			}
			if len(list) == 0 {
				h.leftOut["unknown"]++
			}
		}
		return nil
	}
	for serials := range slices.Chunk(a.Serials, page) {
		list, unknown, err := d.load(ctx, serials)
		if err := errors.Join(err, fn(list)); err != nil {
			return err
		}
		if unknown > 0 {
			h.leftOut["unknown"] += unknown
		}
	}
	return nil
}

// eachOfProfile goes through the whole register, in short transactions.
func (d *Desk) eachOfProfile(ctx context.Context, profile string, fn func([]ca.Certificate) error) error {
	for after := ""; ; {
		list, err := d.CA.List(ctx, after, page)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		after = list[len(list)-1].Serial
		list = slices.DeleteFunc(list, func(c ca.Certificate) bool {
			name, _, _ := strings.Cut(c.Profile, "@")
			return c.Profile != profile && name != profile
		})
		if err := fn(list); err != nil {
			return err
		}
	}
}

// load reads certificates and counts serials that nobody has.
func (d *Desk) load(ctx context.Context, serials []string) (list []ca.Certificate, unknown int, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		for _, serial := range serials {
			c, err := ca.LoadCertificate(tx, serial)
			switch {
			case errors.Is(err, fault.NotFound):
				unknown++
			case err != nil:
				return err
			default:
				list = append(list, c)
			}
		}
		return nil
	})
	return list, unknown, err
}

// leaveOut says why the plan does not concern c; "" if it does. Expired
// certificates end only where what they signed in their time is in doubt.
func leaveOut(c ca.Certificate, a Ask, now time.Time) string {
	switch {
	case c.State != ca.Issued:
		return string(c.State)
	case c.Ended():
		return "revoked"
	case now.After(c.NotAfter) && a.Reason != ca.KeyCompromise:
		return "expired"
	case a.Kind == RenewNow && c.ReplacedBy != "":
		return "renewed"
	case a.Kind == RenewNow && c.RenewNow != nil:
		return "marked"
	case a.Kind == RenewLater && c.RenewNow == nil:
		return "unmarked"
	}
	return ""
}

// take counts a certificate that is concerned.
func (h *harvest) take(c ca.Certificate) {
	if h.seen == 0 {
		h.owner = c
	}
	h.seen++
	h.byProfile[c.Profile]++
	h.many = h.many || c.OfService() || c.Holder != h.owner.Holder || c.Business != h.owner.Business || c.Service != h.owner.Service
	for _, o := range h.operators {
		if o.Owns(c) {
			h.subjects[o.Name] = true
		}
	}
}

// known are the names of all the persons behind the names given: whom a plan
// concerns under one name it concerns under each.
func (d *Desk) known(ctx context.Context, names []string) ([]string, error) {
	operators, err := d.CA.Operators(ctx)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(names)
	err = d.Store.View(ctx, func(tx store.Tx) error {
		for _, name := range names {
			h, err := ca.PersonOf(tx, name)
			if err != nil {
				return err
			}
			for _, o := range operators {
				if h != "" && o.Holder == h {
					all = append(all, o.Name)
				}
			}
		}
		return nil
	})
	slices.Sort(all)
	return slices.Compact(all), err
}

// gatherKeys gives the keys that are not blocked yet to keep, and counts the
// certificates they take along.
func (d *Desk) gatherKeys(ctx context.Context, keys []string, h *harvest, keep func([]string) error) error {
	for some := range slices.Chunk(keys, page) {
		var targets []string
		for _, key := range some {
			var blocked bool
			err := d.Store.View(ctx, func(tx store.Tx) error {
				_, err := ca.LoadBlocked(tx, key)
				if blocked = err == nil; errors.Is(err, fault.NotFound) {
					err = nil
				}
				return err
			})
			if err != nil {
				return err
			}
			if blocked {
				h.leftOut["blocked"]++
				continue
			}
			list, err := d.CA.OfKey(ctx, key)
			if err != nil {
				return err
			}
			for _, c := range list {
				if c.State == ca.Issued && !c.Ended() {
					h.take(c)
				}
			}
			targets = append(targets, key)
		}
		if err := keep(targets); err != nil {
			return err
		}
	}
	return nil
}
