package badge

import (
	"fmt"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// grant fills in what a granted badge says.
func (b *Badge) grant(f Facts, r Rules, level int) {
	b.Level = level
	b.ValidFrom, b.ValidTo = f.At, f.At.Add(r.validity(level))
	b.learn(f)
}

// learn takes over what the registries said. Answers of a simulated registry
// make it a simulated badge, whatever the certificate is.
func (b *Badge) learn(f Facts) {
	var sources []Source
	if f.Person.Answered {
		sources = append(sources, f.Person.Source)
	}
	if !f.Company.Sole {
		b.LegalName = f.Company.Name
		sources = append(sources, f.Company.Source)
	}
	b.Licences = nil
	for _, l := range f.Licences {
		if l.Found {
			b.Licences = append(b.Licences, GrantedLicence{Type: l.Asked.Type, Number: l.Number, Issuer: l.Issuer, ValidTo: l.ValidTo})
		}
		if l.Answered {
			sources = append(sources, l.Source)
		}
	}
	b.Licence = nil
	if len(b.Licences) > 0 {
		b.Licence = &b.Licences[0]
	}
	for _, s := range sources {
		if s.Environment != evidence.Production {
			b.Environment = evidence.Simulated
		}
	}
}

// relevel takes the badge to another number of stars and says so in its
// history. One that was temporary holds from then on as long as its new level.
func (b *Badge) relevel(tx store.Tx, r Rules, level int, hash string, now time.Time) error {
	if level == b.Level {
		return nil
	}
	why := Why("level_lowered")
	if level > b.Level {
		why = "level_raised"
		if ends := b.ValidFrom.Add(r.validity(level)); ends.After(b.ValidTo) {
			b.ValidTo = ends
		}
	}
	b.Level = level
	return b.note(tx, why, hash, now)
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

// domainFree refuses with Conflict while another badge is active for the
// domain: nobody brings this one back beside it.
func (b Badge) domainFree(tx store.Tx) error {
	return store.Each(tx, domainBucket, b.Domain.ASCII+"/", "", func(_ string, id ID) error {
		o, err := LoadBadge(tx, id)
		if err == nil && id != b.ID && o.State == Active {
			err = fault.New(fault.Conflict, "badge_domain_held", "another badge has proven this domain since and is active; who runs the shop now asks for a badge of their own")
		}
		return err
	})
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
