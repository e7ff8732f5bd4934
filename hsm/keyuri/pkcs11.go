package keyuri

import (
	"strconv"
	"strings"
)

// attrSecretFile is our vendor attribute (RFC 7512 section 2.3, pk11-v-attr):
// the file that keeps the service secret, wrapped by the key of the URI.
const attrSecretFile = "x-secret-file"

// Limits of the attributes, in octets.
const (
	maxTokenLabel = 32 // CK_TOKEN_INFO.label, PKCS#11 v2.40 section 3.2
	maxSerial     = 16 // CK_TOKEN_INFO.serialNumber, same place
	maxObject     = 128
	maxID         = 64
)

// parsePKCS11 reads what follows "pkcs11:" (RFC 7512 section 2.3):
//
//	pk11-URI   = "pkcs11:" pk11-path [ "?" pk11-query ]
//	pk11-path  = [ pk11-pattr *(";" pk11-pattr) ]
//	pk11-query = [ pk11-qattr *("&" pk11-qattr) ]
//
// Of the attributes it knows token, serial, slot-id, object, id, type=private,
// module-path, pin-source and x-secret-file; exactly one of the first three,
// module-path and pin-source must be there.
func parsePKCS11(rest string) (URI, error) {
	u := URI{Scheme: PKCS11}
	path, query, _ := strings.Cut(rest, "?")
	if err := eachAttr(path, ";", u.setPathAttr); err != nil {
		return URI{}, err
	}
	if err := eachAttr(query, "&", u.setQueryAttr); err != nil {
		return URI{}, err
	}
	places := 0
	for _, v := range []string{u.Token, u.Serial, u.Slot} {
		if v != "" {
			places++
		}
	}
	switch {
	case places != 1:
		return URI{}, badURI("it must have exactly one of token, serial and slot-id")
	case u.Module == "":
		return URI{}, badURI("module-path is missing, the file of the PKCS#11 module")
	case u.PINSource == "":
		return URI{}, badURI("pin-source is missing, the file with the token's PIN")
	}
	return u, nil
}

// eachAttr calls set with every name=value of list; a name comes once.
func eachAttr(list, separator string, set func(name, value string) error) error {
	if list == "" {
		return nil
	}
	seen := map[string]bool{}
	for attr := range strings.SplitSeq(list, separator) {
		name, value, ok := strings.Cut(attr, "=")
		if !ok || value == "" {
			return badURI("an attribute has no value")
		}
		if seen[name] {
			return badURI("an attribute comes twice")
		}
		seen[name] = true
		if err := set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (u *URI) setPathAttr(name, value string) (err error) {
	switch name {
	case "token":
		u.Token, err = boundedText(value, attrChars, maxTokenLabel)
	case "serial":
		u.Serial, err = boundedText(value, attrChars, maxSerial)
	case "slot-id":
		n, notNumber := strconv.ParseUint(value, 10, 31)
		if notNumber != nil || strconv.FormatUint(n, 10) != value {
			return badURI("slot-id is not a number")
		}
		u.Slot = value
	case "object":
		u.Object, err = boundedText(value, attrChars, maxObject)
	case "id":
		if u.ID, err = unescape(value, attrChars); err == nil && len(u.ID) > maxID {
			err = badURI("an attribute is too long")
		}
	case "type":
		if value != "private" {
			err = badURI("type may only be private")
		}
	default:
		err = badURI("it has an attribute other than token, serial, slot-id, object, id and type")
	}
	return err
}

func (u *URI) setQueryAttr(name, value string) (err error) {
	switch name {
	case "module-path":
		u.Module, err = boundedText(value, queryChars, maxURI)
	case "pin-source":
		u.PINSource, err = pinPath(value)
	case attrSecretFile:
		u.SecretFile, err = boundedText(value, queryChars, maxURI)
	case "pin-value":
		// It would stand in process lists, shell histories and logs.
		err = badURI("it has a PIN; put it in a file and name that in pin-source")
	default:
		err = badURI("it has a query attribute other than module-path, pin-source and x-secret-file")
	}
	return err
}

// pinPath reads pin-source: a path or a file: URI. A command ("|cmd" in
// RFC 7512 section 2.4) is refused.
func pinPath(value string) (string, error) {
	path, err := boundedText(value, queryChars, maxURI)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(path, "|") {
		return "", badURI("pin-source may not be a command")
	}
	if after, ok := strings.CutPrefix(path, File+":"); ok {
		u, err := parseFile(after)
		return u.Path, err
	}
	return path, nil
}
