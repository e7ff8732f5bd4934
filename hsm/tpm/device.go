package tpm

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/tpmkms"
	"go.step.sm/crypto/tpm"
)

// storageRootKey is where the storage root key is kept: TCG Registry of
// Reserved TPM 2.0 Handles and Localities, section 2.3.1.
const storageRootKey tpm2.TPMHandle = 0x81000001

// Device is a TPM with a directory of keys. One operation at a time: use it
// from within Do only.
type Device struct {
	channel *channel
	files   keyFiles
	kms     apiv1.KeyManager
}

// Open tries the TPM at path, a device or a UNIX socket, until deadline. It
// flushes what operations that were broken off left in it, and makes its
// storage root key if it has none. The keys are in dir.
func Open(ctx context.Context, path, dir string, deadline time.Time) (*Device, error) {
	c := &channel{path: path}
	d := &Device{channel: c, files: newKeyFiles(dir)}
	t, err := tpm.New(tpm.WithCommandChannel(c), tpm.WithStore(d.files), tpm.WithDisableDownload())
	if err != nil {
		return nil, fmt.Errorf("open tpm: %w", err)
	}
	if d.kms, err = tpmkms.NewWithTPM(ctx, t); err != nil {
		return nil, fmt.Errorf("open tpm: %w", err)
	}
	return d, d.Do(deadline, func() error {
		if err := d.flush(); err != nil {
			return err
		}
		return d.ensureRoot()
	})
}

// Do runs one operation. When deadline comes, its connection breaks. The
// error, if any, wraps what the TPM said.
func (d *Device) Do(deadline time.Time, operation func() error) error {
	c := d.channel
	c.deadline, c.dead, c.why = deadline, nil, nil
	err := errors.Join(operation(), c.Close())
	if err != nil && c.why != nil && !errors.Is(err, c.why) {
		err = fmt.Errorf("%w: %w", err, c.why)
	}
	return err
}

// commands is the TPM as go-tpm sees it.
func (d *Device) commands() transport.TPM { return transport.FromReadWriter(d.channel) }

// flush removes objects and sessions that are loaded. Through a resource
// manager (/dev/tpmrm0) only our own are seen; without one, nobody else's can
// be there between two operations, because a connection lasts for one.
func (d *Device) flush() error {
	for _, kind := range []tpm2.TPMHT{tpm2.TPMHTTransient, tpm2.TPMHTHMACSession} {
		got, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: uint32(kind) << 24, PropertyCount: 64}.Execute(d.commands())
		if err != nil {
			return fmt.Errorf("list what is loaded: %w", err)
		}
		list, err := got.CapabilityData.Data.Handles()
		if err != nil {
			return fmt.Errorf("list what is loaded: %w", err)
		}
		for _, h := range list.Handle {
			if err := d.unload(h); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Device) unload(h tpm2.TPMHandle) error {
	if _, err := (tpm2.FlushContext{FlushHandle: h}).Execute(d.commands()); err != nil {
		return fmt.Errorf("flush %x: %w", uint32(h), err)
	}
	return nil
}

// ensureRoot makes the storage root key by the TCG's template (TPM v2.0
// Provisioning Guidance, section 7.5.1) and keeps it in the TPM, where the
// KMS looks for it. The same TPM always makes the same key, until it is cleared.
func (d *Device) ensureRoot() error {
	_, _, err := d.root()
	if !errors.Is(err, tpm2.TPMRCHandle) {
		return err
	}
	made, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.RSASRKTemplate)}.Execute(d.commands())
	if err != nil {
		return fmt.Errorf("create storage root key: %w", err)
	}
	_, err = tpm2.EvictControl{
		Auth:             tpm2.TPMRHOwner,
		ObjectHandle:     &tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name},
		PersistentHandle: storageRootKey,
	}.Execute(d.commands())
	if err != nil {
		err = fmt.Errorf("keep storage root key: %w", err)
	}
	return errors.Join(err, d.unload(made.ObjectHandle))
}

// root returns the storage root key.
func (d *Device) root() (tpm2.NamedHandle, *tpm2.TPMTPublic, error) {
	got, err := tpm2.ReadPublic{ObjectHandle: storageRootKey}.Execute(d.commands())
	if err != nil {
		return tpm2.NamedHandle{}, nil, fmt.Errorf("read storage root key: %w", err)
	}
	public, err := got.OutPublic.Contents()
	if err != nil {
		return tpm2.NamedHandle{}, nil, fmt.Errorf("read storage root key: %w", err)
	}
	return tpm2.NamedHandle{Handle: storageRootKey, Name: got.Name}, public, nil
}

// Signer returns the key of this name, loaded once to see that it can be.
func (d *Device) Signer(name string) (crypto.Signer, error) {
	key, err := d.kms.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: "tpmkms:name=" + name})
	if err != nil {
		return nil, err
	}
	if public, ok := key.Public().(*ecdsa.PublicKey); ok {
		return bound{key, hashOf(public.Curve)}, nil
	}
	return key, nil
}

// hashOf returns the hash of a curve's keys: TPM keys are made for one.
func hashOf(curve elliptic.Curve) crypto.Hash {
	if curve == elliptic.P384() {
		return crypto.SHA384
	}
	return crypto.SHA256
}

// bound is a key that signs digests of one hash.
type bound struct {
	crypto.Signer
	hash crypto.Hash
}

func (b bound) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != b.hash {
		return nil, fmt.Errorf("this key of a TPM signs digests of %s, not of %s", b.hash, opts.HashFunc())
	}
	return b.Signer.Sign(random, digest, opts)
}
