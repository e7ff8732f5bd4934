package merchant

import (
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func TestTheAddressOfACalendarEnds(t *testing.T) {
	const company = ca.BusinessID("14003456780")
	for _, c := range []struct {
		name string
		do   func(t *testing.T, w *feeds)
		ends bool
	}{
		{"not by itself", func(*testing.T, *feeds) {}, false},
		{"after a year", func(_ *testing.T, w *feeds) { w.at = w.at.Add(feedLife + time.Second) }, true},
		{"when the person signs out everywhere", func(t *testing.T, w *feeds) { w.update(t, func(tx store.Tx) error { return EndFeeds(tx, w.sara) }) }, true},
		{"not when another does", func(t *testing.T, w *feeds) { w.update(t, func(tx store.Tx) error { return EndFeeds(tx, w.sara[:8]) }) }, false},
		{"with the certificate that the person came with", func(t *testing.T, w *feeds) { w.revoke(t, ca.KeyCompromise) }, true},
		{"when that rests", func(t *testing.T, w *feeds) { must(t, w.ca.Suspend(t.Context(), w.serial, "test")) }, true},
		{"with a new one", func(t *testing.T, w *feeds) { w.make(t) }, true},
		{"when the person ends it", func(t *testing.T, w *feeds) { must(t, w.EndFeed(t.Context(), w.visitor, company)) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newFeeds(t)
			secret := w.make(t)
			c.do(t, w)
			_, _, err := w.open(t.Context(), secret)
			if ended := fault.Code(err) == "merchant_feed_unknown"; ended != c.ends || !ended && err != nil {
				t.Errorf("%v", err)
			}
			since, err := w.feedSince(t.Context(), w.visitor, company)
			if gone := since.IsZero(); err != nil || gone != (c.ends && c.name != "with a new one") {
				t.Errorf("the page says since %v, %v", since, err)
			}
		})
	}
}

// feeds is a desk of which only calendars are asked, and who came for a company.
type feeds struct {
	*Desk
	ca      *catest.Fixture
	at      time.Time
	sara    ca.HolderID
	serial  string
	visitor Visitor
}

func newFeeds(t *testing.T) *feeds {
	t.Helper()
	w := &feeds{at: time.Now()}
	now := func() time.Time { return w.at }
	w.ca = catest.New(t, now)
	w.Desk = &Desk{Config: Config{Store: w.ca.Store, CA: w.ca.Authority, Now: now, Audience: catest.Portal}}
	_, c := w.ca.IssueTo(t, catest.Zahra, ca.OrganisationSign, "r-1")
	w.sara, w.serial = c.Holder, c.Serial
	w.visitor = Visitor{Holder: c.Holder, Business: c.Business, Certificate: c.Serial}
	return w
}

func (w *feeds) make(t *testing.T) string {
	t.Helper()
	secret, err := w.NewFeed(t.Context(), w.visitor, w.visitor.Business)
	must(t, err)
	return secret
}

func (w *feeds) update(t *testing.T, do func(store.Tx) error) {
	t.Helper()
	must(t, w.Store.Update(t.Context(), do))
}

func (w *feeds) revoke(t *testing.T, r ca.Reason) {
	t.Helper()
	must(t, w.ca.Revoke(t.Context(), w.serial, r, "test"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
