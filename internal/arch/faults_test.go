package arch

import (
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// made is a call of fault.New with a constant code.
type made struct {
	where string
	args  int // after the format
}

// TestEveryFaultHasAPersianText: a code that is made somewhere has its text in
// exactly one texts.yaml, and the text uses no argument that is not there.
func TestEveryFaultHasAPersianText(t *testing.T) {
	texts := persianTexts(t)
	for code, m := range faultsMade(t) {
		fa, ok := texts[code]
		if !ok {
			t.Errorf("%s: fault %s has no Persian text: add `%s: {fa: \"...\"}` to the room's texts.yaml", m.where, code, code)
			continue
		}
		if fa = strings.TrimSpace(fa); !strings.HasSuffix(fa, ".") && !strings.HasSuffix(fa, "؟") {
			t.Errorf("%s: the Persian text of %s ends like no sentence", m.where, code)
		}
		for _, verb := range verbIndex.FindAllStringSubmatch(fa, -1) {
			if n, _ := strconv.Atoi(verb[1]); n > m.args {
				t.Errorf("%s: the Persian text of %s uses argument %d of %d", m.where, code, n, m.args)
			}
		}
	}
}

var (
	verbIndex = regexp.MustCompile(`%\[(\d+)\]`)
	codeForm  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// faultsMade returns the calls by code. Calls that compute their code are
// their room's own affair.
func faultsMade(t *testing.T) map[string]made {
	t.Helper()
	all := map[string]made{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 3 || !isFaultNew(call.Fun) {
				return true
			}
			code, ok := call.Args[1].(*ast.BasicLit)
			if !ok {
				return true
			}
			name, _ := strconv.Unquote(code.Value)
			where := s.set.Position(call.Pos()).String()
			if !codeForm.MatchString(name) {
				t.Errorf("%s: the code %q is not of lower case, digits and _", where, name)
			}
			all[name] = made{where, len(call.Args) - 3}
			return true
		})
	}
	return all
}

func isFaultNew(fun ast.Expr) bool {
	sel, ok := fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "New" {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "fault"
}

// persianTexts reads all texts.yaml; a key twice is an error.
func persianTexts(t *testing.T) map[string]string {
	t.Helper()
	all, from := map[string]string{}, map[string]string{}
	for _, name := range files(t) {
		if path.Base(name) != "texts.yaml" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]struct{ En, Fa string }
		if err := yaml.Unmarshal(b, &texts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for key, text := range texts {
			if from[key] != "" {
				t.Errorf("%s: the text %s is in %s too", name, key, from[key])
			}
			all[key], from[key] = text.Fa, name
		}
	}
	return all
}
