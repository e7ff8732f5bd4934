package complaints_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/fault"
)

// flagging is a bench with the rules that come with the program.
func flagging(t *testing.T) *bench {
	return newBench(t, func(c *complaints.Config) { c.Flags = nil })
}

func TestAFlaggedComplaintIsServedAfterADayAtTheLatest(t *testing.T) {
	b := flagging(t)
	first := b.file(t)
	flagged := b.file(t)
	if first.State != complaints.StatePending || flagged.State != complaints.StateFiled || !flagged.Served.IsZero() || len(flagged.Deadlines) != 0 || flagged.Receipt == "" {
		t.Fatalf("%+v, %+v", first, flagged)
	}
	c := b.follow(t, flagged)
	if last := c.History[len(c.History)-1]; last.Kind != complaints.KindFlagged || !slices.Equal(last.Flags, []string{"same_purchase"}) {
		t.Errorf("%+v", last)
	}
	_, err := b.Answer(t.Context(), flagged.ID, b.signed(t, b.key, b.says(flagged.ID, complaints.KindAnswer, nil)))
	wantFault(t, err, fault.Conflict, "complaint_not_served")
	if n := len(b.told.ids); n != 1 {
		t.Errorf("the business was told %d times", n)
	}
	if r, err := b.Record(t.Context(), shop); err != nil || r.Scorecard.Received != 1 {
		t.Errorf("one that was not served counts: %+v, %v", r.Scorecard, err)
	}
	q, err := b.Queue(t.Context(), b.officer(t, "reader"), "")
	if err != nil || len(q) != 1 || q[0].Task != complaints.TaskFlagged || !q[0].Due.Equal(b.clock.Now().Add(24*hour)) {
		t.Fatalf("%+v, %v", q, err)
	}
	b.clock.advance(24*hour - time.Second)
	if err := b.ServeWaiting(t.Context()); err != nil || b.follow(t, flagged).State != complaints.StateFiled {
		t.Errorf("served a second too soon: %v", err)
	}
	b.clock.advance(time.Second)
	for range 2 {
		if err := b.ServeWaiting(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c = b.follow(t, flagged)
	if c.State != complaints.StatePending || !c.Served.Equal(b.clock.Now()) || !c.Deadlines[0].Equal(b.clock.Now().Add(96*hour)) || len(b.told.ids) != 2 {
		t.Errorf("%s served %v, told %v", c.State, c.Served, b.told.ids)
	}
	if again, err := b.Receipt(t.Context(), flagged.ID, flagged.Token, ""); err != nil || string(again) == flagged.Receipt {
		t.Errorf("the receipt with the deadline: %v", err)
	}
	if q, err := b.Queue(t.Context(), b.officer(t, "reader"), ""); err != nil || len(q) != 0 {
		t.Errorf("%+v, %v", q, err)
	}
}

func TestTheOfficerAndTheClockServeOnce(t *testing.T) {
	b := flagging(t)
	b.file(t)
	flagged := b.file(t)
	b.clock.advance(24 * hour)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { _ = b.ServeWaiting(t.Context()) })
		all.Go(func() {
			_, _ = b.Rule(t.Context(), b.officer(t, "sara"), flagged.ID, complaints.Ruling{Kind: complaints.KindAdmitted, Reason: "looked_at"}, false)
		})
	}
	all.Wait()
	n := 0
	for _, e := range b.follow(t, flagged).History {
		if e.Kind == complaints.KindServed {
			n++
		}
	}
	if n != 1 || len(b.told.ids) < 2 {
		t.Errorf("served %d times, told %v", n, b.told.ids)
	}
}

func TestAnOfficerStopsAFlaggedComplaintAndAnotherLetsItThrough(t *testing.T) {
	b := flagging(t)
	first := b.file(t)
	flagged := b.file(t)
	c, err := b.Case(t.Context(), b.officer(t, "reader"), flagged.ID, "")
	if err != nil || len(c.Same) != 1 || c.Same[0].Complaint != first.ID || !slices.Equal(c.Tasks, []complaints.Task{complaints.TaskFlagged}) {
		t.Fatalf("%+v, %v", c, err)
	}
	b.rule(t, flagged.ID, complaints.Ruling{Kind: complaints.KindInadmissible, Reason: "abusive"})
	b.clock.advance(48 * hour)
	if err := b.ServeWaiting(t.Context()); err != nil || b.follow(t, flagged).State != complaints.StateInadmissible {
		t.Errorf("the clock overrode an officer: %v", err)
	}
	b.said(t, flagged, complaints.KindAppealed)
	got, err := b.Rule(t.Context(), b.officer(t, "omid"), flagged.ID, complaints.Ruling{Kind: complaints.KindAppealGranted, Reason: "wrong_rule", Text: "درست است."}, false)
	if err != nil || got.State != complaints.StatePending || !got.Served.Equal(b.clock.Now()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFlagRulesJudge(t *testing.T) {
	rules, err := complaints.ParseFlagRules([]byte("version: x/1\nrules:\n- {name: many, contact_today: 3}\n- {name: both, businesses: 2, rials: 100}\n- {name: said, words: [به دادگاه, lawyer]}\n- {name: links, links: 2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		facts complaints.FlagFacts
		want  []string
	}{
		{"nothing", complaints.FlagFacts{ContactToday: 2, Businesses: 2, Rials: 99, Text: "خوب نبود"}, nil},
		{"at the number", complaints.FlagFacts{ContactToday: 3}, []string{"many"}},
		{"all conditions of a rule", complaints.FlagFacts{Businesses: 2, Rials: 100}, []string{"both"}},
		{"a phrase with Arabic letters and a half space", complaints.FlagFacts{Text: "می‌رویم به\u200cدادگاه!"}, []string{"said"}},
		{"a part of a word is no word", complaints.FlagFacts{Text: "the lawyers"}, nil},
		{"two links", complaints.FlagFacts{Text: "see http://a and www.b"}, []string{"links"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rules.Judge(tt.facts); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestFlagRulesThatCannotBeUsed(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":            "",
		"no version":         "rules: [{name: a, links: 1}]",
		"a key that is none": "version: x\nrule: []",
		"a name twice":       "version: x\nrules: [{name: a, links: 1}, {name: a, links: 2}]",
		"a name in capitals": "version: x\nrules: [{name: A, links: 1}]",
		"no condition":       "version: x\nrules: [{name: a}]",
		"below zero":         "version: x\nrules: [{name: a, links: -1, rials: 4}]",
		"two documents":      "version: x\nrules: []\n---\nversion: y",
		"too large":          "version: x\n#" + strings.Repeat("a", 70_000),
	} {
		_, err := complaints.ParseFlagRules([]byte(text))
		if fault.Code(err) != "complaint_rules_invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPlaceholderAnswersGetAMark(t *testing.T) {
	tests := []struct {
		name, text string
		marked     bool
	}{
		{"the plain one", "We are looking into it.", true},
		{"in Persian", "با سلام، موضوع در حال بررسی است و نتیجه اعلام می‌شود.", true},
		{"with Arabic letters", "موضوع در دست پيگيري است", true},
		{"with half spaces", "درخواست شما پیگیری\u200cمی\u200cشود", true},
		{"with vowel signs and a drawn-out letter", "در حالِ بررســی هستیم", true},
		{"passed on", "Your request was forwarded to the relevant department. Thank you for your patience!", true},
		{"something was done", "We looked into it and refunded the full price today.", false},
		{"something was done in Persian", "در حال بررسی بودیم؛ وجه واریز شد.", false},
		{"a day is named", "در حال بررسی است و تا ۱۴۰۵/۰۹/۱۰ پاسخ می‌دهیم", false},
		{"a refusal is an answer", "Your claim is under review no more: we reject it.", false},
		{"a part of a word", "The overlooking into italics", false},
		{"long and detailed", strings.Repeat("ما همهٔ سوابق را خواندیم ", 12) + "در حال بررسی", false},
		{"nothing of the kind", "پوزش می‌خواهیم؛ کالای سالم برایتان می‌فرستیم.", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if phrase := shippedPlaceholders(t).Judge(tt.text); (phrase != "") != tt.marked {
				t.Errorf("%q", phrase)
			}
		})
	}
}

func TestAMarkStopsAndStartsNothing(t *testing.T) {
	b := newBench(t, nil)
	ticket := b.file(t)
	a, err := b.Answer(t.Context(), ticket.ID, b.signed(t, b.key, b.says(ticket.ID, complaints.KindAnswer, func(s *complaints.AnswerStatement) { s.Text = "موضوع در حال بررسی است." })))
	if err != nil || a.Mark == "" || a.State != complaints.StateAnswered {
		t.Fatalf("%+v, %v", a, err)
	}
	b.clock.advance(200 * hour)
	if c := b.follow(t, ticket); c.State != complaints.StateAnswered || c.Missed != 0 || len(c.History[2].Flags) != 1 {
		t.Errorf("%+v", c)
	}
	if c := b.said(t, ticket, complaints.KindDisputed); c.State != complaints.StatePending {
		t.Errorf("%s", c.State)
	}
}

func shippedPlaceholders(t testing.TB) complaints.PlaceholderRules {
	t.Helper()
	r, err := complaints.ShippedPlaceholderRules()
	if err != nil || r.Version != "placeholder/1" {
		t.Fatal(r.Version, err)
	}
	return r
}

func FuzzPlaceholder(f *testing.F) {
	f.Add("We are looking into it.")
	f.Add("در حالِ بررســی هستیم")
	r := shippedPlaceholders(f)
	f.Fuzz(func(t *testing.T, text string) {
		phrase := r.Judge(text)
		if again := r.Judge(" \u200c" + text + " …"); again != phrase {
			t.Errorf("%q gives %q, and with signs around it %q", text, phrase, again)
		}
	})
}
