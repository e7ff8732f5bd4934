package badge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// ReceiptKind is the kind of the receipt for a request.
const ReceiptKind = "badge-request"

// ReceiptClaims is what a receipt says: that we have the request, since when,
// what it asked for, and which leaf of the public log says so.
type ReceiptClaims struct {
	Leaf          string        `json:"leaf"` // hex, ledger.Event.ID
	Badge         ID            `json:"badge"`
	RequestSHA256 string        `json:"request_sha256"` // hex, of the JWS or CMS as received
	StampSHA256   string        `json:"stamp_sha256"`   // hex, of the time stamp over it
	StatusSHA256  string        `json:"status_sha256"`  // hex, of the OCSP answer for the signer
	ReceivedAt    time.Time     `json:"received_at"`
	Business      ca.BusinessID `json:"business"`
	Domain        string        `json:"domain"` // A-labels
	Action        Action        `json:"action"`
}

// Request takes a signed request in. What is refused leaves nothing. An
// accepted one is stamped, recorded with its proof and checked at once; the
// badge comes back as the checks leave it. The same letter again, and another
// one with the same request id for the same thing, give the same badge.
func (d *Desk) Request(ctx context.Context, l Letter) (Badge, error) {
	l = l.trimmed()
	if b, err := d.ofLetter(ctx, hexSHA256(l.Signed)); !errors.Is(err, fault.NotFound) {
		return b, err
	}
	in, err := d.open(ctx, l)
	if err != nil {
		return Badge{}, err
	}
	if b, err := d.ofName(ctx, in); !errors.Is(err, fault.NotFound) {
		return b, err
	}
	var b Badge
	switch in.ask.Action {
	case ActionWithdrawal:
		return d.withdraw(ctx, in)
	case ActionAppeal:
		return d.appeal(ctx, in)
	case ActionRenewal:
		b, err = d.renew(ctx, in)
	default:
		b, err = d.accept(ctx, in)
	}
	if err != nil {
		return Badge{}, err
	}
	d.Log.Info("badge requested", "badge", b.ID, "action", in.ask.Action)
	checked, err := d.Check(ctx, b.ID)
	if err != nil {
		// The request is safe; the job will check it.
		d.Log.Error("check badge", "badge", b.ID, "error", err)
		return b, nil
	}
	return checked, nil
}

// ofLetter returns the badge a letter was taken in for; NotFound if it was not.
func (d *Desk) ofLetter(ctx context.Context, sum string) (b Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		b, err = badgeOfLetter(tx, sum)
		if err == nil {
			b, err = b.live(tx, d.now())
		}
		return err
	})
	return b, err
}

func badgeOfLetter(tx store.Tx, sum string) (Badge, error) {
	r, err := store.Load[Request](tx, requestBucket, sum)
	if errors.Is(err, store.ErrNotFound) {
		return Badge{}, errBadgeUnknown()
	}
	if err != nil {
		return Badge{}, err
	}
	return LoadBadge(tx, r.Badge)
}

// ofName returns the badge that an earlier try with the same request id got;
// NotFound if there was none, Conflict if the id stood for something else.
func (d *Desk) ofName(ctx context.Context, in incoming) (b Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		b, err = badgeOfName(tx, in)
		if err == nil {
			b, err = b.live(tx, in.at)
		}
		return err
	})
	return b, err
}

func (in incoming) nameKey() string { return string(in.signer().Holder) + "/" + in.ask.Request }

func badgeOfName(tx store.Tx, in incoming) (Badge, error) {
	n, err := store.Load[named](tx, namedBucket, in.nameKey())
	if errors.Is(err, store.ErrNotFound) {
		return Badge{}, errBadgeUnknown()
	}
	if err != nil {
		return Badge{}, err
	}
	asked, err := in.asked()
	if err != nil {
		return Badge{}, err
	}
	if n.SHA256 != asked {
		return Badge{}, fault.New(fault.Conflict, "badge_request_id_used", "this request id stood for something else before; choose another one")
	}
	return LoadBadge(tx, n.Badge)
}

// accept records the request and the badge it asks for.
func (d *Desk) accept(ctx context.Context, in incoming) (Badge, error) {
	proof, err := d.prove(ctx, in, in.id(), event(in.id(), Checking, "received", in.sum(), in.at))
	if err != nil {
		return Badge{}, err
	}
	token := make([]byte, 16)
	rand.Read(token) // never fails (crypto/rand)
	leaf := in.signed.Standing().Leaf()
	fresh := Badge{
		ID: in.id(), Business: in.business, Holder: in.signer().Holder, Certificate: in.signer().Serial,
		Domain: in.domain, Asked: in.ask.Licence, AlsoAsked: in.ask.Licences, Least: in.ask.Level, Contact: in.ask.Contact,
		Environment: in.signer().Environment,
		Challenge:   newChallenge(hex.EncodeToString(token), in.domain, leaf.RawSubjectPublicKeyInfo, d.DomainPort),
		Request:     in.sum(), ReceivedAt: in.at, Rules: d.Rules.Version, Due: in.at,
	}
	var b Badge
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		b = fresh
		if had, err := badgeOfLetter(tx, in.sum()); !errors.Is(err, fault.NotFound) {
			b = had
			return err
		}
		if err := noneInTheWay(tx, in); err != nil {
			return err
		}
		if err := in.use(tx, proof); err != nil {
			return err
		}
		if err := b.move(tx, Checking, "received", in.sum(), in.at, in.at); err != nil {
			return err
		}
		if err := errors.Join(store.Save(tx, domainBucket, b.domainKey(), b.ID), store.Save(tx, ownBucket, b.ownKey(), b.ID)); err != nil {
			return err
		}
		return b.save(tx)
	})
	return b, err
}

func (b *Badge) ownKey() string { return string(b.Business) + "/" + string(b.ID) }

func (b *Badge) domainKey() string { return b.Domain.ASCII + "/" + string(b.ID) }

// use uses up what a request may use once, and keeps it with its proof. The
// signer's standing is asked once more, in the transaction of the deed.
func (in incoming) use(tx store.Tx, proof Request) error {
	standing, err := ca.StandingIn(tx, in.signed.Standing().Leaf(), in.at)
	if err != nil {
		return err
	}
	if err := standing.Fault(); err != nil {
		return err
	}
	if err := in.nonce.Use(tx); err != nil {
		return err
	}
	jti := in.signer().Serial + "/" + in.ask.JTI
	switch used, err := store.Has(tx, jtiBucket, jti); {
	case err != nil:
		return err
	case used:
		return fault.New(fault.Denied, "badge_request_replayed", "a statement with this jti was used before; sign a new one")
	}
	if err := store.Save(tx, jtiBucket, jti, usedJTI{Until: time.Unix(in.ask.Expires, 0).UTC().Add(time.Hour)}); err != nil {
		return err
	}
	asked, err := in.asked()
	if err != nil {
		return err
	}
	if err := store.Save(tx, namedBucket, in.nameKey(), named{Badge: proof.Badge, SHA256: asked}); err != nil {
		return err
	}
	return store.Save(tx, requestBucket, in.sum(), proof)
}

// target returns the badge that the letter is about, for its deed; had says
// that the letter was taken in before, and what is returned is what came of it.
func (in incoming) target(tx store.Tx, id ID) (b Badge, had bool, err error) {
	b, err = badgeOfLetter(tx, in.sum())
	if !errors.Is(err, fault.NotFound) {
		return b, true, err
	}
	b, err = LoadBadge(tx, id)
	return b, false, err
}

// noneInTheWay refuses a second badge of the business for the domain, and a
// second request of the person for it while the first is open.
func noneInTheWay(tx store.Tx, in incoming) error {
	return eachOfDomain(tx, in.domain.ASCII, in.at, func(b Badge) error {
		switch {
		case b.State.Open() && b.Holder == in.signer().Holder:
			return fault.New(fault.Conflict, "badge_request_open", "a request of yours for this domain is under way as %s; complete that one", b.ID)
		case b.Business == in.business && (b.State == Active || b.State == Suspended):
			return fault.New(fault.Conflict, "badge_exists", "this business has the badge %s for this domain; withdraw it first", b.ID)
		}
		return nil
	})
}

// eachOfDomain calls fn with every badge asked for the domain, as it stands now.
func eachOfDomain(tx store.Tx, ascii string, now time.Time, fn func(Badge) error) error {
	return store.Each(tx, domainBucket, ascii+"/", "", func(_ string, id ID) error {
		b, err := LoadBadge(tx, id)
		if err != nil {
			return err
		}
		if b, err = b.live(tx, now); err != nil {
			return err
		}
		return fn(b)
	})
}

// PDF returns the request that the badge came from, as it was received, where
// that is a PDF; else NotFound.
func (d *Desk) PDF(ctx context.Context, id ID) (signed []byte, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		b, err := LoadBadge(tx, id)
		if err != nil {
			return err
		}
		r, err := store.Load[Request](tx, requestBucket, b.Request)
		signed = r.Signed
		return err
	})
	if err == nil && !isPDF(signed) {
		err = fault.New(fault.NotFound, "badge_no_pdf", "this badge was not asked for by a PDF; its receipt says what was received")
	}
	return signed, err
}

// Receipt returns the signed receipt of the request the badge came from.
func (d *Desk) Receipt(ctx context.Context, id ID) (receipt []byte, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		b, err := LoadBadge(tx, id)
		if err != nil {
			return err
		}
		r, err := store.Load[Request](tx, requestBucket, b.Request)
		receipt = r.Receipt
		return err
	})
	return receipt, err
}
