package enroll_test

import (
	"slices"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/ca/mandate/mandatetest"
	"mohr/enroll"
	"mohr/internal/gateway"
)

// clerk opens an application of somebody whom the register lets bind the
// company not alone, or not at all.
func clerk(t *testing.T, d *desk, signatories ...gateway.Signatory) *applicant {
	t.Helper()
	sara := person(1)
	d.regs.know(sara)
	d.regs.legal = gateway.Legal{LegalID: sara.legalID, Name: "شرکت نمونه", Status: "active", Signatories: signatories}
	return d.apply(sara, ca.OrganisationSign)
}

// proves gives the applicant's own evidence.
func (a *applicant) proves() reply {
	a.t.Helper()
	a.consent().want(a.t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.code(a.regs.code(a.who.mobile)).want(a.t, enroll.Collecting, enroll.NeedFace)
	return a.face("live")
}

func TestR8AMandateGivesACertificateThatEndsWithIt(t *testing.T) {
	joint := gateway.Signatory{NationalCode: person(1).code, Role: "عضو هیئت‌مدیره"}
	for name, signatories := range map[string][]gateway.Signatory{"to a stranger": nil, "to a joint signatory": {joint}} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			a := clerk(t, d, signatories...)
			given := mandatetest.Give(t, d.ca, a.who.legalID, a.who.code, mandate.Sign)
			a.proves().want(t, enroll.Approved, enroll.NeedCSR)
			issued := a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
			leaf := parseChain(t, []byte(issued.Certificate))[0]
			if leaf.NotAfter.After(given.ValidTo) || leaf.NotAfter.Before(given.ValidTo.Add(-time.Minute)) {
				t.Errorf("the certificate ends at %s, the mandate at %s", leaf.NotAfter, given.ValidTo)
			}
			titled := false
			for _, n := range leaf.Subject.Names {
				titled = titled || n.Type.String() == "2.5.4.12" && n.Value == mandatetest.Title
			}
			c, err := d.ca.Certificate(t.Context(), issued.Serial)
			d.must(err)
			if !titled || c.Mandate != string(given.ID) {
				t.Errorf("it says %s and rests on %q", leaf.Subject, c.Mandate)
			}
			given.Revoke(true)
			if c, err = d.ca.Certificate(t.Context(), issued.Serial); err != nil || c.Revoked == nil {
				t.Errorf("after the mandate: %+v, %v", c.Revoked, err)
			}
		})
	}
}

func TestAMandateThatIsNotTheApplicantsOrNotForThatIsNone(t *testing.T) {
	for _, test := range []struct {
		name string
		give func(*desk, someone)
	}{
		{"none", func(*desk, someone) {}},
		{"another person's", func(d *desk, p someone) { mandatetest.Give(d.t, d.ca, p.legalID, person(2).code, mandate.Sign) }},
		{"for another organisation", func(d *desk, p someone) { mandatetest.Give(d.t, d.ca, "10323012419", p.code, mandate.Sign) }},
		{"for another scope", func(d *desk, p someone) {
			mandatetest.Give(d.t, d.ca, p.legalID, p.code, mandate.ComplaintAnswer, mandate.Administer)
		}},
		{"revoked", func(d *desk, p someone) { mandatetest.Give(d.t, d.ca, p.legalID, p.code, mandate.Sign).Revoke(false) }},
		{"ended", func(d *desk, p someone) {
			mandatetest.Give(d.t, d.ca, p.legalID, p.code, mandate.Sign)
			d.clock.pass(mandatetest.Life)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t, nil)
			test.give(d, person(1))
			a := clerk(t, d)
			a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
			r := a.code(d.regs.code(a.who.mobile)).want(t, enroll.Rejected)
			if !slices.ContainsFunc(r.Trace, func(s evidence.Step) bool { return s.Rule == "legal_registry.signatory" && s.Outcome == "fail" }) {
				t.Errorf("%v", r.Trace)
			}
			a.nothingIssued()
		})
	}
}

func TestAMandateHelpsNobodyForADissolvedOrganisation(t *testing.T) {
	d := newDesk(t, nil)
	a := clerk(t, d)
	mandatetest.Give(t, d.ca, a.who.legalID, a.who.code, mandate.Sign)
	d.regs.legal.Status = "dissolved"
	a.consent()
	a.code(d.regs.code(a.who.mobile)).want(t, enroll.Rejected)
	a.nothingIssued()
}

func TestAMandateRevokedAfterTheApprovalGivesNoCertificate(t *testing.T) {
	d := newDesk(t, nil)
	a := clerk(t, d)
	given := mandatetest.Give(t, d.ca, a.who.legalID, a.who.code, mandate.Sign)
	a.proves().want(t, enroll.Approved, enroll.NeedCSR)
	given.Revoke(false)
	a.csr(request(t)).refused(t, 403, "mandate_ended")
	a.nothingIssued()
}

func TestWhoBindsAloneNeedsNoMandateAndTheCertificateRestsOnNone(t *testing.T) {
	d := newDesk(t, nil)
	a := clerk(t, d, gateway.Signatory{NationalCode: person(1).code, Role: "مدیرعامل", Alone: true})
	mandatetest.Give(t, d.ca, a.who.legalID, a.who.code, mandate.Sign)
	a.proves().want(t, enroll.Approved, enroll.NeedCSR)
	issued := a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	c, err := d.ca.Certificate(t.Context(), issued.Serial)
	if err != nil || c.Mandate != "" {
		t.Errorf("it rests on %q, %v", c.Mandate, err)
	}
}
