package mandate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Give takes a signed mandate in: of one who binds the legal person alone, or
// of an administrator, it is granted at once; of one who binds it jointly it
// waits until enough of them have signed the same terms. The same statement
// again changes nothing and is no error.
func (d *Desk) Give(ctx context.Context, s approval.Signed) (Mandate, error) {
	signed, err := d.open(ctx, s, StatementType)
	if err != nil {
		return Mandate{}, err
	}
	if m, err := d.taken(ctx, signed); !errors.Is(err, fault.NotFound) {
		return m, err
	}
	in, err := read[Statement](d, signed, StatementType)
	if err != nil {
		return Mandate{}, err
	}
	g, err := d.prepare(ctx, in)
	if err != nil {
		return Mandate{}, err
	}
	var m Mandate
	err = d.Store.Update(ctx, func(tx store.Tx) (err error) {
		m, err = d.take(tx, in, g)
		return err
	})
	if errors.Is(err, errTaken) { // the same bytes, sent twice at once
		return d.taken(ctx, signed)
	}
	if err != nil {
		return Mandate{}, err
	}
	d.Log.Info("mandate signed", "mandate", m.ID, "state", m.State)
	return m, nil
}

// given is all of a mandate that is made before the transaction.
type given struct {
	fresh   Mandate // as it is if nobody has signed it before
	terms   GrantTerms
	company company
	kept    statement
}

// prepare checks the terms, asks the register and seals what is kept.
func (d *Desk) prepare(ctx context.Context, in incoming[Statement]) (g given, err error) {
	if g.terms, err = in.T.GrantTerms.checked(in.at); err != nil {
		return g, err
	}
	id, err := g.terms.id()
	if err != nil {
		return g, err
	}
	if err := ownBusiness(in.signer(), ca.BusinessID(g.terms.LegalID)); err != nil {
		return g, err
	}
	if err := d.count(ctx, string(in.signer().Holder), in.at); err != nil {
		return g, err
	}
	if g.company, err = d.ask(ctx, g.terms.LegalID); err != nil {
		return g, err
	}
	if err := g.company.mayAct(); err != nil {
		return g, err
	}
	if g.kept, err = d.keep(in.signed, id, &g.company, in.at); err != nil {
		return g, err
	}
	t := g.terms
	g.fresh = Mandate{
		ID: id, Business: ca.BusinessID(t.LegalID), Holder: d.CA.Holder(t.NationalCode), Title: t.Title, Scopes: t.Scopes,
		Delegate: t.Delegate, Under: t.Under, ValidFrom: t.ValidFrom, ValidTo: t.ValidTo,
		Environment: evidence.Production, State: Proposed, ProposedAt: in.at,
	}
	plain, err := json.Marshal(t)
	if err != nil {
		return g, err
	}
	g.fresh.Terms, err = d.Seal.Seal(mandateBucket, string(id), "terms", plain)
	return g, err
}

// ownBusiness is Denied for a certificate that speaks for another business.
func ownBusiness(signer ca.Certificate, b ca.BusinessID) error {
	if signer.Business != "" && signer.Business != b {
		return fault.New(fault.Denied, "mandate_business_foreign", "this certificate names another organisation than the statement; sign with one of your own, or with one for this organisation")
	}
	return nil
}

// take records the signature and what comes of it, after looking again at all
// that may have changed since the statement was read.
func (d *Desk) take(tx store.Tx, in incoming[Statement], g given) (Mandate, error) {
	if err := in.fresh(tx); err != nil {
		return Mandate{}, err
	}
	if err := in.again(tx); err != nil {
		return Mandate{}, err
	}
	m, err := d.begun(tx, g.fresh, in.at)
	if err != nil {
		return m, err
	}
	signer := in.signer()
	e := Event{At: in.at, By: signer.Holder, Serial: signer.Serial, Statement: in.signed.SHA256(), Answer: g.company.sum, Under: m.Under}
	if m.Under != "" {
		err = m.byAdministrator(tx, signer, in.at)
	} else {
		err = m.bySignatory(tx, signer, g.company)
	}
	if err != nil {
		return m, err
	}
	if signer.Environment == evidence.Simulated || g.company.environment != evidence.Production {
		m.Environment = evidence.Simulated
	}
	m.Signatures = append(m.Signatures, Signature{Holder: e.By, Serial: e.Serial, At: e.At, Statement: e.Statement})
	e.Kind = "mandate.signed"
	if m.State == Granted {
		e.Kind, m.GrantedAt = "mandate.granted", in.at
	}
	return m, errors.Join(in.nonce.Use(tx), store.Save(tx, statementBucket, e.Statement, g.kept), m.add(tx, e))
}

// begun returns the proposal that others signed before, else the fresh one,
// where the business has room for it.
func (d *Desk) begun(tx store.Tx, fresh Mandate, now time.Time) (Mandate, error) {
	m, err := load(tx, fresh.ID)
	switch {
	case err == nil && m.At(now) == Proposed:
		return m, nil
	case err == nil:
		return m, fault.New(fault.Conflict, "mandate_settled", "this mandate waits for no signature any more; look at its state")
	case !errors.Is(err, fault.NotFound):
		return m, err
	}
	n := 0
	err = ofBusiness(tx, fresh.Business, func(m Mandate) error {
		if m.live(now) {
			n++
		}
		return nil
	})
	if err == nil && n >= d.PerBusiness {
		err = fault.New(fault.Conflict, "mandate_too_many", "this organisation has %[1]d mandates that stand or wait; end those that are not needed any more", n)
	}
	if err != nil {
		return fresh, err
	}
	return fresh, fresh.index(tx)
}

// bySignatory counts the signature of one whom the register lists. Who signed
// before counts as long as the certificate was not revoked since.
func (m *Mandate) bySignatory(tx store.Tx, signer ca.Certificate, c company) error {
	if !isSignatory(c.signatories, signer.Holder) {
		return fault.New(fault.Denied, "mandate_not_signatory", "by the company register you are no signatory of this organisation; an administrator names the own mandate as under")
	}
	signed, err := m.counting(tx)
	if err != nil {
		return err
	}
	if slices.Contains(signed, signer.Holder) {
		return fault.New(fault.Conflict, "mandate_signed_before", "you have signed this mandate; it waits for another person who binds the organisation")
	}
	v := judge(c.signatories, c.jointly, append(signed, signer.Holder))
	m.Needs = v.Needs
	if v.Binds {
		m.State, m.Needs = Granted, 0
	}
	return nil
}

// counting returns who has signed with a certificate that was not revoked
// since, but for its renewal.
func (m *Mandate) counting(tx store.Tx) ([]ca.HolderID, error) {
	var list []ca.HolderID
	for _, s := range m.Signatures {
		c, err := ca.LoadCertificate(tx, s.Serial)
		if err != nil {
			return nil, err
		}
		if c.Revoked == nil || c.Revoked.Reason == ca.Superseded {
			list = append(list, s.Holder)
		}
	}
	return list, nil
}

// byAdministrator grants the mandate under the signer's own one, which has to
// reach as far: in scopes, in time and in what it lets be passed on.
func (m *Mandate) byAdministrator(tx store.Tx, signer ca.Certificate, now time.Time) error {
	own, err := load(tx, m.Under)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	if err != nil || own.Holder != signer.Holder || own.Business != m.Business {
		return fault.New(fault.Denied, "mandate_not_administrator", "the mandate that the statement names as under is none of yours for this organisation; name your own")
	}
	if err := stands(tx, own, Administer, now); err != nil {
		return fmt.Errorf("under %s: %w", own.ID, err)
	}
	beyond := func(s Scope) bool { return s != Administer && !own.Has(s) }
	switch {
	case m.Holder == signer.Holder:
		return fault.New(fault.Denied, "mandate_self", "an administrator gives no mandate to himself; have it given by those who bind the organisation")
	case m.Has(Administer) && !own.Delegate:
		return fault.New(fault.Denied, "mandate_no_delegation", "your mandate does not let you appoint administrators; have it given by those who bind the organisation")
	case slices.ContainsFunc(m.Scopes, beyond):
		return fault.New(fault.Denied, "mandate_beyond_scope", "an administrator gives only scopes of the own mandate; leave the others out")
	case m.ValidTo.After(own.ValidTo):
		return fault.New(fault.Denied, "mandate_beyond_time", "an administrator gives no mandate beyond the end of the own one; let it end by then")
	}
	m.State = Granted
	if own.Environment != evidence.Production {
		m.Environment = evidence.Simulated
	}
	return nil
}
