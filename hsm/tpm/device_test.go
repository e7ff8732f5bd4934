package tpm_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"

	"mohr/hsm/tpm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

// soon is when a TPM that hangs is given up; a busy one takes its time.
func soon() time.Time { return time.Now().Add(2 * time.Minute) }

func open(t *testing.T, p *pkitest.TPM) *tpm.Device {
	t.Helper()
	d, err := tpm.Open(t.Context(), p.Socket, t.TempDir(), soon())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// fill loads objects into the TPM and leaves them there, as an operation does
// whose process was killed. It reports how many there was room for.
func fill(t *testing.T, p *pkitest.TPM) (loaded int) {
	t.Helper()
	channel, err := linuxudstpm.Open(p.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer channel.Close()
	for {
		_, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(channel)
		if errors.Is(err, tpm2.TPMRCObjectMemory) {
			return loaded
		}
		if err != nil {
			t.Fatal(err)
		}
		loaded++
	}
}

// TestATPMThatIsFullIsEmptiedByOpening: what broken operations left behind
// would lock it until the machine is started again.
func TestATPMThatIsFullIsEmptiedByOpening(t *testing.T) {
	p := pkitest.SWTPM(t)
	d := open(t, p)
	if n := fill(t, p); n == 0 {
		t.Fatal("no room from the start")
	}
	create := func(d *tpm.Device) error {
		return d.Do(soon(), func() error { return d.Create("one", elliptic.P256()) })
	}
	sign := func(d *tpm.Device) error {
		return d.Do(soon(), func() error { _, err := d.Signer("one"); return err })
	}
	if err := errors.Join(create(d), sign(d)); err == nil || !tpm.Lost(err) || !errors.Is(tpm.Explain(err), fault.Unavailable) {
		t.Fatalf("a full TPM: %v", err)
	}
	d = open(t, p)
	if err := errors.Join(create(d), sign(d)); err != nil {
		t.Errorf("after another opening: %v", err)
	}
}

func TestOneConnectionIsHeldForOneOperationOnly(t *testing.T) {
	p := pkitest.SWTPM(t)
	a, b := open(t, p), open(t, p) // as two processes; the TPM serves one client at a time
	for i, d := range []*tpm.Device{a, b, a, b} {
		if err := d.Do(soon(), func() error { _, err := d.Seal([]byte("secret")); return err }); err != nil {
			t.Fatalf("operation %d: %v", i, err)
		}
	}
}

func TestAKeySignsOnItsCurve(t *testing.T) {
	d := open(t, pkitest.SWTPM(t))
	for _, tc := range []struct {
		curve elliptic.Curve
		hash  crypto.Hash
	}{{elliptic.P256(), crypto.SHA256}, {elliptic.P384(), crypto.SHA384}} {
		t.Run(tc.curve.Params().Name, func(t *testing.T) {
			name, digest := tc.curve.Params().Name, make([]byte, tc.hash.Size())
			rand.Read(digest)
			err := d.Do(soon(), func() error {
				if err := d.Create(name, tc.curve); err != nil {
					return err
				}
				key, err := d.Signer(name)
				if err != nil {
					return err
				}
				sig, err := key.Sign(rand.Reader, digest, tc.hash)
				if err != nil {
					return err
				}
				if public := key.Public().(*ecdsa.PublicKey); public.Curve != tc.curve || !ecdsa.VerifyASN1(public, digest, sig) {
					t.Error("the signature does not verify")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestASealedSecretOpensOnlyAsItWasSealed(t *testing.T) {
	d := open(t, pkitest.SWTPM(t))
	secret := bytes.Repeat([]byte("secret!!"), 4)
	var sealed, got []byte
	err := d.Do(soon(), func() (err error) {
		if sealed, err = d.Seal(secret); err == nil {
			got, err = d.Unseal(sealed)
		}
		return err
	})
	if err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("%q, error %v", got, err)
	}
	if bytes.Contains(sealed, secret[:8]) {
		t.Error("the secret is readable")
	}
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if err := d.Do(soon(), func() error { _, err := d.Unseal(changed); return err }); err == nil {
			t.Fatalf("octet %d changed: it opens", i)
		}
	}
}

// TestASecretIsNotSeenOnTheWire: who listens between the processor and the TPM
// learns nothing.
func TestASecretIsNotSeenOnTheWire(t *testing.T) {
	p := pkitest.SWTPM(t)
	path, seen := tapped(t, p)
	d, err := tpm.Open(t.Context(), path, t.TempDir(), soon())
	if err != nil {
		t.Fatal(err)
	}
	secret := bytes.Repeat([]byte("secret!!"), 4)
	var got []byte
	err = d.Do(soon(), func() error {
		sealed, err := d.Seal(secret)
		if err == nil {
			got, err = d.Unseal(sealed)
		}
		return err
	})
	if err != nil || !bytes.Equal(got, secret) {
		t.Fatalf("%q, error %v", got, err)
	}
	wire := seen()
	if len(wire) < 2000 || bytes.Contains(wire, secret[:8]) {
		t.Errorf("the secret is readable among %d octets", len(wire))
	}
}

// tapped is a socket in front of the TPM's; what passes is seen.
func tapped(t *testing.T, p *pkitest.TPM) (path string, seen func() []byte) {
	t.Helper()
	path = p.Socket + ".tap"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	var wire []byte
	tee := func(to io.WriteCloser, from io.Reader) {
		defer to.Close()
		for b := make([]byte, 4096); ; {
			n, err := from.Read(b)
			mu.Lock()
			wire = append(wire, b[:n]...)
			mu.Unlock()
			if _, failed := to.Write(b[:n]); err != nil || failed != nil {
				return
			}
		}
	}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", p.Socket)
			if err != nil {
				in.Close()
				continue
			}
			go tee(out, in)
			go tee(in, out)
		}
	}()
	return path, func() []byte {
		mu.Lock()
		defer mu.Unlock()
		return bytes.Clone(wire)
	}
}
