package cmp

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"errors"
	"log/slog"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/enroll"
	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/web"
)

// Texts are the Persian texts of this package's faults. CMP itself answers in
// English.
//
//go:embed texts.yaml
var Texts []byte

// confirmWithin is how long a client may take to confirm a certificate, and
// skew how far its clock may be from ours.
const (
	confirmWithin = time.Hour
	// overlap is how long a renewed certificate has to count on at least: as
	// long as the new one may be taken back, and what the job for it may take.
	overlap    = 2 * time.Hour
	skew       = time.Hour
	keepFor    = 48 * time.Hour // a transaction, from its beginning
	checkAfter = 10             // seconds until a client should poll again
)

// Renewal is a renewal asked for by a signed message.
type Renewal struct {
	Old     *x509.Certificate // whose key signed
	Message []byte            // as signed
	Form    ca.RequestFormat
	Request []byte        // of the new key
	Overlap time.Duration // how long Old has to count on at least
	// Use takes part in the transaction that records the intent; order names
	// the renewal.
	Use func(tx store.Tx, order string) error
}

// Renewals renews a certificate, as package renew does.
type Renewals interface {
	// RenewCMP returns the certificate for the new key that replaces old. The
	// same again gives the same.
	RenewCMP(ctx context.Context, r Renewal) (ca.Certificate, error)
}

// Config is what a Desk needs. New says what is missing.
type Config struct {
	Store        store.Store
	CA           *ca.Authority
	Applications *enroll.Desk
	Renewals     Renewals
	Verifier     *signature.Verifier // says what a key that is held here signed as no message
	Seal         *seal.Box
	Key          func() ca.SigningKey // the current key that signs answers
	Now          func() time.Time     // nil: time.Now
	Log          *slog.Logger         // nil: discard
}

// Desk answers CMP clients. It is safe for concurrent use, and several may
// work on one store.
type Desk struct {
	Config
	gate *web.Gate
}

// New returns a Desk, or what is wrong with c.
func New(c Config) (*Desk, error) {
	if c.Store == nil || c.CA == nil || c.Applications == nil || c.Renewals == nil || c.Verifier == nil || c.Seal == nil || c.Key == nil {
		return nil, errors.New("cmp: no store, authority, applications, renewals, verifier, seal or key")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{Config: c, gate: web.NewGate(gateRate, gateBurst)}, nil
}

// now returns the current time in UTC and whole seconds.
func (d *Desk) now() time.Time { return d.Now().UTC().Truncate(time.Second) }

// reply is a body and the certificates that go with it.
type reply struct {
	kind  kind
	body  content
	certs [][]byte // DER
}

// Respond answers one message to the address of a profile with one message. A
// request that nobody has proven to be theirs gets an unprotected error, which
// costs us no signature.
func (d *Desk) Respond(ctx context.Context, profile string, raw []byte) []byte {
	m, err := parse(raw)
	if err != nil {
		return d.fail(ctx, m, asker{}, nil, err)
	}
	a, err := d.authenticate(ctx, m)
	if err != nil {
		return d.fail(ctx, m, asker{}, nil, err)
	}
	nonce := make([]byte, minID)
	rand.Read(nonce) // never fails (crypto/rand)
	r, err := d.handle(ctx, request{message: m, asker: a, profile: profile, nonce: nonce})
	if err != nil {
		return d.fail(ctx, m, a, nonce, err)
	}
	out, err := d.write(m.header, a, nonce, r)
	if err != nil {
		return d.fail(ctx, m, asker{}, nil, err)
	}
	return out
}

// request is a message whose sender is known.
type request struct {
	message
	asker
	profile string // of the address
	nonce   []byte // our senderNonce of the answer
}

func (d *Desk) handle(ctx context.Context, r request) (reply, error) {
	switch r.kind {
	case ir, cr, p10cr:
		if r.secret == nil {
			return reply{}, fault.New(fault.Denied, "cmp_secret_needed", "a first certificate is asked for with the application's number as reference and its one-time secret (openssl cmp -ref -secret); make one with the application's token")
		}
		return d.begin(ctx, r)
	case kur:
		if r.secret != nil || !r.known() {
			return reply{}, errSignatureNeeded()
		}
		return d.begin(ctx, r)
	case rr:
		if !r.known() || r.secret != nil {
			return reply{}, errSignatureNeeded()
		}
		return d.revoke(ctx, r)
	case certConf:
		return d.confirm(ctx, r)
	case pollReq:
		return d.poll(ctx, r)
	case genm:
		return d.inform(r)
	}
	return reply{}, fault.New(fault.Invalid, "cmp_kind", "this service takes ir, cr, p10cr, kur, rr, certConf, pollReq and genm (caCerts); it neither makes keys nor takes nested messages")
}

func errSignatureNeeded() error {
	return fault.New(fault.Denied, "cmp_signature_needed", "a renewal or a revocation is signed with the certificate that it is about (openssl cmp -cert -key)")
}

// inform answers genm caCerts (RFC 9483 section 4.3.1): the CAs between a root
// and certificates of the address's profile. Anybody may ask.
func (d *Desk) inform(r request) (reply, error) {
	asked, err := r.asksCACerts()
	if err != nil {
		return reply{}, err
	}
	if !asked {
		return reply{}, fault.New(fault.Invalid, "cmp_information", "the one information given out is caCerts (1.3.6.1.5.5.7.4.17)")
	}
	var list [][]byte
	for _, i := range d.CA.Serving(r.profile) {
		for _, c := range i.Delivery() {
			list = append(list, c.Raw)
		}
	}
	if list == nil {
		return reply{}, errProfile()
	}
	return reply{kind: genp, body: information(list)}, nil
}

func errProfile() error {
	return fault.New(fault.NotFound, "cmp_profile_unknown", "there is no certificate profile of this name, or it is not the request's; use the address of the profile that the application or the certificate is for")
}

// fail writes an error. What is not a fault is ours and goes to the log.
func (d *Desk) fail(ctx context.Context, m message, a asker, nonce []byte, cause error) []byte {
	f, ok := fault.Of(cause)
	if !ok || f.Kind() == fault.Unavailable {
		d.Log.WarnContext(ctx, "cmp request not served", "kind", m.kind, "error", cause)
	}
	text, bit := "something went wrong on our side and was logged; try again", systemFailure
	if ok {
		text, bit = f.Error(), failBit(f)
	}
	out, err := d.write(m.header, a, nonce, reply{kind: errorMsg, body: failure(text, bit)})
	if err == nil {
		return out
	}
	d.Log.ErrorContext(ctx, "cmp error not protected", "error", err)
	out, _ = d.write(m.header, asker{}, nil, reply{kind: errorMsg, body: failure(text, bit)})
	return out
}
