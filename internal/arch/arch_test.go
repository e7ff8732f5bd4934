// Package arch holds the rules of this repository's shape as tests.
//
// When one of them fails, the message says which file breaks which rule. The
// tables below are the rules; a new room or drawer is a line in them.
package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "mohr/"

// rooms lists, for each room, the rooms it may import. Every room may import
// internal/, and internal/ imports no room. enroll, renew and complaints are
// siblings and never meet.
var rooms = map[string][]string{
	"hsm":        {},
	"ca":         {"hsm"},
	"enroll":     {"ca", "hsm"},
	"renew":      {"ca", "hsm"},
	"complaints": {"ca", "hsm"},
	"badge":      {"complaints", "ca", "hsm"},
	"internal":   {},
	"cmd":        {"badge", "complaints", "enroll", "renew", "ca", "hsm"},
}

// alone lists packages that import nothing else of their own room.
var alone = []string{"ca/evidence"}

// drawers lists, for each heavy dependency, the folders and file names that
// may import it.
var drawers = []struct {
	module string
	places []string // "folder/" with all below it, or the name of a file: "http.go" stands for http_lock.go too
}{
	{"github.com/smallstep/certificates", []string{"ca/acme/"}},
	{"go.step.sm/crypto/kms", []string{"hsm/"}},
	{"github.com/ThalesGroup/crypto11", []string{"hsm/"}},
	{"github.com/miekg/pkcs11", []string{"hsm/"}},
	{"github.com/google/go-tpm", []string{"hsm/"}},
	{"go.etcd.io/bbolt", []string{"internal/store/"}},
	{"github.com/jackc/pgx", []string{"internal/store/"}},
	{"go.opentelemetry.io", []string{"internal/trace/", "traces_test.go"}},
	{"github.com/coreos/go-oidc", []string{"internal/eid/"}},
	{"golang.org/x/oauth2", []string{"internal/eid/", "csc_test.go"}},
	{"github.com/go-webauthn/webauthn", []string{"ca/signin/"}},
	{"github.com/zitadel/oidc", []string{"internal/eid/eidtest/"}},
	{"github.com/labstack/echo", []string{"internal/web/", "http.go", "http_test.go"}},
	{"github.com/danielgtaylor/huma", []string{"internal/web/", "http.go", "http_test.go"}},
}

// vague are names of packages that say nothing of what is inside.
var vague = []string{
	"util", "utils", "common", "helper", "helpers", "type", "types", "model", "models",
	"base", "misc", "shared", "lib", "libs", "core", "manager", "data", "info", "stuff",
}

// root is the repository, seen from this package.
const root = "../.."

// files returns the repository's files, relative, with slashes: what git
// tracks or would track, everything where there is no git.
func files(t *testing.T) []string {
	t.Helper()
	git := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	git.Dir = root
	if out, err := git.Output(); err == nil && len(out) > 0 {
		return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(f string) bool {
			_, err := os.Stat(filepath.Join(root, f))
			return err != nil // deleted, not yet committed
		})
	}
	var all []string
	err := filepath.WalkDir(root, func(name string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".git" && d.IsDir():
			return filepath.SkipDir
		}
		if d.Type().IsRegular() {
			rel, err := filepath.Rel(root, name)
			all = append(all, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// source is a parsed Go file of the repository.
type source struct {
	name string // relative to the repository
	dir  string
	test bool
	file *ast.File
	set  *token.FileSet
}

func sources(t *testing.T) (all []source) {
	t.Helper()
	for _, name := range files(t) {
		if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, filepath.Join(root, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		all = append(all, source{name, path.Dir(name), strings.HasSuffix(name, "_test.go"), f, set})
	}
	if len(all) == 0 {
		t.Fatal("no Go files found: this test looks in the wrong place")
	}
	return all
}

func TestRoomsImportOnlyWhatLiesBelow(t *testing.T) {
	for _, s := range sources(t) {
		for _, spec := range s.file.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			if broken := breaks(s.name, imported); broken != "" {
				t.Errorf("%s: imports %s: %s", s.name, imported, broken)
			}
		}
	}
}

// breaks says which rule the import breaks, "" if none.
func breaks(file, imported string) string {
	from, _, nested := strings.Cut(file, "/")
	allowed, known := rooms[from]
	if !known || !nested {
		return "the folder is no room of the table in internal/arch"
	}
	if inner, ours := strings.CutPrefix(imported, module); ours {
		to, _, _ := strings.Cut(inner, "/")
		dir := path.Dir(file)
		switch {
		case to == from && slices.Contains(alone, dir) && inner != dir:
			return dir + " imports nothing else of its room"
		case to != from && to != "internal" && !slices.Contains(allowed, to):
			return from + " may not import " + to
		}
		return ""
	}
	for _, d := range drawers {
		if under(imported, d.module) && !slices.ContainsFunc(d.places, func(place string) bool { return at(file, place) }) {
			return "it belongs in " + strings.Join(d.places, ", ") + " only"
		}
	}
	return ""
}

func under(imported, module string) bool {
	return imported == module || strings.HasPrefix(imported, module+"/")
}

func at(file, place string) bool {
	if strings.HasSuffix(place, "/") {
		return strings.HasPrefix(file, place)
	}
	base := path.Base(file)
	stem, _ := strings.CutSuffix(place, ".go")
	return base == place || strings.HasPrefix(base, stem+"_") && !strings.HasSuffix(base, "_test.go")
}

// TestTheRulesCanBreak keeps the check itself honest.
func TestTheRulesCanBreak(t *testing.T) {
	tests := []struct {
		name, file, imported string
		broken               bool
	}{
		{"a room below", "enroll/desk.go", "mohr/ca", false},
		{"a drawer of the room below", "enroll/desk.go", "mohr/ca/evidence", false},
		{"two rooms below", "badge/facts.go", "mohr/ca", false},
		{"a sibling", "enroll/desk.go", "mohr/renew", true},
		{"a room above", "ca/issue.go", "mohr/enroll", true},
		{"a room from internal", "internal/web/server.go", "mohr/ca", true},
		{"internal from a room", "hsm/keyring.go", "mohr/internal/fault", false},
		{"the room itself", "ca/acme/cas.go", "mohr/ca", false},
		{"evidence imports its room", "ca/evidence/record.go", "mohr/ca", true},
		{"evidence's outside test imports evidence", "ca/evidence/record_test.go", "mohr/ca/evidence", false},
		{"an unknown room", "billing/desk.go", "fmt", true},
		{"a file at the top", "main.go", "fmt", true},
		{"echo in a handler file", "badge/http.go", "github.com/labstack/echo/v4", false},
		{"echo in one of several handler files", "enroll/http_lock.go", "github.com/labstack/echo/v4", false},
		{"echo in a file that only sounds like one", "enroll/https.go", "github.com/labstack/echo/v4", true},
		{"echo elsewhere", "badge/desk.go", "github.com/labstack/echo/v4", true},
		{"huma in cmd", "cmd/mohr/serve.go", "github.com/danielgtaylor/huma/v2", true},
		{"bbolt in the store", "internal/store/bolt.go", "go.etcd.io/bbolt", false},
		{"bbolt elsewhere", "ca/records.go", "go.etcd.io/bbolt", true},
		{"the KMS elsewhere", "ca/issue.go", "go.step.sm/crypto/kms/apiv1", true},
		{"another part of that module", "ca/issue.go", "go.step.sm/crypto/pemutil", false},
		{"step-ca elsewhere", "ca/issue.go", "github.com/smallstep/certificates/cas/apiv1", true},
		{"a module whose name begins the same", "ca/issue.go", "github.com/miekg/pkcs11x", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := breaks(tc.file, tc.imported); (got != "") != tc.broken {
				t.Errorf("%s imports %s: %q", tc.file, tc.imported, got)
			}
		})
	}
}

// TestNoWayLeadsToAHeldKeyAroundItsHolder: what takes a holder's key into its
// home is called by one function alone, and that takes what only the check of
// the holder's proof makes; and one room alone says that a key is held for somebody.
// What other software asks for goes through one function of ca/csc, which can
// neither speak to an HSM nor sign by itself.
func TestNoWayLeadsToAHeldKeyAroundItsHolder(t *testing.T) {
	uses, makes, vouches, remote := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	for _, s := range sources(t) {
		if s.test || s.dir == "hsm" || strings.HasPrefix(s.dir, "hsm/") {
			continue
		}
		for _, spec := range s.file.Imports {
			if imported := strings.Trim(spec.Path.Value, `"`); s.dir == "ca/csc" && (under(imported, module+"hsm") || imported == "crypto/ecdsa") {
				t.Errorf("%s imports %s: ca/csc signs through ca/held alone", s.name, imported)
			}
		}
		for _, d := range s.file.Decls {
			function := s.name
			if f, ok := d.(*ast.FuncDecl); ok {
				function += " " + f.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if n.Sel.Name == "SignWrapped" {
						uses[function]++
					}
					if of, ok := n.X.(*ast.SelectorExpr); ok && s.dir == "ca/csc" && of.Sel.Name == "Held" && n.Sel.Name == "Sign" {
						remote[function]++
					}
					if n.Sel.Name == "NewVoucher" || n.Sel.Name == "Voucher" && s.dir != "ca/held" {
						vouches[function]++
					}
				case *ast.CompositeLit:
					// The empty one opens nothing: it has no key.
					if id, ok := n.Type.(*ast.Ident); ok && id.Name == "authorised" && s.dir == "ca/held" && len(n.Elts) > 0 {
						makes[function]++
					}
				}
				return true
			})
		}
	}
	if len(uses) != 1 || uses["ca/held/sign.go sign"] != 1 {
		t.Errorf("hsm.Keyring.SignWrapped belongs in ca/held/sign.go's sign, once: %v", uses)
	}
	if len(remote) != 1 || remote["ca/csc/authorise.go sign"] != 1 {
		t.Errorf("what other software asks for is signed by ca/csc/authorise.go's sign, once, with the holder's proof: %v", remote)
	}
	if len(vouches) != 1 || vouches["cmd/mohr/service/attestation.go openHeld"] != 1 {
		t.Errorf("attest.Voucher belongs to ca/held, which gets it from openHeld: %v", vouches)
	}
	if len(makes) != 1 || makes["ca/held/sign.go authorise"] != 1 {
		t.Errorf("only authorise of ca/held/sign.go makes what sign takes: %v", makes)
	}
}
