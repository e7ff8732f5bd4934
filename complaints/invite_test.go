package complaints_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/i18n"
)

// invited is a bench whose shop was invited, with ten days to object.
func invited(t testing.TB) *bench {
	t.Helper()
	b := newBench(t, func(c *complaints.Config) { c.Objection = 10 * day })
	if list, err := b.Invite(t.Context(), b.officer(t, "sara"), []ca.BusinessID{shop}, false); err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return b
}

// replied signs and hands in a reply to the invitation.
func (b *bench) replied(t testing.TB, key ca.SigningKey, reply, reason string) ([]byte, error) {
	t.Helper()
	now := b.clock.Now().Unix()
	raw := b.signedAs(t, key, complaints.ReplyType, complaints.ReplyStatement{Business: string(shop), Reply: reply, Reason: reason, Claims: signature.Claims{
		Type: complaints.ReplyType, Audience: catest.Portal, CertificateSHA256: sha256Hex(key.Certificate.Raw),
		Nonce: b.nonces.New(complaints.ReplyNonce), IssuedAt: now, Expires: now + 60,
	}})
	_, err := b.ReplyToInvitation(t.Context(), shop, raw)
	return raw, err
}

func TestARecordGoesPublicAfterTheTimeToObjectOrWithConsent(t *testing.T) {
	type step struct {
		after  time.Duration
		do     string // consents, objects, uphold, dismiss, public, invite
		refuse string
	}
	tests := []struct {
		name  string
		steps []step
		end   complaints.Publication
	}{
		{"in the last second of the time to object", []step{{10*day - time.Second, "public", "publication_window_open"}}, complaints.Invited},
		{"when the time to object is over", []step{{10 * day, "public", ""}}, complaints.Public},
		{"at once with consent", []step{{0, "consents", ""}, {0, "public", ""}}, complaints.Public},
		{"not while an objection waits, however long", []step{{day, "objects", ""}, {50 * day, "public", "publication_objected"}}, complaints.Invited},
		{"an objection in the last second", []step{{10 * day, "objects", ""}, {time.Second, "public", "publication_objected"}}, complaints.Invited},
		{"an objection too late", []step{{10*day + time.Second, "objects", "publication_window_over"}, {0, "public", ""}}, complaints.Public},
		{"an objection dismissed still leaves the time", []step{{day, "objects", ""}, {0, "dismiss", ""}, {0, "public", "publication_window_open"}, {9 * day, "public", ""}}, complaints.Public},
		{"an objection upheld", []step{{day, "objects", ""}, {0, "uphold", ""}, {20 * day, "public", "publication_order"}}, complaints.Private},
		{"an objection taken back by consent", []step{{day, "objects", ""}, {0, "consents", ""}, {0, "public", ""}}, complaints.Public},
		{"another objection after a dismissal", []step{{day, "objects", ""}, {0, "dismiss", ""}, {0, "objects", ""}, {20 * day, "public", "publication_objected"}}, complaints.Invited},
		{"a decision without an objection", []step{{0, "dismiss", "publication_no_objection"}}, complaints.Invited},
		{"a decision twice", []step{{0, "objects", ""}, {0, "dismiss", ""}, {0, "uphold", "publication_no_objection"}}, complaints.Invited},
		{"a new invitation begins anew", []step{{day, "objects", ""}, {0, "uphold", ""}, {day, "invite", ""}, {9 * day, "public", "publication_window_open"}, {day, "public", ""}}, complaints.Public},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := invited(t)
			for i, s := range tt.steps {
				b.clock.advance(s.after)
				var err error
				switch s.do {
				case "consents":
					_, err = b.replied(t, b.key, "consents", "")
				case "objects":
					_, err = b.replied(t, b.key, "objects", "figures_wrong")
				case "uphold", "dismiss":
					_, err = b.DecideObjection(t.Context(), b.officer(t, "omid"), shop, s.do == "uphold")
				case "invite":
					_, err = b.Invite(t.Context(), b.officer(t, "sara"), []ca.BusinessID{shop}, false)
				default:
					_, err = b.Publish(t.Context(), b.officer(t, "sara"), shop, complaints.Public)
				}
				if fault.Code(err) != s.refuse || (err == nil) != (s.refuse == "") {
					t.Fatalf("step %d, %s: %v, want %q", i, s.do, err, s.refuse)
				}
				if said := inPersian(t, err); strings.ContainsAny(said, "0123456789") || strings.HasPrefix(s.refuse, "publication_window") && !strings.ContainsAny(said, "۰۱۲۳۴۵۶۷۸۹") {
					t.Errorf("step %d, %s: in Persian it is %q", i, s.do, said)
				}
			}
			if r, err := b.Record(t.Context(), shop); err != nil || r.Publication != tt.end {
				t.Errorf("ends %s, %v, want %s", r.Publication, err, tt.end)
			}
		})
	}
}

// inPersian is what a reader of Persian is told of a fault; "" of none.
func inPersian(t *testing.T, err error) string {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok {
		return ""
	}
	texts, err := i18n.Parse(complaints.Texts)
	if err != nil {
		t.Fatal(err)
	}
	return texts.Fault(i18n.Persian, f)
}

func TestOnlyTheBusinessRepliesToItsInvitation(t *testing.T) {
	b := invited(t)
	stranger, _ := b.ca.IssueTo(t, other, ca.OrganisationSign, "application-2")
	_, err := b.replied(t, stranger, "consents", "")
	wantFault(t, err, fault.Denied, "record_not_yours")
	for _, bad := range [][2]string{{"agrees", ""}, {"objects", ""}, {"objects", "because"}, {"consents", "other"}} {
		_, err = b.replied(t, b.key, bad[0], bad[1])
		wantFault(t, err, fault.Invalid, "publication_reply_unknown")
	}
	raw, err := b.replied(t, b.key, "objects", "other")
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.ReplyToInvitation(t.Context(), shop, raw)
	wantFault(t, err, fault.Denied, "nonce_used")
	if err := b.ca.Revoke(t.Context(), b.serial, ca.KeyCompromise, "operator:test"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.replied(t, b.key, "consents", ""); err == nil {
		t.Error("a revoked certificate consented")
	}
	b = newBench(t, nil)
	_, err = b.replied(t, b.key, "consents", "")
	wantFault(t, err, fault.Conflict, "publication_not_invited")
}

// What the business was shown when it was invited stays as it was, whatever
// happens before it is public.
func TestThePreviewIsFrozenAtTheInvitation(t *testing.T) {
	b := newBench(t, func(c *complaints.Config) { c.Objection = 10 * day })
	b.file(t)
	if _, err := b.Invite(t.Context(), b.officer(t, "sara"), []ca.BusinessID{shop}, false); err != nil {
		t.Fatal(err)
	}
	first, err := b.Invitation(t.Context(), shop)
	if err != nil || first.Preview.Lifetime.Pending != 1 || first.Preview.Lifetime.Unanswered != 0 || !first.Until.Equal(b.clock.Now().Add(10*day)) || first.Basis != complaints.ByList {
		t.Fatalf("%+v, %v", first, err)
	}
	b.clock.advance(9 * day)
	b.file(t)
	later, err := b.Invitation(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, later, windows); d != "" {
		t.Errorf("(-first +later):\n%s", d)
	}
	if now, err := b.Record(t.Context(), shop); err != nil || now.Lifetime.Unanswered != 1 || now.Lifetime.Received != 2 {
		t.Errorf("the record itself %+v, %v", now.Lifetime, err)
	}
	if none, err := b.Invitation(t.Context(), ca.BusinessID(other.LegalID)); none != nil || err != nil {
		t.Errorf("%+v, %v", none, err)
	}
}

// Five businesses; the one of which everybody complains has few orders. The
// largest two by orders are invited, by what was reported last.
func TestInvitationsGoByOrdersAndNeverByComplaints(t *testing.T) {
	b := newBench(t, nil)
	for range 3 {
		b.file(t)
	}
	id := func(n int) ca.BusinessID { return ca.BusinessID(fmt.Sprintf("s-%032x", n)) }
	report := func(who ca.BusinessID, orders int64) {
		t.Helper()
		if _, err := b.ReportOrders(t.Context(), b.officer(t, "sara"), who, orders, b.clock.Now().Add(-day)); err != nil {
			t.Fatal(err)
		}
	}
	report(shop, 10)
	report(id(1), 5000)
	report(id(2), 900)
	report(id(3), 800)
	b.clock.advance(hour)
	report(id(1), 7) // what was reported first was wrong
	for _, dry := range []bool{true, true, false} {
		list, err := b.InviteLargest(t.Context(), b.officer(t, "sara"), 2, dry)
		if d := cmp.Diff([]ca.BusinessID{id(2), id(3)}, list); err != nil || d != "" {
			t.Fatalf("dry %v: %v\n%s", dry, err, d)
		}
	}
	if list, err := b.InviteLargest(t.Context(), b.officer(t, "sara"), 3, false); err != nil || len(list) != 1 || list[0] != shop {
		t.Errorf("the third largest: %v, %v", list, err)
	}
	in, err := b.Invitation(t.Context(), id(2))
	if err != nil || in.Basis != complaints.ByOrders {
		t.Errorf("%+v, %v", in, err)
	}
	// 3 complaints for 10 orders are 300 for a thousand; it is in no score.
	s, err := b.Sheet(t.Context(), shop, b.clock.Now())
	if err != nil || s.PerThousand == nil || *s.PerThousand != 300 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := b.Sheet(t.Context(), shop, b.clock.Now().Add(-2*hour)); err != nil || s.PerThousand != nil {
		t.Errorf("before it was reported: %v, %v", s.PerThousand, err)
	}
	for _, leaf := range b.leaves(t) {
		if strings.Contains(leaf, string(shop)) || strings.Contains(leaf, string(id(2))) {
			t.Errorf("the public log names who was invited: %s", leaf)
		}
	}
	_, err = b.ReportOrders(t.Context(), b.officer(t, "sara"), shop, 0, b.clock.Now())
	wantFault(t, err, fault.Invalid, "orders_invalid")
	_, err = b.ReportOrders(t.Context(), b.officer(t, "sara"), shop, 5, b.clock.Now().Add(day))
	wantFault(t, err, fault.Invalid, "orders_invalid")
}

func TestTextRemovedByLawLeavesATombstoneAndTheCount(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	before, err := b.Record(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.RemoveText(t.Context(), b.officer(t, "sara"), ticket.ID, "because")
	wantFault(t, err, fault.Invalid, "complaint_removal_reason")
	first, err := b.RemoveText(t.Context(), b.officer(t, "sara"), ticket.ID, "court_order")
	if err != nil || first.Reason != "court_order" {
		t.Fatal(first, err)
	}
	b.clock.advance(hour)
	again, err := b.RemoveText(t.Context(), b.officer(t, "sara"), ticket.ID, "unlawful_content")
	if d := cmp.Diff(first, again); err != nil || d != "" {
		t.Errorf("again: %v\n%s", err, d)
	}
	if c := b.follow(t, ticket); c.Text != "" || c.Purchase != (complaints.Purchase{}) || c.State != complaints.StatePending {
		t.Errorf("what is left: %+v", c)
	}
	after, err := b.Record(t.Context(), shop)
	if d := cmp.Diff(before.Lifetime, after.Lifetime); err != nil || d != "" {
		t.Errorf("the figures changed: %v\n%s", err, d)
	}
	if b.answer(t, ticket.ID, complaints.KindAnswer).State != complaints.StateAnswered {
		t.Error("it can no longer be answered")
	}
	seen := 0
	for _, leaf := range b.leaves(t) {
		if strings.Contains(leaf, "text_removed.court_order") {
			seen++
		}
	}
	if seen != 1 {
		t.Errorf("%d leaves", seen)
	}
}
