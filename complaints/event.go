package complaints

import (
	"cmp"
	"time"
)

// Kind is what an event says happened.
type Kind string

// The kinds of events. Every complaint opens with the first.
const (
	KindFiled         Kind = "filed"
	KindFlagged       Kind = "flagged"         // by the service: an officer looks at it before it is served
	KindAdmitted      Kind = "admitted"        // by an officer, or by the service when his time is over
	KindServed        Kind = "served"          // the clock starts
	KindRested        Kind = "rested"          // the service could not be reached for a while, in which no clock runs
	KindHolding       Kind = "holding"         // "we are looking into it": never stops the clock
	KindAnswer        Kind = "answer"          // stops the clock
	KindNoSuchOrder   Kind = "no_such_order"   // an answer too, which an officer can test
	KindOrderFound    Kind = "order_found"     // an officer: there is such an order; the same clock goes on
	KindOrderNotFound Kind = "order_not_found" // an officer: there is none
	KindDisputed      Kind = "disputed"        // the consumer: this was no answer; the same clock goes on
	KindAccepted      Kind = "accepted"        // the consumer accepts the answer
	KindRejected      Kind = "rejected"        // the consumer does not; it stays an answer
	KindSettled       Kind = "settled"         // the consumer confirms that it is settled with the business
	KindEscalated     Kind = "escalated"       // the consumer asks for an officer's decision
	KindDecided       Kind = "decided"         // by an officer
	KindWithdrawn     Kind = "withdrawn"       // by the consumer
	KindInadmissible  Kind = "inadmissible"    // by an officer, with a reason; so are the next three
	KindDuplicate     Kind = "duplicate"       // of another complaint
	KindMerged        Kind = "merged"          // into another complaint
	KindMoved         Kind = "moved"           // to another business
	KindJoined        Kind = "joined"          // another complaint was merged into this one
	KindAppealed      Kind = "appealed"        // against an officer's decision
	KindAppealGranted Kind = "appeal_granted"  // by another officer: the decision falls
	KindAppealRefused Kind = "appeal_refused"  // by another officer: the decision stays
)

// Outcome is what an officer decided.
type Outcome string

// The outcomes.
const (
	ForConsumer Outcome = "for_consumer" // the business is to do what the consumer asked
	ForBoth     Outcome = "for_both"     // a part of it
	ForBusiness Outcome = "for_business" // nothing is owed
)

// Event is one thing that happened to one complaint at one business. Events
// are only ever added; nothing personal is in them.
type Event struct {
	Seq       int       `json:"seq"` // from 1
	Kind      Kind      `json:"kind"`
	At        time.Time `json:"at"`                  // UTC, whole seconds; never before the event before
	Actor     string    `json:"actor"`               // "consumer", "business", "service", "operator:NAME"
	Reason    string    `json:"reason,omitempty"`    // a word of the officer's closed set
	Policy    string    `json:"policy,omitempty"`    // filed: version of the window policy in force
	Window    Window    `json:"window,omitzero"`     // filed: that policy's window
	Content   string    `json:"content,omitempty"`   // filed: salted commitment to what the consumer wrote
	Statement string    `json:"statement,omitempty"` // answers: hex SHA-256 of what was signed
	From      time.Time `json:"from,omitzero"`       // rested: when the service was lost
	To        time.Time `json:"to,omitzero"`         // rested: when it was back
	Rules     string    `json:"rules,omitempty"`     // version of the rules that Flags come from
	Flags     []string  `json:"flags,omitempty"`     // flagged: the rules that held; answers: why they read like a placeholder
	Outcome   Outcome   `json:"outcome,omitempty"`   // decided, and an appeal granted against it
	Of        string    `json:"of,omitempty"`        // duplicate, merged, joined: the other complaint; rested: the outage
	Business  string    `json:"business,omitempty"`  // moved: to whom; filed after that: from whom
	Words     string    `json:"words,omitempty"`     // salted commitment to what was written beside the reason
	Approval  string    `json:"approval,omitempty"`  // of officers: the matter that was signed (ca/approval)
	Salt      []byte    `json:"salt"`                // makes the ledger's commitment say nothing
}

// rowOf returns what the events come to for counting, once the complaint was
// served.
func rowOf(events []Event) (r Row, ok bool) {
	for _, e := range events {
		r.take(e)
		ok = ok || e.Kind == KindServed
	}
	return r, ok
}

// take adds one event, which is not before those that were added.
func (r *Row) take(e Event) {
	at := e.At.Unix()
	switch e.Kind {
	case KindFiled:
		r.Filed, r.Window = at, e.Window
	case KindServed:
		r.Served = at
	case KindRested:
		r.Rest = append(r.Rest, Rest{Span: Span{From: e.From.Unix(), To: e.To.Unix()}, At: at})
	case KindAnswer, KindNoSuchOrder:
		r.Answered = cmp.Or(r.Answered, at)
	case KindDisputed, KindOrderFound:
		if r.Answered != 0 {
			r.Void = append(r.Void, Span{From: r.Answered, To: at, Reacted: r.Reacted})
			r.Answered, r.Reacted = 0, 0
		}
	case KindAccepted, KindRejected, KindSettled, KindEscalated, KindDecided, KindAppealed, KindAppealGranted, KindAppealRefused:
		r.takeEnd(e.Kind, at)
	case KindWithdrawn, KindMoved:
		r.Ended = at
	case KindInadmissible, KindDuplicate, KindMerged:
		r.Out = at
	}
}

// takeEnd adds what happens after an answer, and appeals.
func (r *Row) takeEnd(k Kind, at int64) {
	if r.Answered != 0 && (k == KindAccepted || k == KindRejected || k == KindSettled || k == KindEscalated) {
		r.Reacted = cmp.Or(r.Reacted, at)
	}
	switch k {
	case KindAccepted:
		r.Accepted = cmp.Or(r.Accepted, at)
	case KindRejected:
		r.Rejected = cmp.Or(r.Rejected, at)
	case KindSettled:
		r.Settled, r.Closed = at, at
	case KindEscalated:
		r.Escalated = at
	case KindDecided:
		r.Decided, r.Closed = at, at+seconds(AppealTime)+1 // its last second is inside
	case KindAppealed:
		r.Closed = 0
	case KindAppealGranted, KindAppealRefused:
		switch {
		case r.Out == 0 && r.Ended == 0:
			r.Closed = at
		case k == KindAppealGranted:
			r.Gone = append(r.Gone, Gone{Span: Span{From: cmp.Or(r.Out, r.Ended), To: at}, Ended: r.Ended != 0})
			r.Out, r.Ended = 0, 0
		}
	}
}
