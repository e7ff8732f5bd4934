package hsm

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/softkms"

	"mohr/internal/fault"
)

// PEM types of our files.
const (
	pemKey       = "PRIVATE KEY"           // PKCS#8, RFC 7468 section 10
	pemEncrypted = "ENCRYPTED PRIVATE KEY" // RFC 7468 section 11
	pemSecret    = "MOHR SERVICE SECRET"
	pemWrapped   = "MOHR WRAPPED SECRET"
)

// maxKeyFile bounds a file of ours, in octets; an RSA-4096 key takes 3300.
const maxKeyFile = 16 << 10

// files is the backend of PEM files: the keys are in this process's memory.
type files struct{ closed func() bool }

func (f files) open(ctx context.Context, u keyURI) (*signer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	block, err := readPrivate(u.path, pemKey)
	if err != nil {
		return nil, err
	}
	key, err := new(softkms.SoftKMS).CreateSigner(&apiv1.CreateSignerRequest{SigningKeyPEM: pem.EncodeToMemory(block)})
	if err != nil {
		return nil, errBrokenFile()
	}
	return f.signer(key), nil
}

func (f files) create(ctx context.Context, u keyURI, a Algorithm) (*signer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	request, err := a.request(u.path)
	if err != nil {
		return nil, err
	}
	made, err := new(softkms.SoftKMS).CreateKey(request)
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	if err := writePrivate(u.path, pemKey, der); err != nil {
		return nil, err
	}
	return f.open(ctx, u) // what is used is what was written
}

func (f files) signer(key crypto.Signer) *signer {
	return &signer{public: key.Public(), sign: func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		if f.closed() {
			return nil, errClosed()
		}
		return key.Sign(rand.Reader, digest, opts)
	}}
}

func (f files) secret(_ context.Context, u keyURI) ([]byte, error) {
	block, err := readPrivate(u.path, pemSecret)
	if errors.Is(err, fault.NotFound) {
		fresh := make([]byte, SecretSize)
		rand.Read(fresh) // never fails (crypto/rand)
		// Another process may have been first: its secret counts.
		if err := writePrivate(u.path, pemSecret, fresh); err != nil && !errors.Is(err, fault.Conflict) {
			return nil, err
		}
		block, err = readPrivate(u.path, pemSecret)
	}
	if err != nil {
		return nil, err
	}
	if len(block.Bytes) != SecretSize {
		return nil, errBrokenFile()
	}
	return block.Bytes, nil
}

func errBrokenFile() error {
	return fault.New(fault.Invalid, "key_file_broken", "the key file is not one PEM block of the kind wanted here; restore it from a backup")
}

// readPrivate reads a file of one PEM block without headers that only its
// owner may read; NotFound if there is no file.
func readPrivate(path, kind string) (*pem.Block, error) {
	b, err := readOwn(path, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "key_not_found", "there is no key of this name; create it or correct the key URI")
	}
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(b)
	if block != nil && (block.Type == pemEncrypted || block.Headers["Proc-Type"] != "") {
		return nil, fault.New(fault.Invalid, "key_file_encrypted", "the key file is encrypted, which is not supported; decrypt it: openssl pkcs8 -in FILE -out NEW, then chmod 600 NEW")
	}
	if block == nil || block.Type != kind || len(block.Headers) != 0 || len(rest) != 0 {
		return nil, errBrokenFile()
	}
	return block, nil
}

// readOwn reads a regular file of at most limit octets, refused when its group or
// others have any right on it.
func readOwn(path string, limit int64) ([]byte, error) {
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
		return nil, errBrokenFile()
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// writePrivate writes a PEM file with mode 0600, whole or not at all; a file
// that is there is a Conflict. Directories are made with mode 0700.
func writePrivate(path, kind string, der []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	// A link and not a rename: it never replaces.
	if err := os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
		return errExists()
	} else if err != nil {
		return err
	}
	return syncDir(dir)
}

func errExists() error {
	return fault.New(fault.Conflict, "key_exists", "there is a key of this name already; open it, or choose another name")
}

// syncDir makes a new name in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
