package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namedTest is the last cell of a row: the folder and the name of a test.
var namedTest = regexp.MustCompile(`^([a-z0-9/]+), (Test[A-Za-z0-9_]+)$`)

// Every row of the tables of these pages names a test, and the test is there:
// a promise without one is no promise.
func TestEveryPromiseInTheDocsHasItsTest(t *testing.T) {
	for _, page := range []struct {
		file         string
		heads        []string // first cells of the tables' head lines
		cells, least int      // in a row; rows
	}{
		{"reliability.md", []string{"fault"}, 4, 40},
		{"identity-tests.md", []string{"number", "down", "attack"}, 3, 50},
		{"security.md", []string{"threat"}, 3, 30},
		{"portal-tests.md", []string{"page", "journey", "attack"}, 3, 40},
	} {
		rows := 0
		for _, cells := range tableRows(t, filepath.Join("..", "..", "docs", page.file)) {
			if slices.Contains(page.heads, cells[0]) {
				continue
			}
			rows++
			m := namedTest.FindStringSubmatch(cells[len(cells)-1])
			if len(cells) != page.cells || m == nil {
				t.Errorf("%s: this row has not %d cells with a test in the last: %q", page.file, page.cells, cells)
				continue
			}
			if !hasTest(t, filepath.Join("..", "..", m[1]), m[2]) {
				t.Errorf("%s: there is no %s in %s", page.file, m[2], m[1])
			}
		}
		if rows < page.least {
			t.Errorf("%s: only %d rows were found", page.file, rows)
		}
	}
}

// tableRows returns the cells of the rows of a page's tables.
func tableRows(t *testing.T, file string) (rows [][]string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "|") && !strings.HasPrefix(line, "| ---") {
			rows = append(rows, strings.Split(strings.Trim(line, "| "), " | "))
		}
	}
	return rows
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
