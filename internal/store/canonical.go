package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/big"
	"strings"
)

// maxNumber bounds a number's text, in octets, and its exponent with it.
const maxNumber = 400

// canonical returns a JSON document in a form that does not depend on the
// engine: members in the order of their names, no white space, numbers as
// fractions of whole numbers. Numbers keep all their digits, which those of
// RFC 8785 do not.
func canonical(value []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read JSON: something follows the document")
	}
	v, err := exact(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v) // maps in the order of their keys
}

// exact puts numbers into one form, as strings that no other string equals.
func exact(v any) (_ any, err error) {
	switch v := v.(type) {
	case json.Number:
		return exactNumber(v.String())
	case string:
		return "s" + v, nil
	case []any:
		for i := range v {
			if v[i], err = exact(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = exact(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// exactNumber is the number as a string: "n3", "n-1/8".
func exactNumber(n string) (string, error) {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(n), "e")
	if len(mantissa) > maxNumber || len(strings.TrimLeft(exponent, "+-0")) > 3 {
		return "", fmt.Errorf("the number %.20s… is too long", n)
	}
	r, ok := new(big.Rat).SetString(n)
	if !ok {
		return "", fmt.Errorf("%q is no number", n)
	}
	return "n" + r.RatString(), nil
}

// writeFramed writes b behind its length, so that no two lists of parts have
// the same octets.
func writeFramed(h hash.Hash, b []byte) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
	h.Write(b)
}
