package enroll_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	mrand "math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/smallstep/pkcs7"
	sstep "github.com/smallstep/scep"

	"mohr/ca"
	"mohr/enroll"
	"mohr/enroll/scep"
	"mohr/internal/fault"
	"mohr/internal/seal"
)

// RenewSCEP renews as package renew would, without asking anybody: what the
// registers and the policy say is shown with the whole program.
func (r renewing) RenewSCEP(ctx context.Context, w scep.Renewal) (ca.Certificate, error) {
	csr, err := ca.ParseCSR(w.CSR)
	if err != nil {
		return ca.Certificate{}, err
	}
	return r.d.ca.Issue(ctx, ca.Order{
		Request: "renew-" + csr.SPKISHA256(), Decision: r.d.ca.Decide(r.d.t, personOf(1), ca.NaturalAuth), CSR: csr,
		Replaces: ca.SerialText(w.Old.SerialNumber),
	})
}

// scepDesk is a SCEP desk before the applications of a test.
type scepDesk struct {
	*desk
	scep *scep.Desk
	ra   ca.SigningKey
}

// oneSCEPKey is the service's in all tests: making one takes long.
var oneSCEPKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newSCEP(t testing.TB) *scepDesk {
	t.Helper()
	d := newDesk(t, nil)
	box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize))
	d.must(err)
	key, err := oneSCEPKey()
	d.must(err)
	ra, err := d.ca.Authority.SigningKey(t.Context(), key, ca.Service{Profile: ca.SCEPResponder, CommonName: "Mohr Test SCEP"})
	d.must(err)
	s, err := scep.New(scep.Config{
		Store: d.ca.Store, CA: d.ca.Authority, Applications: d.Desk, Renewals: renewing{d}, Seal: box, Now: d.clock.now,
		Key: func() ca.SigningKey { return ra },
	})
	d.must(err)
	return &scepDesk{d, s, ra}
}

// applicant has an approved application for an authentication certificate.
func (d *scepDesk) applicant(n int) *applicant {
	d.t.Helper()
	who := person(n)
	d.regs.know(who)
	return d.approved(who, ca.NaturalAuth)
}

func (d *scepDesk) client() *scepClient { return newSCEPClient(d.t, d.ra.Certificate) }

// send has a message answered by a CertRep.
func (d *scepDesk) send(c *scepClient, raw []byte) scepAnswer {
	d.t.Helper()
	out, err := d.scep.Respond(d.t.Context(), ca.NaturalAuth, raw)
	d.must(err)
	return c.read(out)
}

// secretFor is the challengePassword of an application.
func secretFor(a *applicant) string { return a.id + ":" + a.secret(enroll.SCEP) }

func (a scepAnswer) wantFailure(t testing.TB, info sstep.FailInfo, words string) {
	t.Helper()
	if a.status != sstep.FAILURE || a.info != info || a.cert != nil || !strings.Contains(a.text, words) {
		t.Errorf("status %q, failInfo %q, %q; want failInfo %q and %q", a.status, a.info, a.text, info, words)
	}
}

func TestSCEPEnrollsRenewsAndFetches(t *testing.T) {
	d := newSCEP(t)
	a := d.applicant(1)
	c := d.client()
	ask := c.message(sstep.PKCSReq, c.request(secretFor(a)))
	first := d.send(c, ask)
	record, err := d.ca.Authority.ByRequest(t.Context(), a.id)
	d.must(err)
	if first.status != sstep.SUCCESS || !bytes.Equal(first.cert.Raw, record.DER) {
		t.Fatalf("%+v", first)
	}
	if again := d.send(c, ask); again.status != sstep.SUCCESS || !again.cert.Equal(first.cert) {
		t.Errorf("the same again: %+v", again)
	}
	old := *c
	old.cert, old.transaction = first.cert, rand.Text()
	next := d.client()
	renewed := d.send(&old, old.message(sstep.RenewalReq, next.request("")))
	if renewed.status != sstep.SUCCESS || !next.key.PublicKey.Equal(renewed.cert.PublicKey) {
		t.Fatalf("%+v", renewed)
	}
	next.cert = renewed.cert
	got := d.send(next, next.message(sstep.GetCert, wanted(t, first.cert)))
	if got.status != sstep.SUCCESS || !got.cert.Equal(first.cert) {
		t.Errorf("GetCert: %+v", got)
	}
	other := d.applicant(2)
	theirs := d.client()
	second := d.send(theirs, theirs.message(sstep.PKCSReq, theirs.request(secretFor(other))))
	for name, cert := range map[string]*x509.Certificate{"another holder's": second.cert, "the service's own": d.ra.Certificate, "unknown": c.cert} {
		t.Run(name, func(t *testing.T) {
			d.send(next, next.message(sstep.GetCert, wanted(t, cert))).wantFailure(t, sstep.BadCertID, "no such certificate")
		})
	}
	c.transaction = rand.Text()
	d.send(c, c.message(sstep.GetCert, wanted(t, first.cert))).wantFailure(t, sstep.BadMessageCheck, "not issued by this service")
}

// wanted is an IssuerAndSerialNumber.
func wanted(t testing.TB, c *x509.Certificate) []byte {
	t.Helper()
	b, err := asn1.Marshal(struct {
		Issuer asn1.RawValue
		Serial *big.Int
	}{asn1.RawValue{FullBytes: c.RawIssuer}, c.SerialNumber})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWhoWaitsPollsOverSCEP: an application that a person looks at is waited
// for, and comes to its certificate by CertPoll.
func TestWhoWaitsPollsOverSCEP(t *testing.T) {
	d := newSCEP(t)
	a := d.swappedFor(1, ca.NaturalAuth)
	c := d.client()
	poll := func(c *scepClient) scepAnswer { return d.send(c, c.message(sstep.CertPoll, wanted(t, c.cert))) }
	poll(c).wantFailure(t, sstep.BadRequest, "nothing waits")
	ask := c.message(sstep.PKCSReq, c.request(secretFor(a)))
	for range 2 {
		if got := d.send(c, ask); got.status != sstep.PENDING {
			t.Fatalf("%+v", got)
		}
		if got := poll(c); got.status != sstep.PENDING {
			t.Fatalf("%+v", got)
		}
	}
	thief := d.client()
	thief.transaction = c.transaction
	poll(thief).wantFailure(t, sstep.BadRequest, "nothing waits")
	maryam, reza := d.officer("maryam", 101), d.officer("reza", 102)
	p := maryam.propose(a, "approved")
	maryam.sign(a, p, "")
	reza.sign(a, p, "")
	got := poll(c)
	record, err := d.ca.Authority.ByRequest(t.Context(), a.id)
	d.must(err)
	if got.status != sstep.SUCCESS || !bytes.Equal(got.cert.Raw, record.DER) {
		t.Fatalf("%+v", got)
	}
	d.must(d.scep.Prune(t.Context()))
	if got := poll(c); got.status != sstep.SUCCESS {
		t.Errorf("again: %+v", got)
	}
}

// TestSCEPRefuses holds refusals against their failInfo and reason; none
// leaves a certificate.
func TestSCEPRefuses(t *testing.T) {
	d := newSCEP(t)
	a, b := d.applicant(1), d.applicant(2)
	secret := secretFor(a)
	est := b.id + ":" + b.secret(enroll.EST)
	c, other := d.client(), d.client()
	for _, x := range []struct {
		name string
		raw  []byte
		info sstep.FailInfo
		says string
	}{
		{"no secret", c.message(sstep.PKCSReq, c.request("")), sstep.BadMessageCheck, "challengePassword"},
		{"a secret without its application", c.message(sstep.PKCSReq, c.request(strings.TrimPrefix(secret, a.id+":"))), sstep.BadMessageCheck, "challengePassword"},
		{"a wrong secret", c.message(sstep.PKCSReq, c.request(a.id+":0000")), sstep.BadMessageCheck, "one-time secret is wrong"},
		{"a secret of EST", c.message(sstep.PKCSReq, c.request(est)), sstep.BadMessageCheck, "one-time secret is wrong"},
		{"another's application", c.message(sstep.PKCSReq, c.request(b.id+":"+strings.TrimPrefix(secret, a.id+":"))), sstep.BadMessageCheck, "one-time secret is wrong"},
		{"the request of another key", c.message(sstep.PKCSReq, other.request(secret)), sstep.BadMessageCheck, "does not open"},
		{"nothing inside", c.message(sstep.PKCSReq, []byte("nothing")), sstep.BadMessageCheck, "does not open"},
		{"encrypted to somebody else", (&scepClient{t: t, ra: c.cert, cert: c.cert, key: c.key, transaction: c.transaction, nonce: c.nonce, digest: c.digest}).message(sstep.PKCSReq, c.request(secret)), sstep.BadMessageCheck, "does not open"},
		{"DES", c.signed(sstep.PKCSReq, c.envelope(c.request(secret), pkcs7.EncryptionAlgorithmDESCBC)), sstep.BadAlg, "AES-128 or AES-256"},
		{"GCM", c.signed(sstep.PKCSReq, c.envelope(c.request(secret), pkcs7.EncryptionAlgorithmAES128GCM)), sstep.BadAlg, "AES-128 or AES-256"},
		{"not encrypted", c.signed(sstep.PKCSReq, c.request(secret)), sstep.BadAlg, "AES-128 or AES-256"},
		{"a renewal by nobody's certificate", c.message(sstep.RenewalReq, c.request("")), sstep.BadMessageCheck, "not issued by this service"},
		{"GetCRL", c.message(sstep.GetCRL, wanted(t, c.cert)), sstep.BadRequest, "fetched by HTTP"},
		{"an unknown kind", c.message("99", wanted(t, c.cert)), sstep.BadRequest, "PKCSReq"},
	} {
		t.Run(x.name, func(t *testing.T) { d.send(c, x.raw).wantFailure(t, x.info, x.says) })
	}
	for name, x := range map[string]struct {
		raw  []byte
		code string
	}{
		"nothing": {nil, "cms_malformed"},
		"SHA-1": {func() []byte {
			s := *c
			s.digest = pkcs7.OIDDigestAlgorithmSHA1
			return s.message(sstep.PKCSReq, s.request(secret))
		}(), "cms_algorithm"},
		"no nonce":   {func() []byte { s := *c; s.nonce = nil; return s.message(sstep.PKCSReq, s.request(secret)) }(), "scep_malformed"},
		"a CMS":      {make([]byte, 70<<10), "scep_malformed"},
		"indefinite": {[]byte{0x30, 0x80, 0, 0}, "cms_indefinite_length"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.scep.Respond(t.Context(), ca.NaturalAuth, x.raw)
			wantFault(t, err, x.code)
		})
	}
	t.Run("a certificate for signing", func(t *testing.T) {
		for _, profile := range []string{ca.NaturalSign, ca.NaturalSignB, ca.OrganisationSeal, ca.SCEPResponder} {
			out, err := d.scep.Respond(t.Context(), profile, c.message(sstep.PKCSReq, c.request(secret)))
			d.must(err)
			c.read(out).wantFailure(t, sstep.BadRequest, "mohr renew")
			if _, err := d.scep.Certificates(profile); fault.Code(err) != "scep_by_statement" {
				t.Errorf("GetCACert: %v", err)
			}
		}
	})
	t.Run("a key that cannot decrypt", func(t *testing.T) {
		out, err := d.scep.Respond(t.Context(), ca.NaturalAuth, ofEC(t, c, secret))
		d.must(err)
		c.read(out).wantFailure(t, sstep.BadAlg, "must be RSA")
	})
	a.nothingIssued()
	// Wrong tries end a secret, so the right one comes before ten of them.
	if got := d.send(c, c.message(sstep.PKCSReq, c.request(secret))); got.status != sstep.SUCCESS {
		t.Fatalf("%+v", got)
	}
	other.transaction = c.transaction
	d.send(other, other.message(sstep.PKCSReq, other.request(secret))).wantFailure(t, sstep.BadRequest, "key")
}

// ofEC is a message that an EC key signed.
func ofEC(t testing.TB, c *scepClient, secret string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(8), NotBefore: c.cert.NotBefore, NotAfter: c.cert.NotAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	sd, err := pkcs7.NewSignedData(c.envelope(c.request(secret), pkcs7.EncryptionAlgorithmAES128CBC))
	if err != nil {
		t.Fatal(err)
	}
	sd.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	err = sd.AddSigner(cert, key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{
		{Type: scepTransaction, Value: c.transaction}, {Type: scepMessageType, Value: "19"}, {Type: scepSenderNonce, Value: c.nonce},
	}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := sd.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMutatedSCEPMessagesYieldNothing changes a good message in 200 ways: the
// whole of it; the envelope, signed again; the request, encrypted and signed again.
func TestMutatedSCEPMessagesYieldNothing(t *testing.T) {
	d := newSCEP(t)
	a := d.applicant(1)
	c := d.client()
	csr := c.request(secretFor(a))
	envelope := c.envelope(csr, pkcs7.EncryptionAlgorithmAES128CBC)
	good := c.signed(sstep.PKCSReq, envelope)
	var list [][]byte
	r := mrand.New(mrand.NewPCG(8894, 29))
	for n := range 80 {
		list = append(list, mutated(r, good, n))
	}
	for n := range 60 {
		list = append(list, c.signed(sstep.PKCSReq, mutated(r, envelope, n)), c.message(sstep.PKCSReq, mutated(r, csr, n)))
	}
	for n, raw := range list {
		out, err := d.scep.Respond(t.Context(), ca.NaturalAuth, raw)
		if _, ok := fault.Of(err); err != nil && !ok {
			t.Fatalf("mutation %d: %v", n, err)
		}
		if err == nil {
			if m, err := sstep.ParsePKIMessage(out, sstep.WithCACerts([]*x509.Certificate{c.ra})); err != nil || m.PKIStatus != sstep.FAILURE {
				t.Fatalf("mutation %d: %v %+v", n, err, m)
			}
		}
	}
	a.nothingIssued()
	if got := d.send(c, good); got.status != sstep.SUCCESS {
		t.Errorf("the good one: %+v", got)
	}
}
