package merchant

import (
	"strings"
	"testing"
	"time"
)

func TestACalendarIsReadByCalendarPrograms(t *testing.T) {
	at := time.Date(2026, 12, 1, 8, 30, 0, 0, time.UTC)
	days := []Day{
		{"answer", "c-1", at, "/my/shop/1/complaints/c-1"},
		{"licence", strings.Repeat("مجوز; , \\ \r\nBEGIN:VEVENT", 9), at.Add(time.Hour), "/my/shop/1/badges/b-1"},
	}
	words := func(d Day) string { return d.What + " " + d.Of }
	got := string(ics("https://portal.example:8443", "portal.example", "Mohr", days, at, words))
	if !strings.HasPrefix(got, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n") || !strings.HasSuffix(got, "END:VCALENDAR\r\n") {
		t.Errorf("it is no calendar:\n%s", got)
	}
	for _, line := range strings.Split(strings.TrimSuffix(got, "\r\n"), "\r\n") {
		if len(line) > 75 || strings.ContainsAny(line, "\r\n") || !validUTF8(line) {
			t.Errorf("the line is too long or broken: %q", line)
		}
	}
	plain := strings.ReplaceAll(got, "\r\n ", "")
	for _, want := range []string{"DTSTART:20261201T083000Z\r\n", "SUMMARY:answer c-1\r\n", "URL:https://portal.example:8443/my/shop/1/complaints/c-1\r\n", `مجوز\; \, \\   BEGIN:VEVENT`} {
		if !strings.Contains(plain, want) {
			t.Errorf("%q is not in it:\n%s", want, plain)
		}
	}
	if n := strings.Count(got, "\r\nBEGIN:VEVENT\r\n"); n != 2 {
		t.Errorf("%d events: what somebody wrote began one", n)
	}
	later := string(ics("https://portal.example:8443", "portal.example", "مهر", days[:1], at.Add(time.Hour), words))
	if uid(got) != uid(later) {
		t.Error("the same day has another name in another reading")
	}
}

func validUTF8(s string) bool { return strings.ToValidUTF8(s, "") == s }

func uid(s string) string {
	_, rest, _ := strings.Cut(s, "UID:")
	id, _, _ := strings.Cut(rest, "\r\n")
	return id
}

func TestWhatWasTypedStaysOneWordOfACommand(t *testing.T) {
	w := wish{Action: "appeal", Domain: "shop.example; rm -rf ~", Reasons: "it's $(reboot) `x`\n& more"}
	got := w.command("https://portal.example", "14003456780")
	for _, want := range []string{`--domain 'shop.example; rm -rf ~'`, `--appeal 'it'\''s $(reboot) ` + "`x`\n" + `& more'`, "--legal-id 14003456780"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
	if got := (wish{Action: "grant", Domain: "shop.example", Licence: "enamad", Number: "77001"}).command("https://p", "s-1"); strings.Contains(got, "legal-id") || !strings.Contains(got, "--licence enamad:77001") {
		t.Errorf("a sole trader's: %s", got)
	}
}
