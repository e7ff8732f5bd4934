package arch

import (
	"bytes"
	"go/ast"
	"go/doc"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Hard limits on code that is not a test. house style aims lower: 300 and 60.
const (
	maxFileLines     = 400
	maxFunctionLines = 80
	maxSynopsis      = 90 // characters of a package's first sentence
)

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || ast.IsGenerated(s.file) {
			continue
		}
		if n := s.set.Position(s.file.FileEnd).Line; n > maxFileLines {
			t.Errorf("%s has %d lines, the limit is %d: split it by the steps of its journey", s.name, n, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, the limit is %d: give its steps names of their own", s.set.Position(f.Pos()), f.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

func TestPackagesSayWhatTheyPromise(t *testing.T) {
	docs, names := map[string]string{}, map[string]string{}
	for _, s := range sources(t) {
		name := s.file.Name.Name
		if s.test && path.Base(s.dir) != "arch" {
			continue
		}
		names[s.dir] = name
		if s.file.Doc == nil {
			continue
		}
		if docs[s.dir] != "" {
			t.Errorf("%s: the package is documented in two files", s.name)
		}
		docs[s.dir] = s.file.Doc.Text()
	}
	for dir, name := range names {
		first := new(doc.Package).Synopsis(docs[dir])
		switch {
		case first == "":
			t.Errorf("%s: the package has no documentation: say in doc.go what it promises", dir)
		case len([]rune(first)) >= maxSynopsis:
			t.Errorf("%s: the first sentence has %d characters, the limit is %d: %q", dir, len([]rune(first)), maxSynopsis-1, first)
		case name != "main" && !strings.HasPrefix(first, "Package "+name+" "):
			t.Errorf("%s: the documentation does not begin with \"Package %s\"", dir, name)
		}
	}
}

func TestPackageNamesMeanSomething(t *testing.T) {
	for _, s := range sources(t) {
		for _, word := range append(strings.Split(s.dir, "/"), strings.TrimSuffix(s.file.Name.Name, "_test")) {
			if slices.Contains(vague, word) {
				t.Errorf("%s: a package called %q says nothing: name what it carries or does", s.name, word)
			}
		}
	}
}

// machinePath finds folders that exist on somebody's machine only.
var machinePath = regexp.MustCompile(`(^|[^\w.$}/-])/(root|work|home/[a-z]\w*|Users/[A-Za-z]\w*)/[\w.]`)

func TestNoPathsOfOneMachine(t *testing.T) {
	for _, name := range files(t) {
		if name == "go.sum" || strings.HasPrefix(name, "internal/arch/") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 {
			continue // not text
		}
		for i, line := range bytes.Split(b, []byte("\n")) {
			if m := machinePath.Find(line); m != nil {
				t.Errorf("%s:%d: %q is a path of one machine", name, i+1, m)
			}
		}
	}
}

func TestMachinePathsAreSeen(t *testing.T) {
	tests := []struct {
		name, line string
		want       bool
	}{
		{"a home", `dir = "/home/sara/mohr"`, true},
		{"the superuser's home", "cd /root/go", true},
		{"a system path", "/usr/lib/softhsm/libsofthsm2.so", false},
		{"a route", "https://localhost:8443/home/x", false},
		{"a variable before it", "$DIR/work/x", false},
		{"a folder of that name elsewhere", "a/work/b", false},
	}
	for _, tc := range tests {
		if got := machinePath.MatchString(tc.line); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}
