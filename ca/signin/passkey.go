package signin

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
)

// passkeyNonce binds challenges to signing in with a passkey.
const passkeyNonce nonce.Purpose = "signin-passkey"

// newPasskeys returns the checker of passkeys of the portal. The person must
// be verified by the authenticator each time (WebAuthn level 3, 7.2 step 17),
// and passkeys are discoverable: nobody types a name.
func newPasskeys(portal *url.URL, name string) (*webauthn.WebAuthn, error) {
	return webauthn.New(&webauthn.Config{
		RPID: portal.Hostname(), RPDisplayName: name, RPOrigins: []string{portal.Scheme + "://" + portal.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired,
		},
	})
}

// The challenge of a ceremony is a nonce of ours: nothing is kept between its
// two halves, and which purpose it was made for shows when it comes back.

// PasskeyChallenge is what the browser needs to sign in with a passkey.
func (d *Desk) PasskeyChallenge() (*protocol.CredentialAssertion, error) {
	o, _, err := d.passkeys.BeginDiscoverableLogin(webauthn.WithChallenge([]byte(d.Nonces.New(passkeyNonce))))
	return o, err
}

// ConfirmChallenge is what the browser needs to confirm a purpose with one of
// the passkeys of who is signed in.
func (d *Desk) ConfirmChallenge(ctx context.Context, who Who, p Purpose) (*protocol.CredentialAssertion, error) {
	if _, _, err := p.split(); err != nil {
		return nil, err
	}
	list, err := d.Passkeys(ctx, who)
	if err != nil {
		return nil, err
	}
	var allowed []protocol.CredentialDescriptor
	for _, k := range list {
		allowed = append(allowed, k.Credential.Descriptor())
	}
	if len(allowed) == 0 {
		return nil, errPasskey()
	}
	o, _, err := d.passkeys.BeginDiscoverableLogin(webauthn.WithChallenge([]byte(d.Nonces.New(who.confirmNonce(p)))), webauthn.WithAllowedCredentials(allowed))
	return o, err
}

// hearPasskey judges the answer of an authenticator to a challenge of the
// purpose: whose passkey it is, that it was not copied, and that what it was
// added with still stands. All that is wrong is one and the same fault: what
// of it is for the log.
func (d *Desk) hearPasskey(ctx context.Context, answer []byte, p nonce.Purpose) (heard, error) {
	h, err := d.passkeyAnswer(ctx, answer, p)
	if err == nil {
		return h, nil
	}
	var refused *protocol.Error
	if errors.As(err, &refused) || isDenied(err) {
		d.Log.InfoContext(ctx, "passkey refused", "error", err)
		return heard{}, errPasskey()
	}
	return heard{}, err
}

func (d *Desk) passkeyAnswer(ctx context.Context, answer []byte, p nonce.Purpose) (h heard, err error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return h, err
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	once, err := d.redeemable(p, challenge)
	if err != nil {
		return h, err
	}
	k, err := d.validate(ctx, parsed, challenge)
	if err != nil {
		return h, err
	}
	h.signed = signed{Holder: k.Holder, Business: k.Business, By: ByPasskey, Passkey: k.ID, Certificate: k.Certificate}
	h.use = func(tx store.Tx) error { return errors.Join(once.Use(tx), k.used(tx)) }
	return h, nil
}

// redeemable reads our nonce out of the challenge that came back.
func (d *Desk) redeemable(p nonce.Purpose, challenge string) (nonce.Checked, error) {
	b, err := base64.RawURLEncoding.DecodeString(challenge)
	if err != nil {
		return nonce.Checked{}, errPasskey()
	}
	return d.Nonces.Redeemable(p, string(b))
}

// ceremony is what the checker would have kept of a ceremony with the challenge.
func (d *Desk) ceremony(challenge string) webauthn.SessionData {
	return webauthn.SessionData{Challenge: challenge, RelyingPartyID: d.passkeys.Config.RPID, UserVerification: protocol.VerificationRequired}
}

func errPasskey() error {
	return fault.New(fault.Denied, "passkey_refused", "this passkey is not taken here; use another one, or another way")
}

// NewPasskey is the purpose of who adds a passkey: a key or a login proves it,
// never a passkey.
const NewPasskey Purpose = "passkey/new"

// mayAdd returns the proof by which who adds a passkey.
func (d *Desk) mayAdd(ctx context.Context, who Who) (Proof, error) {
	p, err := d.Confirmed(ctx, who, NewPasskey)
	switch {
	case err != nil:
		return p, err
	case who.Holder == "":
		return p, fault.New(fault.Denied, "passkey_operator", "passkeys are for persons; an operator signs in with the operator's certificate")
	case p.by != ByKey && p.by != ByEID:
		return p, errConfirm()
	}
	return p, nil
}

// PasskeyCreation is what the browser needs to make a passkey for who is
// signed in, once they confirmed NewPasskey.
func (d *Desk) PasskeyCreation(ctx context.Context, who Who) (*protocol.CredentialCreation, error) {
	if _, err := d.mayAdd(ctx, who); err != nil {
		return nil, err
	}
	u, err := d.userOf(ctx, who)
	if err != nil {
		return nil, err
	}
	challenge := func(o *protocol.PublicKeyCredentialCreationOptions) error {
		o.Challenge = protocol.URLEncodedBase64(d.Nonces.New(who.confirmNonce(NewPasskey)))
		return nil
	}
	o, _, err := d.passkeys.BeginRegistration(u, challenge, webauthn.WithExclusions(webauthn.Credentials(u.WebAuthnCredentials()).CredentialDescriptors()),
		webauthn.WithExtensions(webauthn.WithExtensionPRFSupport())) // for keys that are held here (AssertionOptions)
	return o, err
}

// AddPasskey keeps the passkey that the browser made for who is signed in,
// under a name of theirs.
func (d *Desk) AddPasskey(ctx context.Context, who Who, name string, answer []byte) (Passkey, error) {
	proof, err := d.mayAdd(ctx, who)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, errPasskey()
	}
	u, err := d.userOf(ctx, who)
	if err != nil {
		return Passkey{}, err
	}
	challenge := parsed.Response.CollectedClientData.Challenge
	once, err := d.redeemable(who.confirmNonce(NewPasskey), challenge)
	if err != nil {
		return Passkey{}, errPasskey()
	}
	ceremony := d.ceremony(challenge)
	ceremony.UserID, ceremony.CredParams = u.WebAuthnID(), webauthn.CredentialParametersDefault()
	ceremony.Extensions = protocol.AuthenticationExtensions{PRF: &protocol.PRFInputs{}}.Session() // as PasskeyCreation asked
	credential, err := d.passkeys.CreateCredential(u, ceremony, parsed)
	if err != nil {
		d.Log.InfoContext(ctx, "new passkey refused", "error", err)
		return Passkey{}, errPasskey()
	}
	k := Passkey{ID: base64.RawURLEncoding.EncodeToString(credential.ID), Name: nameOf(name), Holder: who.Holder, Business: who.Business,
		Certificate: proof.certificate, Added: d.now(), Credential: *credential}
	return k, d.keepPasskey(ctx, k, proof, once)
}

// used notes the use of a passkey, if it is still there.
func (k Passkey) used(tx store.Tx) error {
	switch there, err := store.Has(tx, passkeyBucket, passkeyKey(k.Holder, k.ID)); {
	case err != nil:
		return err
	case !there:
		return errPasskey()
	}
	return store.Save(tx, passkeyBucket, passkeyKey(k.Holder, k.ID), k)
}
