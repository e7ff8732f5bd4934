package mandate

import (
	"errors"
	"slices"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Reason says why a mandate was taken back; the set is closed.
type Reason string

// The reasons.
const (
	NotNeeded Reason = "not-needed" // the task is done, or somebody else's
	Left      Reason = "left"       // the person has left the organisation
	Abused    Reason = "abused"     // it was used for what it was not given for
)

// Reasons are all reasons there are.
func Reasons() []Reason { return []Reason{NotNeeded, Left, Abused} }

// Why operators end a mandate, beside Abused.
const (
	Ordered   Reason = "ordered"   // by a court or another authority
	Dissolved Reason = "dissolved" // the organisation is no more
)

// OperatorReasons are the reasons that operators have.
func OperatorReasons() []Reason { return []Reason{Abused, Ordered, Dissolved} }

// ends is why the certificates end that rest on the mandate.
func (r Reason) ends() ca.Reason {
	switch r {
	case Abused, Ordered:
		return ca.PrivilegeWithdrawn
	case Dissolved:
		return ca.CessationOfOperation
	}
	return ca.AffiliationChanged
}

// Choice says what a revocation takes along.
type Choice struct {
	Mandate      ID   `json:"mandate"`
	Given        bool `json:"given"`        // mandates given under it too
	Certificates bool `json:"certificates"` // certificates that rest on them too
}

// Ending is all that a revocation ends. Nothing personal is in it.
type Ending struct {
	Choice
	Mandates []ID     `json:"mandates"` // sorted; those that have ended are left out
	Serials  []string `json:"serials"`  // sorted, of certificates
	SHA256   string   `json:"sha256"`   // of all above: the statement names it
}

func errPlanChanged() error {
	return fault.New(fault.Conflict, "mandate_plan_changed", "what the revocation would end has changed since it was shown; look at it again and sign what it is now")
}

func (p Ending) empty() bool { return len(p.Mandates)+len(p.Serials) == 0 }

func errNothingLeft() error {
	return fault.New(fault.Conflict, "mandate_plan_empty", "nothing is left here to end: the mandate has ended, and nothing that was chosen rests on it")
}

// maxPlan bounds what one revocation ends: it is one transaction.
const maxPlan = 200

// planOf gathers what the choice ends, as things stand at now.
func planOf(tx store.Tx, c Choice, now time.Time) (p Ending, err error) {
	p = Ending{Choice: c, Mandates: []ID{}, Serials: []string{}}
	target, err := load(tx, c.Mandate)
	if err != nil {
		return p, err
	}
	all := []Mandate{target}
	if c.Given {
		if all, err = under(tx, target); err != nil {
			return p, err
		}
	}
	var ids []ID
	for _, m := range all {
		ids = append(ids, m.ID)
		if m.live(now) {
			p.Mandates = append(p.Mandates, m.ID)
		}
	}
	if c.Certificates {
		err = restingOn(tx, target.Business, ids, now, func(c ca.Certificate) error {
			p.Serials = append(p.Serials, c.Serial)
			return nil
		})
		if err != nil {
			return p, err
		}
	}
	slices.Sort(p.Mandates)
	slices.Sort(p.Serials)
	if n := len(p.Mandates) + len(p.Serials); n > maxPlan {
		return p, fault.New(fault.Invalid, "mandate_plan_too_large", "this would end %[1]d mandates and certificates, more than %[2]d at once; end those given under it one by one first", n, maxPlan)
	}
	p.SHA256, err = canonicalSHA256(struct {
		Choice
		Mandates []ID     `json:"mandates"`
		Serials  []string `json:"serials"`
	}{p.Choice, p.Mandates, p.Serials})
	return p, err
}

// under returns the mandate with all that were given under it, and under
// those.
func under(tx store.Tx, m Mandate) ([]Mandate, error) {
	of := map[ID][]Mandate{}
	err := ofBusiness(tx, m.Business, func(m Mandate) error {
		if m.Under != "" {
			of[m.Under] = append(of[m.Under], m)
		}
		return nil
	})
	list := []Mandate{m}
	for i := 0; i < len(list); i++ {
		list = append(list, of[list[i].ID]...)
		delete(of, list[i].ID)
	}
	return list, err
}

// restingOn calls fn with every certificate that rests on one of the mandates
// and has not ended.
func restingOn(tx store.Tx, b ca.BusinessID, ids []ID, now time.Time, fn func(ca.Certificate) error) error {
	var found []ca.Certificate
	err := ca.EachOfBusiness(tx, b, func(c ca.Certificate) error {
		if c.Mandate != "" && slices.Contains(ids, ID(c.Mandate)) && !c.Ended() && !now.After(c.NotAfter) {
			found = append(found, c)
		}
		return nil
	})
	for _, c := range found {
		if err == nil {
			err = fn(c)
		}
	}
	return err
}

// mayEnd is Denied for who may not take the mandate back: it may who has it,
// an administrator of the business, but another administrator's only if he
// gave it, and whoever binds the business, alone or jointly, for which its
// register has to be asked: c is nil where it was not.
func mayEnd(tx store.Tx, m Mandate, signer ca.Certificate, c *company, now time.Time) error {
	if err := ownBusiness(signer, m.Business); err != nil {
		return err
	}
	if m.Holder == signer.Holder || c != nil && isSignatory(c.signatories, signer.Holder) {
		return nil
	}
	own, err := Find(tx, m.Business, signer.Holder, Administer, now)
	if err != nil && !errors.Is(err, fault.Denied) {
		return err
	}
	if err == nil && (!m.Has(Administer) || m.Under == own.ID) {
		return nil
	}
	return errMayNotEnd()
}

func errMayNotEnd() error {
	return fault.New(fault.Denied, "mandate_not_yours_to_end", "a mandate is ended by who has it, by who binds the organisation, or by an administrator; another administrator's only by the one who gave it")
}
