package complaints

import (
	"context"
	"errors"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// DecideObjection decides of an objection, for an officer; actor is what
// ca.Authority.Operator returned. Upheld, the record is private again;
// dismissed, it may be made public when the time to object is over.
func (d *Desk) DecideObjection(ctx context.Context, actor string, b ca.BusinessID, uphold bool) (Reply, error) {
	if actor == "" {
		return Reply{}, errors.New("complaints: objection decided by nobody")
	}
	at, salt := d.now(), newSalt()
	var r Reply
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		list, err := publications(tx, b)
		if err != nil {
			return err
		}
		in := publicationAt(list, at)
		if in.State != Invited {
			return errNotInvited()
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
		r.Decided, r.Upheld, r.Actor, r.Salt = at, uphold, actor, salt
		if err := saveReply(tx, b, in.Seq, n+1, r, "publication.objection_decided"); err != nil || !uphold {
			return err
		}
		_, err = d.publish(tx, b, Published{State: Private, At: at, Actor: actor, Salt: salt})
		return err
	})
	return r, err
}
