package hsm

import (
	"encoding/hex"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"mohr/internal/fault"
)

// maxURI bounds a key URI, in octets.
const maxURI = 2048

// The schemes of key URIs.
const (
	schemeFile   = "file"
	schemePKCS11 = "pkcs11"
)

// keyURI is the checked name of a key, or of the place keys are in (then
// object and id are empty). Only parseURI makes one from foreign bytes.
type keyURI struct {
	scheme string
	path   string // file: of the key, or the directory

	token, serial, slot string // pkcs11: exactly one is set
	object              string // CKA_LABEL
	id                  string // CKA_ID, raw octets
	module              string // path of the PKCS#11 module
	pinSource           string // path of the file with the PIN
	secretFile          string // path of the file with the wrapped service secret
}

// parseURI reads a file: or pkcs11: URI. It is stricter than RFC 7512: what
// we could not honour is refused and not ignored, and so is a PIN in the URI.
func parseURI(s string) (keyURI, error) {
	if len(s) > maxURI {
		return keyURI{}, badURI("it is longer than 2048 octets")
	}
	scheme, rest, _ := strings.Cut(s, ":")
	switch scheme {
	case schemeFile:
		return parseFile(rest)
	case schemePKCS11:
		return parsePKCS11(rest)
	}
	return keyURI{}, badURI("it begins with neither file: nor pkcs11:")
}

func badURI(why string) error {
	return fault.New(fault.Invalid, "key_uri_invalid", "the key URI cannot be used: %s; write file:PATH or pkcs11:token=LABEL;object=NAME?module-path=FILE&pin-source=FILE", why)
}

// parseFile reads what follows "file:": a path, absolute (RFC 8089, with or
// without an empty authority) or, beyond that RFC, relative.
func parseFile(rest string) (keyURI, error) {
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(after, "/") {
			return keyURI{}, badURI("a file: URI names no host")
		}
		rest = after
	}
	path, err := unescapeText(rest, pathChars)
	if err != nil {
		return keyURI{}, err
	}
	if path == "" {
		return keyURI{}, badURI("the path is empty")
	}
	// One path has one writing: "//" would read as an authority.
	return keyURI{scheme: schemeFile, path: filepath.Clean(path)}, nil
}

// KeyURI returns the URI of the key with the purpose name ("root",
// "sign-p256") at base, which is "file:DIR" or a pkcs11: URI without an
// object. Whether the result can be used is checked when it is.
func KeyURI(base, name string) string {
	if strings.HasPrefix(base, schemePKCS11+":") {
		path, query, found := strings.Cut(base, "?")
		uri := path + ";object=" + escape(name)
		if found {
			uri += "?" + query
		}
		return uri
	}
	if base != schemeFile+":" {
		base = strings.TrimRight(base, "/") + "/"
	}
	return base + escape(name) + ".pem"
}

// FileURI returns the file: URI of a path of this machine, escaped.
func FileURI(path string) string {
	return schemeFile + ":" + strings.ReplaceAll(escape(path), "%2F", "/")
}

// name is the URI without its query, for logs and errors: no path of a PIN.
func (u keyURI) name() string {
	if u.scheme == schemeFile {
		return FileURI(u.path)
	}
	s := u.place()
	if u.object != "" {
		s += ";object=" + escape(u.object)
	}
	if u.id != "" {
		s += ";id=" + escapeAll(u.id)
	}
	return s
}

// place names the token alone.
func (u keyURI) place() string {
	switch {
	case u.token != "":
		return "pkcs11:token=" + escape(u.token)
	case u.serial != "":
		return "pkcs11:serial=" + escape(u.serial)
	}
	return "pkcs11:slot-id=" + u.slot
}

// String writes the URI in full; parseURI reads it back to the same value.
func (u keyURI) String() string {
	if u.scheme == schemeFile {
		return u.name()
	}
	s := u.name() + "?module-path=" + escape(u.module) + "&pin-source=" + escape(u.pinSource)
	if u.secretFile != "" {
		s += "&" + attrSecretFile + "=" + escape(u.secretFile)
	}
	return s
}

const (
	unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" // RFC 3986 section 2.3
	available  = unreserved + ":[]@!$'()*+,="                                         // pk11-res-avail of RFC 7512 section 2.3
	attrChars  = available + "&"                                                      // pk11-pchar
	queryChars = available + "/?|"                                                    // pk11-qchar
	pathChars  = unreserved + "!$&'()*+,;=:@/"                                        // pchar and "/" of RFC 3986 section 3.3
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

// escapeAll percent-encodes every octet, as RFC 7512 section 2.3 wants of an id.
func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte('%')
		b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{s[i]})))
	}
	return b.String()
}
