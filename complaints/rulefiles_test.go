package complaints_test

import (
	"os"
	"path/filepath"
	"testing"

	"mohr/complaints"
	"mohr/internal/fault"
)

func ruleFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRulesOfAFileAreCheckedWhenTheyAreRead(t *testing.T) {
	const flags, placeholders = "flags", "placeholders"
	tests := []struct {
		name, what, text, code string
	}{
		{"flags of the own", flags, "version: shop/2\nrules: [{name: much, rials: 5}]\n", ""},
		{"no flags at all", flags, "version: none/1\nrules: []\n", ""},
		{"other flags under the program's version", flags, "version: flags/1\nrules: [{name: much, rials: 5}]\n", "complaint_rules_invalid"},
		{"a flag without a condition", flags, "version: a/1\nrules: [{name: much}]\n", "complaint_rules_invalid"},
		{"an unknown key", flags, "version: a/1\nrule: []\n", "complaint_rules_invalid"},
		{"an empty file", flags, "", "complaint_rules_invalid"},
		{"placeholders of the own", placeholders, "version: p/2\nwords: 10\nphrases: [soon]\n", ""},
		{"other placeholders under the program's version", placeholders, "version: placeholder/1\nwords: 10\nphrases: [soon]\n", "complaint_rules_invalid"},
		{"no version", placeholders, "words: 10\nphrases: [soon]\n", "complaint_rules_invalid"},
		{"no phrase", placeholders, "version: p/2\nwords: 10\n", "complaint_rules_invalid"},
		{"no bound of words", placeholders, "version: p/2\nphrases: [soon]\n", "complaint_rules_invalid"},
		{"a phrase of signs", placeholders, "version: p/2\nwords: 10\nphrases: ['...']\n", "complaint_rules_invalid"},
		{"a phrase on both lists", placeholders, "version: p/2\nwords: 10\nphrases: [soon]\nsubstance: [SOON]\n", "complaint_rules_invalid"},
		{"two documents", placeholders, "version: p/2\nwords: 10\nphrases: [soon]\n---\na: 1\n", "complaint_rules_invalid"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := map[string]string{tt.what: ruleFile(t, tt.text)}
			if _, err := complaints.LoadRules(files[flags], files[placeholders]); fault.Code(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := complaints.LoadRules(filepath.Join(t.TempDir(), "none.yaml"), ""); err == nil {
		t.Error("a file that is not there was read")
	}
}

func TestRulesOfAFileTakeThePlaceOfTheProgram(t *testing.T) {
	rules, err := complaints.LoadRules(ruleFile(t, "version: shop/2\nrules: [{name: any_amount, rials: 1}]\n"), ruleFile(t, "version: p/2\nwords: 10\nphrases: [پوزش]\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, func(c *complaints.Config) { c.Flags, c.Placeholders = &rules.Flags, &rules.Placeholders })
	ticket := b.file(t)
	if ticket.State != complaints.StateFiled {
		t.Errorf("it is %s", ticket.State)
	}
	b.rule(t, ticket.ID, complaints.Ruling{Kind: complaints.KindAdmitted, Reason: "looked_at"})
	if a := b.answer(t, ticket.ID, complaints.KindAnswer); a.Mark != "پوزش" {
		t.Errorf("%+v", a)
	}
}
