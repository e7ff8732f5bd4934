package enroll

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

// Notifier sends a text to a phone; gateway.Client is the real one.
type Notifier interface {
	SMS(ctx context.Context, to, text string) (gateway.Answer[gateway.SMS], error)
}

// handedOutFor is how long the answer to a repeated request still carries the
// revocation code: an answer may be lost on its way.
const handedOutFor = 24 * time.Hour

// revocation is what is kept of a revocation code.
type revocation struct {
	SHA256      string `json:"sha256"` // hex, of the code without hyphens
	Application string `json:"application"`
}

// deliver records the certificate at the application; again it changes nothing.
func (d *Desk) deliver(ctx context.Context, a Application, c ca.Certificate) (Application, error) {
	return d.changeFrom(ctx, a, func(s *step) error {
		if s.Stage == Issued {
			return errUnchanged
		}
		return d.issued(s, c)
	})
}

// issued moves an application to its end.
func (d *Desk) issued(s *step, c ca.Certificate) error {
	if err := s.move(Issued, "issued", c.Serial); err != nil {
		return err
	}
	s.Serial, s.IssuedAt, s.KeepUntil = c.Serial, s.now, c.NotAfter.AddDate(keepIssued, 0, 0)
	kept := revocation{SHA256: hexHash([]byte(plainCode(d.revocationCode(s.ID, c.Serial)))), Application: s.ID}
	s.with(func(tx store.Tx) error { return store.Save(tx, revocationBucket, c.Serial, kept) })
	s.done(workIssue)
	s.todo(workNotify)
	s.todo(workBundle)
	return nil
}

// delivery does what deliver does in the transaction that records the
// certificate; once that is durable, delivered is the application as it is
// stored, if it is emptied before each try. An application that has moved since
// it was read as a is left alone, and so is delivered: deliver looks at it again.
func (d *Desk) delivery(a Application) (recorded func(store.Tx, ca.Certificate) error, delivered *Application) {
	now := d.now()
	delivered = &Application{}
	return func(tx store.Tx, c ca.Certificate) error {
		s := newStep(a, now)
		if err := d.issued(s, c); err != nil {
			return err
		}
		err := s.write(tx)
		if errors.Is(err, errMoved) || errors.Is(err, fault.NotFound) {
			return nil
		}
		*delivered = s.saved()
		return err
	}, delivered
}

// issuance is the answer for an application that is issued.
func (d *Desk) issuance(a Application, c ca.Certificate) (Issuance, error) {
	chain, err := d.chain(c)
	if err != nil {
		return Issuance{}, err
	}
	i := Issuance{Application: a, Certificate: c, Chain: chain}
	if d.now().Before(a.IssuedAt.Add(handedOutFor)) {
		i.Revocation = d.revocationCode(a.ID, c.Serial)
	}
	return i, nil
}

// chain returns the certificate and the CAs above it, not the root, as PEM.
func (d *Desk) chain(c ca.Certificate) ([]byte, error) {
	issuer, ok := d.CA.Issuer(c.Issuer)
	if !ok {
		return nil, fmt.Errorf("chain of %s: no issuer %s here", c.Serial, c.Issuer)
	}
	var out []byte
	for _, der := range issuer.Delivered(c.DER) {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out, nil
}

// Delivered returns the issued certificate for who holds the token.
func (d *Desk) Delivered(ctx context.Context, id, token string) (Issuance, error) {
	a, err := d.open(ctx, id, token)
	if err != nil {
		return Issuance{}, err
	}
	if a.Stage != Issued {
		return Issuance{}, fault.New(fault.Conflict, "application_not_issued", "there is no certificate yet; look at what the application needs next")
	}
	c, err := d.CA.Certificate(ctx, a.Serial)
	if err != nil {
		return Issuance{}, err
	}
	return d.issuance(a, c)
}

// revocationCode returns the code that revokes the certificate, 100 bits as
// five groups of four letters and digits. It is computed from the sealing
// secret, so that a repeated request gets the same answer though nothing but
// a hash is stored.
func (d *Desk) revocationCode(id, serial string) string {
	sum := sha256.Sum256([]byte("mohr revocation code\x00" + d.Seal.Index(revocationBucket, "code", id+"/"+serial)))
	text := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding).EncodeToString(sum[:])
	var groups []string
	for i := 0; i < 20; i += 4 {
		groups = append(groups, text[i:i+4])
	}
	return strings.Join(groups, "-")
}

// plainCode is a code as it is hashed: people type O for 0, I and L for 1,
// small letters, other digits and hyphens or none.
func plainCode(code string) string {
	code = strings.ToUpper(evidence.FoldDigits(code))
	return strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(code)
}

// plainSerial is a serial as openssl and browsers print it, with capitals,
// colons and a leading zero, the way it is kept here.
func plainSerial(serial string) string {
	return strings.TrimLeft(strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(serial)), "0")
}

// holderReasons are the reasons a holder may give.
func holderReasons() []ca.Reason {
	return []ca.Reason{ca.Unspecified, ca.KeyCompromise, ca.AffiliationChanged, ca.CessationOfOperation}
}

// RevokeByCode ends a certificate and those that renewed it since, for who has
// the revocation code of the first in the line, and returns the last of them.
// A wrong code and an unknown serial are answered alike. Again it changes
// nothing.
func (d *Desk) RevokeByCode(ctx context.Context, serial, code string, reason ca.Reason) (ca.Certificate, error) {
	if reason == "" {
		reason = ca.Unspecified
	}
	c, err := d.MayRevoke(ctx, serial, code, reason)
	if err != nil {
		return ca.Certificate{}, err
	}
	// The code was handed out with the first serial, and who lost a key may
	// know no other: what took that certificate's place must not live on.
	for serial = c.Serial; ; serial = c.ReplacedBy {
		if err := d.CA.Revoke(ctx, serial, reason, "holder:code"); err != nil {
			return ca.Certificate{}, err
		}
		d.Log.Info("certificate revoked by code", "serial", serial)
		if c, err = d.CA.Certificate(ctx, serial); err != nil || c.ReplacedBy == "" {
			return c, err
		}
	}
}

// MayRevoke is RevokeByCode without the revocation: what it would refuse, and
// the certificate that it would begin with. It counts a wrong code, too.
func (d *Desk) MayRevoke(ctx context.Context, serial, code string, reason ca.Reason) (ca.Certificate, error) {
	if !slices.Contains(holderReasons(), reason) {
		return ca.Certificate{}, fault.New(fault.Invalid, "revocation_reason_refused", "a holder may give unspecified, keyCompromise, affiliationChanged or cessationOfOperation")
	}
	c, _, err := d.redeemRevocation(ctx, plainSerial(serial), code)
	return c, err
}

// redeemRevocation checks a code against the line of the certificate and
// counts the try. It returns the certificate and the application at the
// beginning of its line.
func (d *Desk) redeemRevocation(ctx context.Context, serial, code string) (c ca.Certificate, application string, err error) {
	var right bool
	now := d.now()
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		right = false
		kept, err := revocation{}, error(nil)
		if c, err = ca.LoadCertificate(tx, serial); err == nil {
			kept, err = store.Load[revocation](tx, revocationBucket, c.Lineage)
		}
		if errors.Is(err, fault.NotFound) || errors.Is(err, store.ErrNotFound) {
			return nil // answered like a wrong code
		}
		if err != nil {
			return err
		}
		right, application = hasHash(plainCode(code), kept.SHA256), kept.Application
		if right {
			return nil
		}
		return take(tx, "revocation/"+c.Lineage, d.Limits.PerRevocation, d.Limits.Window, now)
	})
	if err == nil && !right {
		err = errRevocationCode()
	}
	if err != nil {
		return ca.Certificate{}, "", err
	}
	return c, application, nil
}

func errRevocationCode() error {
	return fault.New(fault.Denied, "revocation_code_wrong", "this code does not revoke this certificate; check both, or ask an operator")
}
