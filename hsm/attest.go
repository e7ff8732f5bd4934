package hsm

import (
	"context"
	"crypto/sha256"

	"mohr/hsm/attest"
	"mohr/hsm/keyuri"
	"mohr/hsm/tpm"
	"mohr/internal/fault"
)

// Introduce begins a statement of the TPM that the URI names about a key in
// it: what its maker says of it, and its attestation key. The service answers
// with a challenge. A URI of another home is Invalid, a TPM without its
// maker's certificate Denied.
func (k *Keyring) Introduce(ctx context.Context, uri string) (attest.Statement, error) {
	return onTPM(ctx, k, uri, func(d *tpm.Device, _ keyuri.URI) (attest.Statement, error) { return d.Introduce() })
}

// Attest completes a statement that Introduce began: the TPM opens the
// challenge and certifies the key of the URI under b. A key that is not there
// is NotFound.
func (k *Keyring) Attest(ctx context.Context, uri string, s attest.Statement, c attest.Credential, b attest.Binding) (attest.Statement, error) {
	qualifying := sha256.Sum256(b.Message())
	s.Nonce = b.Nonce
	return onTPM(ctx, k, uri, func(d *tpm.Device, u keyuri.URI) (attest.Statement, error) {
		return d.Attest(s, c, u.Object, qualifying[:])
	})
}

// Certify has the TPM of the URI vouch for the key once more, over qualifying
// data of 32 octets, by the attestation key that Introduce names.
func (k *Keyring) Certify(ctx context.Context, uri string, qualifying []byte) (attest.Certification, error) {
	return onTPM(ctx, k, uri, func(d *tpm.Device, u keyuri.URI) (attest.Certification, error) {
		return d.Certify(u.Object, qualifying)
	})
}

// onTPM runs op on the TPM that the URI names. It may take as long as the
// making of a key: it makes some.
func onTPM[T any](ctx context.Context, k *Keyring, uri string, op func(*tpm.Device, keyuri.URI) (T, error)) (none T, err error) {
	u, b, err := k.backend(uri)
	if err != nil {
		return none, err
	}
	v, ok := b.(*vault)
	if !ok || u.Scheme != keyuri.TPM {
		return none, fault.New(fault.Invalid, "key_home_unattested", "keys in this home cannot be attested by this command; name a key in a TPM: tpmkms:name=NAME;storage-directory=DIR;device=PATH")
	}
	return do(ctx, v, slower*v.timeout, func(s *session) (T, error) {
		return op(s.login.(chipLogin).device, u) // a tpmkms: URI's vault has no other
	})
}
