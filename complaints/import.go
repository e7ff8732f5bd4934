package complaints

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

const (
	// importBatch is how many rows share a transaction: enough that their
	// commits do not dominate, few enough that others wait for milliseconds.
	importBatch = 5000
	// maxImportRow bounds one row, in octets: an unclosed quote must not read
	// the whole file into memory.
	maxImportRow = 1 << 20
	// maxRejections bounds the list in a Report; OnReject gets all.
	maxRejections = 1000
)

// Columns that an import takes. The first four are required.
const (
	ColumnID       = "id"
	ColumnBusiness = "business"
	ColumnServed   = "served"
	ColumnAnswered = "answered" // an empty cell: open
	ColumnCategory = "category"
	ColumnFiled    = "filed" // decides the policy; without it, served does
)

// ImportConfig says how to read a file.
type ImportConfig struct {
	Columns    map[string]string // our column -> the file's, as its header writes it
	DateLayout string            // as of package time; a date alone is 00:00:00Z
	OnReject   func(Rejection)   // gets every rejected row as it is met; may be nil
	// Batch is how many rows share a transaction; zero means 5,000. Larger ones
	// are faster, and keep others who write waiting for longer.
	Batch int
}

// Rejection is a row that was not taken.
type Rejection struct {
	Line   int    `json:"line"` // where the row begins; the header is line 1
	Reason string `json:"reason"`
}

// Report is what an import came to. Rows = Imported + Duplicates + RejectedRows.
type Report struct {
	Rows         int         `json:"rows"`
	Imported     int         `json:"imported"`
	Duplicates   int         `json:"duplicates"` // the same id at the same business, in this file or before
	Completed    int         `json:"completed"`  // of these, gave an open complaint its answer
	RejectedRows int         `json:"rejected_rows"`
	Rejected     []Rejection `json:"rejected"` // the first thousand
	SHA256       string      `json:"sha256"`   // of the file, hex
}

// Import reads complaints from CSV (RFC 4180; a byte order mark, CRLF and
// newlines in quotes are fine) and adds them to the register. The same id at
// the same business counts once: the first row stands, but a later one may
// bring the answer of one that was open. A row that cannot be used is
// rejected with its line and the reason, and the rest goes on.
//
// Rows are stored in batches; after an error what was stored stays, and
// importing the same file again counts it as duplicates. progress, which may
// be nil, is called with the number of rows read after each batch.
func (g *Register) Import(ctx context.Context, r io.Reader, c ImportConfig, progress func(rows int)) (Report, error) {
	m, err := newImporter(g, r, c)
	if err != nil {
		return Report{}, err
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return m.report, err
		}
		var batch []importRow
		batch, more, err = m.read()
		if err != nil {
			return m.report, err
		}
		if err := m.store(ctx, batch); err != nil {
			return m.report, fmt.Errorf("store imported complaints: %w", err)
		}
		if progress != nil {
			progress(m.report.Rows)
		}
	}
	return m.report, m.finish(ctx)
}

// importer is one run of Import.
type importer struct {
	register *Register
	config   ImportConfig
	input    *boundedReader
	digest   hash.Hash
	csv      *csv.Reader
	columns  columns
	line     int // where the last row began
	report   Report
}

func newImporter(g *Register, r io.Reader, c ImportConfig) (*importer, error) {
	if err := checkLayout(c.DateLayout); err != nil {
		return nil, err
	}
	digest := sha256.New()
	input := &boundedReader{r: io.TeeReader(r, digest), left: maxImportRow}
	buffered := bufio.NewReader(input)
	if bom, _ := buffered.Peek(3); string(bom) == "\uFEFF" {
		buffered.Discard(3)
	}
	m := &importer{register: g, config: c, input: input, digest: digest, csv: csv.NewReader(buffered)}
	m.csv.ReuseRecord = true
	header, err := m.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "import_empty", "there is no header line in the file; its first line names the columns")
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "import_header", "the header line of the file is no CSV (%s); mend it", err.Error())
	}
	m.columns, err = findColumns(header, c.Columns)
	return m, err
}

// boundedReader fails when more than left octets are read without a reset.
type boundedReader struct {
	r    io.Reader
	left int
}

var errRowTooLong = errors.New("row too long")

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

// read takes the next batch of usable rows; more is false at the end.
func (m *importer) read() (batch []importRow, more bool, err error) {
	for len(batch) < cmp.Or(m.config.Batch, importBatch) {
		m.input.left = maxImportRow
		record, err := m.csv.Read()
		var broken *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return batch, false, nil
		case errors.As(err, &broken) && !errors.Is(err, errRowTooLong):
			m.report.Rows++
			m.reject(broken.StartLine, "no CSV: "+broken.Err.Error())
			continue
		case errors.Is(err, errRowTooLong):
			return nil, false, fault.New(fault.Invalid, "import_row_too_long", "the row after the one at line %d is longer than a megabyte; look for a quote that is not closed", m.line)
		case err != nil:
			return nil, false, fmt.Errorf("read import: %w", err)
		}
		m.report.Rows++
		m.line, _ = m.csv.FieldPos(0)
		row, reason := m.columns.parse(record, m.config.DateLayout)
		if reason != "" {
			m.reject(m.line, reason)
			continue
		}
		row.line = m.line
		batch = append(batch, row)
	}
	return batch, true, nil
}

func (m *importer) reject(line int, reason string) {
	m.report.RejectedRows++
	no := Rejection{Line: line, Reason: reason}
	if len(m.report.Rejected) < maxRejections {
		m.report.Rejected = append(m.report.Rejected, no)
	}
	if m.config.OnReject != nil {
		m.config.OnReject(no)
	}
}

// batchCount is what one batch came to, counted anew each time its
// transaction runs.
type batchCount struct {
	imported, duplicates, completed int
	rejected                        []Rejection
	counts                          *Counts // what they add to the country's
}

func (m *importer) store(ctx context.Context, batch []importRow) error {
	// In key order a batch touches each page of the store once. The order
	// within a key is that of the file: the first row stands.
	slices.SortStableFunc(batch, func(a, b importRow) int { return strings.Compare(a.key, b.key) })
	var n batchCount
	err := m.register.Store.Update(ctx, func(tx store.Tx) error {
		n = batchCount{counts: NewCounts(m.register.Policies, Window{})}
		k, err := m.register.opening(tx)
		if err != nil {
			return err
		}
		last := ""
		for _, row := range batch {
			if row.business != last {
				if err := enter(tx, row.business); err != nil {
					return err
				}
				last = row.business
			}
			if err := n.put(tx, row); err != nil {
				return err
			}
		}
		return m.register.keep(tx, k, n.counts)
	})
	if err != nil {
		return err
	}
	m.report.Imported += n.imported
	m.report.Duplicates += n.duplicates
	m.report.Completed += n.completed
	for _, r := range n.rejected {
		m.reject(r.Line, r.Reason)
	}
	return nil
}

// put stores one row, unless its key is taken.
func (n *batchCount) put(tx store.Tx, row importRow) error {
	had, err := store.Load[Row](tx, importedBucket, row.key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		n.imported++
		n.counts.Add(row.Row)
		return store.Save(tx, importedBucket, row.key, row.Row)
	case err != nil:
		return err
	case had.Answered != 0 || row.Answered == 0:
		n.duplicates++
		return nil
	case row.Answered < had.Served:
		n.rejected = append(n.rejected, Rejection{Line: row.line, Reason: reasonOrder})
		return nil
	}
	n.duplicates++
	n.completed++
	n.counts.Remove(had)
	had.Answered = row.Answered
	n.counts.Add(had)
	return store.Save(tx, importedBucket, row.key, had)
}

// importBucket keeps what was imported: SHA-256 of the file -> imported.
const importBucket = "complaints_imports"

// imported is the record of a file that was imported.
type imported struct {
	At     time.Time `json:"at"`
	Report Report    `json:"report"`
}

// finish records the file, with a leaf in the ledger. A file imported before
// keeps its first record.
func (m *importer) finish(ctx context.Context) error {
	m.report.SHA256 = hex.EncodeToString(m.digest.Sum(nil))
	at := m.register.now()
	return m.register.Store.Update(ctx, func(tx store.Tx) error {
		if ok, err := store.Has(tx, importBucket, m.report.SHA256); ok || err != nil {
			return err
		}
		if err := store.Save(tx, importBucket, m.report.SHA256, imported{At: at, Report: m.report}); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "complaints.imported", Subject: m.report.SHA256, At: at})
	})
}
