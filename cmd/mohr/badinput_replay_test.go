package main

import (
	"bytes"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/badge"
	"mohr/complaints"
	"mohr/renew"
)

// twins is how many senders of the same statement race.
const twins = 6

// replay sends r by several at once and then once more; all must get the same
// answer, which is returned.
func (s *running) replay(t *testing.T, r ask, status int) answer {
	t.Helper()
	answers := make([]answer, twins)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = s.anyone.send(t, r) })
	}
	all.Wait()
	for _, a := range append(answers, s.anyone.send(t, r)) {
		if a.status != status || !bytes.Equal(a.body, answers[0].body) {
			t.Errorf("a twin got %d %s\nand the first %d %s", a.status, a.body, answers[0].status, answers[0].body)
		}
	}
	return answers[0]
}

// TestAReplayedRenewalGivesTheSameCertificate replays a statement, then its
// nonce in another one.
func TestAReplayedRenewalGivesTheSameCertificate(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	n := s.issued(t)
	r := s.renewal(t, s.merchant.holder, nil)
	used := nonceOf(t, r.Document)
	renewed := r.holder(t, s.replay(t, r.ask(), http.StatusOK))
	if now := s.issued(t); now != n+1 {
		t.Fatalf("%d certificates of people after one renewal, want %d", now, n+1)
	}
	before, noDeeds := s.look(t), s.noDeeds(t)
	t.Run("another statement of the same nonce is refused", func(t *testing.T) {
		again := s.renewal(t, renewed, func(st *renew.Statement) { st.Nonce = used })
		s.anyone.refuses(t, again.ask(), http.StatusForbidden, "nonce_used")
		s.unchanged(t, before)
	})
	t.Run("another statement by the replaced certificate is refused", func(t *testing.T) {
		again := s.renewal(t, s.merchant.holder, nil)
		s.anyone.refuses(t, again.ask(), http.StatusConflict, "certificate_replaced")
		s.unchanged(t, before)
	})
	t.Run("the same statement with a request for another key is refused", func(t *testing.T) {
		other := r
		_, _, other.CSR = s.newKey(t)
		s.anyone.refuses(t, other.ask(), http.StatusConflict, "request_other_key")
		s.unchanged(t, before)
	})
	noDeeds()
	s.anyone.done(t, s.renewal(t, renewed, nil).ask(), http.StatusOK, nil)
	s.replay(t, r.ask(), http.StatusOK) // still the same, though it was renewed since
}

// nonceOf reads the nonce of a statement.
func nonceOf(t *testing.T, statement []byte) string {
	t.Helper()
	return field[struct{ Nonce string }](t, statement).Nonce
}

// TestAReplayedBadgeRequestGivesTheSameBadge replays a request, then its
// nonce in another one.
func TestAReplayedBadgeRequestGivesTheSameBadge(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	jws := s.badgeJWS(t, s.merchant.holder, zahraCompany, zahraShop)
	r := field[badge.Record](t, s.replayBadge(t, jws))
	if r.State != badge.Waiting || len(r.History) != 2 {
		t.Errorf("the badge is %s with the history %+v, want it waiting after it was received", r.State, r.History)
	}
	receipt := s.anyone.done(t, get("/api/v1/badges/"+string(r.ID)+"/receipt", ""), http.StatusOK, nil).body
	before, noDeeds := s.look(t), s.noDeeds(t)
	t.Run("another request of the same nonce is refused", func(t *testing.T) {
		p := takeApart(t, s.badgeJWS(t, s.merchant.holder, zahraCompany, "www."+zahraShop), s.merchant.Signer)
		p.put(t, "nonce", `"`+nonceOf(t, []byte(takeApart(t, jws, nil).payload))+`"`)
		s.anyone.refuses(t, sendBadge(p.sign(t)), http.StatusForbidden, "nonce_used")
		s.unchanged(t, before)
	})
	t.Run("a second request for the same domain is refused while the first is open", func(t *testing.T) {
		s.anyone.refuses(t, sendBadge(s.badgeJWS(t, s.merchant.holder, zahraCompany, zahraShop)), http.StatusConflict, "badge_request_open")
		s.unchanged(t, before)
	})
	noDeeds()
	s.prove(t, r)
	if r = s.check(t, r.ID); r.State != badge.Active {
		t.Fatalf("the badge is %s after its proof: %+v", r.State, r.Findings)
	}
	if again := field[badge.Record](t, s.replayBadge(t, jws)); again.State != badge.Active || again.ID != r.ID {
		t.Errorf("the request again gives %s %s", again.ID, again.State)
	}
	if b := s.anyone.done(t, get("/api/v1/badges/"+string(r.ID)+"/receipt", ""), http.StatusOK, nil).body; !bytes.Equal(b, receipt) {
		t.Error("the receipt is another one than at first")
	}
}

// replayBadge is replay for a request whose answer shows how often its facts
// were checked: what identifies it must be the same.
func (s *running) replayBadge(t *testing.T, jws []byte) []byte {
	t.Helper()
	first := s.anyone.done(t, sendBadge(jws), http.StatusCreated, nil).body
	if again := s.replay(t, sendBadge(jws), http.StatusCreated).body; !bytes.Equal(again, first) {
		t.Errorf("the same request again gives another answer: %s", cmp.Diff(string(first), string(again)))
	}
	return first
}

// TestAReplayedAnswerCountsOnce replays a complaint's answer, then its nonce
// in another one.
func TestAReplayedAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := s.complain(t, zahraCompany, "T-1002")
	jws := s.answerJWS(t, s.merchant.holder, s.complaint.ID)
	a := field[complaints.Accepted](t, s.replay(t, sendAnswer(s.complaint.ID, jws), http.StatusOK).body)
	if a.State != complaints.StateAnswered {
		t.Errorf("the complaint is %s after its answer", a.State)
	}
	if c := s.follow(t, s.complaint); len(c.History) != 3 {
		t.Errorf("the complaint has the history %+v, want filed, served, answered", c.History)
	}
	before, noDeeds := s.look(t), s.noDeeds(t)
	pending := func(t *testing.T) {
		t.Helper()
		s.unchanged(t, before)
		if c := s.follow(t, other); c.State != complaints.StatePending || len(c.History) != 2 {
			t.Errorf("the other complaint is %s with the history %+v", c.State, c.History)
		}
	}
	t.Run("another answer of the same nonce is refused", func(t *testing.T) {
		p := takeApart(t, s.answerJWS(t, s.merchant.holder, other.ID), s.merchant.Signer)
		p.put(t, "nonce", `"`+nonceOf(t, []byte(takeApart(t, jws, nil).payload))+`"`)
		s.anyone.refuses(t, sendAnswer(other.ID, p.sign(t)), http.StatusForbidden, "nonce_used")
		pending(t)
	})
	t.Run("the answer sent to another complaint is refused", func(t *testing.T) {
		s.anyone.refuses(t, sendAnswer(other.ID, jws), http.StatusUnprocessableEntity, "complaint_answer_elsewhere")
		pending(t)
	})
	t.Run("a second answer is refused", func(t *testing.T) {
		s.anyone.refuses(t, sendAnswer(s.complaint.ID, s.answerJWS(t, s.merchant.holder, s.complaint.ID)), http.StatusConflict, "complaint_answered")
		pending(t)
	})
	t.Run("a record request is good once", func(t *testing.T) {
		r := postAs("/api/v1/businesses/"+zahraCompany+"/record", "", "application/jose", s.recordJWS(t, s.merchant.holder))
		s.anyone.done(t, r, http.StatusOK, nil)
		s.anyone.refuses(t, r, http.StatusForbidden, "nonce_used")
	})
	noDeeds()
	s.anyone.done(t, sendAnswer(other.ID, s.answerJWS(t, s.merchant.holder, other.ID)), http.StatusOK, nil)
}
