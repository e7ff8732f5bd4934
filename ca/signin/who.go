package signin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/session"
	"mohr/internal/store"
)

// Way is how somebody showed who they are.
type Way string

// The ways.
const (
	ByKey     Way = "key"     // a statement signed with the key of a certificate
	ByTLS     Way = "tls"     // a TLS client certificate
	ByPasskey Way = "passkey" // registered in a session by one of the other ways
	ByEID     Way = "eid"     // a login at the eID provider
)

// Who is signed in. Only Desk makes one.
type Who struct {
	Holder            ca.HolderID   // the person; "" for an operator of whom it was not said who he is
	Business          ca.BusinessID // for whom they act; "" for themselves
	Operator          string        // name, of who came with an operator's certificate; else ""
	By                Way
	At                time.Time // of signing in
	Certificate       string    // serial of the certificate that this rests on; "" after a login with an eID
	CertificateSHA256 string    // hex, of that certificate; ""

	session string
}

// signed is what a session keeps of who is signed in.
type signed struct {
	Holder            ca.HolderID   `json:"holder,omitempty"`
	Business          ca.BusinessID `json:"business,omitempty"`
	Operator          string        `json:"operator,omitempty"`
	By                Way           `json:"by"`
	Certificate       string        `json:"certificate,omitempty"`
	CertificateSHA256 string        `json:"certificate_sha256,omitempty"`
	Passkey           string        `json:"passkey,omitempty"` // id of the passkey used
	Proofs            []proof       `json:"proofs,omitempty"`  // fresh ones, not used yet
}

// subject is whose sessions these are.
func (s signed) subject() string {
	if s.Holder != "" {
		return string(s.Holder)
	}
	return "operator:" + s.Operator
}

// same reports whether both are the same person, acting for the same.
func (s signed) same(o signed) bool {
	return s.Holder == o.Holder && s.Business == o.Business && s.Operator == o.Operator
}

func (w Who) subject() string { return signed{Holder: w.Holder, Operator: w.Operator}.subject() }

func whoOf(s session.Session[signed]) Who {
	return Who{Holder: s.Of.Holder, Business: s.Of.Business, Operator: s.Of.Operator, By: s.Of.By, At: s.Began,
		Certificate: s.Of.Certificate, CertificateSHA256: s.Of.CertificateSHA256, session: s.ID}
}

// Who returns who is signed in in the browser that sent r; Denied
// (session_none) if nobody is, or if what they signed in with has ended since.
func (d *Desk) Who(ctx context.Context, r *http.Request) (Who, error) {
	s, err := d.sessions.Load(ctx, session.Token(r))
	if err != nil {
		return Who{}, err
	}
	if err := d.rests(ctx, s.Of); err != nil {
		if errors.Is(err, fault.Denied) {
			err = errors.Join(session.ErrNone(), d.sessions.End(ctx, s.Subject, s.ID))
		}
		return Who{}, err
	}
	return whoOf(s), nil
}

// rests asks whether what a session stands on still does.
func (d *Desk) rests(ctx context.Context, s signed) error {
	return d.Store.View(ctx, func(tx store.Tx) error {
		if s.Passkey != "" {
			switch there, err := store.Has(tx, passkeyBucket, passkeyKey(s.Holder, s.Passkey)); {
			case err != nil:
				return err
			case !there:
				return session.ErrNone()
			}
		}
		return supports(tx, s.Certificate)
	})
}

// maxLine bounds how far a line of renewals is followed.
const maxLine = 100

// supports is Denied for a certificate on which nothing rests any more: it, or
// what has replaced it since, was revoked or suspended. That it was replaced,
// or has expired, does no harm to what began while it was good: that ends by
// itself.
func supports(tx store.Tx, serial string) error {
	_, err := newest(tx, serial)
	return err
}

// lends is supports for what is to last: it ends with the newest certificate
// of the line, too.
func lends(tx store.Tx, serial string, now time.Time) error {
	c, err := newest(tx, serial)
	if err == nil && c.Serial != "" && now.After(c.NotAfter) {
		return session.ErrNone()
	}
	return err
}

// newest follows a certificate's renewals to the last one, of which none may
// have been revoked or suspended; the zero Certificate for no serial.
func newest(tx store.Tx, serial string) (c ca.Certificate, err error) {
	for range maxLine {
		if serial == "" {
			return c, nil
		}
		c, err = ca.LoadCertificate(tx, serial)
		if errors.Is(err, fault.NotFound) || err == nil && c.Revoked != nil && c.Revoked.Reason != ca.Superseded {
			return c, session.ErrNone()
		}
		if err != nil {
			return c, err
		}
		serial = c.ReplacedBy
	}
	return c, session.ErrNone()
}

// ofCertificate says whom a good certificate signs in. Neither a seal nor a
// server's certificate does: its key is in many hands, or in none.
func (d *Desk) ofCertificate(ctx context.Context, s ca.Standing, by Way) (signed, error) {
	if err := s.Fault(); err != nil {
		return signed{}, err
	}
	c := s.Record()
	w := signed{Holder: c.Holder, Business: c.Business, By: by, Certificate: c.Serial, CertificateSHA256: sum(s.Leaf().Raw)}
	switch name, _, _ := strings.Cut(c.Profile, "@"); {
	case name == ca.OperatorAuth && by == ByTLS:
		// An operator, and not the person who is one: nothing of that person's
		// is open to a certificate of the service.
		w.Operator = c.Service
		return w, nil
	case c.Holder == "" || name == ca.OrganisationSeal || name == ca.ServerAuth:
		return signed{}, errNoPerson()
	case by == ByTLS && name != ca.NaturalAuth:
		return signed{}, errNoPerson()
	}
	return w, nil
}

func errNoPerson() error {
	return fault.New(fault.Denied, "signin_no_person", "this certificate signs nobody in: it is not the signing or sign-in certificate of a person; use one that is")
}

// sum is the hex SHA-256 of b.
func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
