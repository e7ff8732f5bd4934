package repository

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Page is a parsed document. It holds text only: whoever shows it escapes it.
type Page struct {
	Title  string
	Blocks []Block
}

// Block is one of: a heading (Level 2 to 4), a paragraph (Text), a list
// (Items), a table (Head and Rows, all of one width).
type Block struct {
	Level int
	Text  []Span
	Items [][]Span
	Head  [][]Span
	Rows  [][][]Span
}

// Span is a piece of a line: plain text, a link (Href), or a piece that is
// shown as it is, left to right (Code).
type Span struct {
	Text string
	Href string
	Code bool
}

// Parse reads the part of Markdown that papers need: "# " the title, once and
// first; "## " to "#### " headings; paragraphs; lists of "- "; tables of "|"
// with a line of dashes below the head; `code`; [text](address). All else is
// text, HTML too. It refuses what it would have to guess at, and names the line.
func Parse(b []byte) (p Page, err error) {
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	if !utf8.ValidString(text) {
		return p, errors.New("not UTF-8")
	}
	if i := strings.IndexFunc(text, hidden); i >= 0 {
		return p, fmt.Errorf("line %d: a control character", 1+strings.Count(text[:i], "\n"))
	}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); {
		n := i // the block is lines[i:n]
		for n < len(lines) && strings.TrimSpace(lines[n]) != "" {
			n++
		}
		for first := i; first < n; {
			size := blockSize(lines[first:n])
			if err := p.add(lines[first : first+size]); err != nil {
				return p, fmt.Errorf("line %d: %w", first+1, err)
			}
			first += size
		}
		i = n + 1
	}
	if p.Title == "" || len(p.Blocks) == 0 {
		return p, errors.New("no title or no text")
	}
	return p, nil
}

// hidden reports whether r is not seen, or turns what stands beside it. The
// joiners of Persian are seen.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || r == '\ufeff' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// kindOf says by its first character what a line begins.
func kindOf(line string) byte {
	switch {
	case strings.HasPrefix(line, "#"):
		return '#'
	case strings.HasPrefix(line, "- "):
		return '-'
	case strings.HasPrefix(line, "|"):
		return '|'
	}
	return 'p'
}

// blockSize returns how many of the lines, which no empty line parts, are the
// first block: a heading is one line, a table's lines all begin with |, a
// list's with "- " or a space, a paragraph ends where another block begins.
func blockSize(lines []string) int {
	kind := kindOf(lines[0])
	if kind == '#' {
		return 1
	}
	n := 1
	for n < len(lines) && (kindOf(lines[n]) == kind || kind == '-' && strings.HasPrefix(lines[n], " ")) {
		n++
	}
	return n
}

func (p *Page) add(lines []string) error {
	kind := kindOf(lines[0])
	if p.Title == "" {
		title, ok := strings.CutPrefix(lines[0], "# ")
		if p.Title = strings.TrimSpace(title); !ok || p.Title == "" {
			return errors.New("the document does not begin with its title, a line like \"# Terms\"")
		}
		return nil
	}
	var b Block
	var err error
	switch kind {
	case '#':
		b, err = heading(lines[0])
	case '-':
		b.Items, err = items(lines)
	case '|':
		b, err = table(lines)
	default:
		b.Text, err = spans(joined(lines))
	}
	if err == nil {
		p.Blocks = append(p.Blocks, b)
	}
	return err
}

func joined(lines []string) string {
	return strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
}

func heading(line string) (b Block, err error) {
	text := strings.TrimLeft(line, "#")
	b.Level = len(line) - len(text)
	if b.Level < 2 || b.Level > 4 || !strings.HasPrefix(text, " ") || strings.TrimSpace(text) == "" {
		return b, errors.New("a heading below the title is two to four #, a space and text")
	}
	b.Text, err = spans(joined([]string{text}))
	return b, err
}

func items(lines []string) (list [][]Span, err error) {
	for n := 0; n < len(lines); {
		end := n + 1
		for end < len(lines) && strings.HasPrefix(lines[end], " ") {
			if strings.HasPrefix(strings.TrimSpace(lines[end]), "- ") {
				return nil, errors.New("a list within a list; write it as one list")
			}
			end++
		}
		item, err := spans(strings.TrimPrefix(joined(lines[n:end]), "- "))
		if err != nil {
			return nil, err
		}
		list = append(list, item)
		n = end
	}
	return list, nil
}

func table(lines []string) (b Block, err error) {
	for n, line := range lines {
		line = strings.TrimSpace(line)
		inner, ok := strings.CutSuffix(strings.TrimPrefix(line, "|"), "|")
		if !ok || len(line) < 2 {
			return b, errors.New("a line of a table does not end with |")
		}
		if n == 1 {
			if strings.Trim(inner, "-| :") != "" || !strings.Contains(inner, "-") {
				return b, errors.New("below the head of a table a line like |---|---| is missing")
			}
			continue
		}
		var row [][]Span
		for cell := range strings.SplitSeq(inner, "|") {
			s, err := spans(strings.TrimSpace(cell))
			if err != nil {
				return b, err
			}
			row = append(row, s)
		}
		switch {
		case n == 0:
			b.Head = row
		case len(row) != len(b.Head):
			return b, fmt.Errorf("a table of %d columns has a row of %d", len(b.Head), len(row))
		default:
			b.Rows = append(b.Rows, row)
		}
	}
	if len(b.Rows) == 0 {
		return b, errors.New("a table has no rows")
	}
	return b, nil
}

// spans splits a line at its codes and links. What opens and does not close
// is text.
func spans(line string) (list []Span, err error) {
	plain := func(s string) {
		if s != "" {
			list = append(list, Span{Text: s})
		}
	}
	for line != "" {
		i := strings.IndexAny(line, "`[")
		if i < 0 {
			break
		}
		s, size := piece(line[i:])
		if size == 0 {
			plain(line[:i+1])
			line = line[i+1:]
			continue
		}
		if s.Href != "" && !address(s.Href) {
			return nil, fmt.Errorf("the link to %q; links begin with https://, http://, mailto: or one /", s.Href)
		}
		plain(line[:i])
		list = append(list, s)
		line = line[i+size:]
	}
	plain(line)
	return list, nil
}

// piece reads the code or link that s begins with; size 0 if it is neither.
func piece(s string) (p Span, size int) {
	if code, _, ok := strings.Cut(s[1:], "`"); s[0] == '`' {
		if ok && code != "" {
			return Span{Text: code, Code: true}, len(code) + 2
		}
		return p, 0
	}
	text, rest, ok := strings.Cut(s[1:], "](")
	href, _, closed := strings.Cut(rest, ")")
	if !ok || !closed || text == "" || href == "" || strings.ContainsAny(text, "[]`") || strings.ContainsAny(href, " [(") {
		return p, 0
	}
	return Span{Text: text, Href: href}, len(text) + len(href) + 4
}

// address reports whether a link may lead there: out, or to a path here.
func address(href string) bool {
	for _, scheme := range []string{"https://", "http://", "mailto:"} {
		if strings.HasPrefix(href, scheme) {
			return true
		}
	}
	return strings.HasPrefix(href, "/") && !strings.HasPrefix(href, "//") && !strings.Contains(href, `\`)
}
