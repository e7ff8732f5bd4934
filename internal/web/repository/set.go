package repository

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mohr/internal/fault"
	"mohr/internal/i18n"
)

// Names of the papers.
const (
	Practice = "practice" // what is done to issue a certificate (RFC 3647)
	PDS      = "pds"      // what it is good for (ETSI EN 319 411-1 annex A)
	Terms    = "terms"    // what a holder agrees to
)

// Names returns the names of all papers.
func Names() []string { return []string{Practice, PDS, Terms} }

// Languages returns those of each paper, Persian first.
func Languages() []string { return []string{i18n.Persian, i18n.English} }

// maxOctets bounds a file.
const maxOctets = 256 << 10

// Paper is one version of a paper in one language.
type Paper struct {
	Name    string
	Lang    string
	Version int    // from 1; the highest is in force
	Text    []byte // Markdown, as it is in the file; not to be changed
	SHA256  string // of Text, hex
	Page    Page   // of Text
}

// Set is a whole set of papers. It is immutable and safe for concurrent use.
type Set struct {
	papers map[string][]Paper // "terms-en" -> versions, oldest first; never empty
}

//go:embed documents/*.md
var delivered embed.FS

// Delivered returns the papers that come with the program, for a development
// service.
func Delivered() (*Set, error) {
	sub, err := fs.Sub(delivered, "documents")
	if err != nil {
		return nil, err
	}
	return Load(sub)
}

// Open returns the papers in the directory, "" for those of Delivered.
func Open(dir string) (*Set, error) {
	if dir == "" {
		return Delivered()
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open directory of documents: %w", err)
	}
	defer root.Close()
	s, err := Load(root.FS())
	if err != nil {
		return nil, fmt.Errorf("documents in %s: %w", dir, err)
	}
	return s, nil
}

// fileName is that of a paper: terms-en.md for the version in force,
// terms-en.v1.md for an earlier one.
var fileName = regexp.MustCompile(`^(practice|pds|terms)-(fa|en)(?:\.v([1-9][0-9]{0,2}))?\.md$`)

// Load reads a directory of papers: NAME-LANG.md, and the earlier versions,
// from 1 without a gap, as NAME-LANG.vN.md. All papers must be there in both
// languages and the same versions, and no other file, unless its name begins
// with a dot. It reports all that is wrong at once.
func Load(dir fs.FS) (*Set, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("list documents: %w", err)
	}
	s := &Set{papers: map[string][]Paper{}}
	var faults []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		p, err := read(dir, e.Name())
		if err != nil {
			faults = append(faults, err)
			continue
		}
		s.papers[p.Name+"-"+p.Lang] = append(s.papers[p.Name+"-"+p.Lang], p)
	}
	if len(faults) == 0 { // what cannot be read is not missing
		faults = s.order()
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return s, nil
}

// read reads one file; Version is 0 for the one in force, whose number follows
// from the others.
func read(dir fs.FS, file string) (p Paper, err error) {
	parts := fileName.FindStringSubmatch(file)
	if parts == nil {
		return p, fmt.Errorf("%s is no document's name; the names are like pds-en.md and, for an earlier version, pds-en.v1.md", file)
	}
	p = Paper{Name: parts[1], Lang: parts[2]}
	if parts[3] != "" {
		if p.Version, err = strconv.Atoi(parts[3]); err != nil {
			return p, fmt.Errorf("%s: %w", file, err)
		}
	}
	f, err := dir.Open(file)
	if err != nil {
		return p, fmt.Errorf("open document: %w", err)
	}
	defer f.Close()
	if p.Text, err = io.ReadAll(io.LimitReader(f, maxOctets+1)); err != nil {
		return p, fmt.Errorf("read document %s: %w", file, err)
	}
	if len(p.Text) > maxOctets {
		return p, fmt.Errorf("%s is larger than %d octets", file, maxOctets)
	}
	if p.Page, err = Parse(p.Text); err != nil {
		return p, fmt.Errorf("%s: %w", file, err)
	}
	sum := sha256.Sum256(p.Text)
	p.SHA256 = hex.EncodeToString(sum[:])
	return p, nil
}

// order sorts the versions, numbers the newest, and says what is missing.
func (s *Set) order() (faults []error) {
	for _, name := range Names() {
		for _, lang := range Languages() {
			id := name + "-" + lang
			list := s.papers[id]
			if !slices.ContainsFunc(list, func(p Paper) bool { return p.Version == 0 }) {
				faults = append(faults, fmt.Errorf("%s.md is missing; every document must be there in Persian (fa) and English (en)", id))
				continue
			}
			newest := len(list)
			for i := range list {
				if list[i].Version == 0 {
					list[i].Version = newest
				} else if list[i].Version >= newest {
					faults = append(faults, fmt.Errorf("%s.v%d.md is there, but not all versions before it", id, list[i].Version))
				}
			}
			slices.SortFunc(list, func(a, b Paper) int { return cmp.Compare(a.Version, b.Version) })
		}
		if fa, en := len(s.papers[name+"-fa"]), len(s.papers[name+"-en"]); fa != en && fa > 0 && en > 0 {
			faults = append(faults, fmt.Errorf("%s has %d versions in Persian and %d in English; a version is both", name, fa, en))
		}
	}
	return faults
}

// Versions returns the versions of a paper, newest first; NotFound for a paper
// or a language that there is not.
func (s *Set) Versions(name, lang string) ([]Paper, error) {
	list := s.papers[name+"-"+lang]
	if len(list) == 0 || !slices.Contains(Names(), name) {
		return nil, errUnknown()
	}
	list = slices.Clone(list)
	slices.Reverse(list)
	return list, nil
}

// Latest is the name of the version in force, whichever it is.
const Latest = "latest"

// Find returns a version of a paper: "2", or Latest. NotFound if there is none.
func (s *Set) Find(name, lang, version string) (Paper, error) {
	list, err := s.Versions(name, lang)
	if err != nil {
		return Paper{}, err
	}
	for _, p := range list {
		if version == Latest || version == strconv.Itoa(p.Version) {
			return p, nil
		}
	}
	return Paper{}, errUnknown()
}

func errUnknown() error {
	return fault.New(fault.NotFound, "document_unknown", "there is no such document; see /repository/ for all")
}
