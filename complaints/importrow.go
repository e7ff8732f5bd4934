package complaints

import (
	"strings"
	"time"
	"unicode/utf8"

	"mohr/internal/fault"
)

const (
	// maxImportKey bounds an id and a business name: keys of the store are short.
	maxImportKey = 256
	// maxImportCategory bounds a category of another collection.
	maxImportCategory = 128
)

// Reasons to reject a row. They quote nothing of it: cells may be personal.
const (
	reasonID       = "the id is empty, too long or not UTF-8"
	reasonBusiness = "the business is empty, too long or not UTF-8"
	reasonServed   = "the served date is not of the layout, or lies before 1971 or after 2199"
	reasonAnswered = "the answered date is not of the layout, or lies before 1971 or after 2199"
	reasonFiled    = "the filed date is not of the layout, or lies before 1971 or after 2199"
	reasonOrder    = "answered before served"
	reasonCategory = "the category is too long or not UTF-8"
)

// importRow is a row that can be stored.
type importRow struct {
	Row
	business string
	key      string
	line     int
}

// columns are the places of our columns in a file's rows; -1: not mapped.
type columns struct {
	id, business, served, answered, category, filed int
}

// findColumns maps our columns to places in the header.
func findColumns(header []string, mapping map[string]string) (columns, error) {
	c := columns{-1, -1, -1, -1, -1, -1}
	places := map[string]*int{
		ColumnID: &c.id, ColumnBusiness: &c.business, ColumnServed: &c.served,
		ColumnAnswered: &c.answered, ColumnCategory: &c.category, ColumnFiled: &c.filed,
	}
	for ours, theirs := range mapping {
		place, ok := places[ours]
		if !ok {
			return c, fault.New(fault.Invalid, "import_column_unknown", "an import knows no column %q; it takes id, business, served, answered, category and filed", ours)
		}
		for i, name := range header {
			if strings.TrimSpace(name) != strings.TrimSpace(theirs) {
				continue
			}
			if *place >= 0 {
				return c, fault.New(fault.Invalid, "import_column_twice", "the file has two columns %q; rename one", theirs)
			}
			*place = i
		}
		if *place < 0 {
			return c, fault.New(fault.Invalid, "import_column_missing", "the file has no column %q; name its columns as its first line does", theirs)
		}
	}
	for _, ours := range []string{ColumnID, ColumnBusiness, ColumnServed, ColumnAnswered} {
		if *places[ours] < 0 {
			return c, fault.New(fault.Invalid, "import_column_needed", "say which column of the file is %q: id=COL,business=COL,served=COL,answered=COL", ours)
		}
	}
	return c, nil
}

// checkLayout refuses a layout that cannot carry a date: one that does not
// read back what it wrote.
func checkLayout(layout string) error {
	day := time.Date(2021, 11, 23, 0, 0, 0, 0, time.UTC)
	back, err := time.Parse(layout, day.Format(layout))
	if err != nil || !back.Equal(day) {
		return fault.New(fault.Invalid, "import_date_layout", "the date layout %q does not name year, month and day; write 2 January 2006, 15:04:05 as the file would: 2006-01-02", layout)
	}
	return nil
}

// parse reads one record; reason is not empty if it cannot be used.
func (c columns) parse(record []string, layout string) (row importRow, reason string) {
	cell := func(i int) string {
		if i < 0 {
			return ""
		}
		return strings.TrimSpace(record[i])
	}
	id, business, category := cell(c.id), cell(c.business), cell(c.category)
	switch {
	case id == "" || len(id) > maxImportKey || !utf8.ValidString(id):
		return row, reasonID
	case business == "" || len(business) > maxImportKey || !utf8.ValidString(business):
		return row, reasonBusiness
	case len(category) > maxImportCategory || !utf8.ValidString(category):
		return row, reasonCategory
	}
	var ok bool
	if row.Served, ok = parseInstant(cell(c.served), layout); !ok {
		return row, reasonServed
	}
	if s := cell(c.answered); s != "" {
		if row.Answered, ok = parseInstant(s, layout); !ok {
			return row, reasonAnswered
		}
		if row.Answered < row.Served {
			return row, reasonOrder
		}
	}
	if s := cell(c.filed); s != "" {
		if row.Filed, ok = parseInstant(s, layout); !ok {
			return row, reasonFiled
		}
	}
	// The cells share the memory of the whole record, which may be long.
	row.business, row.Category = strings.Clone(business), strings.Clone(category)
	row.key = rowKey(business, id)
	return row, ""
}

// parseInstant reads a date as Unix seconds, rounded down; without a zone it
// is UTC, without a time of day 00:00:00.
func parseInstant(s, layout string) (int64, bool) {
	t, err := time.Parse(layout, s)
	if err != nil {
		return 0, false
	}
	t = t.UTC()
	return t.Unix(), t.Year() > 1970 && t.Year() < 2200
}
