package chipsim

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Country is an authority with one document signer.
type Country struct {
	Authority *Authority
	Signer    Signer
}

// Folders and files of a country that is kept.
const (
	CSCADir = "csca" // what a service is to trust
	CRLDir  = "crls"

	authorityFile  = "csca/csca.cer"
	crlFile        = "crls/csca.crl"
	authorityKey   = "csca.key"
	signerFile     = "signer.cer"
	signerKey      = "signer.key"
	errNoSimulated = "there is no simulated country in %s; a service started with --dev makes one"
)

// Keep opens the simulated country in dir, making it at the first time, with a
// CRL that is current.
func Keep(dir string, now time.Time) (*Country, error) {
	c, err := Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		c, err = create(dir, now)
	}
	if err != nil {
		return nil, err
	}
	crl, err := c.Authority.CRL(now)
	if err != nil {
		return nil, err
	}
	return c, write(dir, crlFile, crl)
}

func create(dir string, now time.Time) (*Country, error) {
	for _, sub := range []string{CSCADir, CRLDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	a, err := NewAuthority("IR", now)
	if err != nil {
		return nil, err
	}
	s, err := a.Sign(a.Template(now))
	if err != nil {
		return nil, err
	}
	// The authority's certificate comes last: a country without it is made anew.
	return &Country{a, s}, errors.Join(writeKey(dir, authorityKey, a.Key), writeKey(dir, signerKey, s.Key),
		write(dir, signerFile, s.Certificate), write(dir, authorityFile, a.Certificate.Raw))
}

// Open opens the simulated country in dir; os.ErrNotExist if there is none.
func Open(dir string) (*Country, error) {
	raw, err := os.ReadFile(filepath.Join(dir, authorityFile))
	if err != nil {
		return nil, fmt.Errorf(errNoSimulated+": %w", dir, err)
	}
	c := &Country{Authority: &Authority{}}
	if c.Authority.Certificate, err = x509.ParseCertificate(raw); err != nil {
		return nil, err
	}
	if c.Authority.Key, err = readKey(dir, authorityKey); err != nil {
		return nil, err
	}
	if c.Signer.Key, err = readKey(dir, signerKey); err != nil {
		return nil, err
	}
	c.Signer.Certificate, err = os.ReadFile(filepath.Join(dir, signerFile))
	return c, err
}

func write(dir, name string, b []byte) error {
	return os.WriteFile(filepath.Join(dir, name), b, 0o600)
}

func writeKey(dir, name string, key any) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return write(dir, name, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func readKey(dir, name string) (*ecdsa.PrivateKey, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds another kind of key", name)
	}
	return ec, nil
}
