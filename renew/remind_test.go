package renew_test

import (
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/renew"
)

// remind moves the clock to so long before the end and runs the job, twice.
func (b *bench) remind(t *testing.T, h holder, before time.Duration) []string {
	t.Helper()
	b.clock = h.rec.NotAfter.Add(-before)
	b.phones.sent = nil
	for range 2 { // a job may be repeated
		if err := b.Remind(t.Context()); err != nil && !b.phones.down {
			t.Fatal(err)
		}
	}
	return b.phones.sent
}

func TestAHolderIsRemindedOnceAtEachThreshold(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	for _, c := range []struct {
		name   string
		before time.Duration
		says   string // "": nothing
	}{
		{"31 days before", 31 * day, ""},
		{"30 days before", 30 * day, "ends in 30 days"},
		{"29 days before", 29 * day, ""},
		{"14 days and a second before", 14*day + time.Second, ""},
		{"14 days before", 14 * day, "ends in 14 days"},
		{"10 days before", 10 * day, ""},
		{"a week before, and some hours late", 7*day - 5*time.Hour, "ends in 7 days"},
		{"the last day", 20 * time.Hour, "ends in 1 day,"},
		{"the last hour", time.Hour, ""},
		{"after the end", -time.Second, ""},
	} {
		sent := b.remind(t, h, c.before)
		if c.says == "" && len(sent) == 0 {
			continue
		}
		if len(sent) != 1 || c.says == "" || !strings.Contains(sent[0], c.says) || !strings.HasPrefix(sent[0], "+989120000001 ") {
			t.Errorf("%s: %q, want one with %q", c.name, sent, c.says)
		}
	}
}

func TestAReminderSaysNothingThatIsNotNeeded(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	sent := b.remind(t, h, 20*day)
	if len(sent) != 1 {
		t.Fatalf("sent %q", sent)
	}
	for _, private := range []string{sara, "سارا", "کریمی", "1990", h.rec.Serial, string(h.rec.Holder)} {
		if strings.Contains(sent[0], private) {
			t.Errorf("the message says %q: %s", private, sent[0])
		}
	}
	if !strings.Contains(sent[0], "/renew") {
		t.Errorf("it does not say where: %s", sent[0])
	}
}

func TestOfSeveralRemindersMissedOnlyTheLastIsSent(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.phones.down = true
	b.remind(t, h, 29*day)
	b.remind(t, h, 13*day)
	b.phones.down = false
	if sent := b.remind(t, h, 6*day); len(sent) != 1 || !strings.Contains(sent[0], "in 6 days") {
		t.Errorf("after a week without messages: %q", sent)
	}
}

func TestAReminderThatCouldNotBeSentIsSentLater(t *testing.T) {
	b := newBench(t, nil)
	h := b.enroll(t, sara, ca.NaturalSign)
	b.phones.down = true
	b.remind(t, h, 29*day)
	b.phones.down = false
	if sent := b.remind(t, h, 28*day); len(sent) != 1 {
		t.Errorf("sent %q", sent)
	}
}

func TestNobodyIsRemindedOfWhatIsOver(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *bench, holder){
		"renewed": func(t *testing.T, b *bench, h holder) {
			b.open(h)
			w, _ := b.wish(t, h)
			_, err := b.Renew(t.Context(), w)
			must(t, err)
		},
		"revoked": func(t *testing.T, b *bench, h holder) {
			must(t, b.fixture.Revoke(t.Context(), h.rec.Serial, ca.KeyCompromise, "holder"))
		},
		"suspended": func(t *testing.T, b *bench, h holder) {
			must(t, b.fixture.Suspend(t.Context(), h.rec.Serial, "operator:x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			h := b.enroll(t, sara, ca.NaturalSign)
			end(t, b, h)
			if sent := b.remind(t, h, 13*day); len(sent) != 0 {
				t.Errorf("sent %q", sent)
			}
		})
	}
}

func TestWhoCannotRenewIsToldToApply(t *testing.T) {
	b := newBench(t, nil)
	h := b.enrollAt(t, sara, ca.NaturalSign, evidence.Token)
	if sent := b.remind(t, h, 20*day); len(sent) != 1 || !strings.Contains(sent[0], "cannot be renewed") || !strings.Contains(sent[0], "/enroll") {
		t.Errorf("sent %q", sent)
	}
}

func TestAPersonNobodyKnowsAnyMoreIsNotWrittenTo(t *testing.T) {
	b := newBench(t, func(c *renew.Config) { c.People = nil })
	h := b.enroll(t, sara, ca.NaturalSign)
	if sent := b.remind(t, h, 20*day); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
	b = newBench(t, nil)
	h = b.enroll(t, sara, ca.NaturalSign)
	clear(b.papers)
	if sent := b.remind(t, h, 20*day); len(sent) != 0 {
		t.Errorf("sent %q", sent)
	}
}
