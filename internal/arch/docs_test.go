package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// namedTest is the last cell of a row: the folder and the name of a test.
var namedTest = regexp.MustCompile(`^([a-z0-9/]+), (Test[A-Za-z0-9_]+)$`)

// Every row of the tables of docs/reliability.md names a test, and the test is
// there: a promise without one is no promise.
func TestEveryFaultInTheDocsHasItsTest(t *testing.T) {
	root := filepath.Join("..", "..")
	page, err := os.ReadFile(filepath.Join(root, "docs", "reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| ---") || strings.HasPrefix(line, "| fault |") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		m := namedTest.FindStringSubmatch(cells[len(cells)-1])
		if len(cells) != 4 || m == nil {
			t.Errorf("this row has not four cells with a test in the last: %s", line)
			continue
		}
		if !hasTest(t, filepath.Join(root, m[1]), m[2]) {
			t.Errorf("there is no %s in %s", m[2], m[1])
		}
	}
	if rows < 40 {
		t.Errorf("only %d rows were found", rows)
	}
}

// hasTest reports whether a test file of the folder declares the function.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}
