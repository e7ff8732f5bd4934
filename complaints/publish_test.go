package complaints_test

import (
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/fault"
)

// publish makes a business's record public, as an officer does.
func (b *bench) publish(t testing.TB, id ca.BusinessID) {
	t.Helper()
	for _, to := range []complaints.Publication{complaints.Invited, complaints.Public} {
		if _, err := b.Publish(t.Context(), b.officer(t, "sara"), id, to); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPublicationGoesForward(t *testing.T) {
	tests := []struct {
		name string
		path []complaints.Publication
		to   complaints.Publication
		code string
	}{
		{"private at once public", nil, complaints.Public, "publication_order"},
		{"invited", nil, complaints.Invited, ""},
		{"an invitation declined", []complaints.Publication{complaints.Invited}, complaints.Private, ""},
		{"an invitation accepted", []complaints.Publication{complaints.Invited}, complaints.Public, ""},
		{"public back to private", []complaints.Publication{complaints.Invited, complaints.Public}, complaints.Private, "publication_order"},
		{"public back to invited", []complaints.Publication{complaints.Invited, complaints.Public}, complaints.Invited, "publication_order"},
		{"a stage of nobody", nil, "hidden", "publication_unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, nil)
			for _, p := range tt.path {
				if _, err := b.Publish(t.Context(), b.officer(t, "sara"), shop, p); err != nil {
					t.Fatal(err)
				}
			}
			leaves := len(b.leaves(t))
			first, err := b.Publish(t.Context(), b.officer(t, "sara"), shop, tt.to)
			if fault.Code(err) != tt.code {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
			if tt.code != "" {
				return
			}
			b.clock.advance(hour)
			again, err := b.Publish(t.Context(), b.officer(t, "other"), shop, tt.to)
			if err != nil || again.Seq != first.Seq || !again.At.Equal(first.At) || again.Actor != first.Actor {
				t.Errorf("again: %+v, %v; first %+v", again, err, first)
			}
			if n := len(b.leaves(t)); n != leaves+1 {
				t.Errorf("%d new leaves, want one", n-leaves)
			}
			r, err := b.Record(t.Context(), shop)
			if err != nil || r.Publication != tt.to || r.Published != (tt.to == complaints.Public) {
				t.Errorf("record %+v, %v", r, err)
			}
		})
	}
}

func TestTheLedgerNamesABusinessOnlyOnceItIsPublic(t *testing.T) {
	b := newBench(t, nil)
	b.publish(t, shop)
	for _, leaf := range b.leaves(t) {
		if strings.Contains(leaf, string(shop)) != strings.Contains(leaf, "publication.public") {
			t.Errorf("leaf %s", leaf)
		}
	}
}

func TestRecordCountsLiveAndImported(t *testing.T) {
	b := newBench(t, nil)
	b.file(t)
	_, err := b.Register().Import(t.Context(), strings.NewReader("id,business,served,answered,filed\n"+
		"1,"+string(shop)+",2026-11-01 00:00:00,2026-11-02 00:00:00,\n2,"+string(shop)+",2020-01-01 00:00:00,,\n3,"+other.LegalID+",2026-11-01 00:00:00,,\n"), importColumns(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := b.Record(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	// In the year: the live one (pending) and 1 (on time); 2 is older, and unanswered all the same.
	s, l := r.Scorecard, r.Lifetime
	if s.Received != 2 || s.Answered != 1 || s.Pending != 1 || s.Unanswered != 1 || s.Matured != 1 || s.MaturedOnTime != 1 || l.Received != 3 || l.Matured != 2 {
		t.Errorf("year %+v, lifetime %+v", s, l)
	}
	if at := r.Aside.Oldest; !at.Equal(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("oldest %v", at)
	}
}

func TestPrivateRecordIsSeenByTheBusinessAndOfficersOnly(t *testing.T) {
	b := newBench(t, nil)
	b.file(t)
	officer := b.ca.SigningKey(t, "sara", ca.Service{Profile: ca.OperatorAuth, CommonName: "sara"})
	clerk := b.ca.SigningKey(t, "omid", ca.Service{Profile: ca.OperatorAuth, CommonName: "omid"})
	if err := b.ca.GrantRoles(t.Context(), "sara", ca.RoleOfficer); err != nil {
		t.Fatal(err)
	}
	if err := b.ca.GrantRoles(t.Context(), "omid", ca.RoleRegistrar); err != nil {
		t.Fatal(err)
	}
	stranger, _ := b.ca.IssueTo(t, other, ca.OrganisationSign, "application-2")
	foreign, _ := catest.New(t, b.clock.Now).IssueTo(t, catest.Zahra, ca.OrganisationSign, "application-1")
	revoked, cert := b.ca.IssueTo(t, catest.Zahra, ca.OrganisationSign, "application-3")
	if err := b.ca.Revoke(t.Context(), cert.Serial, ca.KeyCompromise, "operator:test"); err != nil {
		t.Fatal(err)
	}
	see := func(key ca.SigningKey, want bool, who string) {
		t.Helper()
		r, err := b.Visible(t.Context(), shop, key.Certificate)
		if want && (err != nil || r.Scorecard.Received != 1) {
			t.Errorf("%s does not see the record: %+v, %v", who, r, err)
		}
		if !want {
			wantFault(t, err, fault.NotFound, "record_not_public")
		}
	}
	see(ca.SigningKey{}, false, "the public")
	see(b.key, true, "the business")
	see(officer, true, "an officer")
	see(clerk, false, "an operator who is no officer")
	see(stranger, false, "another business")
	see(foreign, false, "a foreign certificate")
	see(revoked, false, "a revoked certificate")
	_, err := b.Visible(t.Context(), ca.BusinessID(other.LegalID), nil)
	wantFault(t, err, fault.NotFound, "record_not_public") // the same for one that is not known at all
	b.publish(t, shop)
	see(ca.SigningKey{}, true, "the public, once it is public")
	see(foreign, true, "anyone, once it is public")
}

func TestOwnRecordByASignedRequest(t *testing.T) {
	b := newBench(t, nil)
	one, two := b.file(t), b.file(t)
	stranger, _ := b.ca.IssueTo(t, other, ca.OrganisationSign, "application-2")
	ask := func(key ca.SigningKey, change func(*complaints.RecordStatement)) []byte {
		now := b.clock.Now().Unix()
		s := complaints.RecordStatement{Business: string(shop), Claims: signature.Claims{
			Type: complaints.RecordType, Audience: catest.Portal, CertificateSHA256: sha256Hex(key.Certificate.Raw),
			Nonce: b.nonces.New(complaints.RecordNonce), IssuedAt: now, Expires: now + 60,
		}}
		if change != nil {
			change(&s)
		}
		return b.signedAs(t, key, complaints.RecordType, s)
	}
	raw := ask(b.key, nil)
	own, err := b.OwnRecord(t.Context(), shop, raw)
	if err != nil {
		t.Fatal(err)
	}
	if own.Record.Published || own.Record.Scorecard.Pending != 2 || len(own.Complaints) != 2 {
		t.Fatalf("got %+v", own)
	}
	for _, c := range own.Complaints {
		if (c.ID != one.ID && c.ID != two.ID) || !strings.Contains(c.Text, "سه هفته") || c.Purchase.Order != "B-1405/77" {
			t.Errorf("complaint %+v", c)
		}
	}
	rest, err := b.OwnRecord(t.Context(), shop, ask(b.key, func(s *complaints.RecordStatement) { s.After = own.Complaints[0].ID }))
	if err != nil || len(rest.Complaints) != 1 || rest.Complaints[0].ID != own.Complaints[1].ID {
		t.Errorf("after the first: %+v, %v", rest.Complaints, err)
	}
	_, err = b.OwnRecord(t.Context(), shop, raw)
	wantFault(t, err, fault.Denied, "nonce_used")
	_, err = b.OwnRecord(t.Context(), shop, ask(stranger, nil))
	wantFault(t, err, fault.Denied, "record_not_yours")
	_, err = b.OwnRecord(t.Context(), ca.BusinessID(other.LegalID), ask(stranger, nil))
	wantFault(t, err, fault.Denied, "record_not_yours") // signed for another business than asked for
	_, err = b.OwnRecord(t.Context(), shop, ask(b.key, func(s *complaints.RecordStatement) { s.Nonce = b.nonces.New(complaints.AnswerNonce) }))
	wantFault(t, err, fault.Denied, "nonce_unknown")
}
