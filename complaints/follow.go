package complaints

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// Complaint is a complaint at one business as its two sides see it. Contact is
// in it for nobody.
type Complaint struct {
	ID             string          `json:"id"`
	Business       ca.BusinessID   `json:"business"`
	Others         []ca.BusinessID `json:"others,omitempty" doc:"further businesses that the complaint is against; each has a state and a clock of its own"`
	Category       Category        `json:"category"`
	State          State           `json:"state"`
	Filed          time.Time       `json:"filed"`
	Served         time.Time       `json:"served,omitzero"`
	Policy         string          `json:"policy"`
	Window         Window          `json:"window"`
	Deadlines      []time.Time     `json:"deadlines,omitempty"`
	Missed         int             `json:"missed" doc:"windows missed so far"`
	EverUnanswered bool            `json:"ever_unanswered"`
	Owed           bool            `json:"owed" doc:"the business owes an answer"`
	Answered       time.Time       `json:"answered,omitzero"`
	ReactBy        time.Time       `json:"react_by,omitzero" doc:"until when the consumer may react to the answer; silence never counts as settled"`
	Outcome        Outcome         `json:"outcome,omitempty" doc:"of the officer's decision: for_consumer, for_both or for_business"`
	AppealBy       time.Time       `json:"appeal_by,omitzero" doc:"until when the officer's decision can be appealed"`
	DueBy          time.Time       `json:"due_by,omitzero" doc:"until when an officer is to act"`
	Purchase       Purchase        `json:"purchase"`
	Text           string          `json:"text"`
	TextRemoved    string          `json:"text_removed,omitempty" doc:"why all words were removed by law; nothing where they were not"`
	History        []Entry         `json:"history"`
	May            []Kind          `json:"may" doc:"what the consumer may say now"`
}

// Entry is an event as the two sides see it.
type Entry struct {
	Kind     Kind      `json:"kind"`
	At       time.Time `json:"at"`
	Actor    string    `json:"actor" doc:"consumer, business, service or officer"`
	Reason   string    `json:"reason,omitempty"`
	Outcome  Outcome   `json:"outcome,omitempty"`
	Text     string    `json:"text,omitempty" doc:"of an answer, of a decision, of who appeals"`
	Flags    []string  `json:"flags,omitempty" doc:"rules by which it was flagged; for an answer, the phrase that reads like a placeholder, which stops and starts nothing"`
	Of       string    `json:"of,omitempty" doc:"the other complaint, or the outage"`
	Business string    `json:"business,omitempty" doc:"to which it was moved, or from which it came"`
	From     time.Time `json:"from,omitzero" doc:"when the service was lost"`
	To       time.Time `json:"to,omitzero" doc:"when it was back"`
}

// Allows reports whether the consumer may say it now.
func (c Complaint) Allows(k Kind) bool { return slices.Contains(c.May, k) }

// Follow shows the complaint, at the first of its businesses, to its consumer:
// NotFound for an unknown id, Denied for a wrong token, Conflict while it is
// not confirmed.
func (d *Desk) Follow(ctx context.Context, id, token string) (Complaint, error) {
	return d.FollowAt(ctx, id, token, "")
}

// FollowAt is Follow at the business, "" being the first.
func (d *Desk) FollowAt(ctx context.Context, id, token string, b ca.BusinessID) (c Complaint, err error) {
	m, events, err := d.consumers(ctx, id, token, b)
	if err != nil {
		return c, err
	}
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) (err error) {
		c, err = d.show(tx, m, events, now)
		return err
	})
	return c, err
}

// FollowAll is Follow for each business that the complaint is against.
func (d *Desk) FollowAll(ctx context.Context, id, token string) (all []Complaint, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		f, err := authorised(tx, id, token)
		if err != nil {
			return err
		}
		all = nil
		for _, b := range f.businesses() {
			m := matter{f, b}
			events, err := m.load(tx)
			if err != nil {
				return err
			}
			c, err := d.show(tx, m, events, now)
			if err != nil {
				return err
			}
			all = append(all, c)
		}
		return nil
	})
	return all, err
}

// consumers opens the complaint at the business, "" being the first, for its
// consumer.
func (d *Desk) consumers(ctx context.Context, id, token string, b ca.BusinessID) (m matter, events []Event, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		f, err := authorised(tx, id, token)
		if err != nil {
			return err
		}
		if m, err = f.at(cmp.Or(b, f.Business)); err != nil {
			return err
		}
		events, err = m.load(tx)
		return err
	})
	return m, events, err
}

// maxInbox bounds how many complaints Inbox returns at once.
const maxInbox = 100

// Inbox returns the complaints that were served to the business, in the order
// of their ids after the id given ("" for the first), at most a hundred. It
// is for the business alone: who asks was looked at before.
func (d *Desk) Inbox(ctx context.Context, b ca.BusinessID, after string) (list []Complaint, err error) {
	now, prefix := d.now(), businessKey(string(b))+"/"
	if after != "" {
		after = prefix + after
	}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		var ids []string
		err := store.Each(tx, rowBucket, prefix, after, func(key string, _ Row) error {
			if ids = append(ids, strings.TrimPrefix(key, prefix)); len(ids) == maxInbox {
				return store.Stop
			}
			return nil
		})
		if err != nil {
			return err
		}
		list, err = d.showAll(tx, ids, b, now)
		return err
	})
	return list, err
}

func (d *Desk) showAll(tx store.Tx, ids []string, b ca.BusinessID, now time.Time) ([]Complaint, error) {
	list := make([]Complaint, 0, len(ids))
	for _, id := range ids {
		m, events, err := loadMatter(tx, id, b)
		if err != nil {
			return nil, err
		}
		c, err := d.show(tx, m, events, now)
		if err != nil {
			return nil, err
		}
		c.Others, c.May = nil, nil // the consumer's affair
		list = append(list, c)
	}
	return list, nil
}

// unseal opens what the consumer filed; nothing where that was removed.
func (d *Desk) unseal(f file) (p private, err error) {
	if f.Private.Erased() {
		return p, nil
	}
	plain, err := d.Seal.Open(caseBucket, f.ID, "private", f.Private)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(plain, &p); err != nil {
		return p, fmt.Errorf("read complaint %s: %w", f.ID, err)
	}
	return p, nil
}

// show opens what is sealed and derives the state as of now.
func (d *Desk) show(tx store.Tx, m matter, events []Event, now time.Time) (Complaint, error) {
	p, err := d.unseal(m.file)
	if err != nil {
		return Complaint{}, err
	}
	s := Derive(events, notBefore(events, now))
	c := Complaint{
		ID: m.ID, Business: m.Business, Category: m.Category, State: s.State, Filed: s.Filed, Served: s.Served,
		Policy: s.Policy, Window: s.Window, Deadlines: s.Deadlines, Missed: s.Missed, EverUnanswered: s.EverUnanswered, Owed: s.Owed,
		Answered: s.Answered, ReactBy: s.ReactBy, Outcome: s.Outcome, AppealBy: s.AppealBy, DueBy: s.DueBy,
		Purchase: p.Purchase, Text: p.Text, May: []Kind{},
	}
	if c.TextRemoved, err = removedFor(tx, m.ID); err != nil {
		return c, err
	}
	for _, b := range m.businesses() {
		if b != m.Business {
			c.Others = append(c.Others, b)
		}
	}
	for _, k := range Reactions() {
		if s.allows(k) == nil {
			c.May = append(c.May, k)
		}
	}
	for _, e := range events {
		entry, err := d.entry(tx, e)
		if err != nil {
			return c, err
		}
		c.History = append(c.History, entry)
	}
	return c, nil
}

// entry shows one event.
func (d *Desk) entry(tx store.Tx, e Event) (n Entry, err error) {
	n = Entry{
		Kind: e.Kind, At: e.At, Actor: e.Actor, Reason: e.Reason, Outcome: e.Outcome, Flags: e.Flags, Of: e.Of, Business: e.Business,
		From: e.From, To: e.To,
	}
	if strings.HasPrefix(e.Actor, "operator:") {
		n.Actor = "officer" // which one is not the sides' to know
	}
	switch {
	case e.Statement != "":
		n.Text, err = d.answerText(tx, e.Statement)
	case e.Words != "":
		n.Text, err = d.read(tx, e.Words)
	}
	return n, err
}

// answerText returns the text of the signed answer with this hash; "" where it
// was removed.
func (d *Desk) answerText(tx store.Tx, sum string) (string, error) {
	s, err := store.Load[statement](tx, statementBucket, sum)
	if err != nil || s.Text.Erased() {
		return "", err
	}
	text, err := d.Seal.Open(statementBucket, sum, "text", s.Text)
	return string(text), err
}
