package complaints_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/fault"
)

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestAnswerStopsTheClockAndIsTheSameWhenSentAgain(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	b.clock.advance(24 * time.Hour)
	raw := b.signed(t, b.key, b.says(ticket.ID, complaints.KindAnswer, nil))
	first, err := b.Answer(t.Context(), ticket.ID, raw)
	if err != nil {
		t.Fatal(err)
	}
	want := complaints.Accepted{Complaint: ticket.ID, Kind: complaints.KindAnswer, At: b.clock.Now(), State: complaints.StateAnswered, Statement: sha256Hex(raw)}
	if d := cmp.Diff(want, first); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	leaves := len(b.leaves(t))

	// A day later the statement is out of its time, the nonce is used and even
	// the certificate is revoked: the same bytes give the same result.
	b.clock.advance(24 * time.Hour)
	if err := b.ca.Revoke(t.Context(), b.serial, ca.KeyCompromise, "operator:test"); err != nil {
		t.Fatal(err)
	}
	again, err := b.Answer(t.Context(), ticket.ID, raw)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, again); d != "" {
		t.Errorf("sent again (-first +again):\n%s", d)
	}
	if n := len(b.leaves(t)); n != leaves {
		t.Errorf("%d leaves, before %d", n, leaves)
	}
	_, err = b.Answer(t.Context(), "c-00000000000000000000000000000000", raw)
	wantFault(t, err, fault.Invalid, "complaint_answer_elsewhere")
}

func TestAnswerSentManyTimesAtOnceIsOne(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	raw := b.signed(t, b.key, b.says(ticket.ID, complaints.KindAnswer, nil))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := b.Answer(t.Context(), ticket.ID, raw); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(b.follow(t, ticket).History); n != 3 {
		t.Errorf("%d events, want filed, served, answer", n)
	}
}

func TestAnswerIsRefused(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	foreign := catest.New(t, b.clock.Now)
	foreignKey, _ := foreign.IssueTo(t, catest.Zahra, ca.OrganisationSign, "application-1")
	otherKey, _ := b.ca.IssueTo(t, other, ca.OrganisationSign, "application-2")
	personKey, _ := b.ca.IssueTo(t, catest.Zahra, ca.NaturalSign, "application-3")
	revokedKey, revoked := b.ca.IssueTo(t, catest.Zahra, ca.OrganisationSign, "application-4")
	if err := b.ca.Revoke(t.Context(), revoked.Serial, ca.KeyCompromise, "operator:test"); err != nil {
		t.Fatal(err)
	}
	says := func(change func(*complaints.AnswerStatement)) complaints.AnswerStatement {
		return b.says(ticket.ID, complaints.KindAnswer, change)
	}
	by := func(key ca.SigningKey) []byte {
		return b.signed(t, key, says(func(s *complaints.AnswerStatement) { s.CertificateSHA256 = sha256Hex(key.Certificate.Raw) }))
	}
	changed := func(change func(*complaints.AnswerStatement)) []byte { return b.signed(t, b.key, says(change)) }
	none := strings.Split(string(changed(nil)), ".")
	none[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"mohr-complaint-answer/1"}`))
	type loose map[string]any
	extra := loose{"type": complaints.AnswerType, "aud": catest.Portal, "certificate_sha256": sha256Hex(b.key.Certificate.Raw), "nonce": b.nonces.New(complaints.AnswerNonce),
		"iat": b.clock.Now().Unix(), "exp": b.clock.Now().Unix() + 60, "complaint": ticket.ID, "kind": "answer", "text": "خوب", "solved": true}

	tests := []struct {
		name string
		raw  []byte
		kind fault.Kind
		code string
	}{
		{"nothing", nil, fault.Invalid, ""},
		{"alg none", []byte(none[0] + "." + none[1] + "."), fault.Invalid, ""},
		{"a signature that was cut", changed(nil)[:len(changed(nil))-6], fault.Denied, ""},
		{"another type in the header", b.signedAs(t, b.key, "mohr-renew/1", says(nil)), fault.Invalid, ""},
		{"a foreign signer", by(foreignKey), fault.Denied, "certificate_foreign"},
		{"a revoked signer", by(revokedKey), fault.Denied, "certificate_revoked"},
		{"the signer of another business", by(otherKey), fault.Denied, "complaint_not_yours"},
		{"a person who speaks for no business", by(personKey), fault.Denied, "complaint_not_yours"},
		{"an unknown complaint", b.signed(t, b.key, b.says("c-00000000000000000000000000000000", complaints.KindAnswer, nil)), fault.NotFound, "complaint_unknown"},
		{"a kind that is none of an answer", changed(func(s *complaints.AnswerStatement) { s.Kind = complaints.KindWithdrawn }), fault.Invalid, "complaint_answer_kind"},
		{"no text", changed(func(s *complaints.AnswerStatement) { s.Text = " \n" }), fault.Invalid, "complaint_text_invalid"},
		{"a text that turns directions", changed(func(s *complaints.AnswerStatement) { s.Text = "a\u202Eb" }), fault.Invalid, "complaint_text_invalid"},
		{"a text too long", changed(func(s *complaints.AnswerStatement) { s.Text = strings.Repeat("آ", 4001) }), fault.Invalid, "complaint_text_invalid"},
		{"a nonce of our own making", changed(func(s *complaints.AnswerStatement) { s.Nonce = "AAAA" }), fault.Denied, "nonce_unknown"},
		{"a nonce for another purpose", changed(func(s *complaints.AnswerStatement) { s.Nonce = b.nonces.New("renew") }), fault.Denied, "nonce_unknown"},
		{"another audience", changed(func(s *complaints.AnswerStatement) { s.Audience = "https://other.example" }), fault.Denied, "statement_audience"},
		{"another certificate than the signer's", changed(func(s *complaints.AnswerStatement) { s.CertificateSHA256 = strings.Repeat("0", 64) }), fault.Denied, "statement_certificate"},
		{"signed an hour ago", changed(func(s *complaints.AnswerStatement) { s.IssuedAt -= 3600 }), fault.Denied, "statement_time"},
		{"a member too many", b.signed(t, b.key, extra), fault.Invalid, "statement_malformed"},
		{"more than fits", []byte(strings.Repeat("a", complaints.MaxAnswer+1)), fault.Invalid, "complaint_answer_too_large"},
	}
	before, leaves := b.dump(t), len(b.leaves(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := ticket.ID
			if tt.code == "complaint_unknown" {
				id = "c-00000000000000000000000000000000"
			}
			_, err := b.Answer(t.Context(), id, tt.raw)
			if tt.code == "" {
				tt.code = fault.Code(err) // the verifier's own word
			}
			wantFault(t, err, tt.kind, tt.code)
			if d := cmp.Diff(before, b.dump(t)); d != "" || len(b.leaves(t)) != leaves {
				t.Errorf("a refused answer left something behind (-before +after):\n%s", d)
			}
		})
	}
	if c := b.follow(t, ticket); c.State != complaints.StatePending {
		t.Errorf("state %s after refused answers", c.State)
	}
}

func TestAnswerWithDuplicateMembersIsRefused(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	n := b.nonces.New(complaints.AnswerNonce)
	payload := `{"type":"` + complaints.AnswerType + `","aud":"` + catest.Portal + `","certificate_sha256":"` + sha256Hex(b.key.Certificate.Raw) +
		`","nonce":"` + n + `","iat":` + whole(int(b.clock.Now().Unix())) + `,"exp":` + whole(int(b.clock.Now().Unix())+60) +
		`,"complaint":"` + ticket.ID + `","kind":"holding","kind":"answer","text":"خوب"}`
	raw, err := signature.Signer{Key: b.key, Now: b.clock.Now}.JWS(complaints.AnswerType, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Answer(t.Context(), ticket.ID, raw)
	wantFault(t, err, fault.Invalid, "statement_malformed")
	raw, err = signature.Signer{Key: b.key, Now: b.clock.Now}.JWS(complaints.AnswerType, []byte(strings.Replace(payload, `"kind":"holding",`, "", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Answer(t.Context(), ticket.ID, raw); err != nil {
		t.Errorf("without the duplicate: %v", err)
	}
}

func TestUsedNonceDoesNotServeASecondAnswer(t *testing.T) {
	b := newBench(t, nil)
	one, two := b.file(t), b.file(t)
	first := b.says(one.ID, complaints.KindAnswer, nil)
	if _, err := b.Answer(t.Context(), one.ID, b.signed(t, b.key, first)); err != nil {
		t.Fatal(err)
	}
	_, err := b.Answer(t.Context(), two.ID, b.signed(t, b.key, b.says(two.ID, complaints.KindAnswer, func(s *complaints.AnswerStatement) { s.Nonce = first.Nonce })))
	wantFault(t, err, fault.Denied, "nonce_used")
}
