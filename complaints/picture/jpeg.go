package picture

import (
	"bytes"
	"encoding/binary"
)

// A JPEG (ITU-T T.81, B.1) is SOI and segments: 0xFF, marker, length (2 octets,
// big endian, itself included), data. SOS is followed by coded data in which
// 0xFF is followed by 0 or a restart marker; then come more segments, or EOI.
const (
	markDHT  = 0xc4
	markDAC  = 0xcc
	markSOI  = 0xd8
	markEOI  = 0xd9
	markSOS  = 0xda // then DQT, DNL
	markDRI  = 0xdd
	markAPP0 = 0xe0 // JFIF (ITU-T T.871)
	markAdob = 0xee // APP14: how colours are coded (ITU-T T.872, 6.5.3)

	maxSegments = 2_000
)

// cleanJPEG walks the segments. What applications wrote (APP1 has the Exif with
// place and device), comments, markers that no picture needs, and what is behind
// EOI are left out; of APP0 and APP14 the first head stays that says how colours
// and density are meant.
func cleanJPEG(file []byte) (p Picture, ok bool) {
	p = Picture{kind: JPEG, octets: []byte{0xff, markSOI}}
	rest, scans, heads := file[2:], 0, map[byte]bool{}
	for range maxSegments {
		if len(rest) < 2 || rest[0] != 0xff {
			return p, false
		}
		mark := rest[1]
		if mark == 0xff { // fill
			rest = rest[1:]
			continue
		}
		if mark == markEOI {
			p.octets = append(p.octets, 0xff, markEOI)
			return p, scans > 0 && p.width > 0 && p.height > 0
		}
		segment, ok := segmentOf(rest)
		if !ok || isFrame(mark) && !p.frame(segment) {
			return p, false
		}
		rest = rest[len(segment):]
		if part := own(segment); len(part) > 0 && !heads[mark] {
			p.octets = append(p.octets, part...)
			heads[mark] = mark >= markAPP0
		}
		if mark == markSOS {
			coded := scan(rest)
			p.octets, rest = append(p.octets, rest[:coded]...), rest[coded:]
			scans++
		}
	}
	return p, false
}

// segmentOf returns the segment that b begins with: one that has a length.
func segmentOf(b []byte) ([]byte, bool) {
	mark := b[1]
	if len(b) < 4 || mark < 0xc0 || mark >= 0xd0 && mark <= markSOI {
		return nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(b[2:]))
	if n < 4 || n > len(b) {
		return nil, false
	}
	return b[:n], true
}

// isFrame reports whether the marker is a SOFn; DHT, JPG and DAC lie among them.
func isFrame(mark byte) bool {
	return mark >= 0xc0 && mark <= 0xcf && mark != 0xc4 && mark != 0xc8 && mark != 0xcc
}

// frame reads the size out of the one SOFn: length, precision, lines, samples a line.
func (p *Picture) frame(segment []byte) bool {
	if len(segment) < 9 || p.width != 0 {
		return false
	}
	p.height, p.width = int(binary.BigEndian.Uint16(segment[5:])), int(binary.BigEndian.Uint16(segment[7:]))
	return p.width > 0 && p.height > 0
}

// own returns what of a segment is of the picture itself; nothing of one that
// is not.
func own(segment []byte) []byte {
	switch mark := segment[1]; {
	case mark == markAPP0: // version, unit and density; the small picture is cut
		return headed(segment, "JFIF\x00", 16, 14)
	case mark == markAdob:
		return headed(segment, "Adobe", 14, 14)
	case isFrame(mark), mark == markDHT, mark == markDAC, mark >= markSOS && mark <= markDRI:
		return segment
	}
	return nil
}

// headed returns the first n octets behind the marker of a segment that begins
// with name, with their length written into it and 0 from the octet zero on;
// nothing if it is another's or shorter.
func headed(segment []byte, name string, n, zero int) []byte {
	if len(segment) < 2+n || !bytes.HasPrefix(segment[4:], []byte(name)) {
		return nil
	}
	head := bytes.Clone(segment[:2+n])
	binary.BigEndian.PutUint16(head[2:], uint16(n))
	clear(head[2+zero:])
	return head
}

// scan returns how many octets of coded data b begins with.
func scan(b []byte) int {
	for at := 0; ; {
		next := bytes.IndexByte(b[at:], 0xff)
		if next < 0 || at+next+1 >= len(b) {
			return len(b)
		}
		at += next
		if mark := b[at+1]; mark != 0 && mark != 0xff && (mark < 0xd0 || mark > 0xd7) {
			return at
		}
		at++
	}
}
