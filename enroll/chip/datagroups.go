package chip

import (
	"bytes"
	"encoding/binary"
	"time"
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
	jpeg       = []byte{0xff, 0xd8, 0xff}
	jp2        = []byte{0, 0, 0, 12, 'j', 'P', ' ', ' ', '\r', '\n', 0x87, '\n'}
	codestream = []byte{0xff, 0x4f, 0xff, 0x51} // JPEG 2000 without a box around it
)

// ReadPicture reads the first face of DG2 (Doc 9303-10, 4.7.2): templates within
// templates around a record of ISO/IEC 19794-5, section 5.
func ReadPicture(file []byte) (Picture, error) {
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
	case bytes.HasPrefix(p.Data, jp2), bytes.HasPrefix(p.Data, codestream):
		p.Type = "image/jp2"
	default:
		return Picture{}, errMalformed(part)
	}
	return p, nil
}
