package picture

import (
	"bytes"

	"mohr/internal/fault"
)

// MaxOctets bounds a picture as a file, MaxSide its width and its height, and
// MaxPixels both together.
const (
	MaxOctets = 3 << 20
	MaxSide   = 12_000
	MaxPixels = 50_000_000
)

// Kinds of pictures, as media types.
const (
	PNG  = "image/png"
	JPEG = "image/jpeg"
)

// Picture is a picture without what does not belong to it. Only Clean makes one.
type Picture struct {
	kind          string
	octets        []byte
	width, height int
}

// Kind returns PNG or JPEG.
func (p Picture) Kind() string { return p.kind }

// Octets returns the file.
func (p Picture) Octets() []byte { return p.octets }

// Size returns width and height.
func (p Picture) Size() (width, height int) { return p.width, p.height }

// Clean reads a PNG or a JPEG and returns it without what does not belong to
// the picture. Invalid: too large, of another kind, or not as its kind is
// written.
func Clean(file []byte) (Picture, error) {
	if len(file) > MaxOctets {
		return Picture{}, fault.New(fault.Invalid, "picture_too_large", "a picture has at most %[1]d MB; send a smaller one, a screenshot of it for instance", MaxOctets>>20)
	}
	var p Picture
	ok := false
	switch {
	case bytes.HasPrefix(file, []byte(pngSignature)):
		p, ok = cleanPNG(file)
	case bytes.HasPrefix(file, []byte{0xff, markSOI, 0xff}):
		p, ok = cleanJPEG(file)
	default:
		return Picture{}, fault.New(fault.Invalid, "picture_kind", "only pictures are taken, PNG or JPEG; take a photograph or a screenshot of what you want to show")
	}
	if !ok {
		return Picture{}, fault.New(fault.Invalid, "picture_broken", "this picture is damaged or of a form that is not taken; open it in a program for pictures, save it as PNG or JPEG and send that")
	}
	if p.width > MaxSide || p.height > MaxSide || p.width*p.height > MaxPixels {
		return Picture{}, fault.New(fault.Invalid, "picture_too_wide", "this picture has more dots than are taken; send it in a smaller size")
	}
	return p, nil
}
