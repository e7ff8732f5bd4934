package keyuri

import (
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" // RFC 3986 section 2.3
	available  = unreserved + ":[]@!$'()*+,="                                         // pk11-res-avail of RFC 7512 section 2.3
	attrChars  = available + "&"                                                      // pk11-pchar
	queryChars = available + "/?|"                                                    // pk11-qchar
	pathChars  = unreserved + "!$&'()*+,;=:@/"                                        // pchar and "/" of RFC 3986 section 3.3
	tpmChars   = available + "/"                                                      // of the KMS's URIs; paths are readable
)

// unescape decodes percent-encoding; other octets must be among allowed.
func unescape(s, allowed string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			if strings.IndexByte(allowed, s[i]) < 0 {
				return "", badURI("it has a character that must be percent-encoded")
			}
			b.WriteByte(s[i])
			continue
		}
		if i+3 > len(s) {
			return "", badURI("its percent-encoding is broken")
		}
		octet, err := hex.DecodeString(s[i+1 : i+3])
		if err != nil {
			return "", badURI("its percent-encoding is broken")
		}
		b.WriteByte(octet[0])
		i += 2
	}
	return b.String(), nil
}

// unescapeText decodes percent-encoded text without control characters.
func unescapeText(s, allowed string) (string, error) {
	text, err := unescape(s, allowed)
	if err != nil {
		return "", err
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", badURI("it hides a control character or octets that are not UTF-8")
	}
	return text, nil
}

// escape percent-encodes all but unreserved characters.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if strings.IndexByte(unreserved, s[i]) >= 0 {
			b.WriteByte(s[i])
		} else {
			b.WriteString(escapeAll(s[i : i+1]))
		}
	}
	return b.String()
}

// escapePath is escape, with slashes left as they are.
func escapePath(s string) string { return strings.ReplaceAll(escape(s), "%2F", "/") }

// escapeAll percent-encodes every octet, as RFC 7512 section 2.3 wants of an id.
func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte('%')
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{s[i]})))
	}
	return b.String()
}

func boundedText(s, allowed string, most int) (string, error) {
	text, err := unescapeText(s, allowed)
	if err != nil {
		return "", err
	}
	if len(text) > most {
		return "", badURI("an attribute is too long")
	}
	return text, nil
}
