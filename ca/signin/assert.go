package signin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"mohr/ca"
	"mohr/internal/store"
)

// Options are what a browser gives its authenticator, as JSON.
type Options = *protocol.CredentialAssertion

// AssertionOptions asks who for an assertion over a challenge of the caller's:
// by the passkey with the id, or by any of theirs if that is "". Where the
// authenticator knows the PRF extension, it answers with its value for salt
// too (WebAuthn level 3, section 10.1.4). Denied (passkey_refused) if who has no
// such passkey, or no longer.
func (d *Desk) AssertionOptions(ctx context.Context, who Who, passkey string, challenge [sha256.Size]byte, salt []byte) (Options, error) {
	list, err := d.Passkeys(ctx, who)
	if err != nil {
		return nil, err
	}
	var allowed []protocol.CredentialDescriptor
	for _, k := range list {
		if passkey == "" || k.ID == passkey {
			allowed = append(allowed, k.Credential.Descriptor())
		}
	}
	if len(allowed) == 0 {
		return nil, errPasskey()
	}
	o, _, err := d.passkeys.BeginDiscoverableLogin(webauthn.WithChallenge(challenge[:]), webauthn.WithAllowedCredentials(allowed),
		webauthn.WithAssertionExtensions(webauthn.WithExtensionPRF(protocol.PRFValues{First: salt})))
	return o, err
}

// Assertion is a passkey's answer to a challenge, with the person verified by
// the authenticator. Only Desk.Assertion makes one.
type Assertion struct {
	passkey Passkey
	answer  Answer
	at      time.Time
}

// Answer is what anyone needs to check an assertion again: the key, what it
// signed, and the signature (WebAuthn level 3, section 7.2).
type Answer struct {
	PublicKey         []byte `json:"public_key"` // COSE_Key
	ClientData        []byte `json:"client_data"`
	AuthenticatorData []byte `json:"authenticator_data"`
	Signature         []byte `json:"signature"`
}

// Passkey is the id of the passkey that answered.
func (a Assertion) Passkey() string { return a.passkey.ID }

// Holder is whose passkey it is, and for whom they act with it.
func (a Assertion) Holder() (ca.HolderID, ca.BusinessID) { return a.passkey.Holder, a.passkey.Business }

// Answer returns what is to be kept.
func (a Assertion) Answer() Answer { return a.answer }

// Use notes the use inside the transaction of the deed; Denied
// (passkey_refused) if the passkey is not there any more, or what it was added
// with has ended. That the challenge serves once is the caller's affair.
func (a Assertion) Use(tx store.Tx) error {
	if a.passkey.ID == "" {
		return errPasskey()
	}
	switch err := lends(tx, a.passkey.Certificate, a.at); {
	case isDenied(err):
		return errPasskey()
	case err != nil:
		return err
	}
	return a.passkey.used(tx)
}

// Assertion judges what an authenticator answered, JSON, to the challenge: by a
// passkey of who that still stands. Everything wrong with it is one and the
// same fault, passkey_refused; what it was is for the log.
func (d *Desk) Assertion(ctx context.Context, who Who, challenge [sha256.Size]byte, answer []byte) (Assertion, error) {
	a, err := d.assertion(ctx, challenge, answer)
	if err == nil && (a.passkey.Holder != who.Holder || a.passkey.Business != who.Business || who.Holder == "") {
		err = errOtherPerson()
	}
	var refused *protocol.Error
	if errors.As(err, &refused) || err != nil && isDenied(err) {
		d.Log.InfoContext(ctx, "assertion refused", "error", err)
		return Assertion{}, errPasskey()
	}
	return a, err
}

func (d *Desk) assertion(ctx context.Context, challenge [sha256.Size]byte, answer []byte) (Assertion, error) {
	if len(answer) > maxCredential {
		return Assertion{}, errPasskey()
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Assertion{}, err
	}
	k, err := d.validate(ctx, parsed, base64.RawURLEncoding.EncodeToString(challenge[:]))
	if err != nil {
		return Assertion{}, err
	}
	raw := parsed.Raw.AssertionResponse
	return Assertion{passkey: k, at: d.now(), answer: Answer{
		PublicKey: slices.Clone(k.Credential.PublicKey), ClientData: raw.ClientDataJSON, AuthenticatorData: raw.AuthenticatorData, Signature: raw.Signature,
	}}, nil
}

// validate judges an answer to the challenge and returns the passkey as it is
// after it: with its counter, which must have gone on.
func (d *Desk) validate(ctx context.Context, parsed *protocol.ParsedCredentialAssertionData, challenge string) (k Passkey, err error) {
	find := func(rawID, handle []byte) (webauthn.User, error) {
		var u user
		u, k, err = d.passkeyUser(ctx, rawID, handle)
		return u, err
	}
	_, credential, err := d.passkeys.ValidatePasskeyLogin(find, d.ceremony(challenge), parsed)
	if err != nil {
		return k, err
	}
	if credential.Authenticator.CloneWarning {
		return k, errPasskey()
	}
	k.Credential, k.Used = *credential, d.now()
	return k, nil
}
