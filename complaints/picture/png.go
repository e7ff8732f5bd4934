package picture

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// A PNG (ISO/IEC 15948, 5) is its signature and chunks: length (4 octets, big
// endian, of the data), type (4), data, CRC-32 of type and data (4). IHDR comes
// first, IEND last, IDAT one after the other.
const (
	pngSignature = "\x89PNG\r\n\x1a\n"
	chunkFrame   = 12 // octets of a chunk beside its data
	maxChunks    = 20_000
)

// kept are the chunks that belong to the picture: the critical ones, and what
// colours need. Text, time, Exif and other pictures beside it do not.
var kept = []string{"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB"}

// cleanPNG walks the chunks. What is behind IEND is left out.
func cleanPNG(file []byte) (p Picture, ok bool) {
	p = Picture{kind: PNG, octets: []byte(pngSignature)}
	rest, data := file[len(pngSignature):], false
	for n := range maxChunks {
		if len(rest) < chunkFrame {
			return p, false
		}
		size := binary.BigEndian.Uint32(rest)
		if uint64(size)+chunkFrame > uint64(len(rest)) {
			return p, false
		}
		chunk := rest[:chunkFrame+int(size)]
		rest = rest[len(chunk):]
		kind, body := string(chunk[4:8]), chunk[8:8+size]
		if binary.BigEndian.Uint32(chunk[8+size:]) != crc32.ChecksumIEEE(chunk[4:8+size]) || (kind == "IHDR") != (n == 0) {
			return p, false
		}
		if kind == "IHDR" {
			if size != 13 {
				return p, false
			}
			p.width, p.height = int(binary.BigEndian.Uint32(body)), int(binary.BigEndian.Uint32(body[4:]))
		}
		data = data || kind == "IDAT"
		if slices.Contains(kept, kind) {
			p.octets = append(p.octets, chunk...)
		}
		if kind == "IEND" {
			return p, data && size == 0 && p.width > 0 && p.height > 0
		}
	}
	return p, false
}
