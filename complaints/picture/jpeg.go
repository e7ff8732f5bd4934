package picture

import (
	"bytes"
	"encoding/binary"
)

// A JPEG (ITU-T T.81, B.1) is SOI and segments: 0xFF, marker, length (2 octets,
// big endian, itself included), data. SOS is followed by coded data in which
// 0xFF is followed by 0 or a restart marker; then come more segments, or EOI.
const (
	markSOI  = 0xd8
	markEOI  = 0xd9
	markSOS  = 0xda
	markAPP0 = 0xe0
	markAdob = 0xee // APP14: how colours are coded
	markAPPF = 0xef
	markCOM  = 0xfe

	maxSegments = 2_000
)

// cleanJPEG walks the segments. What applications wrote (APP1 has the Exif with
// place and device), comments, and what is behind EOI are left out.
func cleanJPEG(file []byte) (p Picture, ok bool) {
	p = Picture{kind: JPEG, octets: []byte{0xff, markSOI}}
	rest, scans := file[2:], 0
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
		if belongs(mark) {
			p.octets = append(p.octets, segment...)
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

// belongs reports whether a segment is of the picture itself.
func belongs(mark byte) bool {
	if mark == markCOM {
		return false
	}
	return mark < markAPP0 || mark > markAPPF || mark == markAPP0 || mark == markAdob
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
