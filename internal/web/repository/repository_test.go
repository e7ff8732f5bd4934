package repository_test

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/web/repository"
)

// whole is a directory with all documents.
func whole() fstest.MapFS {
	dir := fstest.MapFS{}
	for _, name := range repository.Names() {
		for _, lang := range repository.Languages() {
			dir[name+"-"+lang+".md"] = &fstest.MapFile{Data: []byte("# " + name + "\n\nIn " + lang + ".\n")}
		}
	}
	return dir
}

func TestADirectoryThatIsNotWholeIsRefused(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, c := range []struct {
		name   string
		change func(fstest.MapFS)
		want   string // "" if it is taken
	}{
		{"all documents are taken", func(fstest.MapFS) {}, ""},
		{"a hidden file is left alone", func(d fstest.MapFS) { d[".keep"] = file("") }, ""},
		{"an earlier version in both languages is taken", func(d fstest.MapFS) {
			d["pds-en.v1.md"], d["pds-fa.v1.md"] = file("# a\n\nb"), file("# a\n\nb")
		}, ""},
		{"a language that lacks is named", func(d fstest.MapFS) { delete(d, "pds-fa.md") }, "pds-fa.md is missing"},
		{"a document that lacks is named", func(d fstest.MapFS) { delete(d, "terms-fa.md"); delete(d, "terms-en.md") }, "terms-en.md is missing"},
		{"an empty directory is refused", func(d fstest.MapFS) { clear(d) }, "practice-fa.md is missing"},
		{"an earlier version in one language is refused", func(d fstest.MapFS) { d["pds-en.v1.md"] = file("# a\n\nb") }, "pds has 1 versions in Persian and 2 in English"},
		{"a gap is refused", func(d fstest.MapFS) {
			d["pds-en.v2.md"], d["pds-fa.v2.md"] = file("# a\n\nb"), file("# a\n\nb")
		}, "pds-en.v2.md is there, but not all versions before it"},
		{"an earlier version alone is refused", func(d fstest.MapFS) { d["pds-en.v1.md"] = d["pds-en.md"]; delete(d, "pds-en.md") }, "pds-en.md is missing"},
		{"another language is refused", func(d fstest.MapFS) { d["pds-de.md"] = file("# a\n\nb") }, "pds-de.md is no document's name"},
		{"another ending is refused", func(d fstest.MapFS) { d["pds-en.txt"] = file("# a\n\nb") }, "pds-en.txt is no document's name"},
		{"version 0 is refused", func(d fstest.MapFS) { d["pds-en.v0.md"] = file("# a\n\nb") }, "pds-en.v0.md is no document's name"},
		{"what is too large is refused", func(d fstest.MapFS) { d["pds-en.md"] = file("# a\n\n" + strings.Repeat("b ", 128<<10)) }, "pds-en.md is larger than"},
		{"what is not UTF-8 is refused", func(d fstest.MapFS) { d["pds-en.md"] = file("# a\n\n\xff") }, "pds-en.md: not UTF-8"},
		{"what cannot be read as a document is refused", func(d fstest.MapFS) { d["pds-en.md"] = file("no title") }, "pds-en.md: line 1: the document does not begin with its title"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := whole()
			c.change(dir)
			_, err := repository.Load(dir)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Load: %v, want %q", err, c.want)
			}
		})
	}
}

func TestLatestIsTheNewestVersion(t *testing.T) {
	dir := whole()
	for n, v := range []string{".v1", ".v2", ""} {
		for _, lang := range repository.Languages() {
			dir["terms-"+lang+v+".md"] = &fstest.MapFile{Data: []byte("# Terms\n\nText " + string(rune('1'+n)) + " in " + lang + ".\n")}
		}
	}
	s, err := repository.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Versions("terms", "fa")
	if err != nil || len(list) != 3 || list[0].Version != 3 || list[2].Version != 1 {
		t.Fatalf("Versions: %+v, %v", list, err)
	}
	for version, want := range map[string]string{"1": "Text 1 in fa.", "2": "Text 2 in fa.", "3": "Text 3 in fa.", repository.Latest: "Text 3 in fa."} {
		p, err := s.Find("terms", "fa", version)
		sum := sha256.Sum256(p.Text)
		if err != nil || !strings.Contains(string(p.Text), want) || p.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %q, %v", version, p.Text, err)
		}
	}
	for _, no := range [][3]string{{"terms", "fa", "4"}, {"terms", "fa", "0"}, {"terms", "fa", "01"}, {"terms", "fa", ""}, {"terms", "de", "1"}, {"", "", repository.Latest}, {"terms", "fa-x", "1"}} {
		if _, err := s.Find(no[0], no[1], no[2]); err == nil {
			t.Errorf("%v was found", no)
		}
	}
}

func TestOpenReadsADirectoryAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	for name, f := range maps.All(whole()) {
		if err := os.WriteFile(filepath.Join(dir, name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := repository.Open(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := repository.Open(filepath.Join(dir, "none")); err == nil {
		t.Error("a directory that is not there was opened")
	}
	outside := filepath.Join(t.TempDir(), "terms-en.md")
	if err := os.WriteFile(outside, []byte("# a\n\nb"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "terms-en.md")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "terms-en.md")); err != nil {
		t.Fatal(err)
	}
	if _, err := repository.Open(dir); err == nil {
		t.Error("a link out of the directory was followed")
	}
}

// The built-in documents have the outlines they claim, the same in both
// languages, and carry no syntax that the parser leaves as text.
func TestTheDeliveredDocumentsAreWholeInBothLanguages(t *testing.T) {
	s, err := repository.Delivered()
	if err != nil {
		t.Fatal(err)
	}
	outline := func(p repository.Paper) (levels []int) {
		for _, b := range p.Page.Blocks {
			kind := b.Level*1000 + len(b.Items)*10
			if b.Head != nil {
				kind = len(b.Rows)*10 + 1
			}
			levels = append(levels, kind)
		}
		return levels
	}
	for name, sections := range map[string]int{repository.Practice: 9, repository.PDS: 11, repository.Terms: 8} {
		fa, err := s.Find(name, "fa", repository.Latest)
		if err != nil {
			t.Fatal(err)
		}
		en, err := s.Find(name, "en", repository.Latest)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(outline(en), outline(fa)); diff != "" {
			t.Errorf("%s: English and Persian differ: %s", name, diff)
		}
		if n := strings.Count(string(en.Text), "\n## "); n != sections {
			t.Errorf("%s: %d sections, want %d", name, n, sections)
		}
		for _, p := range []repository.Paper{fa, en} {
			if strings.ContainsAny(string(p.Text), "*<>كي") {
				t.Errorf("%s-%s: Markdown or HTML that is not read, or an Arabic letter", p.Name, p.Lang)
			}
		}
	}
}
