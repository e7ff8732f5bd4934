package enroll_test

import (
	"net/http"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/enroll"
)

// TestALostKeyR20 leads who lost a key to a new certificate without a visit.
func TestALostKeyR20(t *testing.T) {
	d := newDesk(t, nil)
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	first := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	if strings.Contains(string(first.raw), `"holds"`) {
		t.Errorf("the new certificate is called one that was there: %s", first.raw)
	}

	again := d.apply(sara, ca.NaturalSign)
	if r := again.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace); strings.Contains(string(r.raw), "holds") {
		t.Errorf("who has not proven the phone is told of certificates: %s", r.raw)
	}
	r := again.code(d.regs.code(sara.types)).want(t, enroll.Collecting, enroll.NeedFace)
	if !strings.Contains(string(r.raw), `"holds":[{"serial":"`+first.Serial+`"`) {
		t.Errorf("the certificate she has is not named: %s", r.raw)
	}
	d.call("POST", "/certificates/"+first.Serial+"/revoke-by-code", "", map[string]string{"code": first.Revocation, "reason": "keyCompromise"})
	if r := again.state(); strings.Contains(string(r.raw), "holds") {
		t.Errorf("a revoked certificate is named: %s", r.raw)
	}
	again.face("live").want(t, enroll.Approved, enroll.NeedCSR)
	second := again.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	if c, err := d.CA.Certificate(t.Context(), first.Serial); err != nil || c.Revoked == nil || second.Serial == first.Serial {
		t.Errorf("the lost key's certificate: %+v, %v", c.Revoked, err)
	}

	// Neither another kind of certificate nor another person's is named.
	for _, a := range []*applicant{d.apply(sara, ca.NaturalAuth), d.apply(omid, ca.NaturalSign)} {
		a.consent()
		if r := a.code(d.regs.code(a.who.types)); r.status != 200 || strings.Contains(string(r.raw), "holds") {
			t.Errorf("got %s", r.raw)
		}
	}
}

func TestThePageLeadsAHolderToRenewal(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		b := &browser{desk: newDesk(t, nil), cookies: map[string]*http.Cookie{}, lang: lang}
		sara := person(1)
		b.regs.know(sara)
		first := b.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		a := b.apply(sara, ca.NaturalSign)
		a.consent()
		a.code(b.regs.code(sara.types))
		b.cookies["__Host-mohr-"+a.id] = &http.Cookie{Name: "__Host-mohr-" + a.id, Value: a.token}
		b.wants(b.get("/enroll/"+a.id), 200, first.Serial, `href="/renew"`, `href="/enroll/revoke"`)
	}
}
