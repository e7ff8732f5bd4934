package enroll

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/otp"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Protocol is one by which a client without our software hands in a key.
type Protocol string

// The protocols.
const (
	EST Protocol = "est" // RFC 7030
	CMP Protocol = "cmp" // RFC 9810
)

const (
	secretLife  = 24 * time.Hour // of a one-time secret; a review may take longer: then another is asked for
	secretTries = 10             // wrong ones; then another is asked for
)

// OneTime is a secret as the applicant gets it, once.
type OneTime struct {
	User    string // the application's id: user name or reference value
	Secret  string // 160 random bits, as eight groups of four letters and digits
	Expires time.Time
}

// keptSecret is what is kept of a one-time secret. EST shows it to us, so a
// keyed hash will do; a MAC of CMP needs the secret itself, so that is sealed.
type keptSecret struct {
	MAC        string      `json:"mac,omitempty"`
	Sealed     seal.Sealed `json:"sealed,omitzero"`
	Name       string      `json:"name"` // random: tells it from the one before
	Expires    time.Time   `json:"expires"`
	Wrong      int         `json:"wrong,omitzero"`
	SPKISHA256 string      `json:"spki_sha256,omitempty"` // of the key that it was used for
}

func secretKey(id string, p Protocol) string { return id + "/" + string(p) }

// secretBinding ties a code to making a secret of this application.
func secretBinding(id string) otp.Binding {
	return otp.Binding{Session: id, Purpose: "protocol-secret"}
}

// AskSecret sends the code with which MakeSecret makes a one-time secret, for
// who has the token of an application whose phone is proven.
func (d *Desk) AskSecret(ctx context.Context, id, token string) error {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return err
	}
	if err := d.takesSecret(a); err != nil {
		return err
	}
	p, err := d.person(a)
	if err != nil {
		return err
	}
	now, phone := d.now(), d.phoneKey(p.Mobile)
	err = d.Store.Update(ctx, func(tx store.Tx) error { return take(tx, phone, d.Limits.PerMobile, d.Limits.Window, now) })
	if err != nil {
		return err
	}
	return d.OTP.Send(ctx, secretBinding(id), p.Mobile, a.Locale)
}

// takesSecret refuses applications that cannot come to a key any more, or
// whose phone nobody has proven.
func (d *Desk) takesSecret(a Application) error {
	if a.overdue(d.now()) {
		a.Stage = Expired
	}
	if !a.Stage.Open() || a.Stage == Issuing {
		return a.forbids()
	}
	if !a.phoneProven() {
		return fault.New(fault.Conflict, "secret_phone_unproven", "a secret is made once the phone is proven; hand in the code that was sent to it first, or ask the registers again")
	}
	return nil
}

// MakeSecret makes the one-time secret of an application for a protocol, for
// who has its token and a code sent for this. One made before for the same
// protocol is worthless from then on.
func (d *Desk) MakeSecret(ctx context.Context, id, token string, p Protocol, code string) (OneTime, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return OneTime{}, err
	}
	if p != EST && p != CMP {
		return OneTime{}, fault.New(fault.Invalid, "secret_protocol", "a secret is for one protocol; choose est or cmp")
	}
	if err := d.takesSecret(a); err != nil {
		return OneTime{}, err
	}
	if err := d.OTP.Redeem(ctx, secretBinding(id), code); err != nil {
		return OneTime{}, err
	}
	out := OneTime{User: id, Secret: newSecret(), Expires: d.now().Add(secretLife)}
	kept := keptSecret{Name: rand.Text(), Expires: out.Expires}
	if p == EST {
		kept.MAC = d.secretMAC(id, out.Secret)
	} else if kept.Sealed, err = d.Seal.Seal(secretBucket, secretKey(id, p), "secret", []byte(out.Secret)); err != nil {
		return OneTime{}, err
	}
	_, err = d.change(ctx, id, func(s *step) error {
		if err := d.takesSecret(s.Application); err != nil {
			return err
		}
		s.note("secret_made", string(p))
		s.with(func(tx store.Tx) error { return store.Save(tx, secretBucket, secretKey(id, p), kept) })
		return nil
	})
	if err != nil {
		return OneTime{}, err
	}
	d.Log.Info("one-time secret made", "application", id, "protocol", p)
	return out, nil
}

func loadSecret(tx store.Tx, key string) (keptSecret, error) {
	return store.Load[keptSecret](tx, secretBucket, key)
}

// newSecret returns 160 random bits in letters and digits that nobody mixes up.
func newSecret() string {
	b := make([]byte, 20)
	rand.Read(b) // never fails (crypto/rand)
	text := base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding).EncodeToString(b)
	var groups []string
	for i := 0; i < len(text); i += 4 {
		groups = append(groups, text[i:i+4])
	}
	return strings.Join(groups, "-")
}

// secretMAC is the keyed hash of an EST secret: without the service's secret
// a stolen store does not even tell a guess from the right one.
func (d *Desk) secretMAC(id, secret string) string {
	return d.Seal.Index(secretBucket, string(EST), id+"/"+secret)
}

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
	return d.bySecret(ctx, id, EST, func(k keptSecret) bool {
		return subtle.ConstantTimeCompare([]byte(k.MAC), []byte(d.secretMAC(id, secret))) == 1
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

// bySecret looks a secret up, and counts the try if it is wrong.
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
	if kept.Wrong < secretTries && !now.After(kept.Expires) && right(kept) {
		return Bearer{application: a, use: kept.use(key)}, nil
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		again, err := loadSecret(tx, key)
		if errors.Is(err, store.ErrNotFound) || err == nil && (again.Name != kept.Name || again.Wrong >= secretTries) {
			return nil
		} else if err != nil {
			return err
		}
		again.Wrong++
		return store.Save(tx, secretBucket, key, again)
	})
	return Bearer{}, errors.Join(err, errSecretWrong())
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

// PruneSecrets is a job: it deletes the secrets whose time is over.
func (d *Desk) PruneSecrets(ctx context.Context) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		var old []string
		err := store.Each(tx, secretBucket, "", "", func(key string, k keptSecret) error {
			if now.After(k.Expires) {
				old = append(old, key)
			}
			if len(old) == resumeBatch {
				return store.Stop
			}
			return nil
		})
		for _, key := range old {
			if err == nil {
				err = tx.Delete(secretBucket, key)
			}
		}
		return err
	})
}
