package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"mohr/ca"
	"mohr/hsm"
	"mohr/internal/fault"
)

// keyURI lets a holder write a bare file name where a key URI is wanted.
func keyURI(s string) string {
	if strings.HasPrefix(s, "file:") || strings.HasPrefix(s, "pkcs11:") || inTPM(s) {
		return s
	}
	return hsm.FileURI(s)
}

// holder is a key pair with its certificate, once there is one.
type holder struct {
	ca.SigningKey
}

// openHolderKey opens a holder's key, or makes a P-256 key where create says so.
func openHolderKey(ctx context.Context, ring *hsm.Keyring, uri string, create bool) (crypto.Signer, error) {
	s, err := ring.Signer(ctx, keyURI(uri))
	if create && errors.Is(err, fault.NotFound) {
		return ring.Create(ctx, keyURI(uri), hsm.P256)
	}
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	return s, nil
}

// holderFlags say which service a holder speaks to, and with which key.
type holderFlags struct {
	serverFlags
	key, cert string
}

func (f *holderFlags) register(flags *pflag.FlagSet) {
	f.serverFlags.register(flags)
	flags.StringVar(&f.key, "key", "holder.key", "key: file or key URI")
	flags.StringVar(&f.cert, "cert", "holder.pem", "its certificate, with its issuer")
}

// open opens the holder's key and prepares a client. Close the keyring when done.
func (f *holderFlags) open(ctx context.Context) (*holder, *client, *hsm.Keyring, error) {
	ring := hsm.Open(hsm.Config{})
	h, err := openHolder(ctx, ring, f.key, f.cert)
	if err != nil {
		ring.Close()
		return nil, nil, nil, err
	}
	api, err := f.dial(nil)
	if err != nil {
		ring.Close()
		return nil, nil, nil, err
	}
	return h, api, ring, nil
}

// openHolder opens a key with its certificate chain.
func openHolder(ctx context.Context, ring *hsm.Keyring, uri, certFile string) (*holder, error) {
	b, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	chain, err := parseChain(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", certFile, err)
	}
	signer, err := openHolderKey(ctx, ring, uri, false)
	if err != nil {
		return nil, err
	}
	if k, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(chain[0].PublicKey) {
		return nil, fmt.Errorf("the key %s does not belong to the certificate in %s", uri, certFile)
	}
	return &holder{ca.SigningKey{Certificate: chain[0], Chain: chain[1:], Signer: signer}}, nil
}

// csrFor makes a request for the key: it proves possession and says nothing else.
func csrFor(signer crypto.Signer) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, signer)
	if err != nil {
		return nil, fmt.Errorf("make certification request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// profile names the certificate's profile: one for an organisation names it.
func (h *holder) profile() string {
	if len(h.Certificate.Subject.Organization) > 0 {
		return ca.OrganisationSign
	}
	return ca.NaturalSign
}
