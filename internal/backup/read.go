package backup

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Read reads a backup and writes the store's file to w (io.Discard for a
// check). What it wrote is good only if there is no error: the hash comes last.
func Read(r io.Reader, w io.Writer) (Manifest, error) {
	m, err := read(r, w)
	if err != nil {
		return Manifest{}, fmt.Errorf("read backup: %w", err)
	}
	return m, nil
}

func read(r io.Reader, w io.Writer) (m Manifest, err error) {
	t := tar.NewReader(r)
	head, err := next(t, storeMember)
	if err != nil {
		return m, err
	}
	sum := sha256.New()
	if _, err := io.Copy(hashing{w, sum}, t); err != nil {
		return m, cut(err)
	}
	size := head.Size
	if head, err = next(t, manifestMember); err != nil {
		return m, err
	}
	if head.Size > maxManifest {
		return m, errors.New("its manifest is too long")
	}
	b, err := io.ReadAll(t)
	if err != nil {
		return m, cut(err)
	}
	if m, err = parseManifest(b); err != nil {
		return m, err
	}
	if m.Size != size || m.SHA256 != hex.EncodeToString(sum.Sum(nil)) {
		return m, errors.New("the store in it is not the one its manifest names; it was changed or damaged")
	}
	if _, err := t.Next(); err != io.EOF {
		return m, errors.New("there is something behind its manifest")
	}
	return m, nil
}

// next goes to the member, which must be the next one and a plain file.
func next(t *tar.Reader, name string) (*tar.Header, error) {
	h, err := t.Next()
	switch {
	case err == io.EOF:
		return nil, cut(io.ErrUnexpectedEOF)
	case err != nil:
		return nil, fmt.Errorf("it is no backup: %w", err)
	case h.Name != name || h.Typeflag != tar.TypeReg:
		return nil, fmt.Errorf("it is no backup: %q is where %s should be", h.Name, name)
	}
	return h, nil
}

// cut says of an early end what it is.
func cut(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends early; take another one")
	}
	return err
}
