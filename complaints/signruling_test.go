package complaints_test

import (
	"encoding/json"
	"html"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/store"
)

var (
	signForm  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)" data-sign data-challenge="([^"]*)" data-more="([^"]*)" hidden>(.*?)</form>`)
	fieldSent = regexp.MustCompile(`name="(\w+)" value="([^"]*)"`)
)

// answered is the form of a page with the statement that it asks for, signed.
func (b *bench) answered(t testing.TB, key ca.SigningKey, page string) url.Values {
	t.Helper()
	m := signForm.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("nothing is to be signed: %s", page)
	}
	var ch approval.Challenge
	var says approval.Statement
	for i, into := range map[int]any{2: &ch, 3: &says} {
		if err := json.Unmarshal([]byte(html.UnescapeString(m[i])), into); err != nil {
			t.Fatal(err)
		}
	}
	now := b.clock.Now().Unix()
	says.Claims = signature.Claims{Type: ch.Type, Audience: ch.Audience, CertificateSHA256: sha256Hex(key.Certificate.Raw), Nonce: ch.Nonce, IssuedAt: now, Expires: now + 300}
	v := url.Values{"statement": {string(b.signedAs(t, key, approval.StatementType, says))}}
	for _, f := range fieldSent.FindAllStringSubmatch(m[4], -1) {
		v.Set(f[1], html.UnescapeString(f[2]))
	}
	return v
}

// escalated is a complaint that waits for an officer's decision.
func (b *bench) escalated(t testing.TB) complaints.Ticket {
	t.Helper()
	ticket := b.file(t)
	b.answer(t, ticket.ID, complaints.KindAnswer)
	b.said(t, ticket, complaints.KindEscalated)
	return ticket
}

func TestAnOfficerDecidesFromThePageByASignature(t *testing.T) {
	p := newPortal(t)
	olga, omar := p.operators(t, ca.RoleOfficer, "olga")[0], p.operators(t, ca.RoleAuditor, "omar")[0]
	ticket := p.escalated(t)
	path := "/console/complaints/" + ticket.ID + "/ruling"
	form := url.Values{"business": {string(shop)}, "kind": {"decided"}, "reason": {"answer_insufficient"}, "outcome": {"for_both"}, "text": {"Half of it.\r\n<b>Both</b> sides."}}
	post := func(v url.Values, key ca.SigningKey) *httptest.ResponseRecorder {
		return p.call("POST", path, v.Encode(), key.Certificate, asForm)
	}
	state := func(want complaints.State) {
		t.Helper()
		if c := p.follow(t, ticket); c.State != want {
			t.Fatalf("it is %s, want %s", c.State, want)
		}
	}

	if w := p.call("GET", path+"?business="+string(shop)+"&kind=decided", "", olga.Certificate); w.Code != 200 || !strings.Contains(w.Body.String(), `id="outcome"`) {
		t.Fatalf("the form: %d %s", w.Code, w.Body)
	}
	bad := url.Values{"business": {string(shop)}, "kind": {"decided"}, "reason": {"answer_insufficient"}, "outcome": {"for_both"}}
	if w := post(bad, olga); w.Code != 422 || !strings.Contains(w.Body.String(), `href="#text"`) {
		t.Errorf("without grounds: %d %s", w.Code, w.Body)
	}
	if w := post(form, omar); w.Code != 403 {
		t.Errorf("an auditor prepares a decision: %d", w.Code)
	}
	w := post(form, olga)
	page := w.Body.String()
	if w.Code != 200 || strings.Contains(page, "<b>Both") || !strings.Contains(page, "Half of it.") {
		t.Fatalf("prepared: %d %s", w.Code, page)
	}
	state(complaints.StateEscalated) // nothing is done before

	for name, v := range map[string]url.Values{"an auditor": p.answered(t, omar, page), "the business": p.answered(t, p.key, page)} {
		if w := post(v, olga); w.Code != 403 {
			t.Errorf("%s signs it: %d %s", name, w.Code, w.Body)
		}
	}
	other := p.answered(t, olga, page)
	other.Set("outcome", "for_consumer")
	if w := post(other, olga); w.Code != 409 || !strings.Contains(w.Body.String(), `role="alert"`) {
		t.Errorf("another ruling than was signed: %d", w.Code)
	}
	state(complaints.StateEscalated)

	good := p.answered(t, olga, page)
	for range 2 { // the same again changes nothing
		if w := post(good, olga); w.Code != 303 {
			t.Fatalf("signed: %d %s", w.Code, w.Body)
		}
	}
	c := p.follow(t, ticket)
	last := c.History[len(c.History)-1]
	if c.State != complaints.StateDecided || c.Outcome != complaints.ForBoth || last.Text != "Half of it.\n<b>Both</b> sides." || len(c.History) != 5 {
		t.Errorf("%+v", c)
	}
	if leaves := strings.Join(p.leaves(t), " "); strings.Count(leaves, "complaint.decided") != 1 {
		t.Errorf("logged %s", leaves)
	}
	var kept []string
	err := p.ca.Store.View(t.Context(), func(tx store.Tx) error {
		return store.Each(tx, "approvals", "", "", func(key string, _ approval.Approval) error {
			kept = append(kept, key)
			return nil
		})
	})
	if err != nil || len(kept) != 1 || !strings.HasPrefix(kept[0], "ruling-") || !strings.Contains(kept[0], "/olga/") {
		t.Errorf("the approvals kept are %v, %v", kept, err)
	}
}

func TestWhatWasSignedForAnotherMomentIsRefused(t *testing.T) {
	p := newPortal(t)
	olga := p.operators(t, ca.RoleOfficer, "olga")[0]
	ticket := p.file(t)
	form := url.Values{"business": {string(shop)}, "kind": {"inadmissible"}, "reason": {"abusive"}}
	path := "/console/complaints/" + ticket.ID + "/ruling"
	page := p.call("POST", path, form.Encode(), olga.Certificate, asForm).Body.String()
	signed := p.answered(t, olga, page)
	p.answer(t, ticket.ID, complaints.KindAnswer)
	if w := p.call("POST", path, signed.Encode(), olga.Certificate, asForm); w.Code != 409 || !strings.Contains(w.Body.String(), "since you looked") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if c := p.follow(t, ticket); c.State != complaints.StateAnswered {
		t.Errorf("it is %s", c.State)
	}
}

// An appeal is decided by another person than who decided, by whom the page
// is opened and by whom it is signed.
func TestNobodySignsTheAppealAgainstHisOwnDecision(t *testing.T) {
	p := newPortal(t)
	keys := p.operators(t, ca.RoleOfficer, "olga", "oscar")
	ticket := p.escalated(t)
	path := "/console/complaints/" + ticket.ID + "/ruling"
	decide := url.Values{"business": {string(shop)}, "kind": {"decided"}, "reason": {"answer_insufficient"}, "outcome": {"for_consumer"}, "text": {"All of it."}}
	page := p.call("POST", path, decide.Encode(), keys[0].Certificate, asForm).Body.String()
	if w := p.call("POST", path, p.answered(t, keys[0], page).Encode(), keys[0].Certificate, asForm); w.Code != 303 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if _, err := p.appeal(t, ticket); err != nil {
		t.Fatal(err)
	}
	refuse := url.Values{"business": {string(shop)}, "kind": {"appeal_refused"}, "reason": {"rightly_decided"}, "text": {"It stays."}}
	if w := p.call("POST", path, refuse.Encode(), keys[0].Certificate, asForm); w.Code != 403 || strings.Contains(w.Body.String(), "data-sign") {
		t.Errorf("who decided prepares the answer to the appeal: %d", w.Code)
	}
	page = p.call("POST", path, refuse.Encode(), keys[1].Certificate, asForm).Body.String()
	if w := p.call("POST", path, p.answered(t, keys[0], page).Encode(), keys[1].Certificate, asForm); w.Code != 403 {
		t.Errorf("who decided signs it: %d %s", w.Code, w.Body)
	}
	if w := p.call("POST", path, p.answered(t, keys[1], page).Encode(), keys[1].Certificate, asForm); w.Code != 303 {
		t.Errorf("another officer: %d %s", w.Code, w.Body)
	}
	if c := p.follow(t, ticket); c.State == complaints.StateUnderAppeal || c.Outcome != complaints.ForConsumer {
		t.Errorf("it is %s", c.State)
	}
}
