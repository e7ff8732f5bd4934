package enroll

import (
	"context"

	"mohr/ca"
)

// papers are what the order for an application rests on, for a node that signs
// for others.
func (d *Desk) papers(a Application) func(context.Context) (ca.Papers, error) {
	return func(ctx context.Context) (p ca.Papers, err error) {
		if p.CSR, err = d.Seal.Open(applicationBucket, a.ID, csrField, a.Key.CSR); err != nil {
			return p, err
		}
		p.Form = a.Key.Form
		if p.Records, err = d.records(a); err != nil {
			return p, err
		}
		p.Answers = make([][]byte, len(p.Records))
		for i, r := range p.Records {
			if p.Answers[i], err = d.rawOf(ctx, a.ID, r.ID); err != nil {
				return p, err
			}
		}
		return p, nil
	}
}
