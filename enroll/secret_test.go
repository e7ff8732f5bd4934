package enroll_test

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/fault"
)

// secret makes the applicant's one-time secret over the API.
func (a *applicant) secret(p enroll.Protocol) string {
	a.t.Helper()
	if r := a.call("POST", a.path("/secret/code"), a.token, nil); r.status != 202 {
		a.t.Fatalf("code for a secret: %d %s", r.status, r.raw)
	}
	one, err := a.MakeSecret(a.t.Context(), a.id, a.token, p, a.regs.code(a.who.mobile))
	a.must(err)
	return one.Secret
}

func (a *applicant) bySecret(secret string) (enroll.Bearer, error) {
	return a.ByESTSecret(a.t.Context(), a.id, secret)
}

func wantFault(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code || (err == nil) != (code == "") {
		t.Errorf("got %q (%v), want %q", fault.Code(err), err, code)
	}
}

func TestASecretHandsInOneKey(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	secret := a.secret(enroll.EST)
	b, err := a.bySecret(secret)
	d.must(err)
	csr := request(t)
	first, err := d.SubmitBy(t.Context(), b, ca.PKCS10, csr)
	d.must(err)
	again, err := a.bySecret(secret)
	d.must(err)
	if second, err := d.SubmitBy(t.Context(), again, ca.PKCS10, csr); err != nil || second.Certificate.Serial != first.Certificate.Serial {
		t.Errorf("the same again: %s and %s, %v", first.Certificate.Serial, second.Certificate.Serial, err)
	}
	_, err = d.SubmitBy(t.Context(), again, ca.PKCS10, request(t))
	wantFault(t, err, "application_other_key")
	if raw, err := os.ReadFile(d.file); err != nil || bytes.Contains(raw, []byte(secret)) || strings.Contains(d.log.String(), secret) {
		t.Errorf("the secret is in the store or the log: %v", err)
	}
}

func TestSecretsThatDoNotCountAreAnsweredAlike(t *testing.T) {
	d := newDesk(t, nil)
	sara, omid := person(1), person(2)
	d.regs.know(sara, omid)
	a, b := d.approved(sara, ca.NaturalSign), d.approved(omid, ca.NaturalSign)
	secret, theirs := a.secret(enroll.EST), b.secret(enroll.EST)
	for name, try := range map[string]func() error{
		"wrong":                func() error { _, err := a.bySecret("0" + secret[1:]); return err },
		"of another":           func() error { _, err := a.bySecret(theirs); return err },
		"for nobody":           func() error { _, err := d.ByESTSecret(t.Context(), "a-unknown", secret); return err },
		"for no application":   func() error { _, err := d.ByESTSecret(t.Context(), "", secret); return err },
		"empty":                func() error { _, err := a.bySecret(""); return err },
		"of another protocol":  func() error { _, err := b.bySecret(b.secret(enroll.CMP)); return err },
		"of a name with slash": func() error { _, err := d.ByESTSecret(t.Context(), a.id+"/est", secret); return err },
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, try(), "secret_wrong") })
	}
	old := secret
	secret = a.secret(enroll.EST)
	_, err := a.bySecret(old)
	wantFault(t, err, "secret_wrong")
	got, err := a.bySecret(secret)
	wantFault(t, err, "")
	newer := a.secret(enroll.EST)
	_, err = d.SubmitBy(t.Context(), got, ca.PKCS10, request(t)) // the one it was checked against is gone meanwhile
	wantFault(t, err, "secret_wrong")
	a.nothingIssued()
	_, err = a.bySecret(newer)
	wantFault(t, err, "")
}

// TestWrongTriesEndNoSecret: who knows an application's number keeps nobody out.
func TestWrongTriesEndNoSecret(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	secret, other := a.secret(enroll.EST), a.secret(enroll.CMP)
	for range 50 {
		_, err := a.bySecret("wrong")
		wantFault(t, err, "secret_wrong")
		_, err = d.ByCMPSecret(t.Context(), a.id, func([]byte) bool { return false })
		wantFault(t, err, "secret_wrong")
	}
	_, err := a.bySecret(secret)
	wantFault(t, err, "")
	_, err = d.ByCMPSecret(t.Context(), a.id, func(s []byte) bool { return string(s) == other })
	wantFault(t, err, "")
}

func TestASecretEndsAfterADay(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	secret := a.secret(enroll.EST)
	d.clock.pass(24*time.Hour + time.Second)
	_, err := a.bySecret(secret)
	wantFault(t, err, "secret_wrong")
	d.must(d.PruneSecrets(t.Context()))
	_, err = a.bySecret(secret)
	wantFault(t, err, "secret_wrong")
	a.nothingIssued()
}

func TestASecretTakesAProvenPhoneAndAFreshCode(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	a.consent()
	ask := func(token string) reply { return a.call("POST", a.path("/secret/code"), token, nil) }
	prove := func(protocol, code string) reply {
		return a.call("POST", a.path("/secret"), a.token, map[string]string{"protocol": protocol, "code": code})
	}
	ask(a.token).refused(t, 409, "secret_phone_unproven")
	first := d.regs.code(sara.mobile)
	prove("est", first).refused(t, 409, "secret_phone_unproven")
	a.code(first)
	ask("mat_wrong").refused(t, 401, "token_invalid")
	prove("est", first).refused(t, 403, "code_wrong") // it was for the proof of the phone
	if r := ask(a.token); r.status != 202 {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	code := d.regs.code(sara.mobile)
	prove("acme", code).refused(t, 422, "secret_protocol")
	r := prove("est", code)
	if r.status != 201 || !bytes.Contains(r.raw, []byte(`"user":"`+a.id+`"`)) {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	prove("est", code).refused(t, 403, "code_wrong")
	a.call("POST", a.path("/cancel"), a.token, nil)
	ask(a.token).refused(t, 409, "application_ended")
}

// TestASecretBeforeTheApprovalOpensNothing: it says that somebody has to act,
// and works afterwards.
func TestASecretBeforeTheApprovalOpensNothing(t *testing.T) {
	d := newDesk(t, nil)
	a := d.swapped(1)
	secret, csr := a.secret(enroll.EST), request(t)
	b, err := a.bySecret(secret)
	d.must(err)
	_, err = d.SubmitBy(t.Context(), b, ca.PKCS10, csr)
	wantFault(t, err, "application_unapproved")
	a.nothingIssued()
	maryam, reza := d.officer("maryam", 101), d.officer("reza", 102)
	p := maryam.propose(a, "approved")
	maryam.sign(a, p, "")
	reza.sign(a, p, "")
	b, err = a.bySecret(secret)
	d.must(err)
	_, err = d.SubmitBy(t.Context(), b, ca.PKCS10, csr)
	d.must(err)
}

// TestManyKeysWithOneSecretAtOnceYieldOneCertificate races.
func TestManyKeysWithOneSecretAtOnceYieldOneCertificate(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	secret := a.secret(enroll.EST)
	var wg sync.WaitGroup
	var mu sync.Mutex
	serials := map[string]bool{}
	for range 8 {
		csr := request(t)
		wg.Go(func() {
			b, err := a.bySecret(secret)
			if err == nil {
				var i enroll.Issuance
				if i, err = d.SubmitBy(t.Context(), b, ca.PKCS10, csr); err == nil {
					mu.Lock()
					serials[i.Certificate.Serial] = true
					mu.Unlock()
					return
				}
			}
			if c := fault.Code(err); c != "application_other_key" && c != "secret_wrong" {
				t.Errorf("a loser is told %v", err)
			}
		})
	}
	wg.Wait()
	if len(serials) != 1 {
		t.Errorf("%d certificates for one secret", len(serials))
	}
}
