// Package notify says what a message is made of and how long a telephone finds it.
//
// Messages are sent by the rooms that owe them, through the gateways that the
// configuration names. What this package adds is a list of all that are sent,
// with examples, so that who words them sees each in both languages, and a
// test finds one that says too much or has become too long.
package notify

import (
	"strings"
	"unicode/utf16"
)

// Sample is a message as it might be sent.
type Sample struct {
	Key  string // of its text
	To   string // who gets it: "holder", "consumer", "business"
	Args []any  // what stands in it, for example
}

// Word is an argument that is itself a text of the catalogue.
type Word string

// In writes the message by text, which fills a text of the catalogue.
func (s Sample) In(text func(key string, args ...any) string) string {
	args := make([]any, len(s.Args))
	for i, a := range s.Args {
		if w, ok := a.(Word); ok {
			a = text(string(w))
		}
		args[i] = a
	}
	return text(s.Key, args...)
}

// Octets of one SMS, and of each of several that belong together (3GPP TS
// 23.040, 9.2.3.24.1): seven-bit characters, or UTF-16 where one is none.
const (
	one7, part7   = 160, 153
	one16, part16 = 70, 67
)

// Characters of the seven-bit alphabet (3GPP TS 23.038, 6.2.1), and those that
// take the room of two.
const (
	gsm    = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmTwo = "\f^{}\\[~]|€"
)

// Parts returns how many SMS the text takes.
func Parts(text string) int {
	n, seven := 0, true
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsm, r):
			n++
		case strings.ContainsRune(gsmTwo, r):
			n += 2
		default:
			seven = false
		}
	}
	if !seven {
		return split(len(utf16.Encode([]rune(text))), one16, part16)
	}
	return split(n, one7, part7)
}

func split(n, one, part int) int {
	if n <= one {
		return 1
	}
	return (n + part - 1) / part
}
