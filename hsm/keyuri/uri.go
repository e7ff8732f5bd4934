package keyuri

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"mohr/internal/fault"
)

// maxURI bounds a key URI, in octets.
const maxURI = 2048

// The schemes of key URIs.
const (
	File   = "file"
	PKCS11 = "pkcs11"
	TPM    = "tpmkms"
)

// URI is the checked name of a key, or of the place keys are in (then Object
// and ID are empty). Only Parse makes one from foreign bytes.
type URI struct {
	Scheme string
	Path   string // file: of the key, or the directory

	Token, Serial, Slot string // pkcs11: exactly one is set
	ID                  string // pkcs11: CKA_ID, raw octets
	Module              string // pkcs11: path of the PKCS#11 module
	PINSource           string // pkcs11: path of the file with the PIN

	Device    string // tpmkms: path of the device or UNIX socket
	Directory string // tpmkms: path of the directory with the keys' files

	Object     string // pkcs11, tpmkms: the key's name (CKA_LABEL)
	SecretFile string // pkcs11, tpmkms: path of the file with the service secret
}

// Parse reads a file:, pkcs11: or tpmkms: URI. It is stricter than RFC 7512:
// what we could not honour is refused and not ignored, and so is a PIN in the URI.
func Parse(s string) (URI, error) {
	if len(s) > maxURI {
		return URI{}, badURI("it is longer than 2048 octets")
	}
	scheme, rest, _ := strings.Cut(s, ":")
	switch scheme {
	case File:
		return parseFile(rest)
	case PKCS11:
		return parsePKCS11(rest)
	case TPM:
		return parseTPM(rest)
	}
	return URI{}, badURI("it begins with none of file:, pkcs11: and tpmkms:")
}

func badURI(why string) error {
	return fault.New(fault.Invalid, "key_uri_invalid", "the key URI cannot be used: %s; write file:PATH, pkcs11:token=LABEL;object=NAME?module-path=FILE&pin-source=FILE or tpmkms:name=NAME;storage-directory=DIR;device=PATH", why)
}

// parseFile reads what follows "file:": a path, absolute (RFC 8089, with or
// without an empty authority) or, beyond that RFC, relative.
func parseFile(rest string) (URI, error) {
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		if !strings.HasPrefix(after, "/") {
			return URI{}, badURI("a file: URI names no host")
		}
		rest = after
	}
	path, err := unescapeText(rest, pathChars)
	if err != nil {
		return URI{}, err
	}
	if path == "" {
		return URI{}, badURI("the path is empty")
	}
	// One path has one writing: "//" would read as an authority.
	return URI{Scheme: File, Path: filepath.Clean(path)}, nil
}

// Join returns the URI of the key called name at base, which is "file:DIR", a
// pkcs11: URI without an object or a tpmkms: URI without a name. Whether the
// result can be used is checked when it is parsed.
func Join(base, name string) string {
	switch scheme, _, _ := strings.Cut(base, ":"); scheme {
	case PKCS11:
		path, query, found := strings.Cut(base, "?")
		uri := path + ";object=" + escape(name)
		if found {
			uri += "?" + query
		}
		return uri
	case TPM:
		return base + ";name=" + escape(name)
	}
	if base != File+":" {
		base = strings.TrimRight(base, "/") + "/"
	}
	return base + escape(name) + ".pem"
}

// OfFile returns the file: URI of a path of this machine, escaped.
func OfFile(path string) string { return File + ":" + escapePath(path) }

// successor ends the name of a key that followed another one.
var successor = regexp.MustCompile(`-[0-9]{8}T[0-9]{6}Z$`)

// Successor returns the URI of the key that follows the one at uri in its
// token or TPM: its name with the time of now, UTC, after it, in place of the
// time of an earlier one. An id is left out; it names one key.
func Successor(uri string, now time.Time) (string, error) {
	u, err := Parse(uri)
	switch {
	case err != nil:
		return "", err
	case u.Scheme == File:
		return "", badURI("it names a file; keep a key in a file as holder.key")
	case u.Object == "":
		return "", ErrUnnamed()
	}
	u.Object, u.ID = successor.ReplaceAllString(u.Object, "")+now.UTC().Format("-20060102T150405Z"), ""
	next := u.String()
	_, err = Parse(next) // the name may have become too long
	return next, err
}

// Name is the URI without what leads to a secret, for logs, errors and lists:
// no path of a PIN.
func (u URI) Name() string {
	s := u.Place()
	switch {
	case u.Object == "":
	case u.Scheme == TPM:
		s += ";name=" + escape(u.Object)
	default:
		s += ";object=" + escape(u.Object)
	}
	if u.ID != "" {
		s += ";id=" + escapeAll(u.ID)
	}
	return s
}

// Place names the token or the TPM with its directory alone; of a file, the file.
func (u URI) Place() string {
	switch {
	case u.Scheme == File:
		return OfFile(u.Path)
	case u.Scheme == TPM:
		return "tpmkms:storage-directory=" + escapePath(u.Directory) + ";device=" + escapePath(u.Device)
	case u.Token != "":
		return "pkcs11:token=" + escape(u.Token)
	case u.Serial != "":
		return "pkcs11:serial=" + escape(u.Serial)
	}
	return "pkcs11:slot-id=" + u.Slot
}

// String writes the URI in full; Parse reads it back to the same value.
func (u URI) String() string {
	s, separator := u.Name(), ";"
	if u.Scheme == PKCS11 {
		s += "?module-path=" + escape(u.Module) + "&pin-source=" + escape(u.PINSource)
		separator = "&"
	}
	if u.SecretFile != "" {
		s += separator + attrSecretFile + "=" + escape(u.SecretFile)
	}
	return s
}

// ErrUnnamed says that a URI names a home where a key is wanted.
func ErrUnnamed() error {
	return badURI("the name of the key is missing: object (pkcs11:) or name (tpmkms:)")
}
