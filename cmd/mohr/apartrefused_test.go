package main

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mohr/ca"
	"mohr/hsm"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/renew"
)

// intruder is who has all that a portal has: its keys, its secret, its account
// of the database.
type intruder struct {
	p    *parted
	http *http.Client
}

// intruder shows the certificate of a key of a node's: "tls" is the portal's.
func (p *parted) intruder(t *testing.T, key string) intruder {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "ca", "keys", key+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{InsecureSkipVerify: true} // whom it speaks to is another test's
	spki, err := x509.MarshalPKIXPublicKey(private.(crypto.Signer).Public())
	if err != nil {
		t.Fatal(err)
	}
	members := map[string][]byte{}
	p.records(t, func(tx store.Tx) error {
		list, err := ca.Members(tx)
		for _, m := range list {
			members[m.ID] = m.DER
		}
		if err != nil {
			return err
		}
		return store.Each(tx, "ca_certificates", "", "", func(_ string, c ca.Certificate) error {
			cert, err := x509.ParseCertificate(c.DER)
			if err == nil && bytes.Equal(cert.RawSubjectPublicKeyInfo, spki) {
				conf.Certificates = []tls.Certificate{{Certificate: [][]byte{c.DER, members[string(c.Issuer)]}, PrivateKey: private}}
			}
			return nil
		})
	})
	if len(conf.Certificates) == 0 {
		t.Fatalf("no certificate of the key %s", key)
	}
	return intruder{p, &http.Client{Transport: &http.Transport{TLSClientConfig: conf}}}
}

// sign puts an order and returns the code of the refusal, or the certificate.
func (i intruder) sign(t *testing.T, serial string, papers ca.Papers) (code string, der []byte) {
	t.Helper()
	b, err := json.Marshal(map[string]any{"serial": serial, "papers": papers})
	if err != nil {
		t.Fatal(err)
	}
	res, err := i.http.Post(i.p.nodes+"/sign", "application/json", bytes.NewReader(b))
	if err != nil {
		return "refused by TLS", nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		return "", answer
	}
	var said struct{ Code string }
	if err := json.Unmarshal(answer, &said); err != nil {
		t.Fatalf("status %d: %s", res.StatusCode, answer)
	}
	// 403 is an alarm, which nobody sets off who sends what is no order.
	if want := map[bool]int{true: http.StatusBadRequest, false: http.StatusForbidden}[said.Code == "order_malformed"]; res.StatusCode != want {
		t.Errorf("%s: status %d, want %d", said.Code, res.StatusCode, want)
	}
	return said.Code, nil
}

// waiting are the intents of the requests, with the papers that were kept.
func (p *parted) waiting(t *testing.T, of ...string) (serials []string, papers []ca.Papers) {
	t.Helper()
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	secret, err := ring.Secret(t.Context(), hsm.FileURI(filepath.Join(p.dir, "portal", "keys", "secret")))
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	p.records(t, func(tx store.Tx) error {
		serials, papers = nil, nil
		for _, a := range of {
			serial, err := store.Load[string](tx, "ca_requests", a)
			if err != nil {
				return err
			}
			kept, err := store.Load[struct{ Papers seal.Sealed }](tx, "ca_pending", serial)
			if err != nil {
				return err
			}
			b, err := box.Open("ca_pending", serial, "papers", kept.Papers)
			if err != nil {
				return err
			}
			var one ca.Papers
			if err := json.Unmarshal(b, &one); err != nil {
				return err
			}
			serials, papers = append(serials, serial), append(papers, one)
		}
		return nil
	})
	return serials, papers
}

// forge writes an intent like that of serial under another serial, in the
// store and in the bytes to be signed, and whatever else change bends.
func (p *parted) forge(t *testing.T, serial, as string, change func(certificate map[string]any)) {
	t.Helper()
	p.records(t, func(tx store.Tx) error {
		record, err := store.Load[map[string]any](tx, "ca_certificates", serial)
		if err != nil {
			return err
		}
		in, err := store.Load[map[string]any](tx, "ca_pending", serial)
		if err != nil {
			return err
		}
		before, _ := hex.DecodeString(evenly(serial))
		after, _ := hex.DecodeString(evenly(as))
		var tbs []byte
		b, _ := json.Marshal(in["tbs"])
		if err := json.Unmarshal(b, &tbs); err != nil {
			return err
		}
		in["tbs"] = bytes.Replace(tbs, before, after, 1)
		certificate := in["certificate"].(map[string]any)
		for _, c := range []map[string]any{certificate, record} {
			c["serial"], c["state"] = as, "pending"
			delete(c, "der")
			change(c)
		}
		if err := store.Save(tx, "ca_certificates", as, record); err != nil {
			return err
		}
		return store.Save(tx, "ca_pending", as, in)
	})
}

// evenly is a serial with an even number of digits.
func evenly(s string) string { return strings.Repeat("0", len(s)%2) + s }

// drop takes a forged intent away again.
func (p *parted) drop(t *testing.T, serial string) {
	p.records(t, func(tx store.Tx) error {
		return errors.Join(tx.Delete("ca_certificates", serial), tx.Delete("ca_pending", serial))
	})
}

// forgedSerial is one that no node has made.
const forgedSerial = "2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// checkForgeries has good papers signed under intents that are bent, before
// and after those that the papers belong to.
func checkForgeries(t *testing.T, p *parted, caller intruder, mine string, good ca.Papers) {
	t.Helper()
	set := func(name string, value any) func(map[string]any) {
		return func(c map[string]any) { c[name] = value }
	}
	try := func(name, want string, change func(map[string]any)) {
		t.Helper()
		p.forge(t, mine, forgedSerial, change)
		if code, der := caller.sign(t, forgedSerial, good); code != want || der != nil {
			t.Errorf("%s: code %q, want %q", name, code, want)
		}
		p.drop(t, forgedSerial)
	}
	try("another kind of certificate", "evidence_short", set("profile", "organisation-sign@1"))
	try("an OCSP responder", "evidence_short", set("profile", "ocsp-responder@1"))
	try("a listener of the service", "evidence_short", set("profile", "service-tls@1"))
	try("a key in a device", "evidence_unsigned", set("home", "token"))
	try("another authority", "intent_differs", set("issuer", "auth-p256"))
	try("another time", "intent_differs", set("not_before", time.Now().UTC().Add(-time.Second).Truncate(time.Second)))
	try("a time of last week", "intent_differs", set("not_before", time.Now().UTC().AddDate(0, 0, -7).Truncate(time.Second)))
	try("a list that is not there", "intent_differs", set("shard", 7))
	try("a renewal of nothing", "certificate_unknown", set("replaces", "2bbbb"))

	code, first := caller.sign(t, mine, good)
	if code != "" {
		t.Fatalf("good papers: code %q", code)
	}
	if _, again := caller.sign(t, mine, good); !bytes.Equal(again, first) {
		t.Error("the same order gives another certificate")
	}
	try("another serial for the same request", "request_signed", func(map[string]any) {})
	try("the same evidence for another application", "evidence_used", set("request", "app-another"))
}

// TestTheNodeWithTheKeysBelievesNoPortal plays a portal that was broken into:
// it has orders on record that the node with the keys has not seen, and tries
// to have other ones signed.
func TestTheNodeWithTheKeysBelievesNoPortal(t *testing.T) {
	p := newParted(t)
	p.rough = true
	node := p.startCA(t, "policy.yaml")
	portal := p.startPortal(t, "portal", p.portal, p.status)
	zahra, other := p.approve(t, killPeople[0]), p.approve(t, killPeople[1])
	s, h := p.certify(t, killPeople[2])
	renewing := s.renewal(t, h, nil)
	renewal, err := renew.RequestOf(renewing.Statement)
	if err != nil {
		t.Fatal(err)
	}
	node.end(syscall.SIGTERM)
	for _, a := range []*applying{zahra, other} {
		if _, err := a.issue(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "issuer_away") {
			t.Fatalf("without a node that has the keys: %v", err)
		}
	}
	s.anyone.done(t, renewing.ask(), http.StatusServiceUnavailable, nil)
	portal.end(syscall.SIGKILL)
	serials, papers := p.waiting(t, zahra.id, other.id, renewal)
	mine, theirs := serials[0], papers[1]
	good := func() ca.Papers { _, list := p.waiting(t, zahra.id); return list[0] }
	bent := func(change func(*ca.Papers)) ca.Papers {
		papers := good()
		change(&papers)
		return papers
	}
	csr, err := csrFor(newHolderKey(t))
	if err != nil {
		t.Fatal(err)
	}
	ofRenewal := func(change func(*ca.Papers)) ca.Papers {
		_, list := p.waiting(t, renewal)
		change(&list[0])
		return list[0]
	}

	strict := strings.Replace(tourPolicy, "face_score: 80", "face_score: 100", 1)
	stale := strings.Replace(tourPolicy, "max_age: {civil_registry: 1h", "max_age: {civil_registry: 1s", 1)
	for name, policy := range map[string]string{"strict.yaml": strict, "stale.yaml": stale} {
		if policy == tourPolicy {
			t.Fatal("the policy is as it was: " + tourPolicy)
		}
		p.write(t, name, policy)
		node = p.startCA(t, name)
		if code, _ := p.intruder(t, "tls").sign(t, mine, good()); code != "evidence_short" {
			t.Errorf("%s: code %q", name, code)
		}
		node.end(syscall.SIGTERM)
	}

	p.startCA(t, "policy.yaml")
	caller := p.intruder(t, "tls")
	for _, test := range []struct {
		name, serial string
		papers       ca.Papers
		by           intruder
		want         string
	}{
		{"a caller of another name", mine, good(), p.intruder(t, "issuing"), "caller_unknown"},
		{"a caller with a key of another kind", mine, good(), p.intruder(t, "audit"), "refused by TLS"},
		{"nobody", mine, good(), intruder{p, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}}, "refused by TLS"},
		{"an order without an intent", forgedSerial, good(), caller, "certificate_unknown"},
		{"a name that no register has given", mine, bent(func(p *ca.Papers) { p.Records[0].Claims.LastName = "شاهی" }), caller, "evidence_altered"},
		{"an answer that no register has given", mine, bent(func(p *ca.Papers) { p.Answers[0] = bytes.Replace(p.Answers[0], []byte("1990"), []byte("1991"), 1) }), caller, "evidence_altered"},
		{"evidence without its signature", mine, bent(func(p *ca.Papers) { p.Records[0].Signed = nil }), caller, "evidence_unsigned"},
		{"evidence made younger", mine, bent(func(p *ca.Papers) { p.Records[0].CheckedAt = p.Records[0].CheckedAt.Add(2 * time.Minute) }), caller, "evidence_short"},
		{"too little evidence", mine, bent(func(p *ca.Papers) { p.Records, p.Answers = p.Records[1:], p.Answers[1:] }), caller, "evidence_short"},
		{"another key", mine, bent(func(p *ca.Papers) { p.CSR = csr }), caller, "intent_differs"},
		{"another person's evidence", mine, theirs, caller, "intent_differs"},
		{"a renewal that no key asked for", serials[2], ofRenewal(func(p *ca.Papers) { p.Statement, p.Document = nil, nil }), caller, "evidence_unsigned"},
		{"a renewal to another key", serials[2], ofRenewal(func(p *ca.Papers) { p.CSR = csr }), caller, "renewal_unproven"},
		{"a renewal by a statement that was altered", serials[2], ofRenewal(func(p *ca.Papers) {
			p.Document = bytes.Replace(p.Document, []byte("natural-sign"), []byte("natural-auth"), 1)
		}), caller, "cms_digest"},
		{"a renewal with another's answers", serials[2], ofRenewal(func(p *ca.Papers) { p.Records, p.Answers = theirs.Records, theirs.Answers }), caller, "evidence_short"},
		{"an application with a renewal's papers", mine, ofRenewal(func(*ca.Papers) {}), caller, "evidence_short"},
		{"a request that is none", mine, bent(func(p *ca.Papers) { p.CSR = []byte("x") }), caller, "csr_malformed"},
		{"a serial that is none", "zz", good(), caller, "order_malformed"},
	} {
		if code, der := test.by.sign(t, test.serial, test.papers); code != test.want || der != nil {
			t.Errorf("%s: code %q, want %q", test.name, code, test.want)
		}
	}
	checkForgeries(t, p, caller, mine, good())
	p.startPortal(t, "portal", p.portal, p.status)
	want := map[string]*x509.Certificate{}
	for _, a := range []*applying{zahra, other} {
		a.api = withToken(p.client(t), a.api.token)
		cert, err := a.issue(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		want[a.id] = cert
	}
	s.anyone = p.client(t)
	want[renewal] = renewing.holder(t, s.anyone.done(t, renewing.ask(), http.StatusOK, nil)).Certificate
	p.oneEach(t, want)
}
