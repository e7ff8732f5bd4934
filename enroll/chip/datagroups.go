package chip

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
)

// Bounds of the files, octets. A face has 15 to 60 thousand.
const (
	maxSOD        = 32 << 10
	maxDG1        = 256
	maxDG2        = 256 << 10
	maxDG11       = 16 << 10
	maxDG14       = 16 << 10
	maxDG15       = 4 << 10
	maxMasterList = 16 << 20
)

// field is one element of a data group: tags of one or two octets, lengths of
// BER (ISO/IEC 7816-4, 5.2.2).
type field struct {
	tag  int
	body []byte
}

// readField reads the first element of b.
func readField(b []byte) (f field, rest []byte, ok bool) {
	if len(b) < 2 {
		return f, nil, false
	}
	f.tag, b = int(b[0]), b[1:]
	if f.tag&tagNumber == tagNumber {
		if b[0]&0x80 != 0 { // a third octet
			return f, nil, false
		}
		f.tag, b = f.tag<<8|int(b[0]), b[1:]
	}
	length, head, ok := berLength(b)
	if !ok || length > len(b)-head {
		return f, nil, false
	}
	f.body = b[head : head+length]
	return f, b[head+length:], true
}

// group opens the data group with the tag, which is the whole file.
func group(file []byte, tag int, part string, most int) ([]byte, error) {
	if len(file) > most {
		return nil, errTooLarge(part, most)
	}
	f, rest, ok := readField(file)
	if !ok || f.tag != tag {
		return nil, errMalformed(part)
	}
	if len(rest) > 0 {
		return nil, errTrailing(part)
	}
	return f.body, nil
}

// Tags of the files (Doc 9303-10, 4.7) and of what we read in them.
const (
	tagSOD  = 0x77
	tagDG1  = 0x61
	tagDG2  = 0x75
	tagDG11 = 0x6b
	tagDG14 = 0x6e
	tagDG15 = 0x6f

	tagMRZ         = 0x5f1f
	tagFullName    = 0x5f0e
	tagPersonal    = 0x5f10
	tagFullBirth   = 0x5f2b
	tagTags        = 0x5c
	tagTemplates   = 0x7f61 // DG2: biometric information group template
	tagTemplate    = 0x7f60
	tagHeader      = 0xa1
	tagFaceRecord  = 0x5f2e
	tagFaceRecord2 = 0x7f2e
)

// readDG1 reads the machine-readable zone (Doc 9303-10, 4.7.1).
func readDG1(file []byte, now time.Time) (MRZ, error) {
	const part = "DG1"
	b, err := group(file, tagDG1, part, maxDG1)
	if err != nil {
		return MRZ{}, err
	}
	f, rest, ok := readField(b)
	if !ok || f.tag != tagMRZ {
		return MRZ{}, errMalformed(part)
	}
	if len(rest) > 0 {
		return MRZ{}, errTrailing(part)
	}
	return ParseMRZ(string(f.body), now)
}

// Picture is the holder's face as the chip holds it. It is not decoded here.
type Picture struct {
	Type string // "image/jpeg" or "image/jp2"
	Data []byte
}

// Beginnings of pictures.
var (
	jpeg      = []byte{0xff, 0xd8, 0xff}
	jp2       = []byte{0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', 0x87, '\n'}
	codestrem = []byte{0xff, 0x4f, 0xff, 0x51} // JPEG 2000 without a box around it
)

// readDG2 reads the first face (Doc 9303-10, 4.7.2): templates within
// templates around a record of ISO/IEC 19794-5, section 5.
func readDG2(file []byte) (Picture, error) {
	const part = "DG2"
	b, err := group(file, tagDG2, part, maxDG2)
	if err != nil {
		return Picture{}, err
	}
	templates, rest, ok := readField(b)
	if !ok || templates.tag != tagTemplates {
		return Picture{}, errMalformed(part)
	}
	if len(rest) > 0 {
		return Picture{}, errTrailing(part)
	}
	count, rest, ok := readField(templates.body)
	if !ok || count.tag != 0x02 || len(count.body) != 1 || count.body[0] < 1 || count.body[0] > 9 {
		return Picture{}, errMalformed(part)
	}
	template, _, ok := readField(rest)
	if !ok || template.tag != tagTemplate {
		return Picture{}, errMalformed(part)
	}
	header, rest, ok := readField(template.body)
	if !ok || header.tag != tagHeader {
		return Picture{}, errMalformed(part)
	}
	record, rest, ok := readField(rest)
	if !ok || record.tag != tagFaceRecord && record.tag != tagFaceRecord2 || len(rest) > 0 {
		return Picture{}, errMalformed(part)
	}
	return readFaceRecord(record.body)
}

// readFaceRecord reads the header "FAC\0" "010\0", length and number of faces,
// then of the first one its own block with feature points, a block about the
// image, and the image.
func readFaceRecord(b []byte) (Picture, error) {
	const part, head, info, point, image = "DG2: face", 14, 20, 8, 12
	if len(b) < head+info || string(b[:8]) != "FAC\x00010\x00" || int64(binary.BigEndian.Uint32(b[8:])) != int64(len(b)) || binary.BigEndian.Uint16(b[12:]) == 0 {
		return Picture{}, errMalformed(part)
	}
	b = b[head:]
	length := int64(binary.BigEndian.Uint32(b))
	before := int64(info) + point*int64(binary.BigEndian.Uint16(b[4:])) + image
	if length > int64(len(b)) || length <= before {
		return Picture{}, errMalformed(part)
	}
	p := Picture{Data: bytes.Clone(b[before:length])}
	switch {
	case bytes.HasPrefix(p.Data, jpeg):
		p.Type = "image/jpeg"
	case bytes.HasPrefix(p.Data, jp2), bytes.HasPrefix(p.Data, codestrem):
		p.Type = "image/jp2"
	default:
		return Picture{}, errMalformed(part)
	}
	return p, nil
}

// details are what DG11 adds to the machine-readable zone.
type details struct {
	first, last string // in the state's own letters, as written
	personal    string // personal number
	birthDate   string // YYYY-MM-DD
}

// maxDetails bounds the elements of DG11.
const maxDetails = 32

// readDG11 reads additional personal details (Doc 9303-10, 4.7.11). What we do
// not ask for passes unread.
func readDG11(file []byte) (details, error) {
	const part = "DG11"
	var d details
	b, err := group(file, tagDG11, part, maxDG11)
	if err != nil {
		return d, err
	}
	seen := map[int]bool{}
	for len(b) > 0 {
		f, rest, ok := readField(b)
		if !ok || seen[f.tag] || len(seen) == maxDetails || len(seen) == 0 && f.tag != tagTags {
			return d, errMalformed(part)
		}
		seen[f.tag], b = true, rest
		text := strings.TrimRight(string(f.body), "< ")
		switch f.tag {
		case tagFullName:
			if !utf8.ValidString(text) || len(text) > 512 {
				return d, errMalformed(part)
			}
			last, first, _ := strings.Cut(text, "<<")
			d.last, d.first = spaced(last), spaced(first)
		case tagPersonal:
			if len(text) > 64 {
				return d, errMalformed(part)
			}
			d.personal = text
		case tagFullBirth:
			if d.birthDate, ok = fullDate(f.body); !ok {
				return d, errMalformed(part)
			}
		}
	}
	return d, nil
}

// spaced turns fillers into single spaces.
func spaced(s string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(s, "<", " ")), " ")
}

// fullDate reads a date as eight digits or as four octets of two (BCD).
func fullDate(b []byte) (string, bool) {
	if len(b) == 4 {
		var digits []byte
		for _, c := range b {
			digits = append(digits, '0'+c>>4, '0'+c&0xf)
		}
		b = digits
	}
	t, err := time.Parse("20060102", string(b))
	return t.Format(time.DateOnly), err == nil
}

// keyed is what DG14 says of the chip's own keys.
type keyed struct {
	active algorithm // of active authentication by ECDSA; zero: not said
}

// maxInfos bounds the SecurityInfos of DG14.
const maxInfos = 32

// readDG14 reads
//
//	SecurityInfos ::= SET OF SEQUENCE {
//	  protocol OBJECT IDENTIFIER, requiredData ANY, optionalData ANY OPTIONAL }
//	ActiveAuthenticationInfo: requiredData version INTEGER (1),
//	  optionalData signatureAlgorithm OBJECT IDENTIFIER
//
// (Doc 9303-11, 9.2). Other protocols, chip authentication for one, pass.
func readDG14(file []byte) (keyed, error) {
	const part = "DG14"
	var k keyed
	b, err := group(file, tagDG14, part, maxDG14)
	if err != nil {
		return k, err
	}
	if b, err = normalise(b, part); err != nil {
		return k, err
	}
	s := cryptobyte.String(b)
	var set cryptobyte.String
	if !s.ReadASN1(&set, 0x31) || !s.Empty() {
		return k, errMalformed(part)
	}
	for n := 0; !set.Empty(); n++ {
		var info cryptobyte.String
		if n == maxInfos || !set.ReadASN1(&info, 0x30) {
			return k, errMalformed(part)
		}
		protocol, ok := readOID(&info)
		if !ok {
			return k, errMalformed(part)
		}
		if protocol != oidActiveAuth {
			continue
		}
		version := 0
		if !info.ReadASN1Integer(&version) || version != 1 || k.active.hash != 0 {
			return k, errMalformed(part)
		}
		oid, ok := readOID(&info)
		if !ok || !info.Empty() {
			return k, errMalformed(part)
		}
		if weak := weakOIDs[oid]; weak != "" {
			return k, errWeakHash(weak)
		}
		if k.active = signatureOIDs[oid]; k.active.scheme != ecdsaPlain {
			return k, errAlgorithm(oid)
		}
	}
	return k, nil
}

// readDG15 reads the key of active authentication, a SubjectPublicKeyInfo
// (Doc 9303-10, 4.7.15).
func readDG15(file []byte) (publicKey, error) {
	const part = "DG15"
	b, err := group(file, tagDG15, part, maxDG15)
	if err != nil {
		return publicKey{}, err
	}
	s := cryptobyte.String(b)
	k, err := readKey(&s, part, minChipRSA)
	if err == nil && !s.Empty() {
		err = errTrailing(part)
	}
	return k, err
}
