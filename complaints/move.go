package complaints

import (
	"context"
	"errors"
	"slices"
	"strings"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// mayMoveTo brings the id of the other business into its one form and looks
// whether it is known.
func (d *Desk) mayMoveTo(ctx context.Context, in *Ruling) error {
	b, err := ca.ParseBusinessID(strings.TrimSpace(string(in.To)))
	if err != nil {
		return err
	}
	in.To = b
	var ok bool
	err = d.Store.View(ctx, func(tx store.Tx) (err error) {
		ok, err = known(tx, b)
		return err
	})
	if err != nil || ok {
		return err
	}
	return d.ask(ctx, b)
}

// moveTo opens the complaint at the other business: judged by the policy under
// which it was filed, and served now.
func (d *Desk) moveTo(tx store.Tx, m matter, filed Event, r ruling) error {
	if slices.Contains(m.businesses(), r.To) {
		return fault.New(fault.Conflict, "complaint_moved_there", "this complaint is against that business already, or was; rule on it there")
	}
	p, err := d.unseal(m.file)
	if err != nil {
		return err
	}
	e := r.more[0]
	e.At, e.Reason, e.Policy, e.Window, e.Business = filed.At, filed.Reason, filed.Policy, filed.Window, string(m.Business)
	if e.Content, err = p.commitment(e.Salt); err != nil {
		return err
	}
	f := m.file
	f.Also = append(slices.Clone(f.Also), r.To)
	if err := store.Save(tx, caseBucket, f.ID, f); err != nil {
		return err
	}
	if err := errors.Join(enter(tx, string(r.To)), remember(tx, d.sameKeys(p, r.To), f.ID)); err != nil {
		return err
	}
	o := matter{f, r.To}
	events, err := o.add(tx, nil, e)
	if err != nil {
		return err
	}
	_, err = d.serve(tx, o, events, r.serves)
	return err
}

// restore undoes, after an appeal was granted, what stood beside the decision
// that fell: a complaint that was never served is served now, and one that was
// moved is taken back from where it went, unless it went on there.
func (d *Desk) restore(tx store.Tx, m matter, events []Event, r ruling) ([]Event, error) {
	if s := Derive(events, events[len(events)-1].At); s.State == StateFiled {
		return d.serve(tx, m, events, r.serves)
	}
	i := lastOf(events, KindDecided, KindInadmissible, KindDuplicate, KindMerged, KindMoved)
	if i < 0 || events[i].Kind != KindMoved {
		return events, nil
	}
	o, there, err := loadMatter(tx, m.ID, ca.BusinessID(events[i].Business))
	if err != nil {
		return nil, err
	}
	back := r.more[0]
	back.Business = string(m.Business)
	if Derive(there, notBefore(there, back.At)).allows(KindMoved) != nil {
		return events, nil
	}
	_, err = o.add(tx, there, back)
	return events, err
}

// lastOf returns the index of the last event of one of the kinds, -1 if there
// is none.
func lastOf(events []Event, kinds ...Kind) int {
	for i := len(events) - 1; i >= 0; i-- {
		if slices.Contains(kinds, events[i].Kind) {
			return i
		}
	}
	return -1
}
