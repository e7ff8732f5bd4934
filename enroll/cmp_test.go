package enroll_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	mrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/enroll"
	"mohr/enroll/cmp"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Kinds of bodies, and bits of failures.
const (
	kindIR, kindIP, kindP10CR, kindCP, kindKUR, kindRR = 0, 1, 4, 3, 7, 11
	kindPKIConf, kindError, kindCertConf               = 19, 23, 24
	kindPollReq, kindPollRep, kindGenM                 = 25, 26, 21
)

// noRenewals refuses: renewals are shown with the whole program.
type noRenewals struct{}

func (noRenewals) RenewCMP(context.Context, cmp.Renewal) (ca.Certificate, error) {
	return ca.Certificate{}, fault.New(fault.Denied, "renewal_none", "not here")
}

// renewing renews as package renew would, without asking anybody: what the
// registers and the policy say is shown with the whole program.
type renewing struct{ d *desk }

func (r renewing) RenewCMP(ctx context.Context, w cmp.Renewal) (ca.Certificate, error) {
	csr, err := w.Form.Parse(w.Request)
	if err != nil {
		return ca.Certificate{}, err
	}
	old, order := ca.SerialText(w.Old.SerialNumber), "renew-"+csr.SPKISHA256()
	return r.d.ca.Issue(ctx, ca.Order{
		Request: order, Decision: r.d.ca.Decide(r.d.t, personOf(7), ca.NaturalSignB), CSR: csr, Replaces: old, Overlap: w.Overlap,
		Guard: func(tx store.Tx) error { return w.Use(tx, order) },
	})
}

// cmpDesk is a CMP desk before the applications of a test.
type cmpDesk struct {
	*desk
	cmp *cmp.Desk
}

func newCMP(t testing.TB) *cmpDesk {
	t.Helper()
	d := newDesk(t, nil)
	box, err := seal.New(bytes.Repeat([]byte{7}, seal.SecretSize))
	d.must(err)
	c, err := cmp.New(cmp.Config{
		Store: d.ca.Store, CA: d.ca.Authority, Applications: d.Desk, Renewals: noRenewals{}, Seal: box, Now: d.clock.now,
		Verifier: &signature.Verifier{Authority: d.ca.Authority},
		Key:      d.ca.Current(t, "cmp", ca.Service{Profile: ca.CMPResponder, CommonName: "Mohr Test CMP"}),
	})
	d.must(err)
	return &cmpDesk{d, c}
}

// client returns one with the secret of an application.
func (d *cmpDesk) client(a *applicant) *cmpClient {
	c := &cmpClient{t: d.t, now: d.clock.now, kid: a.id, secret: a.secret(enroll.CMP), txid: random(16), nonce: random(16), version: 2}
	return c.pbm(1000, sha2_256, hmac256)
}

func (d *cmpDesk) send(c *cmpClient, kind int, body []byte) cmpAnswer {
	d.t.Helper()
	a := c.read(d.cmp.Respond(d.t.Context(), ca.NaturalSign, c.message(kind, body)))
	if a.nonce != nil {
		c.answers = a.nonce
	}
	return a
}

func ecdsaKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// wantFailure asks for a protocol error with a bit.
func (a cmpAnswer) wantFailure(t testing.TB, bit byte) {
	t.Helper()
	if a.kind != kindError || a.status != 2 || !slices.Equal(a.bits, []byte{bit}) || a.cert != nil || a.text == "" {
		t.Errorf("body %d, status %d, bits %v, %q; want an error with bit %d", a.kind, a.status, a.bits, a.text, bit)
	}
}

func (d *cmpDesk) status(a *applicant) ca.Certificate {
	d.t.Helper()
	c, err := d.ca.Authority.ByRequest(d.t.Context(), a.id)
	d.must(err)
	return c
}

func (d *cmpDesk) applicant(n int) *applicant {
	d.t.Helper()
	who := person(n)
	d.regs.know(who)
	return d.approved(who, ca.NaturalSign)
}

// TestBothMACsEnrollAndConfirm walks ir and p10cr to the confirmation under
// the MACs of RFC 9481, PBMAC1 among them, which OpenSSL 3.0 does not know.
func TestBothMACsEnrollAndConfirm(t *testing.T) {
	d := newCMP(t)
	for n, c := range []struct {
		name string
		with func(*cmpClient)
	}{
		{"password-based MAC", func(*cmpClient) {}},
		{"PBMAC1 with SHA-256", func(c *cmpClient) { c.pbmac1(2048, 32, hmac256, hmac256) }},
		{"PBMAC1 with SHA-512 and no key length", func(c *cmpClient) { c.pbmac1(100, 0, hmac512, hmac512) }},
		{"version 3", func(c *cmpClient) { c.version = 3 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := d.applicant(n + 1)
			client := d.client(a)
			c.with(client)
			key := ecdsaKey(t)
			kind, body, id := kindIR, seq(crmf(t, 7, key)), int64(7)
			if n%2 == 1 {
				kind, body, id = kindP10CR, requestFor(t, key), -1
			}
			got := d.send(client, kind, body)
			if got.kind != map[int]int{kindIR: kindIP, kindP10CR: kindCP}[kind] || got.status != 0 || !got.protected || !bytes.Equal(got.recipient, client.nonce) {
				t.Fatalf("%+v", got)
			}
			if record := d.status(a); !bytes.Equal(record.DER, got.cert) || record.Revoked != nil {
				t.Fatal("the answer has another certificate than the record")
			}
			if err := d.cmp.Lapse(t.Context()); err != nil {
				t.Fatal(err)
			}
			hash := sha256.Sum256(got.cert)
			for _, when := range []string{"first", "again"} {
				client.answers = got.nonce
				if conf := d.send(client, kindCertConf, certConfirm(id, hash[:])); conf.kind != kindPKIConf || !conf.protected {
					t.Errorf("%s: %+v", when, conf)
				}
			}
			d.clock.pass(2 * time.Hour)
			d.must(d.cmp.Lapse(t.Context()))
			if d.status(a).Revoked != nil {
				t.Error("a confirmed certificate was revoked")
			}
		})
	}
}

func TestACertificateThatNobodyConfirmsIsRevoked(t *testing.T) {
	d := newCMP(t)
	a := d.applicant(1)
	c := d.client(a)
	body := seq(crmf(t, 0, ecdsaKey(t)))
	got := d.send(c, kindIR, body)
	d.clock.pass(59 * time.Minute)
	d.must(d.cmp.Lapse(t.Context()))
	if d.status(a).Revoked != nil {
		t.Fatal("revoked before its time")
	}
	d.clock.pass(2 * time.Minute)
	d.must(d.cmp.Lapse(t.Context()))
	if r := d.status(a).Revoked; r == nil || r.Reason != ca.CessationOfOperation || r.By != "job:cmp-unconfirmed" {
		t.Fatalf("revoked: %+v", r)
	}
	hash := sha256.Sum256(got.cert)
	d.send(c, kindCertConf, certConfirm(0, hash[:])).wantFailure(t, 2)
	d.send(c, kindIR, body).wantFailure(t, 2)
	d.must(d.cmp.Lapse(t.Context()))
	d.clock.pass(48 * time.Hour)
	d.must(d.cmp.Prune(t.Context()))
}

func TestARejectedCertificateIsRevokedAtOnce(t *testing.T) {
	for name, body := range map[string]func(hash []byte) []byte{
		"by a status":      func(hash []byte) []byte { return certConfirm(0, hash, 2) },
		"by an empty list": func([]byte) []byte { return seq() },
	} {
		t.Run(name, func(t *testing.T) {
			d := newCMP(t)
			a := d.applicant(1)
			c := d.client(a)
			got := d.send(c, kindIR, seq(crmf(t, 0, ecdsaKey(t))))
			hash := sha256.Sum256(got.cert)
			for range 2 {
				c.answers = got.nonce
				if conf := d.send(c, kindCertConf, body(hash[:])); conf.kind != kindPKIConf {
					t.Fatalf("%+v", conf)
				}
			}
			if r := d.status(a).Revoked; r == nil || r.By != "holder:cmp" {
				t.Errorf("revoked: %+v", r)
			}
			c.answers = got.nonce
			d.send(c, kindCertConf, certConfirm(0, hash[:])).wantFailure(t, 2)
		})
	}
}

// TestWhoWaitsPolls: an application at review is waited for, and comes to its
// certificate by pollReq.
func TestWhoWaitsPolls(t *testing.T) {
	d := newCMP(t)
	a := d.swapped(1)
	c := d.client(a)
	poll := seq(seq(num(5)))
	d.send(c, kindPollReq, poll).wantFailure(t, 2) // nothing was begun
	c.answers = nil
	if got := d.send(c, kindIR, seq(crmf(t, 5, ecdsaKey(t)))); got.kind != kindIP || got.status != 3 || got.cert != nil {
		t.Fatalf("%+v", got)
	}
	for range 2 {
		if got := d.send(c, kindPollReq, poll); got.kind != kindPollRep || !got.protected {
			t.Fatalf("%+v", got)
		}
	}
	stale := c.answers
	c.answers = random(16)
	d.send(c, kindPollReq, poll).wantFailure(t, 13)
	c.answers = stale
	d.send(c, kindPollReq, seq(seq(num(6)))).wantFailure(t, 4)
	c.answers = stale
	maryam, reza := d.officer("maryam", 101), d.officer("reza", 102)
	p := maryam.propose(a, "approved")
	maryam.sign(a, p, "")
	reza.sign(a, p, "")
	got := d.send(c, kindPollReq, poll)
	if got.kind != kindIP || got.status != 0 || !bytes.Equal(d.status(a).DER, got.cert) {
		t.Fatalf("%+v", got)
	}
	hash := sha256.Sum256(got.cert)
	if conf := d.send(c, kindCertConf, certConfirm(5, hash[:])); conf.kind != kindPKIConf {
		t.Errorf("%+v", conf)
	}
}

// other is a digit that is not the one given.
func other(digit string) string {
	if digit == "0" {
		return "1"
	}
	return "0"
}

// TestCMPRefuses holds refusals against their failure bits; none leaves a
// certificate.
func TestCMPRefuses(t *testing.T) {
	d := newCMP(t)
	a, b := d.applicant(1), d.applicant(2)
	mine, theirs := d.client(a), d.client(b)
	est := b.secret(enroll.EST)
	key := ecdsaKey(t)
	body := seq(crmf(t, 0, key))
	signerKey, signer := d.ca.IssueTo(t, personOf(3), ca.NaturalSign, "type-a")
	forgedKey := crmf(t, 0, key)
	forgedKey[len(forgedKey)-3] ^= 1
	for _, c := range []struct {
		name   string
		change func(*cmpClient)
		kind   int
		body   []byte
		bit    byte
	}{
		{"a wrong secret", func(c *cmpClient) { c.secret = other(c.secret[:1]) + c.secret[1:] }, kindIR, body, 1},
		{"another application's secret", func(c *cmpClient) { c.secret = theirs.secret }, kindIR, body, 1},
		{"a secret of EST", func(c *cmpClient) { c.secret, c.kid = est, b.id }, kindIR, body, 1},
		{"an unknown application", func(c *cmpClient) { c.kid = "a-unknown" }, kindIR, body, 1},
		{"no reference", func(c *cmpClient) { c.kid = "" }, kindIR, body, 1},
		{"no protection", func(c *cmpClient) { c.alg = nil }, kindIR, body, 23},
		{"SHA-1 in the MAC", func(c *cmpClient) { c.pbm(1000, sha2_256, oid(1, 3, 6, 1, 5, 5, 8, 1, 2)) }, kindIR, body, 0},
		{"SHA-1 in the key", func(c *cmpClient) { c.pbm(1000, oid(1, 3, 14, 3, 2, 26), hmac256) }, kindIR, body, 0},
		{"too few iterations", func(c *cmpClient) { c.pbm(99, sha2_256, hmac256) }, kindIR, body, 0},
		{"a million iterations", func(c *cmpClient) { c.pbm(1_000_000, sha2_256, hmac256) }, kindIR, body, 0},
		{"PBMAC1 with a short key", func(c *cmpClient) { c.pbmac1(1000, 8, hmac256, hmac256) }, kindIR, body, 0},
		{"PBMAC1 with a million iterations", func(c *cmpClient) { c.pbmac1(1_000_000, 32, hmac256, hmac256) }, kindIR, body, 0},
		{"a short transactionID", func(c *cmpClient) { c.txid = random(8) }, kindIR, body, 2},
		{"a short nonce", func(c *cmpClient) { c.nonce = random(8) }, kindIR, body, 18},
		{"version 1", func(c *cmpClient) { c.version = 1 }, kindIR, body, 22},
		{"a clock two hours ago", func(c *cmpClient) { c.time = d.clock.now().Add(-2 * time.Hour) }, kindIR, body, 3},
		{"a renewal by a secret", func(*cmpClient) {}, kindKUR, body, 23},
		{"a revocation by a secret", func(*cmpClient) {}, kindRR, seq(seq(seq())), 23},
		{"a proof by nothing", func(*cmpClient) {}, kindIR, seq(seq(seq(num(0), seq(ctx(6, num(1)))))), 19},
		{"a proof that is wrong", func(*cmpClient) {}, kindIR, seq(forgedKey), 9},
		{"two requests", func(*cmpClient) {}, kindIR, seq(crmf(t, 0, key), crmf(t, 1, ecdsaKey(t))), 5},
		{"no request", func(*cmpClient) {}, kindIR, seq(), 5},
		{"a nested message", func(*cmpClient) {}, 20, body, 2},
		{"a confirmation of nothing", func(*cmpClient) {}, kindCertConf, certConfirm(0, random(32)), 2},
		{"an unknown question", func(*cmpClient) {}, kindGenM, seq(seq(oidDER(hmac256))), 2},
		{"type A", func(c *cmpClient) { c.signed(signerKey.Signer.(*ecdsa.PrivateKey), signerKey.Certificate) }, kindKUR, body, 23},
		{"a foreign certificate", func(c *cmpClient) {
			other := newDesk(t, nil)
			k, _ := other.ca.IssueTo(t, personOf(3), ca.NaturalSignB, "foreign")
			c.signed(k.Signer.(*ecdsa.PrivateKey), k.Certificate)
		}, kindKUR, body, 20},
		{"somebody else's certificate", func(c *cmpClient) {
			k, _ := d.ca.IssueTo(t, personOf(4), ca.NaturalSignB, "b-holder")
			c.signed(key, k.Certificate)
		}, kindKUR, body, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := *mine
			client.txid, client.nonce = random(16), random(16)
			c.change(&client)
			got := d.send(&client, c.kind, c.body)
			got.wantFailure(t, c.bit)
			if c.name == "type A" && !bytes.Contains([]byte(got.text), []byte("mohr renew")) {
				t.Errorf("the way that works is not named: %s", got.text)
			}
			if cert, err := d.ca.Authority.ByRequest(t.Context(), a.id); err == nil {
				t.Fatalf("%s was issued", cert.Serial)
			}
		})
	}
	if signer.Revoked != nil {
		t.Error("type A was revoked")
	}
	for name, raw := range map[string][]byte{"nothing": nil, "text": []byte("GET / HTTP/1.1"), "much": bytes.Repeat([]byte{0x30}, 1<<20)} {
		a := mine.read(d.cmp.Respond(t.Context(), ca.NaturalSign, raw))
		if a.kind != kindError || a.protected || !slices.Equal(a.bits, []byte{5}) {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if got := mine.read(d.cmp.Respond(t.Context(), ca.NaturalAuth, mine.message(kindIR, body))); got.kind != kindError {
		t.Errorf("at the address of another profile: %+v", got)
	}
	// All these wrong tries have not used the secret up.
	if got := d.send(mine, kindIR, body); got.status != 0 || got.cert == nil {
		t.Errorf("%+v", got)
	}
}

// TestATransactionIsForOneRequest: another key in it is refused, and so is
// what was sent to somebody else's.
func TestATransactionIsForOneRequest(t *testing.T) {
	d := newCMP(t)
	a, b := d.applicant(1), d.applicant(2)
	c, other := d.client(a), d.client(b)
	body := seq(crmf(t, 0, ecdsaKey(t)))
	first := d.send(c, kindIR, body)
	if again := d.send(c, kindIR, body); again.status != 0 || !bytes.Equal(again.cert, first.cert) || bytes.Equal(again.nonce, first.nonce) {
		t.Errorf("the same again: %+v", again)
	}
	d.send(c, kindIR, seq(crmf(t, 0, ecdsaKey(t)))).wantFailure(t, 21)
	d.send(c, kindIR, seq(crmf(t, 1, ecdsaKey(t)))).wantFailure(t, 21)
	next := *c
	next.txid = random(16)
	d.send(&next, kindIR, seq(crmf(t, 0, ecdsaKey(t)))).wantFailure(t, 2) // the secret is for the first key
	hash := sha256.Sum256(first.cert)
	other.txid, other.answers = c.txid, c.answers
	d.send(other, kindCertConf, certConfirm(0, hash[:])).wantFailure(t, 2)
	if got := d.send(other, kindIR, seq(crmf(t, 0, ecdsaKey(t)))); got.status != 0 {
		t.Errorf("the same transactionID of another asker: %+v", got)
	}
	conf := *c
	conf.answers = random(16)
	d.send(&conf, kindCertConf, certConfirm(0, hash[:])).wantFailure(t, 13)
	conf.answers = nil
	d.send(&conf, kindCertConf, certConfirm(0, hash[:])).wantFailure(t, 13)
	last := d.send(c, kindIR, body)
	c.answers = last.nonce
	d.send(c, kindCertConf, certConfirm(0, random(32))).wantFailure(t, 4)
	c.answers = last.nonce
	d.send(c, kindCertConf, certConfirm(9, hash[:])).wantFailure(t, 4)
	c.answers = last.nonce
	if got := d.send(c, kindCertConf, certConfirm(0, hash[:])); got.kind != kindPKIConf {
		t.Errorf("%+v", got)
	}
}

// TestMutatedCMPMessagesYieldNothing changes an ir in 200 ways, and the body of
// one in 200 more under a right MAC.
func TestMutatedCMPMessagesYieldNothing(t *testing.T) {
	d := newCMP(t)
	a := d.applicant(1)
	c := d.client(a)
	body := seq(crmf(t, 0, ecdsaKey(t)))
	whole := c.message(kindIR, body)
	r := mrand.New(mrand.NewPCG(9, 9810))
	for n := range 200 {
		got := c.read(d.cmp.Respond(t.Context(), ca.NaturalSign, mutated(r, whole, n)))
		if got.kind != kindError || got.cert != nil {
			t.Fatalf("message %d: %+v", n, got)
		}
		a.nothingIssued()
	}
	for n := range 200 {
		c.txid = random(16)
		inner := mutated(r, body, n)
		got := c.read(d.cmp.Respond(t.Context(), ca.NaturalSign, c.message(kindIR, inner)))
		if got.kind != kindError || got.cert != nil {
			t.Fatalf("body %d (%x): %+v", n, inner, got)
		}
		a.nothingIssued()
	}
	c.txid = random(16)
	if got := d.send(c, kindIR, body); got.status != 0 {
		t.Errorf("the good one afterwards: %+v", got)
	}
}

// mutated flips bits, cuts out, cuts off and doubles.
func mutated(r *mrand.Rand, good []byte, n int) []byte {
	for {
		b := bytes.Clone(good)
		at := r.IntN(len(b))
		switch n % 5 {
		case 0, 1:
			b[at] ^= 1 << r.IntN(8)
		case 2:
			b = b[:at]
		case 3:
			b = append(b[:at:at], good[min(at+1+r.IntN(8), len(good)):]...)
		case 4:
			b = append(b[:at:at], good[at/2:]...)
		}
		if !bytes.Equal(b, good) {
			return b
		}
	}
}

// TestARenewalIsConfirmedWithTheKeyThatItReplaces: kur, signed; the old
// certificate counts on until it is confirmed. A new one that nobody confirms
// is revoked, and the old one counts on and can be renewed again.
func TestARenewalIsConfirmedWithTheKeyThatItReplaces(t *testing.T) {
	for _, confirms := range []bool{true, false} {
		t.Run(map[bool]string{true: "confirmed", false: "left"}[confirms], func(t *testing.T) {
			d := newCMP(t)
			d.cmp.Renewals = renewing{d.desk}
			old, record := d.ca.IssueTo(t, personOf(7), ca.NaturalSignB, "first")
			c := &cmpClient{t: t, now: d.clock.now, txid: random(16), nonce: random(16), version: 2}
			c.signed(old.Signer.(*ecdsa.PrivateKey), old.Certificate)
			at := func(kind int, body []byte) cmpAnswer {
				a := c.read(d.cmp.Respond(t.Context(), ca.NaturalSignB, c.message(kind, body)))
				c.answers = a.nonce
				return a
			}
			body := seq(crmf(t, 3, ecdsaKey(t)))
			got := at(kindKUR, body)
			if got.kind != 8 || got.status != 0 || got.cert == nil || !got.protected {
				t.Fatalf("%+v", got)
			}
			if again := at(kindKUR, body); !bytes.Equal(again.cert, got.cert) {
				t.Errorf("the same again: %+v", again)
			}
			before, err := d.ca.Authority.Certificate(t.Context(), record.Serial)
			d.must(err)
			renewed, err := d.ca.Authority.Certificate(t.Context(), before.ReplacedBy)
			d.must(err)
			if before.Revoked != nil || !bytes.Equal(renewed.DER, got.cert) {
				t.Fatalf("the old one: %+v", before.Revoked)
			}
			if confirms {
				hash := sha256.Sum256(got.cert)
				if conf := at(kindCertConf, certConfirm(3, hash[:])); conf.kind != kindPKIConf || !conf.protected {
					t.Errorf("%+v", conf)
				}
			}
			d.clock.pass(time.Hour + time.Minute)
			d.must(d.cmp.Lapse(t.Context()))
			renewed, err = d.ca.Authority.Certificate(t.Context(), renewed.Serial)
			d.must(err)
			if (renewed.Revoked == nil) != confirms {
				t.Errorf("the new one: %+v", renewed.Revoked)
			}
			d.clock.pass(time.Hour)
			d.must(d.ca.Retire(t.Context()))
			after, err := d.ca.Authority.Certificate(t.Context(), record.Serial)
			d.must(err)
			if superseded := after.Revoked != nil && after.Revoked.Reason == ca.Superseded; superseded != confirms || (after.ReplacedBy != "") != confirms {
				t.Errorf("the old one: %+v, replaced by %q", after.Revoked, after.ReplacedBy)
			}
			if confirms {
				return
			}
			c.txid, c.answers = random(16), nil
			if again := at(kindKUR, seq(crmf(t, 3, ecdsaKey(t)))); again.cert == nil {
				t.Errorf("renewed again: %+v", again)
			}
		})
	}
}

// TestAnybodyIsToldTheAuthorities: genm caCerts, without protection, is
// answered with a signature.
func TestAnybodyIsToldTheAuthorities(t *testing.T) {
	d := newCMP(t)
	c := &cmpClient{t: t, now: d.clock.now, txid: random(16), nonce: random(16), version: 2}
	question := seq(seq(oidDER(oid(1, 3, 6, 1, 5, 5, 7, 4, 17))))
	got := d.send(c, kindGenM, question)
	issuer := d.ca.Serving(ca.NaturalSign)[0].Certificate
	if got.kind != 22 || !got.protected || !bytes.Contains(got.body, issuer.Raw) {
		t.Errorf("%+v", got)
	}
	if got := c.read(d.cmp.Respond(t.Context(), "none", c.message(kindGenM, question))); got.kind != kindError {
		t.Errorf("of no profile: %+v", got)
	}
}

// personOf is a person with complete evidence, by number.
func personOf(n int) catest.Person {
	p := catest.Zahra
	p.NationalCode = nationalCode(n)
	return p
}
