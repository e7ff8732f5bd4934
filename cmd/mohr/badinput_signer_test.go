package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/complaints"
)

// statements are a holder's statements to each desk.
func (s *scene) statements(t *testing.T, h *holder) []refusal {
	t.Helper()
	return []refusal{
		{name: "renewal", by: s.anyone, ask: s.renewal(t, h, nil).ask()},
		{name: "badge request", by: s.anyone, ask: sendBadge(s.badgeJWS(t, h, zahraCompany, zahraShop))},
		{name: "badge withdrawal", by: s.anyone, ask: sendBadge(s.withdrawalJWS(t, h))},
		{name: "complaint answer", by: s.anyone, ask: sendAnswer(s.complaint.ID, s.answerJWS(t, h, s.complaint.ID))},
		{name: "record request", by: s.anyone, ask: postAs("/api/v1/businesses/"+zahraCompany+"/record", "", "application/jose", s.recordJWS(t, h))},
	}
}

func (s *scene) withdrawalJWS(t *testing.T, h *holder) []byte {
	t.Helper()
	_, jws, err := h.badgeRequest(t.Context(), s.anyone, badgeAsk{legalID: zahraCompany, domain: zahraOtherShop, withdraw: true})
	if err != nil {
		t.Fatal(err)
	}
	return jws
}

// all sets what every request of the list meets.
func all(list []refusal, status int, code string) []refusal {
	for i := range list {
		list[i].status, list[i].code = status, code
	}
	return list
}

// TestARevokedSignerIsRefusedEverywhere sends statements that were signed
// while the certificate was good.
func TestARevokedSignerIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	revoked := s.apply(t, zahra, zahraCompany).certify(t)
	early := s.statements(t, revoked.holder)
	s.revoke(t, revoked.holder, "keyCompromise")
	s.refused(t, all(early, http.StatusForbidden, "certificate_revoked"))
	s.refused(t, all(s.statements(t, revoked.holder), http.StatusForbidden, "certificate_revoked"))
	s.takes(t)
}

// takes sends good statements: the refused ones were in nobody's way.
func (s *scene) takes(t *testing.T) {
	t.Helper()
	var r badge.Record
	s.anyone.done(t, sendBadge(s.badgeJWS(t, s.merchant.holder, zahraCompany, zahraShop)), http.StatusCreated, &r)
	if r.State != badge.Waiting {
		t.Errorf("the badge is %s: %+v", r.State, r.Findings)
	}
	s.anyone.done(t, sendAnswer(s.complaint.ID, s.answerJWS(t, s.merchant.holder, s.complaint.ID)), http.StatusOK, nil)
	if c := s.follow(t, s.complaint); c.State != complaints.StateAnswered {
		t.Errorf("the complaint is %s after its answer", c.State)
	}
	s.anyone.done(t, s.renewal(t, s.merchant.holder, nil).ask(), http.StatusOK, nil)
}

// TestAForeignSignerIsRefusedEverywhere signs by certificates that only look
// like one of ours, and by ours of people who may not speak for the business.
func TestAForeignSignerIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	twin := forgedTwin(t, s.merchant.holder, readRoot(t, s.running))
	t.Run("of a CA with our names", func(t *testing.T) {
		s.refused(t, all(s.statements(t, twin), http.StatusForbidden, "certificate_foreign"))
	})
	t.Run("of a CA with our names and our chain beside it", func(t *testing.T) {
		mixed := &holder{ca.SigningKey{Certificate: twin.Certificate, Chain: s.merchant.Chain, Signer: twin.Signer}}
		s.refused(t, all(s.statements(t, mixed), http.StatusForbidden, "certificate_foreign"))
	})
	natural, stranger := s.apply(t, mina, "").certify(t), s.apply(t, narges, nargesCompany).certify(t)
	s.refused(t, []refusal{
		{"another business asks for the badge", s.anyone, sendBadge(s.badgeJWS(t, stranger.holder, zahraCompany, zahraShop)), 403, "badge_business_foreign"},
		{"another business withdraws the badge", s.anyone, sendBadge(s.withdrawalJWS(t, stranger.holder)), 403, "badge_business_foreign"},
		{"somebody without a business withdraws the badge", s.anyone, sendBadge(s.withdrawalJWS(t, natural.holder)), 404, "badge_none_to_withdraw"},
		{"another business answers", s.anyone, sendAnswer(s.complaint.ID, s.answerJWS(t, stranger.holder, s.complaint.ID)), 403, "complaint_not_yours"},
		{"somebody without a business answers", s.anyone, sendAnswer(s.complaint.ID, s.answerJWS(t, natural.holder, s.complaint.ID)), 403, "complaint_not_yours"},
		{"another business asks for the record", s.anyone, postAs("/api/v1/businesses/"+zahraCompany+"/record", "", "application/jose", s.recordJWS(t, stranger.holder)), 403, "record_not_yours"},
	})
	s.takes(t)
}

// TestAForeignCertificateOpensNoConnectionForOperators shows the operator's
// certificate, forged, to the door for client certificates.
func TestAForeignCertificateOpensNoConnectionForOperators(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	operator, err := openHolder(t.Context(), s.ring, filepath.Join(s.data, "operator.key"), filepath.Join(s.data, "operator.pem"))
	if err != nil {
		t.Fatal(err)
	}
	twin := forgedTwin(t, operator, readRoot(t, s))
	cert := &tls.Certificate{PrivateKey: twin.Signer, Leaf: twin.Certificate, Certificate: [][]byte{twin.Certificate.Raw, twin.Chain[0].Raw}}
	forged, err := serverFlags{server: s.operator.base, root: filepath.Join(s.data, "root.pem")}.dial(cert)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, forged.base+"/api/v1/certificates", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := forged.http.Do(req); err == nil {
		res.Body.Close()
		t.Errorf("the register answered %s", res.Status)
	}
	if len(s.certificates(t)) == 0 {
		t.Error("the operator's own certificate sees no register")
	}
}

func readRoot(t *testing.T, s *running) *x509.Certificate {
	t.Helper()
	root, err := readCertificate(filepath.Join(s.data, "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// forgedTwin is a holder with a certificate that says all that h's says, the
// serial number included, from a root and an issuing CA that say what ours
// say; only the keys are others.
func forgedTwin(t *testing.T, h *holder, root *x509.Certificate) *holder {
	t.Helper()
	rootKey, issuerKey, key := newHolderKey(t), newHolderKey(t), newHolderKey(t)
	forgedRoot := forge(t, root, root, rootKey, rootKey)
	issuer := forge(t, h.Chain[0], forgedRoot, issuerKey, rootKey)
	leaf := forge(t, h.Certificate, issuer, key, issuerKey)
	if !bytes.Equal(leaf.RawSubject, h.Certificate.RawSubject) || !bytes.Equal(leaf.RawIssuer, h.Certificate.RawIssuer) || leaf.SerialNumber.Cmp(h.Certificate.SerialNumber) != 0 {
		t.Fatal("the forged certificate does not look like the real one")
	}
	return &holder{ca.SigningKey{Certificate: leaf, Chain: []*x509.Certificate{issuer}, Signer: key}}
}

// forge makes a certificate that says what the model says, for key, signed by
// the parent's key.
func forge(t *testing.T, model, parent *x509.Certificate, key, parentKey crypto.Signer) *x509.Certificate {
	t.Helper()
	by := *parent
	by.PublicKey = nil // its key was never ours
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: model.SerialNumber, RawSubject: model.RawSubject, NotBefore: model.NotBefore, NotAfter: model.NotAfter.Add(time.Hour),
		KeyUsage: model.KeyUsage, BasicConstraintsValid: true, IsCA: model.IsCA, ExtKeyUsage: model.ExtKeyUsage, UnknownExtKeyUsage: model.UnknownExtKeyUsage,
		PolicyIdentifiers: model.PolicyIdentifiers, OCSPServer: model.OCSPServer, CRLDistributionPoints: model.CRLDistributionPoints,
	}, &by, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
