package signin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/eid"
	"mohr/internal/nonce"
	"mohr/internal/session"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Left ends, inside tx, what else a person left that opens something without
// a session: they signed out everywhere, or are forgotten.
type Left func(tx store.Tx, h ca.HolderID) error

// Config is what a Desk needs. New says what is wrong.
type Config struct {
	Store    store.Store
	CA       *ca.Authority
	Verifier *signature.Verifier
	Nonces   *nonce.Source
	EID      *eid.Provider    // its Redirect is Audience + LoginPath; nil: no such logins
	Audience string           // base URL of the portal, no slash at the end: statements name it, passkeys are bound to it
	MTLS     string           // base URL of the listener that asks for client certificates; "": it is not offered
	Name     string           // of the service, as authenticators show it
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: discard
	Left     Left             // nil: nothing
	Gate     *web.Gate        // of proofs handed in; nil: 2 a second from one network, 60 at once
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("signin: no "+what))
		}
	}
	need(c.Store != nil, "store")
	need(c.CA != nil, "authority")
	need(c.Verifier != nil, "verifier")
	need(c.Nonces != nil, "nonces")
	need(c.Audience != "", "audience")
	need(c.Name != "", "name")
	return errors.Join(errs...)
}

// Desk signs people in. It is safe for concurrent use, and several may work
// on one store.
type Desk struct {
	Config
	sessions *session.Keeper[signed]
	passkeys *webauthn.WebAuthn
}

// New returns a Desk, or all that is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Gate == nil {
		c.Gate = web.NewGate(2, 60)
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	portal, err := url.Parse(c.Audience)
	if err != nil {
		return nil, fmt.Errorf("signin: audience: %w", err)
	}
	d := &Desk{Config: c, sessions: &session.Keeper[signed]{Store: c.Store, Now: c.Now}}
	if d.passkeys, err = newPasskeys(portal, c.Name); err != nil {
		return nil, fmt.Errorf("signin: passkeys: %w", err)
	}
	return d, nil
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// begin begins the session of who showed who they are, in the browser that
// sent r: the session that it had ends. use is what the proof uses up.
func (d *Desk) begin(ctx context.Context, r *http.Request, s signed, use func(store.Tx) error) (*http.Cookie, error) {
	_, token, err := d.sessions.Begin(ctx, session.Token(r), s.subject(), r.UserAgent(), s, use)
	if err != nil {
		return nil, err
	}
	d.Log.InfoContext(ctx, "signed in", "holder", s.Holder, "by", s.By, "request", web.RequestID(ctx))
	return session.Cookie(token), nil
}

// SignOut ends the session of the browser that sent r, if it has one.
func (d *Desk) SignOut(ctx context.Context, r *http.Request) error {
	who, err := d.Who(ctx, r)
	if err != nil {
		return err
	}
	return d.sessions.End(ctx, who.subject(), who.session)
}

// signOutEverywhere ends every session of the subject and what else a person
// left.
func (d *Desk) signOutEverywhere(tx store.Tx, s signed) error {
	if err := d.sessions.EndAllIn(tx, s.subject()); err != nil || d.Left == nil || s.Holder == "" {
		return err
	}
	return d.Left(tx, s.Holder)
}

// Prune is a job: it deletes sessions whose life is over.
func (d *Desk) Prune(ctx context.Context) (int, error) { return d.sessions.Prune(ctx) }
