package acme

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"

	protocol "github.com/smallstep/certificates/acme"
	"github.com/smallstep/certificates/db"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// database is protocol.DB on our records. A request that changes anything does
// so in one transaction.
type database struct{ desk *Desk }

var _ protocol.DB = database{}

func (d database) CreateNonce(context.Context) (protocol.Nonce, error) {
	return protocol.Nonce(d.desk.nonces.give()), nil
}

func (d database) DeleteNonce(_ context.Context, n protocol.Nonce) error {
	return d.desk.nonces.take(string(n))
}

// CreateCertificate has nothing to record: ca did, before it signed.
func (d database) CreateCertificate(_ context.Context, c *protocol.Certificate) error {
	c.ID = c.OrderID
	return nil
}

func (d database) GetCertificate(ctx context.Context, id string) (*protocol.Certificate, error) {
	if len(id) > maxKID {
		return nil, errNoCertificate()
	}
	if visitOf(ctx).profile != Profile {
		return d.boundCertificate(ctx, id)
	}
	c, err := d.desk.CA.ByRequest(ctx, requestOf(id))
	if err != nil {
		return nil, err
	}
	return d.certificate(c)
}

func (d database) GetCertificateBySerial(ctx context.Context, decimal string) (*protocol.Certificate, error) {
	serial, err := parseDecimal(decimal)
	if err != nil {
		return nil, err
	}
	c, err := d.desk.CA.Certificate(ctx, serial)
	if err != nil {
		return nil, err
	}
	if err := refuseOtherCertificate(visitOf(ctx).payload, c); err != nil {
		return nil, err
	}
	return d.certificate(c)
}

// certificate returns c as smallstep knows it; NotFound if it was not issued
// for an order.
func (d database) certificate(c ca.Certificate) (*protocol.Certificate, error) {
	order, ours := orderOfRequest(c.Request)
	if !ours || c.State != ca.Issued {
		return nil, errNoCertificate()
	}
	return d.shown(c, order)
}

// shown is the certificate of an order as smallstep knows it.
func (d database) shown(c ca.Certificate, order string) (*protocol.Certificate, error) {
	leaf, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", c.Serial, err)
	}
	issuer, ok := d.desk.CA.Issuer(c.Issuer)
	if !ok {
		return nil, fmt.Errorf("certificate %s: issuer %s is not here", c.Serial, c.Issuer)
	}
	return &protocol.Certificate{
		ID: order, OrderID: order, AccountID: accountOf(order), Leaf: leaf, Intermediates: issuer.Delivery(),
	}, nil
}

func errNoCertificate() error {
	return fault.New(fault.NotFound, "acme_certificate_unknown", "there is no such certificate of an ACME order here")
}

// UpdateAuthorization has nothing to record: a state is never stored.
func (database) UpdateAuthorization(context.Context, *protocol.Authorization) error { return nil }

// GetChallenge returns the challenge of a device, and judges what answers it;
// the authorization of a domain has none.
func (d database) GetChallenge(ctx context.Context, id, authorization string) (*protocol.Challenge, error) {
	if visitOf(ctx).profile != Profile {
		return d.attested(ctx, id, authorization)
	}
	return nil, errNoChallenge()
}

func errNoChallenge() error {
	return fault.New(fault.NotFound, "acme_challenge_unknown", "there is no challenge to answer: the authorizations of an order are valid from the start")
}

// What follows is never asked for by a route that is served: external account
// keys are made by statements.

func errUnused() error { return errors.New("acme: this has no route") }

func (database) UpdateChallenge(context.Context, *protocol.Challenge) error { return errUnused() }
func (database) GetAuthorizationsByAccountID(context.Context, string) ([]*protocol.Authorization, error) {
	return nil, errUnused()
}
func (database) CreateExternalAccountKey(context.Context, string, string) (*protocol.ExternalAccountKey, error) {
	return nil, errUnused()
}
func (database) GetExternalAccountKeys(context.Context, string, string, int) ([]*protocol.ExternalAccountKey, string, error) {
	return nil, "", errUnused()
}
func (database) GetExternalAccountKeyByReference(context.Context, string, string) (*protocol.ExternalAccountKey, error) {
	return nil, errUnused()
}
func (database) DeleteExternalAccountKey(context.Context, string, string) error { return errUnused() }

// statusDB is db.AuthDB on ca's records: CAS has written all there is to
// write before smallstep asks this.
type statusDB struct{ ca *ca.Authority }

var _ db.AuthDB = statusDB{}

// IsRevoked reports whether the certificate is revoked for good. One that is
// suspended can still be revoked.
func (s statusDB) IsRevoked(decimal string) (bool, error) {
	c, err := s.record(decimal)
	return err == nil && c.Ended(), err
}

func (s statusDB) GetCertificate(decimal string) (*x509.Certificate, error) {
	c, err := s.record(decimal)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(c.DER)
}

func (s statusDB) record(decimal string) (ca.Certificate, error) {
	serial, err := parseDecimal(decimal)
	if err != nil {
		return ca.Certificate{}, err
	}
	return s.ca.Certificate(context.Background(), serial) // the interface carries none
}

func (statusDB) Revoke(*db.RevokedCertificateInfo) error    { return nil }
func (statusDB) RevokeSSH(*db.RevokedCertificateInfo) error { return errUnused() }
func (statusDB) IsSSHRevoked(string) (bool, error)          { return false, errUnused() }
func (statusDB) IsSSHHost(string) (bool, error)             { return false, errUnused() }
func (statusDB) GetSSHHostPrincipals() ([]string, error)    { return nil, errUnused() }
func (statusDB) UseToken(string, string) (bool, error)      { return false, errUnused() }
func (statusDB) Shutdown() error                            { return nil }

// view reads with fn and returns what it found.
func view[T any](ctx context.Context, s store.Store, fn func(store.Tx) (T, error)) (found T, err error) {
	err = s.View(ctx, func(tx store.Tx) error {
		found, err = fn(tx)
		return err
	})
	return found, err
}
