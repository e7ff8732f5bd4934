package badge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Trace is a decision with all it rested on: whoever may see it can Replay it.
type Trace struct {
	Badge    ID        `json:"badge"`
	Number   int       `json:"number"`  // counted from 0
	Request  string    `json:"request"` // hex SHA-256 of the JWS
	Rules    Rules     `json:"rules"`
	Facts    Facts     `json:"facts"`
	Findings []Finding `json:"findings"`
	Outcome  Outcome   `json:"outcome"`
}

// Replay judges the facts of a trace anew, by the rules it names, and reports
// whether findings and outcome are those recorded.
func Replay(t Trace) (findings []Finding, o Outcome, same bool) {
	findings = t.Rules.Judge(t.Facts)
	o, _, _ = Decide(findings)
	return findings, o, o == t.Outcome && slices.Equal(findings, t.Findings)
}

// Traces returns the badge's decisions, oldest first.
func (d *Desk) Traces(ctx context.Context, id ID) ([]Trace, error) {
	var list []Trace
	err := d.Store.View(ctx, func(tx store.Tx) error {
		if _, err := LoadBadge(tx, id); err != nil {
			return err
		}
		return store.Each(tx, traceBucket, string(id)+"/", "", func(_ string, t Trace) error {
			list = append(list, t)
			return nil
		})
	})
	return list, err
}

// Check gathers the facts of a badge, judges them and records what follows.
// Checking one that has ended changes nothing. Where two checks race, the
// first to record counts.
func (d *Desk) Check(ctx context.Context, id ID) (Badge, error) {
	b, err := d.load(ctx, id)
	if err != nil || b.State == Refused || b.State == Revoked || b.State == Expired {
		return b, err
	}
	g, err := d.gather(ctx, b)
	if err != nil {
		return b, fmt.Errorf("gather facts of badge %s: %w", id, err)
	}
	var after Badge
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		now, err := LoadBadge(tx, id)
		if err != nil {
			return err
		}
		if now.Version == b.Version {
			if err := now.decide(tx, g, d.Rules); err != nil {
				return err
			}
		}
		after, err = now.live(tx, g.facts.At)
		return err
	})
	if err != nil {
		return b, fmt.Errorf("record check of badge %s: %w", id, err)
	}
	if after.State != b.State {
		d.Log.Info("badge decided", "badge", id, "state", after.State, "why", after.Why)
	}
	return after, nil
}

func (d *Desk) load(ctx context.Context, id ID) (b Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		b, err = LoadBadge(tx, id)
		return err
	})
	return b, err
}

// decide judges what was gathered and records the decision. The certificates
// are looked up again, in this transaction: a revocation that came while we
// asked around counts.
func (b *Badge) decide(tx store.Tx, g gathered, r Rules) error {
	f := g.facts
	line, _, err := lineOf(tx, b.Certificate, f.At)
	if err != nil {
		return err
	}
	f.Signer = line
	findings := r.Judge(f)
	outcome, why, waitingFor := Decide(findings)
	before := *b
	t := Trace{Badge: b.ID, Number: b.Traces, Request: b.Request, Rules: r, Facts: f, Findings: findings, Outcome: outcome}
	next, why, since := b.next(f, outcome, why)
	hash, err := canonicalSHA256(t)
	if err != nil {
		return err
	}
	if next != b.State || !slices.Equal(findings, b.Findings) {
		if err := b.keep(tx, t, g.answers); err != nil {
			return err
		}
	}
	b.Findings, b.Rules, b.CheckedAt, b.WaitingFor = findings, r.Version, f.At, nil
	if next == Waiting {
		b.WaitingFor = waitingFor
	}
	if next != before.State || next == Waiting && why != before.Why {
		if err := b.move(tx, next, why, hash, since, f.At); err != nil {
			return err
		}
	}
	if next == Active && before.State.Open() {
		b.grant(f, r)
		if err := b.takeOver(tx, hash, f.At); err != nil {
			return err
		}
	}
	b.Due = b.nextCheck(f.At)
	return b.save(tx)
}

// next is the state that an outcome leads to, why, and since when, where
// that is not now.
func (b *Badge) next(f Facts, o Outcome, why Why) (next State, because Why, since time.Time) {
	if b.State.Open() {
		switch o {
		case Grant:
			return Active, why, since
		case Refuse:
			return Refused, why, since
		}
		return Waiting, why, since
	}
	switch {
	case f.Signer.Life == lifeRevoked:
		return Revoked, "certificate_revoked", f.Signer.Ended
	case !f.At.Before(b.ValidTo):
		return Expired, "badge_expired", b.ValidTo
	case o == Refuse && (why == "certificate_expired" || why == certificateHeld):
		return Suspended, why, f.Signer.Ended
	case o == Refuse:
		return Suspended, why, since
	case o == Grant && b.Why != takenOver:
		return Active, why, since
	}
	return b.State, b.Why, since // unknown never takes anything away
}

// grant fills in what a granted badge says. Answers of a simulated registry
// make it a simulated badge, whatever the certificate is.
func (b *Badge) grant(f Facts, r Rules) {
	b.LegalName, b.Level = f.Company.Name, 1
	b.Licence = &GrantedLicence{Type: f.Licence.Asked.Type, Number: f.Licence.Number, Issuer: f.Licence.Issuer, ValidTo: f.Licence.ValidTo}
	b.ValidFrom, b.ValidTo = f.At, f.At.Add(r.Validity)
	for _, s := range []Source{f.Company.Source, f.Licence.Source} {
		if s.Environment != evidence.Production {
			b.Environment = evidence.Simulated
		}
	}
}

// takenOver is why a badge is suspended when another one has proven the domain.
const takenOver Why = "domain_taken_over"

// takeOver suspends what other badges say of the domain: control of it was
// proven for this one just now, and theirs is older. They do not come back by
// themselves, and those that were suspended for another reason neither.
func (b *Badge) takeOver(tx store.Tx, hash string, now time.Time) error {
	var older []Badge
	err := store.Each(tx, domainBucket, b.Domain.ASCII+"/", "", func(_ string, id ID) error {
		o, err := LoadBadge(tx, id)
		if err == nil && id != b.ID && (o.State == Active || o.State == Suspended && o.Why != takenOver) {
			older = append(older, o)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, o := range older {
		if err := o.move(tx, Suspended, takenOver, hash, now, now); err != nil {
			return err
		}
		if err := o.save(tx); err != nil {
			return err
		}
	}
	return nil
}

// keep stores a decision with the answers it rests on.
func (b *Badge) keep(tx store.Tx, t Trace, answers map[string]sealedAnswer) error {
	for sum, a := range answers {
		if err := store.Save(tx, answerBucket, sum, a); err != nil {
			return err
		}
	}
	key := fmt.Sprintf("%s/%06d", b.ID, b.Traces)
	b.Traces++
	return store.Save(tx, traceBucket, key, t)
}

// How often the job checks: a badge once a day, an open request after half a
// minute at first and ever less often, but at least every hour.
const (
	recheckActive = 24 * time.Hour
	firstWait     = 30 * time.Second
	longestWait   = time.Hour
)

// nextCheck says when the job looks again; zero when there is nothing to look at.
func (b *Badge) nextCheck(now time.Time) time.Time {
	switch b.State {
	case Checking, Waiting:
		wait := min(max(now.Sub(b.ReceivedAt)/10, firstWait), longestWait)
		return now.Add(wait).Truncate(time.Second)
	case Active, Suspended:
		next := now.Add(recheckActive)
		if b.ValidTo.Before(next) {
			next = b.ValidTo
		}
		return next
	}
	return time.Time{}
}

// How often a badge may be checked on demand: by a client that asks every two
// seconds, and little more.
const (
	triesAllowed = 40
	triesWithin  = time.Minute
)

// CheckOnDemand is Check for whoever asks. It is Limited where the same badge
// was asked for too often: each check looks at the merchant's server.
func (d *Desk) CheckOnDemand(ctx context.Context, id ID) (Badge, error) {
	now := d.now()
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := LoadBadge(tx, id); err != nil {
			return err
		}
		// Not in the badge's record: asking often must not get in the way of
		// a check under way, which records only what nobody changed meanwhile.
		tries, err := store.Load[[]time.Time](tx, triesBucket, string(id))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		tries = slices.DeleteFunc(tries, func(at time.Time) bool { return now.Sub(at) >= triesWithin })
		if len(tries) >= triesAllowed {
			return fault.New(fault.Limited, "badge_checks_limited", "this badge was checked %d times within the last minute; wait a minute", triesAllowed)
		}
		return store.Save(tx, triesBucket, string(id), append(tries, now))
	})
	if err != nil {
		return Badge{}, err
	}
	return d.Check(ctx, id)
}
