package ca_test

import (
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/store"
)

// TestOneOperatorNeverChangesTheServicesOwnCertificates: with one of them the
// service falls silent, or another operator does.
func TestOneOperatorNeverChangesTheServicesOwnCertificates(t *testing.T) {
	d := newDesk(t)
	sara := d.operator("sara", ca.RoleRevocation)
	omid := d.SigningKey(t, "omid", ca.Service{Profile: ca.OperatorAuth, CommonName: "omid"})
	stamps := d.SigningKey(t, "stamps", ca.Service{Profile: ca.TimeStamping, CommonName: "stamps"})
	shop := d.SigningKey(t, "shop", ca.Service{Profile: ca.ServiceTLS, CommonName: "own.example", DNSNames: []string{"own.example"}})
	for name, k := range map[string]ca.SigningKey{"an operator's": omid, "of time stamps": stamps, "of the service's TLS": shop} {
		serial := ca.SerialText(k.Certificate.SerialNumber)
		for deed, body := range map[string]string{"revoke": `{"reason":"keyCompromise"}`, "suspend": "", "resume": ""} {
			if status, code := d.call(sara, "POST", "/certificates/"+serial+"/"+deed, body, nil); status != 403 || code != "plan_needed" {
				t.Errorf("%s %s: %d %s", deed, name, status, code)
			}
		}
		if now := reload(t, d.Fixture, serial); now.Revoked != nil || now.Version != 2 {
			t.Errorf("%s: %+v", name, now.Revoked)
		}
	}
}

func TestAPlanEndsWhatReplacedItsTargetSinceItWasMade(t *testing.T) {
	for _, reason := range []ca.Reason{ca.PrivilegeWithdrawn, ca.KeyCompromise} {
		t.Run(string(reason), func(t *testing.T) {
			c := newClock()
			f := catest.New(t, c.now)
			_, first := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "first")
			c.move(time.Hour)
			second := issue(t, f.Authority, renewalOrder(t, f, "second", first, 14*day))
			c.move(time.Hour)
			made := c.now() // the plan names the second alone, and the first one
			third := issue(t, f.Authority, renewalOrder(t, f, "third", second, 14*day))
			c.move(time.Hour)
			fourth := issue(t, f.Authority, renewalOrder(t, f, "fourth", third, 14*day))
			end := func(serial string) (n int) {
				t.Helper()
				err := f.Store.Update(t.Context(), func(tx store.Tx) (err error) {
					n, err = ca.RevokeLineIn(tx, serial, reason, "plan:p", made, c.now())
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			if n := end(first.Serial); n != 1 {
				t.Errorf("%d ended with the first, which was replaced before the plan", n)
			}
			if now := reload(t, f, second.Serial); now.Revoked != nil {
				t.Errorf("what replaced it before the plan: %+v", now.Revoked)
			}
			if n := end(second.Serial); n != 3 {
				t.Errorf("%d ended, not 3", n)
			}
			for _, cert := range []ca.Certificate{second, third, fourth} {
				if now := reload(t, f, cert.Serial); now.Revoked == nil || now.Revoked.Reason != reason {
					t.Errorf("%s: %+v", cert.Request, now.Revoked)
				}
			}
			if n := end(second.Serial); n != 0 {
				t.Errorf("%d ended by the same again", n)
			}
		})
	}
}

// TestARenewalUnderWayDoesNotEscapeAPlan: it is void when it is taken up.
func TestARenewalUnderWayDoesNotEscapeAPlan(t *testing.T) {
	f := catest.New(t, nil)
	_, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	late := renewalOrder(t, f, "late", c, 14*day)
	if _, err := failing(t, f, f.Now).Issue(t.Context(), late); err == nil {
		t.Fatal("nothing failed")
	}
	now := time.Now().UTC().Truncate(time.Second)
	err := f.Store.Update(t.Context(), func(tx store.Tx) error {
		n, err := ca.RevokeLineIn(tx, c.Serial, ca.Unspecified, "plan:p", now.Add(-time.Hour), now)
		if n != 1 {
			t.Errorf("%d ended", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Issue(t.Context(), late)
	wantCode(t, "taken up", err, "certificate_revoked")
}
