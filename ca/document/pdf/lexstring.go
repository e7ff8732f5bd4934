package pdf

import (
	"bytes"
	"encoding/hex"
)

// name reads a name object (ISO 32000-1 section 7.3.5).
func (l *lexer) name() (name, error) {
	at := l.pos
	l.pos++
	w := []byte(l.word())
	if bytes.IndexByte(w, '#') < 0 {
		return name(w), nil
	}
	out := make([]byte, 0, len(w))
	for i := 0; i < len(w); i++ {
		if w[i] != '#' {
			out = append(out, w[i])
			continue
		}
		var c [1]byte
		if i+2 >= len(w) {
			return "", errMalformed(at, "a name has half an escape")
		}
		if _, err := hex.Decode(c[:], w[i+1:i+3]); err != nil || c[0] == 0 {
			return "", errMalformed(at, "a name has an escape that is none")
		}
		out = append(out, c[0])
		i += 2
	}
	return name(out), nil
}

// found returns octets as the string that ends here.
func (l *lexer) found(octets []byte, at int) str {
	if !l.placed {
		return str{octets: octets}
	}
	return str{octets, at, l.pos}
}

// hex reads a hexadecimal string (ISO 32000-1 section 7.3.4.3).
func (l *lexer) hex() (object, error) {
	at := l.pos
	length := bytes.IndexByte(l.b[at:], '>')
	if length < 0 {
		return nil, errMalformed(at, "a string does not end")
	}
	digits := make([]byte, 0, length)
	for _, c := range l.b[at+1 : at+length] {
		if !isSpace(c) {
			digits = append(digits, c)
		}
	}
	if len(digits)%2 == 1 {
		digits = append(digits, '0')
	}
	if _, err := hex.Decode(digits, digits); err != nil {
		return nil, errMalformed(at, "a string has a digit that is none")
	}
	l.pos += length + 1
	return l.found(digits[:len(digits)/2:len(digits)/2], at), nil
}

// escapes are what stands after a backslash for something else.
var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f'}

// literal reads a string in parentheses (ISO 32000-1 section 7.3.4.2).
func (l *lexer) literal() (object, error) {
	at := l.pos
	out := []byte{}
	open := 0
	for ; l.pos < len(l.b); l.pos++ {
		switch c := l.b[l.pos]; c {
		case '(':
			if open++; open == 1 {
				continue
			}
		case ')':
			if open--; open == 0 {
				l.pos++
				return l.found(out, at), nil
			}
		case '\\':
			out = l.escape(out)
			continue
		case '\r':
			l.skipLF()
			out = append(out, '\n')
			continue
		}
		out = append(out, l.b[l.pos])
	}
	return nil, errMalformed(at, "a string does not end")
}

// escape adds what the escape at pos stands for, and leaves pos at its end.
func (l *lexer) escape(out []byte) []byte {
	l.pos++
	if l.pos >= len(l.b) {
		return out
	}
	switch c := l.b[l.pos]; {
	case c == '\n':
		return out
	case c == '\r':
		l.skipLF()
		return out
	case c >= '0' && c <= '7':
		n := int(c - '0')
		for range 2 {
			if l.pos+1 >= len(l.b) || l.b[l.pos+1] < '0' || l.b[l.pos+1] > '7' {
				break
			}
			l.pos++
			n = n*8 + int(l.b[l.pos]-'0')
		}
		return append(out, byte(n)) // overflow is ignored, as the standard says
	default:
		if meant, ok := escapes[c]; ok {
			c = meant
		}
		return append(out, c)
	}
}

// skipLF leaves pos at the LF of a CR LF.
func (l *lexer) skipLF() {
	if l.pos+1 < len(l.b) && l.b[l.pos+1] == '\n' {
		l.pos++
	}
}
