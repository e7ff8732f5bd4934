package mandate

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Revocation is what somebody signs who takes a mandate back. It names the
// hash of the plan that was shown, so that nothing else ends than what was.
type Revocation struct {
	signature.Claims
	Choice
	Reason     Reason `json:"reason"`
	PlanSHA256 string `json:"plan_sha256"`
}

// Revoke takes a mandate back, with what the plan says. The same statement
// again changes nothing and is no error.
func (d *Desk) Revoke(ctx context.Context, s approval.Signed) (Mandate, error) {
	signed, err := d.open(ctx, s, RevokeType)
	if err != nil {
		return Mandate{}, err
	}
	if m, err := d.taken(ctx, signed); !errors.Is(err, fault.NotFound) {
		return m, err
	}
	in, err := read[Revocation](d, signed, RevokeType)
	if err != nil {
		return Mandate{}, err
	}
	if !slices.Contains(Reasons(), in.T.Reason) {
		return Mandate{}, fault.New(fault.Invalid, "mandate_reason", "a mandate is taken back because it is not-needed, the person left, or it was abused; name one of these")
	}
	target, c, err := d.mayRevoke(ctx, in.T.Mandate, in.signer(), in.at)
	if err != nil {
		return Mandate{}, err
	}
	kept, err := d.keep(signed, target.ID, c, in.at)
	if err != nil {
		return Mandate{}, err
	}
	var m Mandate
	err = d.Store.Update(ctx, func(tx store.Tx) (err error) {
		m, err = revoke(tx, in, c, kept)
		return err
	})
	if errors.Is(err, errTaken) {
		return d.taken(ctx, signed)
	}
	if err != nil {
		return Mandate{}, err
	}
	d.Log.Info("mandate revoked", "mandate", m.ID, "reason", in.T.Reason)
	return m, nil
}

// mayRevoke returns the mandate for who may take it back. The register is
// asked only where nothing here lets the signer do it.
func (d *Desk) mayRevoke(ctx context.Context, id ID, signer ca.Certificate, now time.Time) (m Mandate, c *company, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) (err error) {
		if m, err = load(tx, id); err != nil {
			return err
		}
		return mayEnd(tx, m, signer, nil, now)
	})
	if fault.Code(err) != fault.Code(errMayNotEnd()) {
		return m, nil, err
	}
	if err := d.count(ctx, string(signer.Holder), now); err != nil {
		return m, nil, err
	}
	asked, err := d.ask(ctx, string(m.Business))
	if err != nil {
		return m, nil, err
	}
	if !isSignatory(asked.signatories, signer.Holder) {
		return m, nil, errMayNotEnd()
	}
	return m, &asked, nil
}

// revoke does what the statement says, after looking at everything again.
func revoke(tx store.Tx, in incoming[Revocation], c *company, kept statement) (m Mandate, err error) {
	if err := in.fresh(tx); err != nil {
		return m, err
	}
	if err := in.again(tx); err != nil {
		return m, err
	}
	if m, err = load(tx, in.T.Mandate); err != nil {
		return m, err
	}
	if err := mayEnd(tx, m, in.signer(), c, in.at); err != nil {
		return m, err
	}
	p, err := planOf(tx, in.T.Choice, in.at)
	if err != nil {
		return m, err
	}
	if p.SHA256 != in.T.PlanSHA256 {
		return m, errPlanChanged()
	}
	if p.empty() {
		return m, errNothingLeft()
	}
	if err := in.nonce.Use(tx); err != nil {
		return m, err
	}
	if err := store.Save(tx, statementBucket, in.signed.SHA256(), kept); err != nil {
		return m, err
	}
	e := Event{Kind: "mandate.revoked", At: in.at, By: in.signer().Holder, Serial: in.signer().Serial, Statement: in.signed.SHA256(), Reason: in.T.Reason, Plan: p.SHA256}
	if c != nil {
		e.Answer = c.sum
	}
	if err := carryOut(tx, p, e); err != nil {
		return m, err
	}
	return load(tx, m.ID)
}

// followFor is how long certificates are waited for that were being issued
// while their mandate was revoked.
const followFor = time.Hour

// follow says that certificates which rest on a mandate end as they come.
type follow struct {
	Until  time.Time `json:"until"`
	Reason ca.Reason `json:"reason"`
}

// carryOut ends what the plan lists, which is not empty. e goes on the record
// of every mandate that ends; of the one that is named also where it had ended
// before, so that its papers are found when their time is over.
func carryOut(tx store.Tx, p Ending, e Event) error {
	if !slices.Contains(p.Mandates, p.Mandate) {
		m, err := load(tx, p.Mandate)
		if err != nil {
			return err
		}
		rest := e
		rest.Kind, m.RestAt = "mandate.rest_revoked", e.At
		if err := m.add(tx, rest); err != nil {
			return err
		}
	}
	for _, id := range p.Mandates {
		m, err := load(tx, id)
		if err != nil {
			return err
		}
		m.State, m.RevokedAt, m.Reason, m.Needs = Revoked, e.At, e.Reason, 0
		if err := m.add(tx, e); err != nil {
			return err
		}
		if p.Certificates {
			if err := store.Save(tx, followBucket, string(id), follow{e.At.Add(followFor), e.Reason.ends()}); err != nil {
				return err
			}
		}
	}
	for _, serial := range p.Serials {
		if err := ca.RevokeIn(tx, serial, e.Reason.ends(), cmp.Or(e.Operator, revokedBy), e.At); err != nil {
			return err
		}
	}
	return nil
}

// revokedBy is the actor in records of certificates that end with a mandate.
const revokedBy = "mandate:revoked"

// Follow is a job: a certificate that was being issued while its mandate was
// revoked together with its certificates ends as well.
func (d *Desk) Follow(ctx context.Context) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		due := map[ID]follow{}
		err := store.Each(tx, followBucket, "", "", func(id string, f follow) error {
			due[ID(id)] = f
			return nil
		})
		if err != nil {
			return err
		}
		for id, f := range due {
			if err := f.carryOut(tx, id, now); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f follow) carryOut(tx store.Tx, id ID, now time.Time) error {
	m, err := load(tx, id)
	if err != nil {
		return err
	}
	err = restingOn(tx, m.Business, []ID{id}, now, func(c ca.Certificate) error {
		return ca.RevokeIn(tx, c.Serial, f.Reason, revokedBy, now)
	})
	if err != nil || now.Before(f.Until) {
		return err
	}
	return tx.Delete(followBucket, string(id))
}
