package keyfile

import (
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mohr/internal/fault"
)

// Limit bounds a file, in octets; an RSA-4096 key in PEM takes 3300.
const Limit = 16 << 10

// pemEncrypted is the type of an encrypted key, RFC 7468 section 11.
const pemEncrypted = "ENCRYPTED PRIVATE KEY"

// ErrBroken says that a file does not hold what belongs there.
func ErrBroken() error {
	return fault.New(fault.Invalid, "key_file_broken", "the key file is not one block of the kind wanted here; restore it from a backup")
}

// ErrNotFound says that there is no key where one was looked for.
func ErrNotFound() error {
	return fault.New(fault.NotFound, "key_not_found", "there is no key of this name; create it or correct the key URI")
}

// ErrExists says that a name is taken.
func ErrExists() error {
	return fault.New(fault.Conflict, "key_exists", "there is a key of this name already; open it, or choose another name")
}

// ReadPEM reads a file of one PEM block without headers; NotFound if there is
// no file.
func ReadPEM(path, kind string) ([]byte, error) {
	b, err := Read(path, Limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound()
	}
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block != nil && (block.Type == pemEncrypted || block.Headers["Proc-Type"] != "") {
		return nil, fault.New(fault.Invalid, "key_file_encrypted", "the key file is encrypted, which is not supported; decrypt it: openssl pkcs8 -in FILE -out NEW, then chmod 600 NEW")
	}
	if block == nil || block.Type != kind || len(block.Headers) != 0 || len(rest) != 0 {
		return nil, ErrBroken()
	}
	return block.Bytes, nil
}

// Read reads a regular file of at most limit octets, refused when its group or
// others have any right on it.
func Read(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat() // of the open file: its name may be moved meanwhile
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Invalid, "key_file_open_to_others", "the key or PIN file can be reached by other users of this machine; chmod 600 it, and replace what it holds if they may have read it")
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, ErrBroken()
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// WritePEM writes der as a PEM file; see Write.
func WritePEM(path, kind string, der []byte) error {
	return Write(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// Write writes a file with mode 0600, whole or not at all; a file that is
// there is a Conflict. Directories are made with mode 0700.
func Write(path string, content []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	// A link and not a rename: it never replaces.
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return ErrExists()
	} else if err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new name in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
