package complaints_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca/receipt"
	"mohr/complaints"
	"mohr/internal/fault"
)

func TestFileServesAtOnceAndGivesAReceipt(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	now := b.clock.Now()
	if !ticket.Served.Equal(now) || len(ticket.Deadlines) != 1 || !ticket.Deadlines[0].Equal(now.Add(96*hour)) || ticket.Window.String() != "single(96h)" {
		t.Errorf("ticket %+v", ticket)
	}
	want := []string{string(shop) + " " + ticket.ID + " " + now.Add(96*hour).Format(time.RFC3339)}
	if d := cmp.Diff(want, b.told.ids); d != "" {
		t.Errorf("the business was told (-want +got):\n%s", d)
	}
	file, err := json.Marshal(receipt.File{Receipt: ticket.Receipt})
	if err != nil {
		t.Fatal(err)
	}
	r, err := receipt.Verify(file, b.ca.Root, "", now)
	if err != nil {
		t.Fatal(err)
	}
	var claims struct{ Complaint, Business, Window, Deadline string }
	if err := json.Unmarshal(r.Claims, &claims); err != nil {
		t.Fatal(err)
	}
	if r.Kind != "complaint-filed" || r.Leaf == "" || claims.Complaint != ticket.ID || claims.Business != string(shop) ||
		claims.Window != "single(96h)" || claims.Deadline != now.Add(96*hour).Format(time.RFC3339) {
		t.Errorf("receipt %+v says %+v", r, claims)
	}
	// Whatever happens later, the receipt stays the one that was given.
	b.answer(t, ticket.ID, complaints.KindAnswer)
	if again, err := b.Receipt(t.Context(), ticket.ID, ticket.Token, ""); err != nil || string(again) != ticket.Receipt {
		t.Errorf("receipt again: %v, the same: %v", err, string(again) == ticket.Receipt)
	}
}

func TestFilingTwiceIsOneComplaint(t *testing.T) {
	b := newBench(t, nil)
	in := filing()
	first, err := b.File(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	b.clock.advance(hour)
	second, err := b.File(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, second, windows); d != "" {
		t.Errorf("(-first +second):\n%s", d)
	}
	in.Text += " و یک چیز دیگر"
	_, err = b.File(t.Context(), in)
	wantFault(t, err, fault.Conflict, "complaint_key_reused")
	if r, err := b.Record(t.Context(), shop); err != nil || r.Scorecard.Received != 1 || len(b.told.ids) != 1 {
		t.Errorf("received %d, told %d, %v", r.Scorecard.Received, len(b.told.ids), err)
	}
}

func TestFileRefuses(t *testing.T) {
	b := newBench(t, nil)
	tests := []struct {
		name   string
		change func(*complaints.Filing)
		code   string
	}{
		{"no key", func(f *complaints.Filing) { f.Key = "" }, "complaint_key_invalid"},
		{"a legal id that does not check", func(f *complaints.Filing) { f.Business = "14003456781" }, "legal_id_invalid"},
		{"a category of nobody", func(f *complaints.Filing) { f.Category = "rude" }, "complaint_category_unknown"},
		{"no order number", func(f *complaints.Filing) { f.Purchase.Order = " " }, "complaint_order_invalid"},
		{"an order number with a line break", func(f *complaints.Filing) { f.Purchase.Order = "a\nb" }, "complaint_order_invalid"},
		{"a day that is none", func(f *complaints.Filing) { f.Purchase.Day = "2026-02-30" }, "complaint_day_invalid"},
		{"a Jalali day that is none", func(f *complaints.Filing) { f.Purchase.Day = "1405-13-01" }, "complaint_day_invalid"},
		{"a day with letters", func(f *complaints.Filing) { f.Purchase.Day = "140a-01-01" }, "complaint_day_invalid"},
		{"a day to come", func(f *complaints.Filing) { f.Purchase.Day = "2026-11-25" }, "complaint_day_invalid"},
		{"a day long gone", func(f *complaints.Filing) { f.Purchase.Day = "2016-11-22" }, "complaint_day_invalid"},
		{"an amount below nothing", func(f *complaints.Filing) { f.Purchase.Rials = -1 }, "complaint_amount_invalid"},
		{"an amount of nothing", func(f *complaints.Filing) { f.Purchase.Rials = 0 }, "complaint_amount_invalid"},
		{"a text of invisible characters", func(f *complaints.Filing) { f.Text = strings.Repeat("\u200b", 50) }, "complaint_text_invalid"},
		{"a text of empty letters", func(f *complaints.Filing) { f.Text = strings.Repeat("\u3164", 50) }, "complaint_text_invalid"},
		{"a text of signs without a letter", func(f *complaints.Filing) { f.Text = strings.Repeat("!", 50) }, "complaint_text_invalid"},
		{"an order number that does not show", func(f *complaints.Filing) { f.Purchase.Order = "\u200b\u2060" }, "complaint_order_invalid"},
		{"a text too short", func(f *complaints.Filing) { f.Text = "دیر رسید" }, "complaint_text_invalid"},
		{"a text that is no UTF-8", func(f *complaints.Filing) { f.Text = strings.Repeat("\xff", 20) }, "complaint_text_invalid"},
		{"a text with a control character", func(f *complaints.Filing) { f.Text = "0123456789\x00" }, "complaint_text_invalid"},
		{"no contact", func(f *complaints.Filing) { f.Contact = complaints.Contact{} }, "complaint_contact_invalid"},
		{"a mobile that is none", func(f *complaints.Filing) { f.Contact.Mobile = "12" }, "mobile_invalid"},
		{"an e-mail with a name", func(f *complaints.Filing) { f.Contact.Email = "A <a@b.example>" }, "complaint_contact_invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := filing()
			tt.change(&in)
			_, err := b.File(t.Context(), in)
			wantFault(t, err, fault.Invalid, tt.code)
		})
	}
	if s := b.dump(t); s != "" {
		t.Errorf("refused filings left something behind: %s", s)
	}
}

func TestFilingTakesPersianDigitsAndSolarDays(t *testing.T) {
	b := newBench(t, nil)
	in := filing()
	in.Business, in.Purchase.Day, in.Contact.Mobile = "۱۴۰۰۳۴۵۶۷۸۰", "۱۴۰۵/۰۸/۱۰", "۰۹۱۲۱۱۱۲۲۳۳"
	ticket, err := b.File(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if c := b.follow(t, ticket); c.Business != shop || c.Purchase.Day != "2026-11-01" {
		t.Errorf("business %s, day %s", c.Business, c.Purchase.Day)
	}
}
