package enroll_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/enroll"
	"mohr/enroll/bundle"
	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// passports is a simulated country whose documents the desk believes.
type passports struct {
	*desk
	csca   *chipsim.Authority
	signer chipsim.Signer
}

// newPassports returns a desk that asks for a chip and a face, with more
// edits of the policy.
func newPassports(t *testing.T, edits ...string) *passports {
	t.Helper()
	p := &passports{}
	var trust *chip.Trust
	p.desk = newDesk(t, func(c *enroll.Config) {
		c.Policy = policy(t, func(s string) string {
			s = strings.ReplaceAll(s, "[civil_registry, mobile_ownership, otp_sms, face_match]", "[civil_registry, mobile_ownership, otp_sms, emrtd_chip, face_match]")
			s = strings.ReplaceAll(s, "        face_match: 24h\n", "        face_match: 24h\n        emrtd_chip: 24h\n")
			return strings.NewReplacer(edits...).Replace(s)
		})
		c.Chips = func() *chip.Trust { return trust }
	})
	var err error
	p.csca, err = chipsim.NewAuthority("IR", p.clock.now())
	p.must(err)
	p.signer, err = p.csca.Sign(p.csca.Template(p.clock.now()))
	p.must(err)
	crl, err := p.csca.CRL(p.clock.now())
	p.must(err)
	trust, err = chip.Open(chip.Sources{
		CSCA: fstest.MapFS{"csca": {Data: p.csca.Certificate.Raw}}, CRLs: fstest.MapFS{"crl": {Data: crl}}, Environment: "simulated",
	}, p.clock.now())
	p.must(err)
	return p
}

// issue makes somebody's passport.
func (p *passports) issue(who someone, kind chipsim.KeyKind) *chipsim.Chip {
	p.t.Helper()
	c, err := chipsim.Issue(chipsim.Holder{
		NationalCode: who.code, FirstName: who.first, LastName: who.last, LatinFirst: "SARA", LatinLast: "AHMADI",
		BirthDate: who.born, Number: "U12345678", Expires: "2031-05-14",
	}, kind, p.signer, p.clock.now().Add(-time.Hour))
	p.must(err)
	return c
}

// waitsForChip brings an application to where a chip is read.
func (p *passports) waitsForChip(who someone) *applicant {
	p.t.Helper()
	a := p.apply(who, ca.NaturalSign)
	a.consent().want(p.t, enroll.Collecting, enroll.NeedCode, enroll.NeedChip, enroll.NeedFace)
	a.code(p.regs.code(who.types)).want(p.t, enroll.Collecting, enroll.NeedChip, enroll.NeedFace)
	return a
}

// challenge asks for a challenge and returns it with what the chip is to sign.
func (a *applicant) challenge() (challenge string, rnd []byte) {
	a.t.Helper()
	r := a.call("GET", a.path("/evidence/emrtd_chip/challenge"), a.token, nil)
	if r.status != 200 || r.header.Get("Cache-Control") != "no-store" || len(r.RND) != 2*chip.ChallengeSize {
		a.t.Fatalf("no challenge: %s", r.raw)
	}
	rnd, err := hex.DecodeString(r.RND)
	a.must(err)
	return r.Challenge, rnd
}

// upload is the body of the request for a chip read now.
func (a *applicant) upload(c *chipsim.Chip) map[string]any {
	f := c.Files
	in := map[string]any{"sod": f.SOD, "dg1": f.DG1, "dg2": f.DG2, "dg11": f.DG11, "read_at": a.clock.now()}
	if f.DG15 != nil {
		in["dg15"] = f.DG15
	}
	if f.DG14 != nil {
		in["dg14"] = f.DG14
	}
	return in
}

// proven is upload with the chip's answer to a fresh challenge.
func (a *applicant) proven(c *chipsim.Chip) map[string]any {
	a.t.Helper()
	in := a.upload(c)
	challenge, rnd := a.challenge()
	answer, err := c.Answer(rnd)
	a.must(err)
	in["active_authentication"] = map[string]any{"challenge": challenge, "response": answer}
	return in
}

func (a *applicant) readChip(in map[string]any) reply {
	return a.call("POST", a.path("/evidence/emrtd_chip"), a.token, in)
}

func TestChipAndFaceLeadToACertificate(t *testing.T) {
	for _, kind := range []chipsim.KeyKind{chipsim.ECKey, chipsim.RSAKey} {
		p := newPassports(t)
		sara := person(1)
		p.regs.know(sara)
		a := p.waitsForChip(sara)
		in := a.proven(p.issue(sara, kind))
		a.readChip(in).want(t, enroll.Collecting, enroll.NeedFace)
		a.readChip(in).want(t, enroll.Collecting, enroll.NeedFace) // again changes nothing
		p.regs.set(p.regs.down, "picture", true)
		a.face("live").refused(t, 503, "face_unavailable") // not compared with the register's picture alone
		p.regs.set(p.regs.down, "picture", false)
		a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
		if shown := p.regs.pictures[len(p.regs.pictures)-1]; !bytes.Equal(shown, chipsim.Face()) {
			t.Error("the register was not shown the picture on the chip")
		}
		issued := a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
		p.must(p.Resume(t.Context()))
		p.must(p.Ledger.Sequence(t.Context()))
		b := a.call("GET", a.path("/bundle"), a.token, nil)
		report, err := bundle.Verify(b.raw, bundle.Trust{Root: p.ca.Root, LogKey: p.Ledger.VerifierKey(), Certificate: parseChain(t, []byte(issued.Certificate))[0]})
		p.must(err)
		if len(report.Manifest.Decision.Evidence) != 5 {
			t.Errorf("the decision rests on %d records", len(report.Manifest.Decision.Evidence))
		}
		export := a.call("GET", a.path("/export"), a.token, nil)
		for _, want := range []string{`"document_number":"U12345678"`, `"document_state":"IRN"`, `"chip_proof":"proven"`, `"latin_name":"AHMADI SARA"`, `"valid_to":"2031-05-15T00:00:00Z"`} {
			if !bytes.Contains(export.raw, []byte(want)) {
				t.Errorf("the export has no %s", want)
			}
		}
		if log := p.log.String(); strings.Contains(log, "AHMADI") || strings.Contains(log, sara.code) || strings.Contains(log, "U12345678") {
			t.Error("the log names the holder")
		}
	}
}

// TestACopiedChipIsRefusedR4: all files of a genuine passport, without its key.
func TestACopiedChipIsRefusedR4(t *testing.T) {
	answerOf := func(a *applicant, c *chipsim.Chip, challenge string, rnd []byte) map[string]any {
		answer, err := c.Answer(rnd)
		a.must(err)
		return map[string]any{"challenge": challenge, "response": answer}
	}
	rows := map[string]struct {
		code string
		copy func(p *passports, a *applicant, in map[string]any, original *chipsim.Chip)
	}{
		"no answer": {"chip_unanswered", func(_ *passports, _ *applicant, in map[string]any, _ *chipsim.Chip) {}},
		"no answer, and the key left out": {"chip_unanswered", func(_ *passports, _ *applicant, in map[string]any, _ *chipsim.Chip) {
			delete(in, "dg15")
			delete(in, "dg14")
		}},
		"another chip's answer": {"chip_copied", func(p *passports, a *applicant, in map[string]any, _ *chipsim.Chip) {
			challenge, rnd := a.challenge()
			in["active_authentication"] = answerOf(a, p.issue(a.who, chipsim.ECKey), challenge, rnd)
		}},
		"an answer, and the key left out": {"chip_key_withheld", func(_ *passports, a *applicant, in map[string]any, original *chipsim.Chip) {
			delete(in, "dg15")
			challenge, rnd := a.challenge()
			in["active_authentication"] = answerOf(a, original, challenge, rnd)
		}},
		"an answer to an older challenge": {"chip_copied", func(_ *passports, a *applicant, in map[string]any, original *chipsim.Chip) {
			_, old := a.challenge()
			challenge, _ := a.challenge()
			in["active_authentication"] = answerOf(a, original, challenge, old)
		}},
		"a challenge of its own": {"nonce_unknown", func(_ *passports, a *applicant, in map[string]any, original *chipsim.Chip) {
			in["active_authentication"] = answerOf(a, original, strings.Repeat("A", 54), make([]byte, 8))
		}},
		"a challenge for something else": {"nonce_unknown", func(p *passports, a *applicant, in map[string]any, original *chipsim.Chip) {
			n := p.Nonces.New(nonce.Purpose("renew"))
			in["active_authentication"] = answerOf(a, original, n, make([]byte, 8))
		}},
		"a challenge of another application": {"nonce_unknown", func(p *passports, a *applicant, in map[string]any, original *chipsim.Chip) {
			challenge, rnd := p.waitsForChip(a.who).challenge()
			in["active_authentication"] = answerOf(a, original, challenge, rnd)
		}},
		"a challenge of an hour ago": {"nonce_expired", func(p *passports, a *applicant, in map[string]any, original *chipsim.Chip) {
			challenge, rnd := a.challenge()
			p.clock.pass(30 * time.Minute)
			in["active_authentication"], in["read_at"] = answerOf(a, original, challenge, rnd), p.clock.now()
		}},
		"files stored an hour ago": {"chip_read_stale", func(p *passports, a *applicant, in map[string]any, original *chipsim.Chip) {
			in["active_authentication"] = a.proven(original)["active_authentication"]
			in["read_at"] = p.clock.now().Add(-time.Hour)
		}},
		"files read tomorrow": {"chip_read_stale", func(p *passports, a *applicant, in map[string]any, original *chipsim.Chip) {
			in["active_authentication"] = a.proven(original)["active_authentication"]
			in["read_at"] = p.clock.now().AddDate(0, 0, 1)
		}},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			p := newPassports(t)
			sara := person(1)
			p.regs.know(sara)
			a := p.waitsForChip(sara)
			original := p.issue(sara, chipsim.ECKey)
			in := a.upload(original)
			r.copy(p, a, in, original)
			if got := a.readChip(in); got.Code != r.code {
				t.Errorf("got %d %s", got.status, got.raw)
			}
			a.state().want(t, enroll.Collecting, enroll.NeedChip, enroll.NeedFace)
			a.face("live").want(t, enroll.Collecting, enroll.NeedChip)
			a.nothingIssued()
		})
	}
}

func TestAnAnswerOfAChipCountsOnce(t *testing.T) {
	p := newPassports(t)
	sara, leila := person(1), person(2)
	p.regs.know(sara, leila)
	a := p.waitsForChip(sara)
	hers := a.proven(p.issue(leila, chipsim.ECKey))
	a.readChip(hers).refused(t, 403, "chip_other_person")
	// An answer that was refused is used up with its challenge.
	copied := a.proven(p.issue(sara, chipsim.ECKey))
	copied["active_authentication"].(map[string]any)["response"] = make([]byte, 64)
	a.readChip(copied).refused(t, 403, "chip_copied")
	a.readChip(copied).refused(t, 403, "nonce_used")
	good := a.proven(p.issue(sara, chipsim.ECKey))
	a.readChip(good).want(t, enroll.Collecting, enroll.NeedFace)
	if b := p.waitsForChip(sara).readChip(good); b.Code != "nonce_unknown" {
		t.Errorf("taken again: %s", b.raw)
	}
}

func TestChipsThatThePolicySendsToReview(t *testing.T) {
	t.Run("a chip without a key", func(t *testing.T) {
		p := newPassports(t)
		sara := person(1)
		p.regs.know(sara)
		a := p.waitsForChip(sara)
		a.readChip(a.upload(p.issue(sara, chipsim.NoKey))).want(t, enroll.Collecting, enroll.NeedFace)
		a.face("live").want(t, enroll.Review)
		a.nothingIssued()
	})
	t.Run("a chip without a key where the policy rejects it", func(t *testing.T) {
		p := newPassports(t, "      sim_quiet: 7d", "      sim_quiet: 7d\n      chip_unproven: reject")
		sara := person(1)
		p.regs.know(sara)
		a := p.waitsForChip(sara)
		a.readChip(a.upload(p.issue(sara, chipsim.NoKey))).refused(t, 403, "chip_unproven")
		a.state().want(t, enroll.Collecting, enroll.NeedChip, enroll.NeedFace)
	})
	t.Run("a copy where the policy wants to see it", func(t *testing.T) {
		p := newPassports(t, "      sim_quiet: 7d", "      sim_quiet: 7d\n      chip_copied: review")
		sara := person(1)
		p.regs.know(sara)
		a := p.waitsForChip(sara)
		a.readChip(a.upload(p.issue(sara, chipsim.ECKey))).want(t, enroll.Collecting, enroll.NeedFace)
		r := a.face("live").want(t, enroll.Review)
		if !bytes.Contains(r.raw, []byte("emrtd_chip.original")) {
			t.Errorf("the trace does not say why: %s", r.raw)
		}
		a.nothingIssued()
	})
	t.Run("another name than the register's", func(t *testing.T) {
		p := newPassports(t)
		sara := person(1)
		p.regs.know(sara)
		a := p.waitsForChip(sara)
		married := sara
		married.last = "رضایی"
		a.readChip(a.proven(p.issue(married, chipsim.ECKey))).want(t, enroll.Collecting, enroll.NeedFace)
		a.face("live").want(t, enroll.Review)
	})
}

func TestWrongChipsEndAnApplicationR7(t *testing.T) {
	p := newPassports(t)
	sara := person(1)
	p.regs.know(sara)
	a := p.waitsForChip(sara)
	bad := a.upload(p.issue(sara, chipsim.NoKey))
	bad["dg1"] = chipsim.DG1("nonsense")
	for range 10 {
		a.readChip(bad).refused(t, 422, "chip_dg_mismatch")
	}
	a.state().want(t, enroll.FailedAttempts)
	a.readChip(a.upload(p.issue(sara, chipsim.NoKey))).refused(t, 409, "application_failed")
}

func TestWhenChipsAreNotRead(t *testing.T) {
	p := newPassports(t)
	sara := person(1)
	p.regs.know(sara)
	passport := p.issue(sara, chipsim.NoKey)
	t.Run("before the phone is proven", func(t *testing.T) {
		a := p.apply(sara, ca.NaturalSign)
		a.consent()
		a.readChip(a.upload(passport)).refused(t, 409, "chip_phone_unproven")
	})
	t.Run("without the application's token", func(t *testing.T) {
		a := p.waitsForChip(sara)
		a.token = ""
		if r := a.readChip(a.upload(passport)); r.status != 401 && r.status != 403 {
			t.Errorf("got %s", r.raw)
		}
		if r := a.call("GET", a.path("/evidence/emrtd_chip/challenge"), "", nil); r.status != 401 && r.status != 403 {
			t.Errorf("got %s", r.raw)
		}
	})
	t.Run("by a service that believes nobody's", func(t *testing.T) {
		chips := p.Chips
		p.Chips = func() *chip.Trust { return nil }
		defer func() { p.Chips = chips }()
		a := p.waitsForChip(sara)
		a.readChip(a.upload(passport)).refused(t, 503, "chip_off")
	})
	t.Run("under a policy that asks for none", func(t *testing.T) {
		d := newDesk(t, nil)
		d.regs.know(sara)
		a := d.waitsForCode(sara)
		a.readChip(a.upload(passport)).refused(t, 409, "chip_unasked")
		a.call("GET", a.path("/evidence/emrtd_chip/challenge"), a.token, nil).refused(t, 409, "chip_unasked")
	})
	t.Run("of an unbounded size", func(t *testing.T) {
		a := p.waitsForChip(sara)
		in := a.upload(passport)
		in["dg2"] = make([]byte, 1<<20)
		if r := a.readChip(in); r.status != 413 {
			t.Errorf("got %d %s", r.status, r.raw)
		}
	})
}

func TestAChipOfASimulatedCountryNeverServesAProductionPolicy(t *testing.T) {
	p, err := evidence.ParsePolicy([]byte(strings.NewReplacer(
		"environment: simulated", "environment: production", "2.999.1.", "1.3.6.1.4.1.99999.",
		"[civil_registry, mobile_ownership, otp_sms, face_match]", "[civil_registry, mobile_ownership, otp_sms, emrtd_chip, face_match]",
		"        face_match: 24h\n", "        face_match: 24h\n        emrtd_chip: 24h\n").Replace(policyText(t))))
	if err != nil {
		t.Fatal(err)
	}
	r := evidence.Record{ID: "e-1", Type: evidence.EMRTDChip, Source: "chip@1", Environment: evidence.Simulated, Result: evidence.Match, CheckedAt: time.Now()}
	if d := p.Evaluate(evidence.Case{Profile: ca.NaturalSign, Home: evidence.Software, Records: []evidence.Record{r}}, time.Now()); d.Outcome() != evidence.Rejected {
		t.Errorf("got %s", d.Outcome())
	}
}

// pictures counts the pictures that are kept.
func (p *passports) pictures() (n int) {
	p.t.Helper()
	p.must(p.ca.Store.View(p.t.Context(), func(tx store.Tx) error {
		n = 0
		return tx.Scan("enroll_pictures", "", "", func(string, []byte) error { n++; return nil })
	}))
	return n
}

func TestRetentionPicturesAreErasedLongBeforeTheEvidence(t *testing.T) {
	p := newPassports(t)
	sara, omid := person(1), person(2)
	p.regs.know(sara, omid)
	gone := p.waitsForChip(omid)
	gone.readChip(gone.proven(p.issue(omid, chipsim.ECKey))).want(t, enroll.Collecting, enroll.NeedFace)
	gone.call("POST", gone.path("/cancel"), gone.token, nil)
	gone.call("POST", gone.path("/erase"), gone.token, nil).want(t, enroll.Erased)
	if n := p.pictures(); n != 0 {
		t.Errorf("%d pictures are left of who erased", n)
	}
	a := p.waitsForChip(sara)
	a.readChip(a.proven(p.issue(sara, chipsim.ECKey))).want(t, enroll.Collecting, enroll.NeedFace)
	a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
	a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	p.must(p.Resume(t.Context()))
	if p.pictures() != 1 {
		t.Fatal("the picture is not kept apart")
	}
	keys := a.keys()
	p.clock.pass(90*day - time.Second)
	p.must(p.Retain(t.Context()))
	if p.pictures() != 1 {
		t.Error("it was erased too early")
	}
	p.clock.pass(2 * time.Second)
	for range 2 {
		p.must(p.Retain(t.Context()))
	}
	if n := p.pictures(); n != 0 || a.keys() != keys {
		t.Errorf("%d pictures are left, and %d of %d data keys of the evidence", n, a.keys(), keys)
	}
}
