package main

import (
	"context"
	"crypto"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"mohr/ca"
	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
)

// holder is a key pair with its certificate, once there is one.
type holder struct {
	ca.SigningKey
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
	signer, err := mohr.OpenSigner(ctx, ring, uri, false)
	if err != nil {
		return nil, err
	}
	key, err := mohr.NewKey(signer, b)
	if err != nil {
		return nil, fmt.Errorf("key %s, certificate %s: %w", uri, certFile, err)
	}
	return &holder{key}, nil
}

// csrFor makes a request for the key.
func csrFor(signer crypto.Signer) ([]byte, error) { return mohr.NewCSR(signer) }
