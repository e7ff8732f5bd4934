package complaints

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

const (
	// ReplyType is the typ of a business's reply to an invitation, and the type
	// of the statement in it.
	ReplyType = "mohr-publication-reply/1"
	// ReplyNonce binds nonces to such replies.
	ReplyNonce nonce.Purpose = "publication-reply"
)

// ReplyStatement is what a business signs when it was invited to publish.
type ReplyStatement struct {
	signature.Claims
	Business string `json:"business"`
	Reply    string `json:"reply"`            // consents, objects
	Reason   string `json:"reason,omitempty"` // objects: of ObjectionReasons
}

// ObjectionReasons returns the reasons to object, a closed set.
func ObjectionReasons() []string {
	return []string{"figures_wrong", "not_this_business", "before_a_court", "other"}
}

// Reply is what a business said to an invitation, and what an officer decided
// of its objection.
type Reply struct {
	At        time.Time `json:"at"`
	Consents  bool      `json:"consents"`
	Reason    string    `json:"reason,omitempty"`
	Statement string    `json:"statement"` // hex SHA-256 of the signed bytes
	Decided   time.Time `json:"decided,omitzero"`
	Upheld    bool      `json:"upheld,omitempty"`
	Actor     string    `json:"actor,omitempty"` // who decided
	Salt      []byte    `json:"salt"`
}

// open reports whether an objection waits for its decision.
func (r Reply) open() bool { return !r.Consents && r.Decided.IsZero() }

// Buckets: business/seq of the invitation -> what belongs to it.
const (
	replyBucket  = "complaints_replies" // .../n -> Reply, the last one counts
	frozenBucket = "complaints_frozen"  // -> Record, as it stood at the invitation
)

// Invitation is what an invited business is shown.
type Invitation struct {
	At      time.Time `json:"at"`
	Basis   Basis     `json:"basis,omitempty"`
	Preview Record    `json:"preview" doc:"the record as it stood at the invitation; it stays so"`
	Until   time.Time `json:"objection_until"`
	Reply   *Reply    `json:"reply,omitempty" doc:"what the business said last"`
}

func invitationKey(b ca.BusinessID, seq int) string {
	return fmt.Sprintf("%s/%04d", businessKey(string(b)), seq)
}

// freeze keeps the record as it stands at the invitation e.
func (d *Desk) freeze(tx store.Tx, b ca.BusinessID, e Published) error {
	r, err := d.recordIn(tx, b, e.At)
	if err != nil {
		return err
	}
	return store.Save(tx, frozenBucket, invitationKey(b, e.Seq), r)
}

// replies returns what the business said to an invitation, oldest first.
func replies(tx store.Tx, b ca.BusinessID, seq int) (list []Reply, err error) {
	err = store.Each(tx, replyBucket, invitationKey(b, seq)+"/", "", func(_ string, r Reply) error {
		list = append(list, r)
		return nil
	})
	return list, err
}

// Invitation returns the open invitation of a business, nil if there is none.
func (d *Desk) Invitation(ctx context.Context, b ca.BusinessID) (in *Invitation, err error) {
	at := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		in = nil
		list, err := publications(tx, b)
		if err != nil {
			return err
		}
		last := publicationAt(list, at)
		if last.State != Invited {
			return nil
		}
		in = &Invitation{At: last.At, Basis: last.Basis, Until: last.At.Add(d.Objection)}
		in.Preview, err = store.Load[Record](tx, frozenBucket, invitationKey(b, last.Seq))
		if err != nil && !errors.Is(err, store.ErrNotFound) { // invited before previews were kept
			return err
		}
		said, err := replies(tx, b, last.Seq)
		if n := len(said); n > 0 {
			in.Reply = &said[n-1]
		}
		return err
	})
	return in, err
}

// mayGoPublic is a Conflict while the business may still object, unless it
// consented, and while its objection waits for a decision.
func (d *Desk) mayGoPublic(tx store.Tx, b ca.BusinessID, invitation Published, at time.Time) error {
	said, err := replies(tx, b, invitation.Seq)
	if err != nil {
		return err
	}
	last := Reply{}
	if n := len(said); n > 0 {
		last = said[n-1]
	}
	until := invitation.At.Add(d.Objection)
	switch {
	case last.Consents:
		return nil
	case len(said) > 0 && last.open():
		return fault.New(fault.Conflict, "publication_objected", "the business objected to the publication; decide of its objection first")
	case at.Before(until):
		return fault.New(fault.Conflict, "publication_window_open", "the business may object until %[1]v and has not consented; publish then", until)
	}
	return nil
}

func errNotInvited() error {
	return fault.New(fault.Conflict, "publication_not_invited", "there is no invitation to publish that could be replied to")
}

// ReplyToInvitation takes what a business signed, a JWS of the type ReplyType.
// It may say another thing later, and the last word counts; an objection comes
// within the time for it. A statement is good once.
func (d *Desk) ReplyToInvitation(ctx context.Context, b ca.BusinessID, raw []byte) (Reply, error) {
	in, err := hear(ctx, d, b, raw, ReplyType, ReplyNonce, func(s ReplyStatement) string { return s.Business })
	if err != nil {
		return Reply{}, err
	}
	r, err := in.Says.reply()
	if err != nil {
		return Reply{}, err
	}
	r.At, r.Statement, r.Salt = in.at, in.sum, newSalt()
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := in.signedFor(d, tx, b); err != nil {
			return err
		}
		if err := in.once.Use(tx); err != nil {
			return err
		}
		return d.addReply(tx, b, r)
	})
	return r, err
}

// reply checks the statement.
func (s ReplyStatement) reply() (Reply, error) {
	switch {
	case s.Reply == "consents" && s.Reason == "":
		return Reply{Consents: true}, nil
	case s.Reply == "objects" && slices.Contains(ObjectionReasons(), s.Reason):
		return Reply{Reason: s.Reason}, nil
	}
	return Reply{}, fault.New(fault.Invalid, "publication_reply_unknown", "a business consents, or objects for figures_wrong, not_this_business, before_a_court or other; sign one of these")
}

func (d *Desk) addReply(tx store.Tx, b ca.BusinessID, r Reply) error {
	list, err := publications(tx, b)
	if err != nil {
		return err
	}
	in := publicationAt(list, r.At)
	if in.State != Invited {
		return errNotInvited()
	}
	said, err := replies(tx, b, in.Seq)
	switch {
	case err != nil:
		return err
	case len(said) >= maxReplies:
		return fault.New(fault.Conflict, "publication_replies", "this invitation was replied to %[1]d times, which is as often as it can be", maxReplies)
	case !r.Consents && r.At.After(in.At.Add(d.Objection)):
		return fault.New(fault.Conflict, "publication_window_over", "the time to object is over; it ended on %[1]v", in.At.Add(d.Objection))
	}
	kind := "publication.objected"
	if r.Consents {
		kind = "publication.consented"
	}
	return saveReply(tx, b, in.Seq, len(said)+1, r, kind)
}

// maxReplies bounds what a business may say to one invitation.
const maxReplies = 10

func saveReply(tx store.Tx, b ca.BusinessID, seq, n int, r Reply, kind string) error {
	if err := store.Save(tx, replyBucket, fmt.Sprintf("%s/%02d", invitationKey(b, seq), n), r); err != nil {
		return err
	}
	hash, err := commitment(struct {
		Business ca.BusinessID `json:"business"`
		Reply    Reply         `json:"reply"`
	}{b, r})
	if err != nil {
		return err
	}
	at := r.At
	if !r.Decided.IsZero() {
		at = r.Decided
	}
	return ledger.Append(tx, ledger.Event{Kind: kind, At: at, Hash: hash})
}
