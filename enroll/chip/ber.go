package chip

// maxDepth bounds how deep elements nest; an EF.SOD with its certificate has
// some 15 levels.
const maxDepth = 24

// normalise brings the lengths of BER (X.690, 8.1.3) to the form of DER: those
// of indefinite form and those with leading zeros, and octet strings in pieces
// (8.7.3) to one. What is DER stays as it is. Tags above 30 are refused: no CMS
// has one. part is for the error.
func normalise(raw []byte, part string) ([]byte, error) {
	n := normaliser{part: part}
	out, rest, err := n.element(raw, 0)
	if err == nil && len(rest) > 0 {
		err = errTrailing(part)
	}
	return out, err
}

type normaliser struct{ part string }

const (
	tagNumber       = 0x1f
	constructed     = 0x20
	octetString     = 0x04
	octetsInPieces  = octetString | constructed
	indefiniteForm  = 0x80
	maxLengthOctets = 4
)

// element normalises the first element of b and returns what follows it.
func (n normaliser) element(b []byte, depth int) (out, rest []byte, err error) {
	if depth > maxDepth {
		return nil, nil, errTooDeep(n.part)
	}
	if len(b) < 2 || b[0]&tagNumber == tagNumber {
		return nil, nil, errMalformed(n.part)
	}
	tag := b[0]
	var body []byte
	if b[1] == indefiniteForm {
		if tag&constructed == 0 {
			return nil, nil, errMalformed(n.part)
		}
		if body, rest, err = n.untilEnd(b[2:], depth); err != nil {
			return nil, nil, err
		}
	} else {
		length, head, ok := berLength(b[1:])
		if !ok || length > len(b)-1-head {
			return nil, nil, errMalformed(n.part)
		}
		body, rest = b[1+head:1+head+length], b[1+head+length:]
		if tag&constructed != 0 {
			if body, err = n.all(body, depth); err != nil {
				return nil, nil, err
			}
		}
	}
	if tag == octetsInPieces {
		if body, err = n.join(body); err != nil {
			return nil, nil, err
		}
		tag = octetString
	}
	return appendElement(nil, tag, body), rest, nil
}

// all normalises the elements of a body of definite length.
func (n normaliser) all(b []byte, depth int) ([]byte, error) {
	var out []byte
	for len(b) > 0 {
		e, rest, err := n.element(b, depth+1)
		if err != nil {
			return nil, err
		}
		out, b = append(out, e...), rest
	}
	return out, nil
}

// untilEnd normalises elements up to the end-of-contents octets.
func (n normaliser) untilEnd(b []byte, depth int) (out, rest []byte, err error) {
	for {
		if len(b) >= 2 && b[0] == 0 && b[1] == 0 {
			return out, b[2:], nil
		}
		e, rest, err := n.element(b, depth+1)
		if err != nil {
			return nil, nil, err
		}
		out, b = append(out, e...), rest
	}
}

// join takes the pieces of an octet string, normalised before, together.
func (n normaliser) join(b []byte) ([]byte, error) {
	var out []byte
	for len(b) > 0 {
		if b[0] != octetString {
			return nil, errMalformed(n.part)
		}
		length, head, ok := berLength(b[1:])
		if !ok || length > len(b)-1-head {
			return nil, errMalformed(n.part)
		}
		out, b = append(out, b[1+head:1+head+length]...), b[1+head+length:]
	}
	return out, nil
}

// berLength reads a definite length and says how many octets it took.
func berLength(b []byte) (length, head int, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	if b[0] < indefiniteForm {
		return int(b[0]), 1, true
	}
	k := int(b[0] & 0x7f)
	if k == 0 || k > maxLengthOctets || len(b) < 1+k {
		return 0, 0, false
	}
	for _, c := range b[1 : 1+k] {
		length = length<<8 | int(c)
	}
	return length, 1 + k, length >= 0 && length <= maxMasterList
}

// appendElement appends tag, shortest length and body.
func appendElement(to []byte, tag byte, body []byte) []byte {
	to = append(to, tag)
	n := len(body)
	switch {
	case n < 0x80:
		to = append(to, byte(n))
	case n < 0x100:
		to = append(to, 0x81, byte(n))
	case n < 0x10000:
		to = append(to, 0x82, byte(n>>8), byte(n))
	case n < 0x1000000:
		to = append(to, 0x83, byte(n>>16), byte(n>>8), byte(n))
	default:
		to = append(to, 0x84, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(to, body...)
}
