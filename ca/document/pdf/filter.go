package pdf

import (
	"bytes"
	"compress/zlib"
	"io"
)

const (
	maxInflated      = 32 << 20 // octets that one stream may become
	maxInflatedSum   = 64 << 20 // that all of a file may, together
	leastInflated    = 8 << 20  // that those of any file may
	inflatedPerOctet = 64       // and those more
	maxColumns       = 1 << 16
)

// inflate returns the octets of s, which is not filtered or by Flate alone
// (ISO 32000-1 section 7.4.4), at most *left, which it takes them from.
func (s *stream) inflate(left *int) ([]byte, error) {
	filter, okFilter := single(s.dict["Filter"])
	parms, okParms := single(s.dict["DecodeParms"])
	if filter == nil && okFilter {
		return s.raw, nil
	}
	if filter != name("FlateDecode") || !okParms {
		return nil, errMalformed(0, "a stream of the file's structure uses a filter other than Flate")
	}
	r, err := zlib.NewReader(bytes.NewReader(s.raw))
	if err != nil {
		return nil, errMalformed(0, "a stream is not what Flate makes")
	}
	most := min(maxInflated, *left)
	out, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	switch {
	case len(out) > most:
		return nil, errTooLarge()
	case err != nil:
		return nil, errMalformed(0, "a stream is not what Flate makes")
	}
	*left -= len(out)
	p, ok := parms.(dict)
	if !ok {
		return out, nil
	}
	return unpredict(out, p)
}

// single returns o, or what is in it where it is a list of one; nil for an
// empty list, and false for a longer one.
func single(o object) (object, bool) {
	list, ok := o.(array)
	switch {
	case !ok:
		return o, true
	case len(list) == 0:
		return nil, true
	}
	return list[0], len(list) == 1
}

// unpredict undoes the PNG predictors (ISO 32000-1 section 7.4.4.4, PNG
// section 9), for one colour of 8 bits: what structure is written in.
func unpredict(b []byte, p dict) ([]byte, error) {
	predictor, colors, bits, columns := intOr(p["Predictor"], 1), intOr(p["Colors"], 1), intOr(p["BitsPerComponent"], 8), intOr(p["Columns"], 1)
	if predictor == 1 {
		return b, nil
	}
	if predictor < 10 || predictor > 15 || colors != 1 || bits != 8 || columns < 1 || columns > maxColumns || len(b)%(columns+1) != 0 {
		return nil, errMalformed(0, "a stream of the file's structure uses a predictor that is not known")
	}
	above := make([]byte, columns)
	out := make([]byte, 0, len(b))
	for ; len(b) > 0; b = b[columns+1:] {
		row := b[1 : columns+1]
		if err := unpredictRow(b[0], row, above); err != nil {
			return nil, err
		}
		above = row
		out = append(out, row...)
	}
	return out, nil
}

// unpredictRow undoes one filter in place.
func unpredictRow(filter byte, row, above []byte) error {
	var left, aboveLeft byte
	for i := range row {
		switch filter {
		case 0:
		case 1:
			row[i] += left
		case 2:
			row[i] += above[i]
		case 3:
			row[i] += byte((int(left) + int(above[i])) / 2)
		case 4:
			row[i] += paeth(left, above[i], aboveLeft)
		default:
			return errMalformed(0, "a stream of the file's structure uses a predictor that is not known")
		}
		left, aboveLeft = row[i], above[i]
	}
	return nil
}

// paeth returns which of left, above and above left is nearest to left+above-aboveLeft.
func paeth(left, above, aboveLeft byte) byte {
	p := int(left) + int(above) - int(aboveLeft)
	dl, da, dc := distance(p, left), distance(p, above), distance(p, aboveLeft)
	switch {
	case dl <= da && dl <= dc:
		return left
	case da <= dc:
		return above
	}
	return aboveLeft
}

func distance(p int, c byte) int {
	return max(p-int(c), int(c)-p)
}

// intOr returns o as an int, or other where it is none.
func intOr(o object, other int) int {
	if n, ok := o.(int64); ok && n >= 0 && n <= maxFile {
		return int(n)
	}
	return other
}
