package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"mohr/internal/fault"
)

// Bounds of what is read, in octets and numbers. They are ours.
const (
	maxRootFiles   = 500
	maxRootFile    = 1 << 20
	maxCertificate = 8 << 10
	maxChain       = 6
)

// roots are the authorities of makers of devices.
type roots struct {
	anchors, issuers *x509.CertPool
}

// openRoots reads a directory of certificates, DER or PEM: who issued itself is
// trusted, the others help to build chains. All must be authorities with
// strong keys; one that is not is an error, and so is that none is trusted.
func openRoots(dir fs.FS) (*roots, error) {
	r := &roots{x509.NewCertPool(), x509.NewCertPool()}
	files, trusted := 0, 0
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if files++; files > maxRootFiles {
			return fmt.Errorf("more than %d files", maxRootFiles)
		}
		list, err := readCertificates(dir, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, c := range list {
			if err := checkAuthority(c); err != nil {
				return fmt.Errorf("%s: %s: %w", name, c.Subject, err)
			}
			if bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(c) == nil {
				r.anchors.AddCert(c)
				trusted++
			} else {
				r.issuers.AddCert(c)
			}
		}
		return nil
	})
	if err == nil && trusted == 0 {
		err = errors.New("no certificate of a root is there")
	}
	if err != nil {
		return nil, fmt.Errorf("attest: roots: %w", err)
	}
	return r, nil
}

func readCertificates(dir fs.FS, name string) ([]*x509.Certificate, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxRootFile {
		return nil, fmt.Errorf("larger than %d octets", maxRootFile)
	}
	b, err := fs.ReadFile(dir, name)
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(b, []byte("-----BEGIN")) {
		return x509.ParseCertificates(b)
	}
	var list []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s beside certificates", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return nil, errors.New("holds no certificate")
	}
	return list, nil
}

// checkAuthority wants a certificate that may issue others (RFC 5280 sections
// 4.2.1.3 and 4.2.1.9) and a key of 112 bits of strength at least.
func checkAuthority(c *x509.Certificate) error {
	if !c.BasicConstraintsValid || !c.IsCA {
		return errors.New("it is no authority")
	}
	if c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0 {
		return errors.New("its key usage does not let it issue")
	}
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return errors.New("its key is too short")
		}
	case *ecdsa.PublicKey:
		if k.Params().BitSize < 256 {
			return errors.New("its key is too short")
		}
	default:
		return errors.New("its key is of a kind that is not believed")
	}
	return nil
}

// parseChain reads the certificates of a statement, least at least.
func parseChain(list [][]byte, least int) ([]*x509.Certificate, error) {
	if len(list) < least || len(list) > maxChain {
		return nil, errMalformed("the list of certificates")
	}
	chain := make([]*x509.Certificate, len(list))
	for i, der := range list {
		if len(der) > maxCertificate {
			return nil, errMalformed("a certificate")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, errMalformed("a certificate")
		}
		chain[i] = c
	}
	return chain, nil
}

// verify asks whether the first of chain leads to a root at now; the others,
// and what the roots' directory has, help.
func (r *roots) verify(chain []*x509.Certificate, now time.Time) error {
	helpers := r.issuers.Clone()
	for _, c := range chain[1:] {
		helpers.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: r.anchors, Intermediates: helpers, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errDeviceUnknown(), err)
	}
	return nil
}

func errDeviceUnknown() error {
	return fault.New(fault.Denied, "attestation_device_unknown", "the device's certificate does not lead to a maker who is believed here; use a device of one who is, and send its issuers' certificates too")
}
