// Package i18n carries texts, digits and dates of pages and faults in Persian and English.
package i18n

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"mohr/internal/fault"
)

// The languages, as BCP 47 tags. "fa", not "fa-IR": the region adds nothing.
const (
	Persian = "fa"
	English = "en"
)

// Catalog holds texts by key. It is immutable and safe for concurrent use.
type Catalog struct {
	texts map[string]text
}

// text is one entry of a texts.yaml file.
type text struct {
	EN string `yaml:"en"`
	FA string `yaml:"fa"`
}

// faultCode is the shape of a fault's code; only such a key may go without English.
var faultCode = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Parse reads texts.yaml files, one a room: a map of key to {en, fa}. A fault
// code has fa only (its English is in the code). A key twice, a missing
// language or an unknown field is an error; all of them are reported at once.
func Parse(files ...[]byte) (*Catalog, error) {
	c := &Catalog{texts: map[string]text{}}
	var faults []error
	for i, file := range files {
		entries, err := parseFile(file)
		if err != nil {
			faults = append(faults, fmt.Errorf("parse texts, file %d: %w", i+1, err))
			continue
		}
		for key, t := range entries {
			if _, twice := c.texts[key]; twice {
				faults = append(faults, fmt.Errorf("parse texts: key %q is in two files", key))
			}
			if err := t.check(key); err != nil {
				faults = append(faults, err)
			}
			c.texts[key] = t
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return c, nil
}

// parseFile reads one YAML document; the decoder refuses a key twice itself.
func parseFile(file []byte) (map[string]text, error) {
	d := yaml.NewDecoder(bytes.NewReader(file))
	d.KnownFields(true)
	var entries map[string]text
	if err := d.Decode(&entries); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var rest yaml.Node
	if err := d.Decode(&rest); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	return entries, nil
}

// check refuses an entry that would leave a reader of one language with nothing.
func (t text) check(key string) error {
	if t.FA == "" {
		return fmt.Errorf("parse texts: %q has no Persian text", key)
	}
	if t.EN == "" && !faultCode.MatchString(key) {
		return fmt.Errorf("parse texts: %q has no English text and is no fault code", key)
	}
	return nil
}

// Text returns the text of key in lang, its verbs filled as by fmt.Sprintf;
// the key itself if there is none. Numbers, dates (time.Time) and lengths of
// time (time.Duration) among args are written as readers of lang write them;
// strings stay as they are.
func (c *Catalog) Text(lang, key string, args ...any) string {
	t, ok := c.texts[key]
	if !ok {
		return key
	}
	format := t.EN
	if lang == Persian {
		format = t.FA
	}
	if format == "" {
		return key
	}
	return fill(lang, format, args)
}

// Has reports whether there is a text of key in lang.
func (c *Catalog) Has(lang, key string) bool {
	t, ok := c.texts[key]
	return ok && (lang == Persian || t.EN != "")
}

// Fault returns the text of f in lang; its English text if lang has none.
func (c *Catalog) Fault(lang string, f *fault.Fault) string {
	t, ok := c.texts[f.Code()]
	if lang != Persian || !ok {
		return f.Error()
	}
	return fill(Persian, t.FA, f.Args())
}

// fill is fmt.Sprintf with args in the manner of lang. A text may leave
// arguments out: nothing is appended for them.
func fill(lang, format string, args []any) string {
	if !strings.Contains(format, "%") {
		return format
	}
	local := make([]any, len(args))
	for i, a := range args {
		local[i] = localize(lang, a)
	}
	return fmt.Sprintf(format, local...)
}
