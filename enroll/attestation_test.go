package enroll_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/enroll"
	"mohr/enroll/bundle"
	"mohr/hsm/attest"
	"mohr/hsm/attest/attesttest"
	"mohr/internal/fault"
)

// devices is a desk that believes the maker of a device.
type devices struct {
	*desk
	device *attesttest.Device
	verify *attest.Verifier
}

func newDevices(t *testing.T, edits ...string) *devices {
	t.Helper()
	p := &devices{device: attesttest.New(t)}
	p.verify = p.device.Verifier("simulated")
	p.desk = newDesk(t, func(c *enroll.Config) {
		c.Attestation = p.verify
		if len(edits) > 0 {
			c.Policy = policy(t, func(s string) string { return replaced(s, edits) })
		}
	})
	return p
}

func replaced(s string, edits []string) string {
	for i := 0; i < len(edits); i += 2 {
		s = string(bytes.ReplaceAll([]byte(s), []byte(edits[i]), []byte(edits[i+1])))
	}
	return s
}

func keyOn(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// withDevice opens an application for a key in a device and brings it to where
// only the device's word is missing.
func (p *devices) withDevice(n int) *applicant {
	p.t.Helper()
	who := person(n)
	p.regs.know(who)
	r := p.call("POST", "/applications", "", map[string]any{
		"person":  map[string]string{"national_code": who.code, "birth_date": who.born, "mobile": who.types},
		"profile": ca.NaturalSign, "key_home": "token",
	}).want(p.t, enroll.Created, enroll.NeedConsent)
	a := &applicant{desk: p.desk, id: r.ID, token: r.Token, who: who}
	a.consent().want(p.t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace, enroll.NeedAttestation)
	a.code(p.regs.code(who.types)).want(p.t, enroll.Collecting, enroll.NeedFace, enroll.NeedAttestation)
	a.face("live").want(p.t, enroll.Collecting, enroll.NeedAttestation)
	return a
}

// challenged asks for a challenge and returns what a statement must be about.
func (a *applicant) challenged() attest.Binding {
	a.t.Helper()
	r := a.call("POST", a.path("/evidence/device_attestation/challenge"), a.token, map[string]any{"format": "piv"})
	var c enroll.AttestationChallenge
	a.must(json.Unmarshal(r.raw, &c))
	if r.status != 200 || c.Nonce == "" || c.Audience != catest.Portal || c.Purpose != "application/"+a.id || r.header.Get("Cache-Control") != "no-store" {
		a.t.Fatalf("no challenge: %d %s", r.status, r.raw)
	}
	return attest.Binding{Audience: c.Audience, Purpose: c.Purpose, Nonce: c.Nonce}
}

func (a *applicant) attest(s attest.Statement) reply {
	return a.call("POST", a.path("/evidence/device_attestation"), a.token, s)
}

func TestAnAttestedKeyLeadsToACertificateThatSaysSo(t *testing.T) {
	p := newDevices(t)
	a, key := p.withDevice(1), keyOn(t)
	s := p.device.Attest(key, a.challenged())
	a.attest(s).want(t, enroll.Approved, enroll.NeedCSR)
	a.attest(s).want(t, enroll.Approved, enroll.NeedCSR) // again changes nothing
	a.csr(request(t)).refused(t, 403, "key_unattested")
	a.state().want(t, enroll.Approved, enroll.NeedCSR)
	a.nothingIssued()
	issued := a.csr(requestFor(t, key)).want(t, enroll.Issued, enroll.NeedCertificate)
	cert := parseChain(t, []byte(issued.Certificate))[0]
	if len(cert.PolicyIdentifiers) != 1 || cert.PolicyIdentifiers[0].String() != "2.999.1.1.2" {
		t.Errorf("policies %v", cert.PolicyIdentifiers)
	}
	c, err := p.ca.Authority.ByRequest(t.Context(), a.id)
	p.must(err)
	if c.Home != evidence.Token || c.PolicyOID != "2.999.1.1.2" {
		t.Errorf("home %s, policy %s", c.Home, c.PolicyOID)
	}
	p.must(p.Resume(t.Context()))
	p.must(p.Ledger.Sequence(t.Context()))
	b := a.call("GET", a.path("/bundle"), a.token, nil)
	report, err := bundle.Verify(b.raw, bundle.Trust{Root: p.ca.Root, LogKey: p.Ledger.VerifierKey(), Certificate: cert})
	p.must(err)
	i := slices.IndexFunc(report.Manifest.Evidence, func(e bundle.Evidence) bool { return e.Type == evidence.DeviceAttestation })
	if report.Manifest.Home != evidence.Token || i < 0 || report.Manifest.Evidence[i].RawSHA256 == "" || !slices.Contains(report.Manifest.Decision.Evidence, report.Manifest.Evidence[i].SHA256) {
		t.Errorf("the bundle does not rest on the attestation: %+v", report.Manifest)
	}
}

func TestAttestationsThatAreRefusedLeaveTheApplicationAsItWas(t *testing.T) {
	p := newDevices(t)
	a, other := p.withDevice(1), p.withDevice(2)
	key := keyOn(t)
	mine, theirs := a.challenged(), other.challenged()
	stranger := attesttest.New(t)
	invented := mine
	invented.Nonce = "AAAA"
	swapped := p.device.Attest(key, mine)
	swapped.Signature = p.device.Attest(keyOn(t), mine).Signature
	for _, tt := range []struct {
		name   string
		s      attest.Statement
		status int
		code   string
	}{
		{"of another application's challenge", p.device.Attest(key, theirs), 403, "nonce_unknown"},
		{"with a nonce of its own", p.device.Attest(key, invented), 403, "nonce_unknown"},
		{"by a maker who is not believed", stranger.Attest(key, mine), 403, "attestation_device_unknown"},
		{"answered by a software key", swapped, 403, "attestation_other_challenge"},
		{"in a format that is not taken", attest.Statement{Format: attest.TPM, Nonce: mine.Nonce, Certificates: [][]byte{{1}}, Signature: []byte{1}}, 422, "attestation_kind"},
		{"that is empty", attest.Statement{Format: attest.PIV, Nonce: mine.Nonce, Certificates: [][]byte{}, Signature: []byte{}}, 422, "request_invalid"},
		{"of octets", attest.Statement{Format: attest.PIV, Nonce: mine.Nonce, Certificates: [][]byte{{1}, {2}}, Signature: []byte{3}}, 422, "attestation_malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a.attest(tt.s).refused(t, tt.status, tt.code)
			a.state().want(t, enroll.Collecting, enroll.NeedAttestation)
		})
	}
	t.Run("after its nonce's time", func(t *testing.T) {
		late := p.device.Attest(key, mine)
		p.clock.pass(11 * time.Minute)
		a.attest(late).refused(t, 403, "nonce_expired")
	})
	good := p.device.Attest(key, a.challenged())
	a.attest(good).want(t, enroll.Approved, enroll.NeedCSR)
	other.attest(good).refused(t, 403, "nonce_unknown")
	a.csr(requestFor(t, key)).want(t, enroll.Issued, enroll.NeedCertificate)
}

func TestADeviceIsAskedOfNobodyElse(t *testing.T) {
	p := newDevices(t)
	who := person(1)
	p.regs.know(who)
	a := p.apply(who, ca.NaturalSign)
	a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.call("POST", a.path("/evidence/device_attestation/challenge"), a.token, map[string]any{"format": "piv"}).refused(t, 409, "attestation_unasked")
	a.attest(p.device.Attest(keyOn(t), attest.Binding{Nonce: "n"})).refused(t, 409, "attestation_unasked")
	in := func(home string) map[string]any {
		return map[string]any{"person": map[string]string{"national_code": who.code, "birth_date": who.born, "mobile": who.types}, "profile": ca.NaturalSign, "key_home": home}
	}
	for _, home := range []string{"hsm", "pocket"} {
		p.call("POST", "/applications", "", in(home)).refused(t, 422, "key_home_unoffered")
	}
	newDesk(t, nil).call("POST", "/applications", "", in("token")).refused(t, 422, "key_home_unoffered")
	newDevices(t, "{token: [tpm2, piv]}", "{token: [tpm2]}").call("POST", "/applications", "", in("token")).refused(t, 422, "key_home_unoffered")
}

// TestAnAnnouncedKeyIsTheOneThatIsAttested: the consent named it.
func TestAnAnnouncedKeyIsTheOneThatIsAttested(t *testing.T) {
	p := newDevices(t)
	who := person(1)
	p.regs.know(who)
	key := keyOn(t)
	csr, err := ca.ParseCSR(requestFor(t, key))
	p.must(err)
	app, token, err := p.Create(t.Context(), enroll.Form{Person: enroll.Person{NationalCode: who.code, BirthDate: who.born, Mobile: who.types}, Profile: ca.NaturalSign, Home: evidence.Token})
	p.must(err)
	_, err = p.Consent(t.Context(), app.ID, token, enroll.ConsentForm{Accepted: true, TermsVersion: "1", SPKISHA256: csr.SPKISHA256()})
	p.must(err)
	a := &applicant{desk: p.desk, id: app.ID, token: token, who: who}
	a.attest(p.device.Attest(keyOn(t), a.challenged())).refused(t, 403, "key_not_announced")
	a.attest(p.device.Attest(key, a.challenged())).want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
}

// TestAMakerWhoIsNoLongerBelieved: what was attested is judged again when the
// certificate is ordered.
func TestAMakerWhoIsNoLongerBelieved(t *testing.T) {
	p := newDevices(t)
	a, key := p.withDevice(1), keyOn(t)
	a.attest(p.device.Attest(key, a.challenged())).want(t, enroll.Approved, enroll.NeedCSR)
	*p.verify = *attesttest.New(t).Verifier("simulated")
	a.csr(requestFor(t, key)).refused(t, 403, "attestation_device_unknown")
	a.nothingIssued()
	a.state().want(t, enroll.Approved, enroll.NeedCSR)
	*p.verify = *p.device.Verifier("simulated")
	a.csr(requestFor(t, key)).want(t, enroll.Issued, enroll.NeedCertificate)
}

// TestOneNonceServesOneOfManyAtOnce: two statements over one challenge attach
// one proof.
func TestOneNonceServesOneOfManyAtOnce(t *testing.T) {
	p := newDevices(t)
	a := p.withDevice(1)
	b := a.challenged()
	first, second := p.device.Attest(keyOn(t), b), p.device.Attest(keyOn(t), b)
	done := make(chan error, 2)
	for _, s := range []attest.Statement{first, second} {
		go func() {
			_, err := p.AttestKey(t.Context(), a.id, a.token, s)
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil && fault.Code(err) != "nonce_used" {
			t.Error(err)
		}
	}
	e, err := p.Export(t.Context(), a.id, a.token)
	p.must(err)
	n := 0
	for _, r := range e.Evidence {
		if r.Type == evidence.DeviceAttestation {
			n++
		}
	}
	if n != 1 || a.state().Stage != enroll.Approved {
		t.Errorf("%d attestations, stage %s", n, a.state().Stage)
	}
}
