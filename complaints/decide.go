package complaints

import (
	"context"
	"crypto/x509"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// DecideObjection decides of an objection, for the officer whose certificate
// leaf is: another person than who invited, and nobody who acts for the
// business. Upheld, the record is private again; dismissed, it may be made
// public when the time to object is over.
func (d *Desk) DecideObjection(ctx context.Context, leaf *x509.Certificate, b ca.BusinessID, uphold bool) (Reply, error) {
	at, salt := d.now(), newSalt()
	var r Reply
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		o, err := d.acting(tx, leaf, at, b)
		if err != nil {
			return err
		}
		list, err := publications(tx, b)
		if err != nil {
			return err
		}
		in := publicationAt(list, at)
		if in.State != Invited {
			return errNotInvited()
		}
		if own, err := did(tx, in.Actor, o); err != nil {
			return err
		} else if own {
			return fault.New(fault.Denied, "publication_own_invitation", "you invited this business, and it objects to that; another officer decides of it")
		}
		said, err := replies(tx, b, in.Seq)
		if err != nil {
			return err
		}
		n := len(said)
		if n == 0 || !said[n-1].open() {
			return fault.New(fault.Conflict, "publication_no_objection", "there is no objection that waits for a decision")
		}
		r = said[n-1]
		r.Decided, r.Upheld, r.Actor, r.Salt = at, uphold, o.Actor(), salt
		if err := saveReply(tx, b, in.Seq, n+1, r, "publication.objection_decided"); err != nil || !uphold {
			return err
		}
		_, err = d.publish(tx, b, Published{State: Private, At: at, Actor: o.Actor(), Salt: salt})
		return err
	})
	return r, err
}
