package main

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"mohr/ca"
	"mohr/renew"
)

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
	try("another time", "intent_differs", func(c map[string]any) {
		at, err := time.Parse(time.RFC3339, c["not_before"].(string))
		if err != nil {
			t.Fatal(err)
		}
		c["not_before"] = at.Add(-time.Second)
	})
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
	want := p.issued(t, zahra, other)
	s.anyone = p.client(t)
	want[renewal] = renewing.holder(t, s.anyone.done(t, renewing.ask(), http.StatusOK, nil)).Certificate
	p.oneEach(t, want)
}
