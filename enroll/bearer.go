package enroll

import (
	"context"
	"crypto/subtle"
	"errors"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Bearer is an application and the right to hand in its key, once, by a
// protocol. Only a right secret or the holder's certificate makes one.
type Bearer struct {
	application Application
	secret      []byte // of CMP: what answers are protected with
	use         func(store.Tx, ca.CSR) error
}

// ByESTSecret returns the application for who has its one-time secret. That
// there is none, that it is wrong, used up or too old, and that there is no
// such application: all are the same Denied (secret_wrong).
func (d *Desk) ByESTSecret(ctx context.Context, id, secret string) (Bearer, error) {
	return d.byShown(ctx, EST, id, secret)
}

// BySCEPSecret is ByESTSecret for SCEP.
func (d *Desk) BySCEPSecret(ctx context.Context, id, secret string) (Bearer, error) {
	return d.byShown(ctx, SCEP, id, secret)
}

// byShown looks a secret up that was shown to us.
func (d *Desk) byShown(ctx context.Context, p Protocol, id, secret string) (Bearer, error) {
	return d.bySecret(ctx, id, p, func(k keptSecret) bool {
		return subtle.ConstantTimeCompare([]byte(k.MAC), []byte(d.secretMAC(p, id, secret))) == 1
	})
}

// ByCMPSecret is ByESTSecret for who proves the secret by a MAC: right is
// asked whether the message's MAC was made with the secret.
func (d *Desk) ByCMPSecret(ctx context.Context, id string, right func(secret []byte) bool) (Bearer, error) {
	var secret []byte
	b, err := d.bySecret(ctx, id, CMP, func(k keptSecret) bool {
		var err error
		secret, err = d.Seal.Open(secretBucket, secretKey(id, CMP), "secret", k.Sealed)
		return err == nil && right(secret)
	})
	b.secret = secret
	return b, err
}

// bySecret looks a secret up. Wrong tries are not counted here: 160 bits are
// not guessed, and a count would let anybody who knows an application's number
// end its secret. The doors let so many tries through from one network.
func (d *Desk) bySecret(ctx context.Context, id string, p Protocol, right func(keptSecret) bool) (Bearer, error) {
	key, now := secretKey(id, p), d.now()
	var a Application
	var kept keptSecret
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		if kept, err = loadSecret(tx, key); err == nil {
			a, err = loadApplication(tx, id)
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Bearer{}, errSecretWrong()
	}
	if err != nil {
		return Bearer{}, err
	}
	if now.After(kept.Expires) || !right(kept) {
		return Bearer{}, errSecretWrong()
	}
	return Bearer{application: a, use: kept.use(key)}, nil
}

// use binds the secret to the key it orders a certificate for, in the
// transaction of the intent: it does so once.
func (k keptSecret) use(key string) func(store.Tx, ca.CSR) error {
	return func(tx store.Tx, csr ca.CSR) error {
		now, err := loadSecret(tx, key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil || now.Name != k.Name || now.SPKISHA256 != "" && now.SPKISHA256 != csr.SPKISHA256() {
			return errSecretWrong()
		}
		now.SPKISHA256 = csr.SPKISHA256()
		return store.Save(tx, secretBucket, key, now)
	}
}

// errSecretWrong is the one answer to every secret that does not count.
func errSecretWrong() error {
	return fault.New(fault.Denied, "secret_wrong", "the application's number or its one-time secret is wrong, was used or is too old; make another secret with the application's token and a code")
}

// ByHolder returns the application for who has shown the key of a certificate
// of the same person that is for authentication.
func (d *Desk) ByHolder(ctx context.Context, id string, s ca.Standing) (Bearer, error) {
	if err := s.Fault(); err != nil {
		return Bearer{}, err
	}
	a, err := d.load(ctx, id)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return Bearer{}, err
	}
	if err == nil && a.Stage != Erased && ca.Authenticates(s.Record().Profile) {
		p, err := d.person(a)
		if err != nil {
			return Bearer{}, err
		}
		if d.CA.Holder(p.NationalCode) == s.Record().Holder {
			return Bearer{application: a, use: func(tx store.Tx, _ ca.CSR) error { return stillGood(tx, s) }}, nil
		}
	}
	return Bearer{}, fault.New(fault.Denied, "secret_other_holder", "this certificate opens no such application; use the application's number as user name and its one-time secret, or an authentication certificate of the person who applied")
}

// stillGood looks at the certificate again.
func stillGood(tx store.Tx, s ca.Standing) error {
	now, err := ca.StandingIn(tx, s.Leaf(), s.At())
	if err != nil {
		return err
	}
	return now.Fault()
}

// Profile returns what the application is for.
func (b Bearer) Profile() string { return b.application.Profile }

// Application returns the application's id, which is also the request that
// its certificate rests on.
func (b Bearer) Application() string { return b.application.ID }

// Secret returns the secret of CMP; nil for others.
func (b Bearer) Secret() []byte { return b.secret }

// And returns the same right with one more deed in the transaction that uses
// it up.
func (b Bearer) And(also func(store.Tx, ca.CSR) error) Bearer {
	before := b.use
	b.use = func(tx store.Tx, csr ca.CSR) error {
		if err := before(tx, csr); err != nil {
			return err
		}
		return also(tx, csr)
	}
	return b
}

// SubmitBy is Submit for who has no token but another right to the
// application. That right is used up in the transaction that records the
// intent; the same key again gives the same certificate.
func (d *Desk) SubmitBy(ctx context.Context, b Bearer, form ca.RequestFormat, request []byte) (Issuance, error) {
	return d.submitAs(ctx, b.application, handedIn{form: form, request: request, use: b.use})
}
