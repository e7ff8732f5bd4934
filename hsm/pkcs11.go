package hsm

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/pkcs11"

	"mohr/internal/fault"
)

const (
	maxTurns = 32   // operations under way on one token
	maxPIN   = 1024 // octets of a PIN's file
	// slower is how much longer than Config.Timeout the making of a key may
	// take: an RSA key takes some tokens a minute.
	slower = 12
)

// token is the backend of one PKCS#11 token.
type token struct {
	module  *module
	where   keyURI // names the token; its object is of no meaning
	log     *slog.Logger
	timeout time.Duration
	closed  func() bool
	turns   chan struct{} // one element an operation under way

	mu      sync.Mutex         // guards what is below
	current *connection        // nil: to be opened
	keys    map[string]*signer // handed out, by name, for check
	refused [sha256.Size]byte  // digest of the PIN that the token refused last
}

// connection is a login to the token with the key handles found through it.
type connection struct {
	kms apiv1.KeyManager

	mu   sync.Mutex // guards keys
	keys map[string]crypto.Signer
}

// connect returns the connection and opens one if there is none.
func (t *token) connect() (*connection, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed() {
		return nil, errClosed()
	}
	if t.current != nil {
		return t.current, nil
	}
	pin, err := t.pin()
	if err != nil {
		return nil, err
	}
	// A token locks after a few wrong PINs: the same one is not tried again.
	digest := sha256.Sum256([]byte(pin))
	if digest == t.refused {
		return nil, errPIN()
	}
	kms, err := pkcs11.New(context.Background(), apiv1.Options{Type: apiv1.PKCS11, URI: t.where.login(), Pin: pin})
	if err != nil {
		if pinRefused(err) {
			t.refused = digest
		}
		return nil, err
	}
	t.current = &connection{kms: kms, keys: map[string]crypto.Signer{}}
	return t.current, nil
}

// disconnect logs out; the caller holds module.gate alone.
func (t *token) disconnect() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == nil {
		return
	}
	if err := t.current.kms.Close(); err != nil {
		t.log.Warn("token not closed", "token", t.where.place(), "error", err)
	}
	t.current = nil
}

// pin checks what must be there before the module is loaded and reads the PIN.
func (t *token) pin() (string, error) {
	if !pkcs11Built {
		return "", fault.New(fault.Unavailable, "pkcs11_not_built", "this program was built without PKCS#11; build it with CGO_ENABLED=1 and a C compiler (Debian: gcc), or use file: keys")
	}
	if _, err := os.Stat(t.where.module); err != nil {
		return "", fmt.Errorf("%w: %w", errModule(), err)
	}
	b, err := readOwn(t.where.pinSource, maxPIN)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(strings.TrimSpace(string(b))) == 0 {
		return "", fault.New(fault.Invalid, "token_pin_missing", "the file named by pin-source is missing or empty; write the token's user PIN into it")
	}
	return strings.TrimSpace(string(b)), err
}

// login is the URI of the token in the dialect of the KMS, without PIN.
func (u keyURI) login() string {
	v := url.Values{"module-path": {u.module}, "max-sessions": {strconv.Itoa(maxTurns + 2)}}
	for name, value := range map[string]string{"token": u.token, "serial": u.serial, "slot-id": u.slot} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return "pkcs11:" + strings.ReplaceAll(v.Encode(), "&", ";")
}

// kmsName is the name of the key in the dialect of the KMS. A new key gets an
// id (the KMS wants one) that follows from its name, if the URI has none.
func (u keyURI) kmsName(fresh bool) string {
	v := url.Values{"object": {u.object}}
	id := u.id
	if id == "" && fresh {
		sum := sha256.Sum256([]byte("mohr key id\x00" + u.object))
		id = string(sum[:16])
	}
	if id != "" {
		v.Set("id", fmt.Sprintf("0x%x", id))
	}
	return "pkcs11:" + strings.ReplaceAll(v.Encode(), "&", ";")
}

// key returns the handle of the key, looked up once a connection.
func (c *connection) key(u keyURI) (crypto.Signer, error) {
	name := u.kmsName(false)
	c.mu.Lock()
	defer c.mu.Unlock()
	if key := c.keys[name]; key != nil {
		return key, nil
	}
	key, err := c.kms.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: name})
	if err != nil {
		return nil, err
	}
	c.keys[name] = key
	return key, nil
}

func (t *token) open(ctx context.Context, u keyURI) (*signer, error) {
	public, err := do(ctx, t, t.timeout, func(c *connection) (crypto.PublicKey, error) {
		key, err := c.key(u)
		if err != nil {
			return nil, err
		}
		return key.Public(), nil
	})
	if err != nil {
		return nil, err
	}
	s := &signer{public: public, sign: func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
		return t.sign(u, public, digest, opts)
	}}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys[u.name()] = s
	return s, nil
}

// sign signs with the key at u, which must still be the one that was opened.
func (t *token) sign(u keyURI, public crypto.PublicKey, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return do(context.Background(), t, t.timeout, func(c *connection) ([]byte, error) {
		key, err := c.key(u)
		if err != nil {
			return nil, err
		}
		if !samePublic(key.Public(), public) {
			return nil, fault.New(fault.Unavailable, "key_changed", "the key of this name is not the one that was opened; restart the service after checking the token")
		}
		return key.Sign(rand.Reader, digest, opts)
	})
}

func (t *token) create(ctx context.Context, u keyURI, a Algorithm) (*signer, error) {
	request, err := a.request(u.kmsName(true))
	if err != nil {
		return nil, err
	}
	_, err = do(ctx, t, slower*t.timeout, func(c *connection) (struct{}, error) {
		// By its label alone: another id does not make it another name.
		_, err := c.kms.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: keyURI{object: u.object}.kmsName(false)})
		switch {
		case err == nil:
			return struct{}{}, errExists()
		case !errors.Is(err, apiv1.NotFoundError{}):
			return struct{}{}, err
		}
		_, err = c.kms.CreateKey(request)
		return struct{}{}, err
	})
	if err != nil {
		return nil, err
	}
	return t.open(ctx, u)
}

// check signs and verifies with one of the keys handed out; without any it
// shows that the token lets us in.
func (t *token) check(ctx context.Context) error {
	t.mu.Lock()
	names := slices.Sorted(maps.Keys(t.keys))
	var key *signer
	if len(names) > 0 {
		key = t.keys[names[0]]
	}
	t.mu.Unlock()
	if key != nil {
		return selfTest(key)
	}
	_, err := do(ctx, t, t.timeout, func(*connection) (struct{}, error) { return struct{}{}, nil })
	return err
}
