package badge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"mohr/ca"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// answer is what a registry said, in its own bytes.
type answer struct {
	source string
	raw    []byte
}

// gathered is facts with the answers they rest on, by hash.
type gathered struct {
	facts   Facts
	answers map[string]sealedAnswer
}

// sealedAnswer is an answer as it is kept: a company registry names all who
// may sign, with their national codes.
type sealedAnswer struct {
	Source string      `json:"source"`
	Raw    seal.Sealed `json:"raw"`
}

// gather asks everybody once, at the same time. Who does not answer leaves
// its part of the facts unanswered; only a failing store is an error.
func (d *Desk) gather(ctx context.Context, b Badge) (gathered, error) {
	g := gathered{facts: Facts{Requested: later(b.ReceivedAt, b.ReopenedAt), Granted: !b.ValidFrom.IsZero(), Business: b.Business}}
	var last ca.Certificate
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		g.facts.Signer, last, err = lineOf(tx, b.Certificate, d.now())
		return err
	})
	if err != nil {
		return g, err
	}
	code, asked := nationalCode(last.DER), b.licences()
	g.facts.Licences = make([]LicenceAnswer, len(asked))
	answers := make([]answer, len(asked)+2)
	of := string(b.Business)
	if isSole(b.Business) {
		of, g.facts.Company.Sole = code, true // no registry knows the opaque id
	}
	var all sync.WaitGroup
	if !g.facts.Company.Sole {
		all.Go(func() { g.facts.Company, answers[len(asked)] = d.askCompany(ctx, b.Business, code) })
	}
	all.Go(func() { g.facts.Person, answers[len(asked)+1] = d.askPerson(ctx, last, code) })
	for i, l := range asked {
		all.Go(func() { g.facts.Licences[i], answers[i] = d.askLicence(ctx, of, l) })
	}
	all.Go(func() { g.facts.Duties = d.askDuties(ctx, b) })
	all.Go(func() { g.facts.Domain = d.lookAtDomain(ctx, b, g.facts.Granted) })
	all.Go(func() { g.facts.Site = d.lookAtSite(ctx, b) })
	all.Wait()
	g.facts.At = d.now()
	if len(asked) > 0 {
		g.facts.Licence = g.facts.Licences[0]
	}
	g.answers, err = d.sealAnswers(answers...)
	return g, err
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (d *Desk) sealAnswers(list ...answer) (map[string]sealedAnswer, error) {
	kept := map[string]sealedAnswer{}
	for _, a := range list {
		if len(a.raw) == 0 {
			continue
		}
		sum := hexSHA256(a.raw)
		raw, err := d.Seal.Seal(answerBucket, sum, "raw", a.raw)
		if err != nil {
			return nil, fmt.Errorf("seal answer: %w", err)
		}
		kept[sum] = sealedAnswer{Source: a.source, Raw: raw}
	}
	return kept, nil
}

// askDuties reads what the complaint record says. The headline count of
// unanswered complaints is the duty that a badge asks to keep.
func (d *Desk) askDuties(ctx context.Context, b Badge) Duties {
	r, err := d.Complaints.Record(ctx, b.Business)
	if err != nil {
		d.Log.Error("read complaint record", "badge", b.ID, "error", err)
		return Duties{}
	}
	return Duties{Answered: true, Unanswered: r.Scorecard.Unanswered, Oldest: r.Aside.Oldest}
}

// lookAtDomain looks for the proof until the badge is granted; a merchant may
// take it away then. Whether the name leads anywhere is always looked at.
func (d *Desk) lookAtDomain(ctx context.Context, b Badge, granted bool) DomainViews {
	return DomainViews{Name: b.Domain.ASCII, Views: look(ctx, d.eyes, b.Domain, b.Challenge, !granted)}
}
