package client

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"mohr/ca"
	"mohr/cmd/mohr/place"
	"mohr/hsm"
	"mohr/renew"
)

// Successor is the pair that is to follow one in use, in files that outlive a
// process which is cut off.
type Successor struct {
	Ring      *hsm.Keyring
	Old       Key
	OldKey    string   // where the old key is, as OpenSigner takes it
	NewKey    string   // where the new one is; made if it is not there
	CSR       []byte   // PEM, of a new key that is elsewhere; NewKey is not used then
	Issuers   [][]byte // DER, of the TPM's certificate, where the service lacks them
	BirthDate string   // YYYY-MM-DD, where the service asks for it
	File      string   // for the certificate and its issuers, PEM
}

// pending is where the signed renewal is kept until the certificate is there.
func (s Successor) pending() string { return s.File + ".pending" }

// RenewTo renews to s. It may be called again after a crash or an error: a
// renewal that was signed is sent again and brings the same certificate; one
// that the service refuses, as when it came too late, is signed anew. One that
// was begun with another certificate or for another new key is an error.
func (c *Client) RenewTo(ctx context.Context, s Successor) (Issued, error) {
	_, old := os.Stat(s.pending())
	issued, err := c.renewOnce(ctx, s)
	if old == nil && refused(err) {
		issued, err = c.renewOnce(ctx, s)
	}
	return issued, err
}

// renewOnce signs and sends, or sends what is signed.
func (c *Client) renewOnce(ctx context.Context, s Successor) (Issued, error) {
	r, err := c.begun(ctx, s)
	if err != nil {
		return Issued{}, err
	}
	r.BirthDate = s.BirthDate
	issued, err := c.Renew(ctx, r)
	if refused(err) {
		return Issued{}, errors.Join(err, os.Remove(s.pending()))
	}
	if err != nil {
		return Issued{}, err
	}
	if err := os.WriteFile(s.File, issued.Chain, 0o644); err != nil {
		return Issued{}, err
	}
	return issued, os.Remove(s.pending())
}

// begun takes up a renewal that was begun before, or begins one.
func (c *Client) begun(ctx context.Context, s Successor) (r Renewal, err error) {
	b, err := os.ReadFile(s.pending())
	if err == nil {
		if err := json.Unmarshal(b, &r); err != nil {
			return r, fmt.Errorf("%s: %w; remove it to begin anew", s.pending(), err)
		}
		return r, s.fits(ctx, r)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return r, err
	}
	device, err := s.device()
	if err != nil {
		return r, err
	}
	csr, err := s.request(ctx)
	if err != nil {
		return r, err
	}
	if r, err = c.BeginRenewal(ctx, s.Old, csr, device); err != nil {
		return r, err
	}
	if b, err = json.Marshal(r); err != nil {
		return r, err
	}
	return r, place.WriteWhole(s.pending(), b, 0o600)
}

// fits refuses a renewal that was begun of another certificate or for another
// key: what it brings would belong to no key of this pair.
func (s Successor) fits(ctx context.Context, r Renewal) error {
	var says renew.Statement
	if err := json.Unmarshal(r.Document, &says); err != nil {
		return fmt.Errorf("%s: %w; remove it to begin anew", s.pending(), err)
	}
	key, err := s.key(ctx)
	if err != nil {
		return err
	}
	old := sha256.Sum256(s.Old.Certificate.Raw)
	if says.CertificateSHA256 != hex.EncodeToString(old[:]) || says.NewSPKISHA256 != key {
		return fmt.Errorf("%s is a renewal that was begun with another certificate or for another new key; go on with those, or remove it to begin anew", s.pending())
	}
	return nil
}

// key is the hash of the new public key, as statements name it.
func (s Successor) key(ctx context.Context) (string, error) {
	if s.CSR != nil {
		csr, err := ca.ParseCSR(s.CSR)
		return csr.SPKISHA256(), err
	}
	signer, err := OpenSigner(ctx, s.Ring, s.NewKey, false)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), err
}

// device is the TPM that vouches for the new key, nil where none has to.
func (s Successor) device() (*Device, error) {
	if !InTPM(s.OldKey) {
		return nil, nil
	}
	if s.CSR != nil || !InTPM(s.NewKey) {
		return nil, errors.New("the old key lives in a TPM, and its certificate says so: the new one has to live in one too; name it by a tpmkms: URI")
	}
	return &Device{Ring: s.Ring, URI: s.NewKey, Issuers: s.Issuers}, nil
}

// request is the one for the new key.
func (s Successor) request(ctx context.Context) ([]byte, error) {
	if s.CSR != nil {
		return s.CSR, nil
	}
	if KeyURI(s.NewKey) == KeyURI(s.OldKey) {
		return nil, errors.New("the new key is the old key; name another one")
	}
	signer, err := OpenSigner(ctx, s.Ring, s.NewKey, true)
	if err != nil {
		return nil, err
	}
	return NewCSR(signer)
}
