package repository_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/web/repository"
)

func TestParseReadsWhatPapersNeed(t *testing.T) {
	const text = "# A title\r\nRight below\nit.\n\n## 1. Head `x`\n- one\n  goes on\n- [two](/log/) and ` alone\n\n" +
		"| a | b |\n|---|:-:|\n| 1 | `2 3` |\n### Deep\n<b>[no](\n"
	got, err := repository.Parse([]byte(text))
	want := repository.Page{Title: "A title", Blocks: []repository.Block{
		{Text: []repository.Span{{Text: "Right below it."}}},
		{Level: 2, Text: []repository.Span{{Text: "1. Head "}, {Text: "x", Code: true}}},
		{Items: [][]repository.Span{{{Text: "one goes on"}}, {{Text: "two", Href: "/log/"}, {Text: " and `"}, {Text: " alone"}}}},
		{Head: [][]repository.Span{{{Text: "a"}}, {{Text: "b"}}}, Rows: [][][]repository.Span{{{{Text: "1"}}, {{Text: "2 3", Code: true}}}}},
		{Level: 3, Text: []repository.Span{{Text: "Deep"}}},
		{Text: []repository.Span{{Text: "<b>["}, {Text: "no]("}}},
	}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

func TestParseRefusesWhatItWouldGuessAt(t *testing.T) {
	for name, c := range map[string][2]string{
		"nothing":                               {"", "no title"},
		"a title alone":                         {"# a", "no text"},
		"text before the title":                 {"a\n\n# b", "line 1"},
		"a second title":                        {"# a\n\n# b", "line 3"},
		"a heading without a space":             {"# a\n\n##b", "line 3"},
		"a heading too deep":                    {"# a\n\n##### b", "line 3"},
		"a script in a link":                    {"# a\n\n[x](javascript:alert)", "links begin with"},
		"a link to another host by two slashes": {"# a\n\n[x](//evil.example)", "links begin with"},
		"a link by a backslash":                 {"# a\n\n[x](/\\evil.example)", "links begin with"},
		"a list in a list":                      {"# a\n\n- b\n  - c", "list within a list"},
		"a table without its line":              {"# a\n\n|b|\n|c|", "is missing"},
		"a table without rows":                  {"# a\n\n|b|\n|-|", "no rows"},
		"a row of another width":                {"# a\n\n|b|\n|-|\n|c|d|", "1 columns has a row of 2"},
		"a row that does not end":               {"# a\n\n|b|\n|-|\n|c", "does not end"},
		"text that runs the other way":          {"# a\n\nb\u202ec", "line 3: a control character"},
		"a tab":                                 {"# a\n\nb\tc", "line 3: a control character"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := repository.Parse([]byte(c[0])); err == nil || !strings.Contains(err.Error(), c[1]) {
				t.Errorf("%v, want %q", err, c[1])
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("# a\n\n## b\n- c\n  d\n\n|e|f|\n|-|-|\n|`g`|[h](/i)|\n"))
	f.Add([]byte("# a\n[`](`[x]()](http://y)"))
	f.Add([]byte("|\n||\n#"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := repository.Parse(b)
		if err != nil {
			return
		}
		if p.Title == "" || len(p.Blocks) == 0 || !utf8.ValidString(p.Title) {
			t.Fatalf("%+v", p)
		}
		for _, block := range p.Blocks {
			for _, row := range block.Rows {
				if len(row) != len(block.Head) {
					t.Fatalf("a row of %d below a head of %d", len(row), len(block.Head))
				}
			}
			for _, s := range block.Text {
				if strings.HasPrefix(s.Href, "//") || strings.HasPrefix(strings.ToLower(s.Href), "javascript:") {
					t.Fatalf("a link to %q", s.Href)
				}
			}
		}
	})
}
