package enroll_test

import (
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/enroll"
)

func TestTheRevocationCodeRevokesWhatRenewedTheCertificate(t *testing.T) {
	for name, overlap := range map[string]time.Duration{"in the overlap": 24 * time.Hour, "after it": 0} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, nil)
			sara := person(1)
			d.regs.know(sara)
			first := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
			_, csr := catest.NewKey(t)
			same := catest.Person{NationalCode: sara.code, FirstName: sara.first, LastName: sara.last, BirthDate: sara.born, Mobile: sara.mobile}
			second, err := d.CA.Issue(t.Context(), ca.Order{
				Request: "renewal-1", CSR: csr, Decision: d.ca.Decide(t, same, ca.NaturalSign), Replaces: first.Serial, Overlap: overlap,
			})
			d.must(err)
			// The paper from the first delivery is all that a holder may have left.
			r := d.call("POST", "/certificates/"+first.Serial+"/revoke-by-code", "", map[string]string{"code": first.Revocation})
			if r.status != 200 || r.Serial != second.Serial {
				t.Errorf("got %d %s, want serial %s", r.status, r.raw, second.Serial)
			}
			for _, serial := range []string{first.Serial, second.Serial} {
				if c, err := d.CA.Certificate(t.Context(), serial); err != nil || c.Revoked == nil {
					t.Errorf("%s lives on: %v", serial, err)
				}
			}
		})
	}
}

func TestTheRevocationCodeRevokes(t *testing.T) {
	d := newDesk(t, func(c *enroll.Config) { c.Limits.PerRevocation = 3 })
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	mine := d.approved(sara, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	theirs := d.approved(omid, ca.NaturalSign).csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	revoke := func(serial, code, reason string) reply {
		return d.call("POST", "/certificates/"+serial+"/revoke-by-code", "", map[string]string{"code": code, "reason": reason})
	}
	revoke(mine.Serial, theirs.Revocation, "").refused(t, 403, "revocation_code_wrong")
	revoke("00ff", mine.Revocation, "").refused(t, 403, "revocation_code_wrong")
	revoke(mine.Serial, mine.Revocation, "superseded").refused(t, 422, "revocation_reason_refused")
	revoke(mine.Serial, "", "").refused(t, 403, "revocation_code_wrong")
	revoke(mine.Serial, "x", "").refused(t, 403, "revocation_code_wrong")
	revoke(mine.Serial, "x", "").refused(t, 429, "enroll_limit")
	if c, err := d.CA.Certificate(t.Context(), mine.Serial); err != nil || c.Revoked != nil {
		t.Fatalf("revoked by a wrong code: %v %v", c.Revoked, err)
	}
	// Guesses by others do not lock the holder out, and how the code is typed does not matter.
	typed := strings.ToLower(strings.ReplaceAll(mine.Revocation, "-", " "))
	for range 2 {
		if r := revoke("0"+strings.ToUpper(mine.Serial), typed, "keyCompromise"); r.status != 200 || r.Reason != "keyCompromise" || r.Serial != mine.Serial {
			t.Fatalf("got %d %s", r.status, r.raw)
		}
	}
	if c, err := d.CA.Certificate(t.Context(), theirs.Serial); err != nil || c.Revoked != nil {
		t.Fatalf("the other certificate is revoked too: %v %v", c.Revoked, err)
	}
}
