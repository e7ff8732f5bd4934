package enroll

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"strings"
	"time"

	"mohr/internal/fault"
	"mohr/internal/otp"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Protocol is one by which a client without our software hands in a key.
type Protocol string

// The protocols.
const (
	EST  Protocol = "est"  // RFC 7030
	CMP  Protocol = "cmp"  // RFC 9810
	SCEP Protocol = "scep" // RFC 8894
)

// secretLife is of a one-time secret; a review may take longer: then another
// is asked for.
const secretLife = 24 * time.Hour

// OneTime is a secret as the applicant gets it, once.
type OneTime struct {
	User    string // the application's id: user name or reference value
	Secret  string // 160 random bits, as eight groups of four letters and digits
	Expires time.Time
}

// keptSecret is what is kept of a one-time secret. EST and SCEP show it to us, so
// a keyed hash will do; a MAC of CMP needs the secret itself, so that is sealed.
type keptSecret struct {
	MAC        string      `json:"mac,omitempty"`
	Sealed     seal.Sealed `json:"sealed,omitzero"`
	Name       string      `json:"name"` // random: tells it from the one before
	Expires    time.Time   `json:"expires"`
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
	if p != EST && p != CMP && p != SCEP {
		return OneTime{}, fault.New(fault.Invalid, "secret_protocol", "a secret is for one protocol; choose est, cmp or scep")
	}
	if err := d.takesSecret(a); err != nil {
		return OneTime{}, err
	}
	if err := d.OTP.Redeem(ctx, secretBinding(id), code); err != nil {
		return OneTime{}, err
	}
	out := OneTime{User: id, Secret: newSecret(), Expires: d.now().Add(secretLife)}
	kept := keptSecret{Name: rand.Text(), Expires: out.Expires}
	if p != CMP {
		kept.MAC = d.secretMAC(p, id, out.Secret)
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

// secretMAC is the keyed hash of a secret that is shown to us: without the
// service's secret a stolen store does not even tell a guess from the right one.
func (d *Desk) secretMAC(p Protocol, id, secret string) string {
	return d.Seal.Index(secretBucket, string(p), id+"/"+secret)
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
