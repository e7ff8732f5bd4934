package pdf

import (
	"bytes"
	"strconv"
)

const (
	maxDepth       = 64      // arrays and dictionaries inside each other
	maxValues      = 8 << 20 // of a file, some 100 octets of memory each
	leastValues    = 1 << 18 // that any file may have
	valuesPerOctet = 4       // and those more
	octetsPerValue = 64      // that cost as much as a value
)

// lexer reads objects from b, beginning at pos (ISO 32000-1 sections 7.2, 7.3).
type lexer struct {
	b      []byte
	pos    int
	placed bool // b is the file itself: strings remember where they stood
	values *int // how many objects may still be parsed
}

func isSpace(c byte) bool {
	return c == 0 || c == '\t' || c == '\n' || c == '\f' || c == '\r' || c == ' '
}

func isRegular(c byte) bool {
	return !isSpace(c) && bytes.IndexByte([]byte("()<>[]{}/%"), c) < 0
}

// space skips white space and comments.
func (l *lexer) space() {
	for l.pos < len(l.b) {
		switch c := l.b[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '%':
			for l.pos < len(l.b) && l.b[l.pos] != '\n' && l.b[l.pos] != '\r' {
				l.pos++
			}
		default:
			return
		}
	}
}

// take skips space and then s, if it is next; a word must end there.
func (l *lexer) take(s string) bool {
	l.space()
	rest, ok := bytes.CutPrefix(l.b[l.pos:], []byte(s))
	if !ok || isRegular(s[0]) && len(rest) > 0 && isRegular(rest[0]) {
		return false
	}
	l.pos += len(s)
	return true
}

// word returns the regular characters that are next, "" if there are none.
func (l *lexer) word() string {
	begin := l.pos
	for l.pos < len(l.b) && isRegular(l.b[l.pos]) {
		l.pos++
	}
	return string(l.b[begin:l.pos])
}

// natural reads an integer between 0 and most.
func (l *lexer) natural(most int64) (int, error) {
	l.space()
	at := l.pos
	n, ok := parseInt(l.word())
	if !ok || n < 0 || n > most {
		return 0, errMalformed(at, "a number is missing or too large")
	}
	return int(n), nil
}

// parseInt is narrower than strconv: digits after at most one sign.
func parseInt(s string) (int64, bool) {
	digits := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// isReal reports whether s is a number with a point.
func isReal(s string) bool {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		s = s[1:]
	}
	points, digits := 0, 0
	for _, c := range []byte(s) {
		switch {
		case c == '.':
			points++
		case c >= '0' && c <= '9':
			digits++
		default:
			return false
		}
	}
	return points == 1 && digits > 0
}

// object reads the next object; depth counts those around it.
func (l *lexer) object(depth int) (object, error) {
	if *l.values--; *l.values < 0 {
		return nil, errTooLarge()
	}
	if depth > maxDepth {
		return nil, errMalformed(l.pos, "objects lie too deep inside each other")
	}
	l.space()
	if l.pos >= len(l.b) {
		return nil, errMalformed(l.pos, "an object is missing at the end")
	}
	switch c := l.b[l.pos]; {
	case c == '/':
		return l.name()
	case c == '(':
		return l.literal()
	case c == '[':
		return l.array(depth)
	case bytes.HasPrefix(l.b[l.pos:], []byte("<<")):
		return l.dict(depth)
	case c == '<':
		return l.hex()
	}
	return l.scalar()
}

// scalar reads a number, a reference, a truth value or null.
func (l *lexer) scalar() (object, error) {
	at := l.pos
	w := l.word()
	switch w {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	}
	if n, ok := parseInt(w); ok {
		if r, ok := l.reference(n); ok {
			return r, nil
		}
		return n, nil
	}
	if isReal(w) {
		return decimal(w), nil
	}
	return nil, errMalformed(at, "this is no object")
}

// reference reads the rest of "num gen R", or nothing.
func (l *lexer) reference(num int64) (ref, bool) {
	begin := l.pos
	if num > 0 && num <= maxNumber {
		if gen, err := l.natural(maxGeneration); err == nil && l.take("R") {
			return ref{int(num), gen}, true
		}
	}
	l.pos = begin
	return ref{}, false
}

func (l *lexer) array(depth int) (object, error) {
	l.pos++
	out := array{}
	for !l.take("]") {
		o, err := l.object(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func (l *lexer) dict(depth int) (object, error) {
	l.pos += 2
	out := dict{}
	for !l.take(">>") {
		at := l.pos
		if at >= len(l.b) || l.b[at] != '/' {
			return nil, errMalformed(at, "a key of a dictionary is missing")
		}
		key, err := l.name()
		if err != nil {
			return nil, err
		}
		if _, twice := out[key]; twice {
			return nil, errMalformed(at, "a dictionary has a key twice")
		}
		if out[key], err = l.object(depth + 1); err != nil {
			return nil, err
		}
	}
	return out, nil
}
