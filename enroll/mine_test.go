package enroll_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/enroll"
	"mohr/internal/eid"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/session"
	"mohr/internal/web"
)

// holderPortal is a portal where people sign in, and one who has.
type holderPortal struct {
	*browser
	key    ca.SigningKey
	nonces *nonce.Source
}

// newHolderPortal signs in who has the issued certificate for key.
func newHolderPortal(t *testing.T, d *desk, serial string, key *ecdsa.PrivateKey) *holderPortal {
	t.Helper()
	p := &holderPortal{browser: &browser{desk: d, cookies: map[string]*http.Cookie{}, lang: "en"}, nonces: &nonce.Source{Key: make([]byte, 32), Now: d.clock.now}}
	texts, err := i18n.Parse(web.Texts, enroll.Texts, evidence.Texts, eid.Texts, ca.Texts, signature.Texts, session.Texts, signin.Texts)
	d.must(err)
	in, err := signin.New(signin.Config{Store: d.ca.Store, CA: d.ca.Authority, Verifier: &signature.Verifier{Authority: d.ca.Authority}, Nonces: p.nonces,
		Audience: catest.Portal, Name: "Mohr", Now: d.clock.now, Gate: web.NewGate(1000, 1000)})
	d.must(err)
	s, err := web.New(web.Config{Store: d.ca.Store, Texts: texts, Pages: []fs.FS{enroll.Pages, signin.Pages}, Portal: catest.Portal, Now: d.clock.now})
	d.must(err)
	d.Routes(s)
	d.RoutesMine(s, in)
	in.Routes(s)
	d.http = s.Handler()
	c, err := d.ca.Certificate(t.Context(), serial)
	d.must(err)
	leaf, err := x509.ParseCertificate(c.DER)
	d.must(err)
	p.key = ca.SigningKey{Certificate: leaf, Signer: key}
	form := url.Values{"statement": {p.statement(signin.StatementType, p.nonces.New(signin.NoncePurpose), "")}}
	if w := p.do("POST", "/signin/statement", "application/x-www-form-urlencoded", []byte(form.Encode())); w.Code != http.StatusSeeOther {
		t.Fatalf("signing in: %d %s", w.Code, w.Body)
	}
	return p
}

func (p *holderPortal) statement(typ, n, purpose string) string {
	p.t.Helper()
	sum, now := sha256.Sum256(p.key.Certificate.Raw), p.clock.now().Unix()
	m := map[string]any{"type": typ, "aud": catest.Portal, "certificate_sha256": hex.EncodeToString(sum[:]), "nonce": n, "iat": now, "exp": now + 300}
	if purpose != "" {
		m["purpose"] = purpose
	}
	payload, err := json.Marshal(m)
	p.must(err)
	jws, err := signature.SignJWS(p.key, typ, payload)
	p.must(err)
	return string(jws)
}

// proves follows a page that asks for a fresh proof, and returns what it leads to.
func (p *holderPortal) proves(path string) string {
	p.t.Helper()
	page := p.ask(path)
	m := regexp.MustCompile(`--confirm (\S+) --nonce ([\w-]{54})`).FindStringSubmatch(page)
	if m == nil {
		p.t.Fatalf("no proof is asked for:\n%s", page)
	}
	form := url.Values{"statement": {p.statement(signin.ConfirmType, m[2], m[1])}, "purpose": {m[1]}, "to": {path}}
	p.wants(p.post("/signin/confirm/statement", form), 200)
	return p.ask(path)
}

// ask is get, and the page after a redirect.
func (p *holderPortal) ask(path string) string {
	p.t.Helper()
	w := p.get(path)
	if w.Code == http.StatusSeeOther {
		w = p.get(w.Header().Get("Location"))
	}
	p.wants(w, 200)
	return w.Body.String()
}

// mine issues a certificate to the person and signs them in.
func mine(t *testing.T, who someone) (*desk, *holderPortal, *applicant) {
	t.Helper()
	d := newDesk(t, nil)
	d.regs.know(who)
	a := d.approved(who, ca.NaturalSign)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.must(err)
	issued := a.csr(requestFor(t, key)).want(t, enroll.Issued, enroll.NeedCertificate)
	return d, newHolderPortal(t, d, issued.Serial, key), a
}

// TestOneSeesAndErasesWhatIsHeldOfOneself: what a certificate rests on is seen
// by a fresh proof and stays; what ended without one is erased by another proof
// and a yes; what a stranger began is neither listed nor opened.
func TestOneSeesAndErasesWhatIsHeldOfOneself(t *testing.T) {
	sara, other := person(1), person(2)
	d, p, a := mine(t, sara)
	d.regs.know(other)
	ended := d.apply(sara, ca.NaturalSign)
	ended.consent()
	ended.code(d.regs.code(sara.mobile))
	ended.call("POST", ended.path("/cancel"), ended.token, nil).want(t, enroll.Cancelled)
	foreign := d.apply(other, ca.NaturalSign)
	foreign.consent()
	foreign.code(d.regs.code(other.mobile))
	unproven := d.apply(sara, ca.NaturalSign)
	list := p.ask("/my/data")
	for id, listed := range map[string]bool{a.id: true, ended.id: true, foreign.id: false, unproven.id: false} {
		if strings.Contains(list, `href="/my/data/`+id+`"`) != listed {
			t.Errorf("%s: listed %v\n%s", id, !listed, list)
		}
	}
	if strings.Contains(list, sara.code) || strings.Contains(list, sara.mobile[3:]) || strings.Contains(list, a.id+"/erase") {
		t.Errorf("the list says too much:\n%s", list)
	}
	if page := p.ask("/my/data/" + a.id); strings.Contains(page, sara.code) {
		t.Errorf("it is shown without a fresh proof:\n%s", page)
	}
	if page := p.proves("/my/data/" + a.id); !strings.Contains(page, sara.code) {
		t.Errorf("the proof does not open it:\n%s", page)
	}
	if w := p.get("/my/data/" + a.id + "/export.json"); w.Code != 200 || !strings.Contains(w.Body.String(), sara.code) {
		t.Errorf("the export: %d %s", w.Code, w.Body)
	}
	if w := p.get("/my/data/" + ended.id); w.Code != 303 {
		t.Errorf("a proof for one opens the other: %d", w.Code)
	}
	for _, id := range []string{foreign.id, unproven.id, "a-1"} {
		p.wants(p.get("/my/data/"+id), 404)
		p.wants(p.get("/my/data/"+id+"/erase"), 404)
		p.wants(p.post("/my/data/"+id+"/erase", url.Values{"sure": {"yes"}}), 404)
	}
	erase := "/my/data/" + ended.id + "/erase"
	p.wants(p.post(erase, url.Values{"sure": {"yes"}}), 403)
	if page := p.proves(erase); !strings.Contains(page, `name="sure"`) {
		t.Errorf("it is not asked once more:\n%s", page)
	}
	ended.state().want(t, enroll.Cancelled)
	p.wants(p.post(erase, url.Values{"sure": {"yes"}}), 200)
	ended.state().want(t, enroll.Erased)
	if strings.Contains(p.ask("/my/data"), ended.id) {
		t.Error("what is erased is listed still")
	}
	kept := "/my/data/" + a.id + "/erase"
	p.proves(kept)
	p.wants(p.post(kept, url.Values{"sure": {"yes"}}), 409)
	a.state().want(t, enroll.Issued, enroll.NeedCertificate)
}

// TestOneLocksAndLiftsAtOnesOwnPages by a code to the own phone, without typing
// who one is.
func TestOneLocksAndLiftsAtOnesOwnPages(t *testing.T) {
	sara := person(1)
	d, p, _ := mine(t, sara)
	if page := p.ask("/my/lock"); !strings.Contains(page, "no lock") {
		t.Errorf("it begins locked:\n%s", page)
	}
	turn := func(form url.Values) string {
		p.wants(p.post("/my/lock", form), 200, `name="sure"`)
		form.Set("sure", "yes")
		w := p.post("/my/lock", form)
		p.wants(w, 200, `name="code"`)
		if strings.Contains(w.Body.String(), sara.code) {
			t.Error("the page names the person")
		}
		at := regexp.MustCompile(`/enroll/lock/a-[0-9a-f]+`).FindString(w.Body.String())
		p.wants(p.post(at, url.Values{"code": {d.regs.code(sara.mobile)}}), 200, "<time")
		return p.ask("/my/lock")
	}
	if page := turn(url.Values{}); !strings.Contains(page, `name="lift"`) {
		t.Errorf("it is not locked:\n%s", page)
	}
	if page := turn(url.Values{"lift": {"yes"}}); !strings.Contains(page, "The lock ends at") {
		t.Errorf("it is not lifted:\n%s", page)
	}
	d.clock.pass(25 * time.Hour)
	out := newHolderPortal(t, d, p.key.Certificate.SerialNumber.Text(16), p.key.Signer.(*ecdsa.PrivateKey))
	if page := out.ask("/my/lock"); !strings.Contains(page, "no lock") {
		t.Errorf("it holds still:\n%s", page)
	}
}
