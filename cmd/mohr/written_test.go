package main

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"mohr/complaints"
)

// evil is what somebody writes who wants it to run in another's browser: it
// leaves attributes, fields and titles, and is short enough for every field.
const evil = `'"></textarea></title></pre><x-evil onload=alert(1)>`

// shows counts the places where the page shows what evil wrote, in its text and
// in attributes, and fails if any of it has become part of the page.
func shows(t *testing.T, name string, a answer) (n int) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(a.body))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for node := range doc.Descendants() {
		if node.Type == html.TextNode && strings.Contains(node.Data, evil) {
			n++
		}
		if node.Type != html.ElementNode {
			continue
		}
		if node.Data == "x-evil" || node.Data == "script" && len(node.Attr) == 0 {
			t.Errorf("%s: <%s> is in the page", name, node.Data)
		}
		for _, attr := range node.Attr {
			if strings.HasPrefix(attr.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(attr.Val)), "javascript:") {
				t.Errorf("%s: %s=%q is in the page", name, attr.Key, attr.Val)
			}
			if strings.Contains(attr.Val, evil) {
				n++
			}
		}
	}
	return n
}

// TestNothingThatPeopleWriteBecomesCode writes the same where consumers,
// businesses and officers write, and reads every page that shows it to others.
func TestNothingThatPeopleWriteBecomesCode(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	merchant := s.apply(t, zahra, zahraCompany).certify(t)
	ticket := s.complainOf(t, zahraCompany, evil, "سفارش نرسید. "+evil)
	s.anyone.done(t, sendAnswer(ticket.ID, signAnswer(t, merchant.holder, complaints.AnswerStatement{
		Claims: merchant.holder.claims(s.challenge(t, answerNonce)), Complaint: ticket.ID, Kind: complaints.KindAnswer, Text: "پوزش. " + evil,
	})), http.StatusOK, nil)
	s.says(t, ticket, "escalate", map[string]string{"text": "کافی نیست. " + evil})
	a := s.atReview(t)
	desk := s.browser(t)
	signs := form("/signin/statement", url.Values{"statement": {command(t, s.keyArgs(merchant.certFile, merchant.keyFile)...)}, "to": {"/my/shop/" + zahraCompany}})
	if got := desk.send(t, signs); got.status != http.StatusOK || !bytes.Contains(got.body, []byte("/my/shop/"+zahraCompany)) {
		t.Fatalf("not signed in: %d %s", got.status, got.body)
	}
	shop, q := "/my/shop/"+zahraCompany, url.QueryEscape(evil)
	for _, test := range []struct {
		name string
		by   *client
		ask  ask
		at   int // places at least
	}{
		{"the consumer's page", s.anyone, form("/complaints/"+ticket.ID, url.Values{"token": {ticket.Token}}), 4},
		{"the business's page", desk, pageOf(shop+"/complaints/"+ticket.ID, ""), 3},
		{"the business's list", desk, pageOf(shop+"/complaints", ""), 0},
		{"the officer's page", s.operator, pageOf("/console/complaints/"+ticket.ID, ""), 4},
		{"a reason of an officer", s.operator, form("/console/reviews/"+a.id+"/proposals", url.Values{"outcome": {"rejected"}, "reasons": {evil}}), 1},
		{"a badge's domain at the desk", desk, pageOf(shop+"/badges/new?domain="+q+"&licence="+q, ""), 1},
		{"an answer by phone, sent again", s.anyone, form("/complaints/"+ticket.ID+"/answer", url.Values{"do": {"send"}, "business": {evil}, "national_code": {evil}, "mobile": {evil}, "kind": {"answer"}, "text": {evil}}), 4},
		{"an application, sent again", s.anyone, form("/enroll", url.Values{"profile": {"natural-sign"}, "national_code": {evil}, "birth_date": {evil}, "mobile": {evil}, "names_latin": {evil}, "legal_id": {evil}}), 5},
		{"a search among businesses", s.anyone, pageOf("/badge?q="+q, ""), 1},
		{"a domain among badges", s.anyone, pageOf("/badge?domain="+q, ""), 1},
		{"a certificate's number", s.anyone, pageOf("/certificates?serial="+q, ""), 1},
		{"a plan's serials", s.operator, form("/console/plans/new", url.Values{"serials": {evil}, "reason": {evil}}), 0},
		{"a path that is not there", s.anyone, pageOf("/"+url.PathEscape(evil), ""), 0},
	} {
		for _, lang := range []string{"fa", "en"} {
			test.ask.lang = lang
			got := test.by.send(t, test.ask)
			if kind := got.header.Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
				t.Errorf("%s is %s: %d", test.name, kind, got.status)
			}
			if n := shows(t, test.name, got); n < test.at {
				t.Errorf("%s, %s: status %d, what was written is shown at %d places, want %d: nothing is proven", test.name, lang, got.status, n, test.at)
			}
		}
	}
	for path, token := range map[string]string{"/api/v1/complaints/" + ticket.ID: ticket.Token} {
		got := s.anyone.done(t, get(path, token), http.StatusOK, nil)
		if !strings.Contains(got.header.Get("Content-Type"), "json") || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s could be taken for a page: %v", path, got.header)
		}
	}
}
