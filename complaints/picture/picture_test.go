package picture_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"mohr/complaints/picture"
	"mohr/internal/fault"
)

func drawn() image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for x := range 40 {
		for y := range 30 {
			m.Set(x, y, color.RGBA{uint8(6 * x), uint8(8 * y), 90, 255})
		}
	}
	return m
}

func pngFile(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, drawn()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegFile(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, drawn(), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func chunk(kind, data string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// afterHeader puts something behind the IHDR of a PNG.
func afterHeader(file, more []byte) []byte {
	return append(append(bytes.Clone(file[:33]), more...), file[33:]...)
}

func segment(mark byte, data string) []byte {
	return append(append([]byte{0xff, mark}, binary.BigEndian.AppendUint16(nil, uint16(2+len(data)))...), data...)
}

// afterStart puts something behind the SOI of a JPEG.
func afterStart(file, more []byte) []byte {
	return append(append(bytes.Clone(file[:2]), more...), file[2:]...)
}

const (
	secret = "GPS 35.6892 51.3890"
	jfif   = "JFIF\x00\x01\x02\x01\x00\x48\x00\x48" // without the size of its thumbnail
	adobe  = "Adobe\x00\x64\x00\x00\x00\x00\x01"    // colours as YCbCr
)

func TestWhatACameraWritesBesideThePictureIsLeftOut(t *testing.T) {
	for name, file := range map[string][]byte{
		"text in a PNG":             afterHeader(pngFile(t), chunk("tEXt", "Comment\x00"+secret)),
		"Exif in a PNG":             afterHeader(pngFile(t), chunk("eXIf", secret)),
		"a chunk nobody knows":      afterHeader(pngFile(t), chunk("viRu", secret)),
		"behind the end of a PNG":   append(pngFile(t), secret...),
		"Exif in a JPEG":            afterStart(jpegFile(t), segment(0xe1, "Exif\x00\x00"+secret)),
		"a comment in a JPEG":       afterStart(jpegFile(t), segment(0xfe, secret)),
		"a profile in a JPEG":       afterStart(jpegFile(t), segment(0xe2, secret)),
		"a thumbnail in a JFIF":     afterStart(jpegFile(t), segment(0xe0, jfif+"\x05\x01"+secret)),
		"a thumbnail of its own":    afterStart(jpegFile(t), segment(0xe0, "JFXX\x00\x10"+secret)),
		"a JFIF that is not one":    afterStart(jpegFile(t), segment(0xe0, secret)),
		"a second JFIF":             afterStart(jpegFile(t), append(segment(0xe0, jfif+"\x00\x00"), segment(0xe0, "JFIF\x00"+secret)...)),
		"an Adobe with more":        afterStart(jpegFile(t), segment(0xee, adobe+secret)),
		"an Adobe that is not one":  afterStart(jpegFile(t), segment(0xee, secret)),
		"a marker for extensions":   afterStart(jpegFile(t), segment(0xf0, secret)),
		"the last of them":          afterStart(jpegFile(t), segment(0xfd, secret)),
		"a reserved marker":         afterStart(jpegFile(t), segment(0xc8, secret)),
		"behind the end of a JPEG":  append(jpegFile(t), "<script>"+secret...),
		"a clean PNG":               pngFile(t),
		"a clean JPEG":              jpegFile(t),
		"a JPEG with fill in front": afterStart(jpegFile(t), []byte{0xff}),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := picture.Clean(file)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(p.Octets(), []byte(secret)) || bytes.Contains(p.Octets(), []byte("<script>")) {
				t.Error("it is still there")
			}
			m, kind, err := image.Decode(bytes.NewReader(p.Octets()))
			if err != nil || "image/"+kind != p.Kind() {
				t.Fatalf("what is left is a %s, said to be %s: %v", kind, p.Kind(), err)
			}
			if w, h := p.Size(); w != 40 || h != 30 || m.Bounds().Dx() != 40 || m.Bounds().Dy() != 30 {
				t.Errorf("%d by %d", w, h)
			}
			again, err := picture.Clean(p.Octets())
			if err != nil || !bytes.Equal(again.Octets(), p.Octets()) {
				t.Errorf("cleaned again it is another: %v", err)
			}
		})
	}
}

func TestWhatSaysHowColoursAreCodedStays(t *testing.T) {
	for name, c := range map[string]struct{ in, want []byte }{
		"a JFIF":                  {segment(0xe0, jfif+"\x00\x00"), segment(0xe0, jfif+"\x00\x00")},
		"a JFIF with a thumbnail": {segment(0xe0, jfif+"\x01\x01abc"), segment(0xe0, jfif+"\x00\x00")},
		"an Adobe":                {segment(0xee, adobe), segment(0xee, adobe)},
		"an Adobe with more":      {segment(0xee, adobe+"abc"), segment(0xee, adobe)},
		"a JFIF cut short":        {segment(0xe0, jfif), nil},
		"an Adobe cut short":      {segment(0xee, adobe[:11]), nil},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := picture.Clean(afterStart(jpegFile(t), c.in))
			if err != nil || !bytes.Equal(p.Octets(), afterStart(jpegFile(t), c.want)) {
				t.Errorf("%x, %v", p.Octets()[:min(40, len(p.Octets()))], err)
			}
		})
	}
}

func refused(t testing.TB) map[string]struct {
	file []byte
	code string
} {
	wide := pngFile(t)
	binary.BigEndian.PutUint32(wide[16:], 100_000)
	binary.BigEndian.PutUint32(wide[29:], crc32.ChecksumIEEE(wide[12:29]))
	flat := pngFile(t)
	binary.BigEndian.PutUint32(flat[16:], 0)
	binary.BigEndian.PutUint32(flat[29:], crc32.ChecksumIEEE(flat[12:29]))
	broken := pngFile(t)
	broken[50] ^= 1
	long := pngFile(t)
	binary.BigEndian.PutUint32(long[33:], 0xffffffff)
	return map[string]struct {
		file []byte
		code string
	}{
		"nothing":                          {nil, "picture_kind"},
		"a page called a picture":          {[]byte("<html><script>alert(1)</script>"), "picture_kind"},
		"an SVG":                           {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), "picture_kind"},
		"a GIF":                            {[]byte("GIF89a\x01\x00\x01\x00"), "picture_kind"},
		"a PDF":                            {[]byte("%PDF-1.7\n"), "picture_kind"},
		"a program":                        {[]byte("MZ\x90\x00"), "picture_kind"},
		"an archive":                       {[]byte("PK\x03\x04"), "picture_kind"},
		"a PNG's signature and a page":     {[]byte("\x89PNG\r\n\x1a\n<script>alert(1)</script>"), "picture_broken"},
		"a PNG cut short":                  {pngFile(t)[:60], "picture_broken"},
		"a PNG with an octet changed":      {broken, "picture_broken"},
		"a PNG that says it is longer":     {long, "picture_broken"},
		"a PNG without data":               {append(bytes.Clone(pngFile(t)[:33]), chunk("IEND", "")...), "picture_broken"},
		"a PNG of no width":                {flat, "picture_broken"},
		"a small file of an enormous one":  {wide, "picture_too_wide"},
		"a JPEG's first octets and a page": {[]byte("\xff\xd8\xff<script>"), "picture_broken"},
		"a JPEG cut short":                 {jpegFile(t)[:100], "picture_broken"},
		"a JPEG of nothing":                {[]byte{0xff, 0xd8, 0xff, 0xd9}, "picture_broken"},
		"a JPEG with two frames":           {afterStart(jpegFile(t), segment(0xc0, "\x08\x00\x1e\x00\x28\x01\x11\x00\x00")), "picture_broken"},
		"a JPEG of nothing but fill":       {append([]byte{0xff, 0xd8}, bytes.Repeat([]byte{0xff}, 5000)...), "picture_broken"},
		"too many octets":                  {append(pngFile(t), strings.Repeat("a", picture.MaxOctets)...), "picture_too_large"},
	}
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	for name, c := range refused(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := picture.Clean(c.file); fault.Code(err) != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	f.Add(pngFile(f))
	f.Add(jpegFile(f))
	f.Add(afterStart(jpegFile(f), append(segment(0xe0, jfif+"\x01\x01abc"), segment(0xee, adobe+"abc")...)))
	for _, c := range refused(f) {
		if len(c.file) < 10_000 {
			f.Add(c.file)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := picture.Clean(b)
		if err != nil {
			return
		}
		if len(p.Octets()) > len(b) {
			t.Error("the picture is longer than the file")
		}
		again, err := picture.Clean(p.Octets())
		if err != nil || !bytes.Equal(again.Octets(), p.Octets()) {
			t.Errorf("cleaned again it is another: %v", err)
		}
	})
}
