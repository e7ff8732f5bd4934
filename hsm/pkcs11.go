package hsm

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/pkcs11"

	"mohr/hsm/keyfile"
	"mohr/hsm/keyuri"
	"mohr/hsm/p11"
	"mohr/internal/fault"
)

const (
	maxTurns = 32   // operations under way on one token
	maxPIN   = 1024 // octets of a PIN's file
)

// token is the store of one PKCS#11 token.
//
// crypto11 counts the contexts of a library and finalizes it when the last is
// closed; a library that lost its token, or its connection to it, may come
// back only after that. So all tokens of one module share a pool.Group.
type token struct {
	where keyuri.URI

	mu      sync.Mutex        // guards refused
	refused [sha256.Size]byte // digest of the PIN that the token refused last
}

// tokenLogin is a login to a token. The KMS knows nothing of wrapping: raw does
// that, and lives by the KMS's login.
type tokenLogin struct {
	kms apiv1.KeyManager
	raw *p11.Token
}

func (t *token) open(ctx context.Context) (login, error) {
	pin, err := t.pin()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	// A token locks after a few wrong PINs: the same one is not tried again.
	digest := sha256.Sum256([]byte(pin))
	if digest == t.refused {
		return nil, errPIN()
	}
	kms, err := pkcs11.New(ctx, apiv1.Options{Type: apiv1.PKCS11, URI: loginURI(t.where), Pin: pin})
	if err != nil {
		if pinRefused(err) {
			t.refused = digest
		}
		return nil, err
	}
	raw, err := p11.Open(t.where.Module, p11.Where{Label: t.where.Token, Serial: t.where.Serial, Slot: t.where.Slot}, pin)
	if err != nil {
		return nil, errors.Join(err, kms.Close())
	}
	return tokenLogin{kms, raw}, nil
}

// pin checks what must be there before the module is loaded and reads the PIN.
func (t *token) pin() (string, error) {
	if !pkcs11Built {
		return "", fault.New(fault.Unavailable, "pkcs11_not_built", "this program was built without PKCS#11; build it with CGO_ENABLED=1 and a C compiler (Debian: gcc), or use file: or tpmkms: keys")
	}
	if _, err := os.Stat(t.where.Module); err != nil {
		return "", fmt.Errorf("%w: %w", errModule(), err)
	}
	b, err := keyfile.Read(t.where.PINSource, maxPIN)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(strings.TrimSpace(string(b))) == 0 {
		return "", fault.New(fault.Invalid, "token_pin_missing", "the file named by pin-source is missing or empty; write the token's user PIN into it")
	}
	return strings.TrimSpace(string(b)), err
}

// loginURI is the URI of the token in the dialect of the KMS, without PIN.
func loginURI(u keyuri.URI) string {
	v := url.Values{"module-path": {u.Module}, "max-sessions": {strconv.Itoa(maxTurns + 2)}}
	for name, value := range map[string]string{"token": u.Token, "serial": u.Serial, "slot-id": u.Slot} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return "pkcs11:" + strings.ReplaceAll(v.Encode(), "&", ";")
}

// tokenKey is the name of the key in the dialect of the KMS. A new key gets an
// id (the KMS wants one) that follows from its name, if the URI has none.
func tokenKey(u keyuri.URI, fresh bool) string {
	v := url.Values{"object": {u.Object}}
	id := u.ID
	if id == "" && fresh {
		sum := sha256.Sum256([]byte("mohr key id\x00" + u.Object))
		id = string(sum[:16])
	}
	if id != "" {
		v.Set("id", fmt.Sprintf("0x%x", id))
	}
	return "pkcs11:" + strings.ReplaceAll(v.Encode(), "&", ";")
}

// run does not watch the deadline: a call into a module cannot be broken off.
func (l tokenLogin) run(_ time.Time, operation func() error) error { return operation() }

func (l tokenLogin) signer(u keyuri.URI) (crypto.Signer, error) {
	return l.kms.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: tokenKey(u, false)})
}

func (l tokenLogin) create(u keyuri.URI, a Algorithm) error {
	request, err := a.request(tokenKey(u, true))
	if err != nil {
		return err
	}
	// By its label alone: another id does not make it another name.
	_, err = l.signer(keyuri.URI{Object: u.Object})
	switch {
	case err == nil:
		return keyfile.ErrExists()
	case !errors.Is(err, apiv1.NotFoundError{}):
		return err
	}
	_, err = l.kms.CreateKey(request)
	return err
}

func (l tokenLogin) close() error {
	return errors.Join(l.raw.Close(), l.kms.Close())
}
