package opendata

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"

	"mohr/complaints"
	"mohr/internal/fault"
)

// Source gives editions as they are published.
type Source interface {
	// Editions returns all there are, oldest first.
	Editions(ctx context.Context) ([]Edition, error)
	// Open returns a file of an edition.
	Open(ctx context.Context, day, file string) (io.ReadCloser, error)
}

// Check says what to recompute.
type Check struct {
	Day      string // of the edition; "" for the last
	Business string // "" for all
	// Signature checks an edition's signature and returns the manifest that was
	// signed. Nil: signatures are not looked at.
	Signature func(Edition) (Manifest, error)
}

// Result is what was recomputed, from the public data alone.
type Result struct {
	Manifest   Manifest `json:"manifest"`
	Editions   int      `json:"editions"`   // that were read
	Signed     bool     `json:"signed"`     // every one of them is, and it was checked
	Complaints int      `json:"complaints"` // at the businesses that were recomputed
	Lines      int      `json:"lines"`      // of figures and measures that were compared
	Looks      int      `json:"looks"`      // of others, at the businesses that were recomputed
	Removed    int      `json:"removed"`    // complaints whose text the law had removed
	// Differences name figures that the data does not give: there are none.
	Differences []string `json:"differences"`
}

// maxDifferences bounds the list.
const maxDifferences = 100

func errData(why string, a ...any) error {
	return fault.New(fault.Invalid, "open_data_broken", "the open data does not hold together: %[1]s; fetch it again, and if it stays so, tell the service", fmt.Sprintf(why, a...))
}

// Recompute reads all editions up to a day, checks that they hold together,
// counts the complaints in them by the published rules, and compares with the
// figures of that day's edition. A difference is no error: it is in the result.
func Recompute(ctx context.Context, src Source, c Check, progress func(editions int)) (Result, error) {
	all, err := src.Editions(ctx)
	if err != nil {
		return Result{}, err
	}
	k := checker{Check: c, src: src, lines: map[string]Line{}, looks: map[string]map[string]complaints.Look{}, result: Result{Signed: c.Signature != nil, Differences: []string{}}}
	until := len(all)
	if i := slices.IndexFunc(all, func(e Edition) bool { return c.Day != "" && e.Manifest.Day > c.Day }); i >= 0 {
		until = i
	}
	begin := 0 // where the complaints are read from; of earlier editions the chain alone is checked
	for i, e := range all[:until] {
		if e.Manifest.Full {
			begin = i
		}
	}
	for i, e := range all[:until] {
		if err := k.edition(ctx, e, i >= begin); err != nil {
			return k.result, err
		}
		if progress != nil {
			progress(k.result.Editions)
		}
	}
	if k.result.Editions == 0 || c.Day != "" && k.result.Manifest.Day != c.Day {
		return k.result, errUnknown()
	}
	return k.result, k.compare(ctx)
}

type checker struct {
	Check
	src      Source
	lines    map[string]Line                       // by pseudonym
	looks    map[string]map[string]complaints.Look // of a business, by measure and day
	previous Edition
	result   Result
}

// edition checks an edition and, if it is to be read, takes its complaints.
func (k *checker) edition(ctx context.Context, e Edition, read bool) error {
	m := e.Manifest
	switch sum, err := m.digest(); {
	case err != nil:
		return err
	case sum != e.SHA256:
		return errData("the manifest of %s is not the one it is said to be", m.Day)
	case m.Previous != k.previous.SHA256 || k.previous.Manifest.Day >= m.Day:
		return errData("the manifest of %s does not follow the one before", m.Day)
	case read && e.Pruned:
		return errPruned(m.Day)
	case read && m.Rules != Rules:
		return errData("the edition of %s is counted by %s, and this program knows %s", m.Day, m.Rules, Rules)
	}
	if k.Signature != nil {
		signed, err := k.Signature(e)
		if err != nil {
			return err
		}
		if sum, err := signed.digest(); err != nil || sum != e.SHA256 {
			return errors.Join(err, errData("another manifest of %s was signed", m.Day))
		}
	}
	k.previous, k.result.Manifest = e, m
	k.result.Editions++
	if !read {
		return nil
	}
	if err := k.readLooks(ctx, e); err != nil {
		return err
	}
	return k.file(ctx, e, ComplaintsFile, LineColumns(), func(cells []string) error {
		l, err := ParseLine(cells)
		if err != nil {
			return err
		}
		if k.Business == "" || l.Business == k.Business {
			k.lines[l.Complaint] = l
		}
		return nil
	})
}

// readLooks takes the looks of an edition, if it has any.
func (k *checker) readLooks(ctx context.Context, e Edition) error {
	if _, has := e.file(LooksFile); !has {
		return nil
	}
	return k.file(ctx, e, LooksFile, LookColumns(), func(cells []string) error {
		business, l, err := parseLook(cells)
		if err != nil || k.Business != "" && business != k.Business {
			return err
		}
		if k.looks[business] == nil {
			k.looks[business] = map[string]complaints.Look{}
		}
		k.looks[business][string(l.Measure)+"/"+l.Day] = l
		return nil
	})
}

// file reads a file, checks it against the manifest, and calls fn with each line.
func (k *checker) file(ctx context.Context, e Edition, name string, columns []Column, fn func(cells []string) error) error {
	f, ok := e.file(name)
	if !ok {
		return errData("there is no %s in the edition of %s", name, e.Manifest.Day)
	}
	r, err := k.src.Open(ctx, e.Manifest.Day, name)
	if err != nil {
		return err
	}
	defer r.Close()
	body := &digested{r: io.LimitReader(r, f.Octets+1), hash: sha256.New()}
	lines := csv.NewReader(body)
	lines.FieldsPerRecord = len(columns)
	head, err := lines.Read()
	if err != nil || !slices.Equal(head, names(columns)) {
		return errData("the columns of %s of %s are not those described", name, e.Manifest.Day)
	}
	n := 0
	for {
		cells, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return errData("%s of %s: %v", name, e.Manifest.Day, err)
		}
		if err := fn(cells); err != nil {
			return fmt.Errorf("%s of %s, line %d: %w", name, e.Manifest.Day, n+2, err)
		}
		n++
	}
	if n != f.Lines || body.octets != f.Octets || hex.EncodeToString(body.hash.Sum(nil)) != f.SHA256 {
		return errData("%s of %s is not the file that its manifest binds", name, e.Manifest.Day)
	}
	return nil
}

// digested hashes what is read.
type digested struct {
	r      io.Reader
	hash   hash.Hash
	octets int64
}

func (d *digested) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	d.hash.Write(p[:n])
	d.octets += int64(n)
	return n, err
}

// compare counts what the editions gave and sets it beside the last figures.
func (k *checker) compare(ctx context.Context) error {
	rows := map[string][]complaints.Row{}
	for _, name := range slices.Sorted(maps.Keys(k.lines)) {
		l := k.lines[name]
		rows[l.Business] = append(rows[l.Business], l.Row)
		k.result.Complaints++
		if l.TextRemoved != "" {
			k.result.Removed++
		}
	}
	counted, err := k.beside(ctx, FiguresFile, FigureColumns(), 1, func(business string) [][]string {
		return figureLines(business, rows[business], k.result.Manifest.At)
	})
	if err != nil {
		return err
	}
	if k.Business != "" && k.result.Lines == 0 {
		return errUnknown()
	}
	for business := range rows {
		if left, ok := counted[business]; !ok || len(left) > 0 {
			k.differ("%s: its complaints are published and not all of its figures", business)
		}
	}
	return k.compareMeasures(ctx)
}

// compareMeasures sets what looks measure beside what the last edition says.
func (k *checker) compareMeasures(ctx context.Context) error {
	if _, has := k.previous.file(MeasuresFile); !has {
		return nil
	}
	measure := func(business string) [][]string {
		return measureLines(business, slices.Collect(maps.Values(k.looks[business])), k.result.Manifest.At)
	}
	counted, err := k.beside(ctx, MeasuresFile, MeasureColumns(), 0, measure)
	if err != nil {
		return err
	}
	for business, looks := range k.looks {
		k.result.Looks += len(looks)
		left, ok := counted[business]
		if !ok {
			left = measure(business)
		}
		if len(left) > 0 {
			k.differ("%s: its looks are published and not all that they measure", business)
		}
	}
	return nil
}

// beside compares a file of the last edition, whose column at names the
// business, with the lines that count gives for each. It returns, for each
// business in the file, the lines that the file lacks.
func (k *checker) beside(ctx context.Context, name string, columns []Column, at int, count func(business string) [][]string) (map[string][][]string, error) {
	counted := map[string][][]string{}
	err := k.file(ctx, k.previous, name, columns, func(cells []string) error {
		business := cells[at]
		if k.Business != "" && business != k.Business {
			return nil
		}
		if _, seen := counted[business]; !seen {
			counted[business] = count(business)
		}
		k.result.Lines++
		left := counted[business]
		if len(left) == 0 || !slices.Equal(left[0], cells) {
			k.differ("%s, %s: published %s", business, cells[1-at], strings.Join(cells[2:], " "))
			return nil
		}
		counted[business] = left[1:]
		return nil
	})
	return counted, err
}

func (k *checker) differ(format string, a ...any) {
	if len(k.result.Differences) < maxDifferences {
		k.result.Differences = append(k.result.Differences, fmt.Sprintf(format, a...))
	}
}
