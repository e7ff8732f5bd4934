package complaints

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

const (
	// AnswerType is the typ of the JWS and the type of the statement in it.
	AnswerType = "mohr-complaint-answer/1"
	// AnswerNonce binds nonces to answers.
	AnswerNonce nonce.Purpose = "complaint-answer"
	// MaxAnswer bounds a signed answer, in octets: the text and a chain.
	MaxAnswer = 64 << 10
)

// AnswerStatement is what a business signs.
type AnswerStatement struct {
	signature.Claims
	Complaint string `json:"complaint"`
	Kind      Kind   `json:"kind"` // of BusinessKinds
	Text      string `json:"text"` // for the consumer
}

// Accepted says what an answer did.
type Accepted struct {
	Complaint string    `json:"complaint"`
	Kind      Kind      `json:"kind"`
	At        time.Time `json:"at" doc:"when it counts as given"`
	State     State     `json:"state" doc:"of the complaint after it"`
	Statement string    `json:"statement" doc:"hex SHA-256 of the signed bytes as received; the receipt is had by it"`
	Mark      string    `json:"mark,omitempty" doc:"the phrase for which it reads like a placeholder; that stops and starts nothing"`
}

// incoming is an answer whose signature and form are good.
type incoming struct {
	AnswerStatement
	leaf  *x509.Certificate
	nonce nonce.Checked
	sum   string
}

// Answer takes a signed answer to the complaint id, a JWS of the type
// AnswerType. The same bytes again give the same result. It is Denied unless
// the signer's certificate is good at this instant and speaks for the
// complaint's business, a Conflict where nothing is open to be answered.
func (d *Desk) Answer(ctx context.Context, id string, raw []byte) (Accepted, error) {
	if len(raw) > MaxAnswer {
		return Accepted{}, fault.New(fault.Invalid, "complaint_answer_too_large", "a signed answer has at most %[1]d octets; shorten its text", MaxAnswer)
	}
	sum := sha256.Sum256(raw)
	name := hex.EncodeToString(sum[:])
	switch had, err := d.accepted(ctx, name); {
	case err == nil:
		return had, sameComplaint(id, had.Complaint)
	case !errors.Is(err, store.ErrNotFound):
		return Accepted{}, err
	}
	in, err := d.readAnswer(ctx, raw)
	if err != nil {
		return Accepted{}, err
	}
	if err := sameComplaint(id, in.Complaint); err != nil {
		return Accepted{}, err
	}
	if err := d.mayActNow(ctx, in); err != nil {
		return Accepted{}, err
	}
	in.sum = name
	sealed, err := d.sealAnswer(in, raw)
	if err != nil {
		return Accepted{}, fmt.Errorf("seal answer: %w", err)
	}
	e := Event{Kind: in.Kind, At: d.now(), Actor: "business", Statement: name, Salt: newSalt()}
	e.mark(d.placeholders, in.Text)
	var done Accepted
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		s := sealed
		if err := d.take(tx, in, e, &s); err != nil {
			return err
		}
		done = s.Accepted
		return store.Save(tx, statementBucket, name, s)
	})
	if errors.Is(err, errTaken) { // the same bytes, sent twice at once
		return d.accepted(ctx, name)
	}
	return done, err
}

// sameComplaint refuses an answer that was sent to another complaint than the
// one it names.
func sameComplaint(sentTo, named string) error {
	if sentTo != named {
		return fault.New(fault.Invalid, "complaint_answer_elsewhere", "the signed answer names another complaint than the one it was sent to; send it there")
	}
	return nil
}

var errTaken = errors.New("complaints: this answer was taken already")

// accepted returns what the answer with this hash did; store.ErrNotFound if
// it never came.
func (d *Desk) accepted(ctx context.Context, sum string) (Accepted, error) {
	var s statement
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		s, err = store.Load[statement](tx, statementBucket, sum)
		return err
	})
	return s.Accepted, err
}

// readAnswer checks all of an answer that does not depend on the complaint.
func (d *Desk) readAnswer(ctx context.Context, raw []byte) (incoming, error) {
	signed, err := d.Verifier.JWS(ctx, raw, AnswerType)
	if err != nil {
		return incoming{}, err
	}
	if err := signed.Standing().Fault(); err != nil {
		return incoming{}, err
	}
	in := incoming{leaf: signed.Standing().Leaf()}
	statement, claims, err := signature.ParseClaims[AnswerStatement](signed, AnswerType, d.Audience, d.now())
	if err != nil {
		return in, err
	}
	in.AnswerStatement = statement
	if !slices.Contains(BusinessKinds(), in.Kind) {
		return in, errAnswerKind()
	}
	if _, err := checkText(in.Text, 1); err != nil {
		return in, err
	}
	in.nonce, err = d.Nonces.Redeemable(AnswerNonce, claims.Nonce)
	return in, err
}

func errAnswerKind() error {
	return fault.New(fault.Invalid, "complaint_answer_kind", "an answer is of the kind answer, holding, no_such_order or appealed; give one of these")
}

// sealAnswer makes the record of an answer, without what it will have done.
func (d *Desk) sealAnswer(in incoming, raw []byte) (s statement, err error) {
	if s.Raw, err = d.Seal.Seal(statementBucket, in.sum, "raw", raw); err != nil {
		return s, err
	}
	s.Text, err = d.Seal.Seal(statementBucket, in.sum, "text", []byte(in.Text))
	return s, err
}

// take records the answer inside the transaction, after looking again at all
// that may have changed since it was read, and says in s what it did.
func (d *Desk) take(tx store.Tx, in incoming, e Event, s *statement) error {
	switch ok, err := store.Has(tx, statementBucket, in.sum); {
	case err != nil:
		return err
	case ok:
		return errTaken
	}
	m, signer, err := d.standsFor(tx, in, e.At)
	if err != nil {
		return err
	}
	if err := in.nonce.Use(tx); err != nil {
		return err
	}
	s.Signer, s.Business = signer, m.Business
	s.Accepted, err = m.answer(tx, e)
	return err
}

// answer adds what the business says: an answer, if one is owed, or an appeal.
func (m matter) answer(tx store.Tx, e Event) (Accepted, error) {
	events, err := m.load(tx)
	if err != nil {
		return Accepted{}, err
	}
	if err := Derive(events, notBefore(events, e.At)).allowsBusiness(e.Kind); err != nil {
		return Accepted{}, err
	}
	if events, err = m.add(tx, events, e); err != nil {
		return Accepted{}, err
	}
	last := events[len(events)-1]
	a := Accepted{Complaint: m.ID, Kind: e.Kind, At: last.At, State: Derive(events, last.At).State, Statement: e.Statement}
	if len(e.Flags) > 0 {
		a.Mark = e.Flags[0]
	}
	return a, nil
}

// mark notes for which phrase an answer reads like a placeholder. A holding
// answer is one by its own word, and an appeal is no answer.
func (e *Event) mark(r PlaceholderRules, text string) {
	if e.Kind == KindHolding || e.Kind == KindAppealed {
		return
	}
	if phrase := r.Judge(text); phrase != "" {
		e.Flags, e.Rules = []string{phrase}, r.Version
	}
}

// standsFor returns the complaint and the signer's serial, if the signer's
// certificate is still good and speaks for the complaint's business.
func (d *Desk) standsFor(tx store.Tx, in incoming, now time.Time) (m matter, serial string, err error) {
	standing, err := ca.StandingIn(tx, in.leaf, now)
	if err != nil {
		return m, "", err
	}
	if err := standing.Fault(); err != nil {
		return m, "", err
	}
	f, err := loadFile(tx, in.Complaint)
	if err != nil {
		return m, "", err
	}
	record := standing.Record()
	b, _, err := d.speaking(tx, record, now, f.businesses()...)
	if err != nil {
		return m, "", err
	}
	return matter{f, b}, record.Serial, nil
}
