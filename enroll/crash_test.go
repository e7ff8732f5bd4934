package enroll_test

import (
	"crypto"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/enroll"
	"mohr/internal/fault"
)

// unpluggable is an issuing key whose token can be pulled.
type unpluggable struct {
	crypto.Signer
	out *atomic.Bool
}

func (u unpluggable) Sign(r io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if u.out.Load() {
		return nil, fault.New(fault.Unavailable, "key_unavailable", "the token is out")
	}
	return u.Signer.Sign(r, digest, opts)
}

// pluggable gives the desk an authority whose issuing keys can be pulled.
func pluggable(t *testing.T) (d *desk, out *atomic.Bool) {
	out = &atomic.Bool{}
	d = newDesk(t, func(c *enroll.Config) {
		conf := c.CA.Config
		conf.Issuers = append([]ca.Issuer{}, conf.Issuers...)
		for i := range conf.Issuers {
			conf.Issuers[i].Signer = unpluggable{conf.Issuers[i].Signer, out}
		}
		var err error
		if c.CA, err = ca.New(conf); err != nil {
			t.Fatal(err)
		}
	})
	return d, out
}

func TestWhatStoppedInIssuingIsFinished(t *testing.T) {
	finish := map[string]func(d *desk, a *applicant, request []byte){
		"by the job": func(d *desk, a *applicant, _ []byte) {
			d.clock.pass(11 * time.Second)
			d.must(d.Resume(d.t.Context())) // it is not asked for as often as before
			a.state().want(d.t, enroll.Issuing)
			d.clock.pass(10 * time.Second)
			d.must(d.Resume(d.t.Context()))
		},
		"by the same request again": func(d *desk, a *applicant, request []byte) {
			a.csr(request).want(d.t, enroll.Issued, enroll.NeedCertificate)
		},
		"by the job, long after the approval": func(d *desk, a *applicant, _ []byte) {
			d.clock.pass(3 * time.Hour)
			d.must(d.Expire(d.t.Context()))
			d.must(d.Resume(d.t.Context()))
		},
		"by the sweep of the CA and then the job": func(d *desk, a *applicant, _ []byte) {
			d.clock.pass(2 * time.Minute)
			_, err := d.CA.Sweep(d.t.Context())
			d.must(err)
			d.must(d.Resume(d.t.Context()))
		},
	}
	for name, do := range finish {
		t.Run(name, func(t *testing.T) {
			d, out := pluggable(t)
			sara := person(1)
			d.regs.know(sara)
			a := d.approved(sara, ca.NaturalSign)
			req := request(t)
			out.Store(true)
			if r := a.csr(req); r.status != 503 {
				t.Fatalf("got %d %s", r.status, r.Code)
			}
			a.state().want(t, enroll.Issuing)
			a.csr(request(t)).refused(t, 409, "application_other_key")
			if a.call("POST", a.path("/cancel"), a.token, nil).status != 409 {
				t.Error("an application was cancelled while it was issued")
			}
			d.clock.pass(11 * time.Second)
			if err := d.Resume(t.Context()); !errors.Is(err, fault.Unavailable) {
				t.Errorf("the job says %v", err)
			}
			a.state().want(t, enroll.Issuing)
			out.Store(false)
			do(d, a, req)
			got := a.state().want(t, enroll.Issued, enroll.NeedCertificate)
			list, err := d.ca.OfHolder(t.Context(), d.ca.Holder(sara.code))
			if err != nil || len(list) != 1 || list[0].Serial != got.Serial {
				t.Errorf("the CA has %d certificates, error %v", len(list), err)
			}
			if r := a.csr(req).want(t, enroll.Issued, enroll.NeedCertificate); r.Revocation == "" {
				t.Error("the holder never gets the revocation code")
			}
			d.must(d.Resume(t.Context()))
			d.must(d.Resume(t.Context()))
			if n := d.regs.notices(sara.mobile, got.Serial); n != 1 {
				t.Errorf("%d notices were sent", n)
			}
		})
	}
}

// TestKeysThatAreAwayAreSaidOnce for all who wait for them, in the same words
// each time, and each is asked for less often.
func TestKeysThatAreAwayAreSaidOnce(t *testing.T) {
	d, out := pluggable(t)
	var waiting []*applicant
	for n := range 2 {
		who := person(n + 1)
		d.regs.know(who)
		waiting = append(waiting, d.approved(who, ca.NaturalSign))
	}
	out.Store(true)
	for _, a := range waiting {
		if r := a.csr(request(t)); r.status != 503 {
			t.Fatalf("got %d %s", r.status, r.Code)
		}
	}
	for _, after := range []time.Duration{11, 21, 41, 41} {
		d.clock.pass(after * time.Second)
		err := d.Resume(t.Context())
		if want := "resume issue: the issuing key cannot be reached at the moment; your request is kept, send it again in a minute"; err == nil || err.Error() != want {
			t.Errorf("the job says %v, want %s", err, want)
		}
		d.clock.pass(9 * time.Second)
		d.must(d.Resume(t.Context()))
	}
	out.Store(false)
	d.clock.pass(32 * time.Second)
	d.must(d.Resume(t.Context()))
	for _, a := range waiting {
		a.state().want(t, enroll.Issued, enroll.NeedCertificate)
	}
}

func TestAnOrderTheCANeverSawExpiresWithItsApproval(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.approved(sara, ca.NaturalSign)
	// As a crash leaves it, between the step to issuing and the order.
	kept, err := d.Seal.Seal("enroll_applications", a.id, "csr", request(t))
	d.must(err)
	a.tamper(func(rec map[string]any) {
		rec["stage"] = "issuing"
		_, csr := catest.NewKey(t)
		rec["key"] = map[string]any{"spki_sha256": csr.SPKISHA256(), "csr": kept, "at": d.clock.now()}
	})
	d.clock.pass(31 * 24 * time.Hour) // the evidence no longer carries it
	a.state().want(t, enroll.Issuing)
	a.must(a.addWork("issue"))
	if err := d.Resume(t.Context()); err == nil {
		t.Error("the job does not say that the order was refused")
	}
	a.state().want(t, enroll.Expired)
	a.nothingIssued()
	d.must(d.Resume(t.Context()))
}

func TestConsentThatWasCutShortIsFinished(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	a := d.apply(sara, ca.NaturalSign)
	a.tamper(func(rec map[string]any) {
		rec["stage"] = "consented"
		rec["consent"] = map[string]any{"at": d.clock.now(), "terms_version": "1"}
	})
	a.must(a.addWork("collect"))
	d.clock.pass(11 * time.Second)
	d.must(d.Resume(t.Context()))
	a.state().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.code(d.regs.code(sara.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
}
