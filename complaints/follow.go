package complaints

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// Complaint is a complaint as its two sides see it. Contact is in it for
// nobody.
type Complaint struct {
	ID             string        `json:"id"`
	Business       ca.BusinessID `json:"business"`
	Category       Category      `json:"category"`
	State          State         `json:"state"`
	Filed          time.Time     `json:"filed"`
	Served         time.Time     `json:"served"`
	Policy         string        `json:"policy"`
	Window         Window        `json:"window"`
	Deadlines      []time.Time   `json:"deadlines"`
	Missed         int           `json:"missed" doc:"windows missed so far"`
	EverUnanswered bool          `json:"ever_unanswered"`
	Answered       time.Time     `json:"answered,omitzero"`
	Purchase       Purchase      `json:"purchase"`
	Text           string        `json:"text"`
	History        []Entry       `json:"history"`
}

// Entry is an event as the two sides see it.
type Entry struct {
	Kind   Kind      `json:"kind"`
	At     time.Time `json:"at"`
	Actor  string    `json:"actor"` // "consumer", "business", "service", "officer"
	Reason string    `json:"reason,omitempty"`
	Text   string    `json:"text,omitempty"` // of an answer
}

// Open reports whether the business owes an answer.
func (c Complaint) Open() bool { return Status{State: c.State}.Open() }

// Disputable reports whether the consumer may say that the answer was none.
func (c Complaint) Disputable() bool {
	return c.State == StateAnswered || c.State == StateAnsweredLate
}

// Follow shows the complaint to its consumer: NotFound for an unknown id,
// Denied for a wrong token.
func (d *Desk) Follow(ctx context.Context, id, token string) (c Complaint, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		f, events, err := authorised(tx, id, token)
		if err != nil {
			return err
		}
		c, err = d.show(tx, f, events)
		return err
	})
	return c, err
}

// maxInbox bounds how many complaints Inbox returns at once.
const maxInbox = 100

// Inbox returns the complaints that were served to the business, in the order
// of their ids after the id given ("" for the first), at most a hundred. It
// is for the business alone: who asks was looked at before.
func (d *Desk) Inbox(ctx context.Context, b ca.BusinessID, after string) (list []Complaint, err error) {
	prefix := businessKey(string(b)) + "/"
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
		list, err = d.showAll(tx, ids)
		return err
	})
	return list, err
}

func (d *Desk) showAll(tx store.Tx, ids []string) ([]Complaint, error) {
	list := make([]Complaint, 0, len(ids))
	for _, id := range ids {
		f, err := loadFile(tx, id)
		if err != nil {
			return nil, err
		}
		events, err := loadEvents(tx, f)
		if err != nil {
			return nil, err
		}
		c, err := d.show(tx, f, events)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// show opens what is sealed and derives the state as of now.
func (d *Desk) show(tx store.Tx, f file, events []Event) (Complaint, error) {
	plain, err := d.Seal.Open(caseBucket, f.ID, "private", f.Private)
	if err != nil {
		return Complaint{}, err
	}
	var p private
	if err := json.Unmarshal(plain, &p); err != nil {
		return Complaint{}, fmt.Errorf("read complaint %s: %w", f.ID, err)
	}
	s := Derive(events, notBefore(events, d.now()))
	c := Complaint{
		ID: f.ID, Business: f.Business, Category: f.Category, State: s.State, Filed: s.Filed, Served: s.Served,
		Policy: s.Policy, Window: s.Window, Deadlines: s.Deadlines, Missed: s.Missed, EverUnanswered: s.EverUnanswered,
		Answered: s.Answered, Purchase: p.Purchase, Text: p.Text,
	}
	for _, e := range events {
		entry := Entry{Kind: e.Kind, At: e.At, Actor: e.Actor, Reason: e.Reason}
		if strings.HasPrefix(e.Actor, "operator:") {
			entry.Actor = "officer" // which one is not the sides' to know
		}
		if e.Statement != "" {
			if entry.Text, err = d.answerText(tx, e.Statement); err != nil {
				return c, err
			}
		}
		c.History = append(c.History, entry)
	}
	return c, nil
}

// answerText returns the text of the signed answer with this hash.
func (d *Desk) answerText(tx store.Tx, sum string) (string, error) {
	s, err := store.Load[statement](tx, statementBucket, sum)
	if err != nil {
		return "", err
	}
	text, err := d.Seal.Open(statementBucket, sum, "text", s.Text)
	return string(text), err
}
