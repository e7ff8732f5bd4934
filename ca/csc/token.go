package csc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// secret is how a client shows who it is (RFC 6749 section 2.3).
type secret struct {
	id, secret string
	basic      bool // in the Authorization header
}

// readSecret takes it out of the header, or out of the form; both are one too many.
func readSecret(user, pass string, basic bool, form url.Values) (s secret, err error) {
	if !basic {
		return secret{form.Get("client_id"), form.Get("client_secret"), false}, nil
	}
	if form.Has("client_secret") {
		return s, errParameter("client_secret")
	}
	id, err := url.QueryUnescape(user)
	word, bad := url.QueryUnescape(pass)
	if err != nil || bad != nil || form.Has("client_id") && form.Get("client_id") != id {
		return s, errClient()
	}
	return secret{id, word, true}, nil
}

func errClient() error {
	return fault.New(fault.Denied, "csc_client", "the client is not registered here, or this is not its secret; one that keeps no secret sends client_id alone")
}

// client returns who it is that shows the secret.
func (d *Desk) client(s secret) (Client, error) {
	c, ok := d.clients[s.id]
	if !ok || !c.knows(s.secret) {
		return Client{}, errClient()
	}
	return c, nil
}

// token is the answer to a code (RFC 6749 section 5.1).
type token struct {
	Access     string `json:"access_token"`
	Type       string `json:"token_type"`
	ExpiresIn  int    `json:"expires_in"` // seconds
	Scope      Scope  `json:"scope"`
	Credential string `json:"credentialID,omitempty"`
}

// verifierForm is of RFC 7636 section 4.1.
var verifierForm = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`)

func errGrant() error {
	return fault.New(fault.Invalid, "csc_grant", "the code is not good for this client, redirect_uri and code_verifier, is over, or was used before; have the holder authorise again")
}

// once refuses parameters of which one stands twice (RFC 6749 section 3.1 and
// 3.2). Others' names are not repeated.
func once(v url.Values) error {
	for _, values := range v {
		if len(values) > 1 {
			return fault.New(fault.Invalid, "csc_repeated", "a parameter is there more than once; send each of them once")
		}
	}
	return nil
}

// exchange gives a token for a code. A code that comes again ends its token:
// two have it (RFC 6749 section 4.1.2).
func (d *Desk) exchange(ctx context.Context, c Client, form url.Values) (token, error) {
	if form.Get("grant_type") != "authorization_code" {
		return token{}, fault.New(fault.Invalid, "csc_grant_type", "grant_type has to be authorization_code")
	}
	code, verifier := form.Get("code"), form.Get("code_verifier")
	if code == "" || !verifierForm.MatchString(verifier) {
		return token{}, errParameter("code or code_verifier")
	}
	challenge := sha256.Sum256([]byte(verifier))
	fresh, now, again := rand.Text(), d.now(), false // 130 bits (crypto/rand)
	var g grant
	err := d.Store.Update(ctx, func(tx store.Tx) (err error) {
		again = false
		g, err = store.Load[grant](tx, grantBucket, sum(code))
		switch {
		case errors.Is(err, store.ErrNotFound):
			return errGrant()
		case err != nil:
			return err
		case g.Client != c.ID:
			return errGrant()
		case g.Token != "":
			again = true
			return dropGrant(tx, sum(code), g)
		case now.After(g.Until), g.Redirect != form.Get("redirect_uri"), g.Challenge != base64.RawURLEncoding.EncodeToString(challenge[:]):
			return errGrant()
		}
		g.Token, g.Until = sum(fresh), now.Add(g.life())
		return errors.Join(saveGrant(tx, sum(code), g), store.Save(tx, tokenBucket, g.Token, sum(code)))
	})
	if err == nil && again {
		d.Log.WarnContext(ctx, "a code came twice; its token ends", "client", c.ID, "holder", g.Holder)
		err = errGrant()
	}
	if err != nil {
		return token{}, err
	}
	return token{fresh, "Bearer", int(g.life() / time.Second), g.Scope, g.Credential}, nil
}

// life is how long the grant's token is good.
func (g grant) life() time.Duration {
	if g.Scope == CredentialScope {
		return signLife
	}
	return serviceLife
}

func errToken() error {
	return fault.New(fault.Denied, "csc_token", "the access token is unknown, over, revoked or spent; have the holder authorise again")
}

// granted returns what a token stands for, and the hash of its code; Denied
// (csc_token) if it stands for nothing any more.
func granted(tx store.Tx, text string, now time.Time) (code string, g grant, err error) {
	if code, err = store.Load[string](tx, tokenBucket, sum(text)); err == nil {
		g, err = store.Load[grant](tx, grantBucket, code)
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && now.After(g.Until) {
		err = errToken()
	}
	return code, g, err
}

// holds returns what a token of the scope stands for.
func (d *Desk) holds(ctx context.Context, text string, s Scope) (g grant, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		_, g, err = granted(tx, text, now)
		return err
	})
	if err == nil && g.Scope != s {
		err = errScope(s)
	}
	return g, err
}

func errScope(s Scope) error {
	return fault.New(fault.Denied, "csc_scope", "this needs an access token of the scope %[1]s", string(s))
}

// revoke ends what a token of the client's stands for; of any other it changes
// nothing and says nothing (RFC 7009 section 2.2).
func (d *Desk) revoke(ctx context.Context, c Client, text string) error {
	now := d.now()
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		code, g, err := granted(tx, text, now)
		if err != nil || g.Client != c.ID {
			return err
		}
		return dropGrant(tx, code, g)
	})
	if fault.Code(err) == "csc_token" {
		err = nil
	}
	return err
}
