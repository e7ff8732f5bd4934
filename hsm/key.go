package hsm

import (
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.step.sm/crypto/kms/apiv1"

	"mohr/hsm/keyuri"
	"mohr/internal/fault"
)

// Algorithm is the kind of a key.
type Algorithm string

// The kinds of keys that Create makes.
const (
	P256    Algorithm = "P-256"
	P384    Algorithm = "P-384"
	RSA3072 Algorithm = "RSA-3072"
)

// Makes reports whether keys of the kind can be made in the home that uri
// names: a TPM makes no RSA key that is long enough.
func Makes(uri string, a Algorithm) bool {
	scheme, _, _ := strings.Cut(uri, ":")
	return a == P256 || a == P384 || a == RSA3072 && scheme != keyuri.TPM
}

// request is how the KMS names the algorithm.
func (a Algorithm) request(name string) (*apiv1.CreateKeyRequest, error) {
	switch a {
	case P256:
		return &apiv1.CreateKeyRequest{Name: name, SignatureAlgorithm: apiv1.ECDSAWithSHA256}, nil
	case P384:
		return &apiv1.CreateKeyRequest{Name: name, SignatureAlgorithm: apiv1.ECDSAWithSHA384}, nil
	case RSA3072:
		return &apiv1.CreateKeyRequest{Name: name, SignatureAlgorithm: apiv1.SHA256WithRSA, Bits: 3072}, nil
	}
	return nil, errAlgorithm()
}

func errAlgorithm() error {
	return fault.New(fault.Invalid, "key_algorithm_unsupported", "keys are made for P-256, P-384 and RSA-3072; choose one of these")
}

// Key is what can be said of a key that was handed out.
type Key struct {
	URI       string // without what leads to a secret
	Home      string // "file", "pkcs11" or "tpmkms"
	Algorithm Algorithm
	Public    crypto.PublicKey
	Uses      Uses
}

// Uses counts what a key did since the keyring was opened, tests left out.
type Uses struct {
	Signatures uint64    // made
	Failures   uint64    // tries that made none
	Last       time.Time // of the last signature, in UTC and whole seconds; zero if none
}

// Keys returns the keys that were handed out, by URI.
func (k *Keyring) Keys() []Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	var keys []Key
	for _, s := range k.signers {
		keys = append(keys, s.describe())
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Compare(a.URI, b.URI) })
	return keys
}

// Test opens an existing key, signs with it, verifies, and describes it.
func (k *Keyring) Test(ctx context.Context, uri string) (Key, error) {
	s, err := k.signer(ctx, uri)
	if err != nil {
		return Key{}, err
	}
	return s.describe(), nil
}

func (s *signer) describe() Key {
	u := Uses{Signatures: s.made.Load(), Failures: s.failed.Load()}
	if at := s.last.Load(); at != 0 {
		u.Last = time.Unix(at, 0).UTC()
	}
	return Key{URI: s.uri.Name(), Home: s.uri.Scheme, Algorithm: algorithmOf(s.public), Public: s.public, Uses: u}
}

// algorithmOf names the kind of a key that checkKind let through.
func algorithmOf(public crypto.PublicKey) Algorithm {
	switch p := public.(type) {
	case *ecdsa.PublicKey:
		return Algorithm(p.Curve.Params().Name)
	case *rsa.PublicKey:
		return Algorithm(fmt.Sprintf("RSA-%d", p.N.BitLen()))
	}
	return ""
}
