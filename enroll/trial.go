package enroll

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/web"
)

const (
	// maxTrial bounds how many applications one call of Try looks at.
	maxTrial = 2000
	// maxTrialIDs bounds how many of them a move names.
	maxTrialIDs = 20
	// maxTrialBody bounds a request with a policy, octets: what ParsePolicy
	// takes, written as a JSON string.
	maxTrialBody = 128 << 10
)

// Trial is what a policy would have decided of applications that were decided.
type Trial struct {
	Policy  string `json:"policy" doc:"version of the policy that was tried"`
	Decided int    `json:"decided" doc:"applications that were judged again"`
	Skipped int    `json:"skipped" doc:"applications that were not decided, or are erased"`
	Moves   []Move `json:"moves" doc:"how many decided so would be decided otherwise, or as before"`
	After   string `json:"after,omitempty" doc:"there are more: go on after this one"`
}

// Move is how many applications would go from one outcome to another.
type Move struct {
	From         evidence.Outcome `json:"from"`
	To           evidence.Outcome `json:"to"`
	Count        int              `json:"count"`
	Applications []string         `json:"applications,omitempty" doc:"some of them, where the outcome differs"`
}

// Try judges applications that were decided once more, by another policy, as
// they were and at the time when they were decided. It changes nothing.
// It begins after an id, "" for the first.
func (d *Desk) Try(ctx context.Context, p *evidence.Policy, after string) (Trial, error) {
	t := Trial{Policy: p.Version(), Moves: []Move{}}
	var list []Application
	err := d.Store.View(ctx, func(tx store.Tx) error {
		list = list[:0]
		return store.Each(tx, applicationBucket, "", after, func(_ string, a Application) error {
			if list = append(list, a); len(list) == maxTrial {
				return store.Stop
			}
			return nil
		})
	})
	if err != nil {
		return t, err
	}
	for _, a := range list {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		if a.Decision == nil || a.Stage == Erased {
			t.Skipped++
			continue
		}
		records, err := d.records(a)
		if err != nil {
			return t, err
		}
		now := p.Evaluate(evidence.Case{Profile: a.Profile, Home: a.Home, Records: records}, a.Decision.At)
		t.add(a, now.Outcome())
	}
	if len(list) == maxTrial {
		t.After = list[len(list)-1].ID
	}
	return t, nil
}

func (t *Trial) add(a Application, to evidence.Outcome) {
	m := Move{From: a.Decision.Outcome, To: to, Count: 1}
	if m.From != to {
		m.Applications = []string{a.ID}
	}
	t.Join(Trial{Policy: t.Policy, Decided: 1, Moves: []Move{m}})
}

// Join adds another part of the same trial.
func (t *Trial) Join(part Trial) {
	t.Policy, t.After = part.Policy, part.After
	t.Decided, t.Skipped = t.Decided+part.Decided, t.Skipped+part.Skipped
	for _, m := range part.Moves {
		i := slices.IndexFunc(t.Moves, func(n Move) bool { return n.From == m.From && n.To == m.To })
		if i < 0 {
			t.Moves = append(t.Moves, m)
			continue
		}
		n := &t.Moves[i]
		n.Count += m.Count
		n.Applications = append(n.Applications, m.Applications...)
		n.Applications = n.Applications[:min(len(n.Applications), maxTrialIDs)]
	}
}

// Explained is why an application was decided as it was. Nothing personal is
// in it.
type Explained struct {
	ID        string           `json:"id"`
	Stage     Stage            `json:"stage"`
	Profile   string           `json:"profile"`
	Policy    string           `json:"policy"`
	PolicyOID string           `json:"policy_oid,omitempty"`
	Outcome   evidence.Outcome `json:"outcome"`
	Trace     []evidence.Step  `json:"trace"`
}

// Explain returns the decision of an application; Conflict if there is none.
func (d *Desk) Explain(ctx context.Context, id string) (Explained, error) {
	a, err := d.load(ctx, id)
	if err != nil {
		return Explained{}, err
	}
	if a.Decision == nil {
		return Explained{}, fault.New(fault.Conflict, "application_undecided", "this application is not decided (%[1]s); evidence is still missing", a.Stage)
	}
	v := a.Decision
	return Explained{ID: a.ID, Stage: a.Stage, Profile: a.Profile, Policy: v.Policy, PolicyOID: v.PolicyOID, Outcome: v.Outcome, Trace: v.Trace}, nil
}

type trialIn struct {
	Body struct {
		Policy string `json:"policy" maxLength:"65536" doc:"a policy file (YAML)"`
		After  string `json:"after,omitempty" maxLength:"64" doc:"the last application that was looked at"`
	}
}

type trialOut struct{ Body Trial }

type explainedOut struct{ Body Explained }

// reads lets in who may read what others decide: readers of the register, and
// officers.
func (d *Desk) reads(ctx context.Context) error {
	_, err := d.CA.May(ctx, web.PeerCertificate(ctx), ca.MayRead)
	if errors.Is(err, fault.Denied) {
		_, err = d.officer(ctx)
	}
	return err
}

// routesPolicy hangs what operators ask of policies.
func (d *Desk) routesPolicy(s *web.Server) {
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "policy", Before: d.reads}
	}
	explain := op(http.MethodGet, "/applications/{id}/decision", "explain-decision", "Why an application was decided as it was (operators)")
	web.Handle(s, explain, func(ctx context.Context, in *ByID) (*explainedOut, error) {
		e, err := d.Explain(ctx, in.ID)
		return &explainedOut{e}, err
	})
	try := op(http.MethodPost, "/policies/trial", "try-policy", "What another policy would have decided; it changes nothing (operators)")
	try.MaxBody, try.Repeatable = maxTrialBody, true
	web.Handle(s, try, func(ctx context.Context, in *trialIn) (*trialOut, error) {
		p, err := evidence.ParsePolicy([]byte(in.Body.Policy))
		if err != nil {
			return nil, err
		}
		t, err := d.Try(ctx, p, in.Body.After)
		return &trialOut{t}, err
	})
}
