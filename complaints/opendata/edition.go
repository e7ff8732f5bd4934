package opendata

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mohr/complaints"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Kind is the kind of the receipt that a manifest is.
const Kind = "complaints-open-data"

// Names of an edition's files.
const (
	ComplaintsFile = "complaints.csv"
	FiguresFile    = "figures.csv"
)

// File is a file of an edition, as its manifest binds it.
type File struct {
	Name    string   `json:"name"`
	SHA256  string   `json:"sha256"`
	Octets  int64    `json:"octets"`
	Lines   int      `json:"lines"` // without the header
	Columns []Column `json:"columns"`
}

// Manifest is what is signed of an edition.
type Manifest struct {
	Day        string    `json:"day"` // the day in Iran that the edition closes: 2026-03-20
	At         time.Time `json:"at"`  // its end: nothing after it is seen
	Rules      string    `json:"rules"`
	Businesses int       `json:"businesses"` // whose record is public
	Files      []File    `json:"files"`
	Previous   string    `json:"previous,omitempty"` // hex SHA-256 of the manifest before, as canonical JSON
	// Full: complaints.csv has all complaints, not only those that changed since
	// the edition before. Who begins here needs no earlier edition.
	Full bool `json:"full,omitempty"`
}

// digest returns the SHA-256 of the manifest as canonical JSON (RFC 8785).
func (m Manifest) digest() (string, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encode manifest: %w", err)
	}
	canonical := jsontext.Value(b)
	if err := canonical.Canonicalize(); err != nil {
		return "", fmt.Errorf("encode manifest: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// Edition is a manifest, and its signature once there is one.
type Edition struct {
	Manifest Manifest `json:"manifest"`
	SHA256   string   `json:"sha256"`
	Signed   string   `json:"signed,omitempty"` // compact JWS, a receipt of the kind Kind
	Pruned   bool     `json:"pruned,omitempty"` // its files are not kept any more
}

// Buckets.
const (
	editionBucket = "complaints_editions"       // day -> Edition
	chunkBucket   = "complaints_edition_chunks" // day/file/business -> chunk
	emittedBucket = "complaints_emitted"        // key of a row -> first octets of the SHA-256 of its last line
)

// chunk are the lines of one business in one file of an edition.
type chunk struct {
	Lines int    `json:"lines"`
	CSV   string `json:"csv"`
}

// Receipts signs manifests; ca/receipt has the one in use.
type Receipts interface {
	Issue(ctx context.Context, kind string, claims any) ([]byte, error)
}

// Publisher makes editions. It is safe for concurrent use.
type Publisher struct {
	Register *complaints.Register
	Receipts Receipts
	Key      []byte           // of the complaints' pseudonyms
	Now      func() time.Time // nil: time.Now
}

func (p *Publisher) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// pseudonym names a complaint in public. Nobody without the key can tell which
// one it is, not even who knows its number.
func (p *Publisher) pseudonym(key string) string {
	mac := hmac.New(sha256.New, p.Key)
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil)[:12])
}

// Publish makes the edition of the day in Iran that ended last, unless it is
// there, and signs what is not signed yet. It may be repeated, by any node:
// what was begun goes on where it stopped, and what an edition says stays.
func (p *Publisher) Publish(ctx context.Context) error {
	at := complaints.DayStart(p.now())
	day := at.Add(-time.Second).Add(210 * time.Minute).Format(time.DateOnly)
	have, err := p.has(ctx, day)
	if err != nil {
		return err
	}
	if !have {
		if err := p.make(ctx, day, at); err != nil {
			return fmt.Errorf("open data of %s: %w", day, err)
		}
	}
	return p.sign(ctx)
}

func (p *Publisher) has(ctx context.Context, day string) (have bool, err error) {
	err = p.Register.Store.View(ctx, func(tx store.Tx) (err error) {
		have, err = store.Has(tx, editionBucket, day)
		return err
	})
	return have, err
}

func (p *Publisher) make(ctx context.Context, day string, at time.Time) error {
	since, err := p.Register.PublicSince(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(since, func(_ string, from time.Time) bool { return from.After(at) })
	full, err := p.full(ctx, day)
	if err != nil {
		return err
	}
	for _, business := range slices.Sorted(maps.Keys(since)) {
		if err := p.one(ctx, day, business, at, full); err != nil {
			return err
		}
	}
	m := Manifest{Day: day, At: at, Rules: Rules, Businesses: len(since), Full: full}
	return p.Register.Store.Update(ctx, func(tx store.Tx) error { return m.record(tx, p.now()) })
}

// one writes the lines of one business, once: who comes later finds them. Not
// full, it leaves out the complaints whose last line says the same.
func (p *Publisher) one(ctx context.Context, day, business string, at time.Time, full bool) error {
	return p.Register.Store.Update(ctx, func(tx store.Tx) error {
		figures := chunkKey(day, FiguresFile, business)
		if done, err := store.Has(tx, chunkBucket, figures); done || err != nil {
			return err
		}
		removed, err := complaints.Removed(tx, at)
		if err != nil {
			return err
		}
		var rows []complaints.Row
		var lines [][]string
		emitted := map[string]string{}
		terms := complaints.Terms{At: at, Policies: p.Register.Policies}
		err = complaints.EachComplaint(tx, business, func(key, id string, r complaints.Row) error {
			r, served := r.Until(at.Unix())
			if !served {
				return nil
			}
			r.Window = terms.WindowOf(r)
			rows = append(rows, r)
			cells := Line{Complaint: p.pseudonym(key), Business: business, Row: r, TextRemoved: removed[id]}.Cells()
			sum := lineSum(cells)
			last, err := store.Load[string](tx, emittedBucket, key)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if full || last != sum {
				lines = append(lines, cells)
			}
			if last != sum {
				emitted[key] = sum
			}
			return nil
		})
		if err != nil {
			return err
		}
		for key, sum := range emitted {
			if err := store.Save(tx, emittedBucket, key, sum); err != nil {
				return err
			}
		}
		if err := saveChunk(tx, chunkKey(day, ComplaintsFile, business), lines); err != nil {
			return err
		}
		looks, fresh, err := looked(tx, business, at, full)
		if err != nil {
			return err
		}
		if err := saveChunk(tx, chunkKey(day, LooksFile, business), fresh); err != nil {
			return err
		}
		if err := saveChunk(tx, chunkKey(day, MeasuresFile, business), measureLines(business, looks, at)); err != nil {
			return err
		}
		return saveChunk(tx, figures, figureLines(business, rows, at))
	})
}

func lineSum(cells []string) string {
	sum := sha256.Sum256(encode(cells))
	return hex.EncodeToString(sum[:12])
}

func encode(lines ...[]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.WriteAll(lines) // a buffer takes everything
	return b.Bytes()
}

func chunkKey(day, file, business string) string {
	return day + "/" + file + "/" + url.PathEscape(business)
}

func saveChunk(tx store.Tx, key string, lines [][]string) error {
	if len(lines) == 0 {
		return nil
	}
	return store.Save(tx, chunkBucket, key, chunk{Lines: len(lines), CSV: string(encode(lines...))})
}

// files are those of an edition, with their columns.
func files() map[string][]Column {
	return map[string][]Column{ComplaintsFile: LineColumns(), FiguresFile: FigureColumns(), LooksFile: LookColumns(), MeasuresFile: MeasureColumns()}
}

// record binds the files of the day, with the leaf of the deed in the ledger.
func (m Manifest) record(tx store.Tx, now time.Time) error {
	if ok, err := store.Has(tx, editionBucket, m.Day); ok || err != nil {
		return err
	}
	err := store.Each(tx, editionBucket, "", "", func(_ string, e Edition) error {
		m.Previous = e.SHA256
		return nil
	})
	if err != nil {
		return err
	}
	for name, columns := range files() {
		f := File{Name: name, Columns: columns}
		h := sha256.New()
		err := each(tx, m.Day, f, func(csv []byte, lines int) error {
			h.Write(csv)
			f.Octets, f.Lines = f.Octets+int64(len(csv)), f.Lines+lines
			return nil
		})
		if err != nil {
			return err
		}
		f.SHA256 = hex.EncodeToString(h.Sum(nil))
		m.Files = append(m.Files, f)
	}
	slices.SortFunc(m.Files, func(a, b File) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	sum, err := m.digest()
	if err != nil {
		return err
	}
	if err := store.Save(tx, editionBucket, m.Day, Edition{Manifest: m, SHA256: sum}); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: "complaints.edition", Subject: m.Day, At: now.UTC().Truncate(time.Second), Hash: sum})
}

// each calls fn with the header of the file and with the lines of each
// business, in the order of the file.
func each(tx store.Tx, day string, f File, fn func(csv []byte, lines int) error) error {
	if err := fn(encode(names(f.Columns)), 0); err != nil {
		return err
	}
	return store.Each(tx, chunkBucket, day+"/"+f.Name+"/", "", func(_ string, c chunk) error { return fn([]byte(c.CSV), c.Lines) })
}
