package complaints_test

import (
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// trader makes a sole trader who is known here, with a certificate of the own.
func (b *bench) trader(t testing.TB) (catest.Person, ca.BusinessID, ca.SigningKey, ca.Certificate) {
	t.Helper()
	p := catest.Zahra
	p.NationalCode, p.Mobile, p.LegalID = codes[0], "+989351234567", ""
	key, cert := b.ca.IssueTo(t, p, ca.NaturalSign, "application-trader")
	id := b.ca.Trader(b.ca.Holder(p.NationalCode))
	if err := b.ca.Store.Update(t.Context(), func(tx store.Tx) error { return complaints.Introduce(tx, id) }); err != nil {
		t.Fatal(err)
	}
	return p, id, key, cert
}

// against files a complaint against the business.
func (b *bench) against(t testing.TB, id ca.BusinessID) complaints.Ticket {
	t.Helper()
	in := filing()
	in.Business = string(id)
	ticket, err := b.File(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// by is an answer statement signed with another key than the shop's.
func (b *bench) by(t testing.TB, key ca.SigningKey, id string) []byte {
	t.Helper()
	return b.signed(t, key, b.says(id, complaints.KindAnswer, func(s *complaints.AnswerStatement) {
		s.CertificateSHA256 = sha256Hex(key.Certificate.Raw)
	}))
}

func TestASoleTraderAnswersByTheOwnCertificate(t *testing.T) {
	b := newBench(t, nil)
	in := filing()
	in.Business = string(b.ca.Trader(b.ca.Holder(codes[0])))
	_, err := b.File(t.Context(), in)
	wantFault(t, err, fault.NotFound, "complaint_business_unknown") // nobody introduced him
	_, id, key, _ := b.trader(t)
	ticket := b.against(t, id)
	a, err := b.Answer(t.Context(), ticket.ID, b.by(t, key, ticket.ID))
	if err != nil || a.State != complaints.StateAnswered {
		t.Fatalf("%+v, %v", a, err)
	}
	now := b.clock.Now().Unix()
	own, err := b.OwnRecord(t.Context(), id, b.signedAs(t, key, complaints.RecordType, complaints.RecordStatement{Business: string(id), Claims: signature.Claims{
		Type: complaints.RecordType, Audience: catest.Portal, CertificateSHA256: sha256Hex(key.Certificate.Raw),
		Nonce: b.nonces.New(complaints.RecordNonce), IssuedAt: now, Expires: now + 60,
	}}))
	if err != nil || len(own.Complaints) != 1 || own.Record.Scorecard.Answered != 1 {
		t.Errorf("%+v, %v", own, err)
	}
}

func TestAbuseNobodyElseAnswersForASoleTrader(t *testing.T) {
	b := newBench(t, nil)
	p, id, _, _ := b.trader(t)
	ticket, shops := b.against(t, id), b.file(t)
	stranger := p
	stranger.NationalCode = codes[1]
	foreign, _ := b.ca.IssueTo(t, stranger, ca.NaturalSign, "application-stranger")
	signIn, _ := b.ca.IssueTo(t, p, ca.NaturalAuth, "application-auth")
	p.LegalID, p.LegalName, p.Role = other.LegalID, other.LegalName, other.Role
	company, _ := b.ca.IssueTo(t, p, ca.OrganisationSign, "application-company")
	for name, key := range map[string]ca.SigningKey{
		"another person": foreign, "a company": b.key, "the key for signing in": signIn, "the trader as a company's signatory": company,
	} {
		if _, err := b.Answer(t.Context(), ticket.ID, b.by(t, key, ticket.ID)); err == nil {
			t.Errorf("%s answered", name)
		}
	}
	if _, err := b.Answer(t.Context(), shops.ID, b.by(t, foreign, shops.ID)); fault.Code(err) != "complaint_not_yours" {
		t.Errorf("a person for a company: %v", err)
	}
}

func TestASoleTraderWhoseCertificateEndedAnswersByPhone(t *testing.T) {
	b, r, in := byPhone(t)
	p, id, _, cert := b.trader(t)
	r.phones[p.NationalCode], r.phones[codes[1]] = p.Mobile, "+989350000001"
	ticket := b.against(t, id)
	in.Business, in.NationalCode, in.Mobile = id, p.NationalCode, p.Mobile
	wantFault(t, b.PhoneCode(t.Context(), ticket.ID, in, "fa"), fault.Denied, "complaint_signatory_unsure") // the certificate is good
	if err := b.ca.Revoke(t.Context(), cert.Serial, ca.Superseded, "operator:test"); err != nil {
		t.Fatal(err)
	}
	another := in
	another.NationalCode, another.Mobile = codes[1], "+989350000001"
	wantFault(t, b.PhoneCode(t.Context(), ticket.ID, another, "fa"), fault.Denied, "complaint_signatory_unsure")
	if err := b.PhoneCode(t.Context(), ticket.ID, in, "fa"); err != nil {
		t.Fatal(err)
	}
	if a, err := b.AnswerByPhone(t.Context(), ticket.ID, in, b.phone.code(in.Mobile)); err != nil || a.State != complaints.StateAnswered {
		t.Errorf("%+v, %v", a, err)
	}
	if r.asked != 0 {
		t.Errorf("the company register was asked of a trader %d times", r.asked)
	}
}
