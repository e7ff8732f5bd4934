package acme

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	protocol "github.com/smallstep/certificates/acme"
	casapi "github.com/smallstep/certificates/cas/apiv1"

	"mohr/ca"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Applications are enroll's, as far as an account bound to one needs them.
type Applications interface {
	// BoundProfile returns the profile of an approved application whose key a
	// TPM vouched for; Denied for any other.
	BoundProfile(ctx context.Context, application string) (string, error)
	// AccountKey returns the external account key of the application.
	AccountKey(application string) []byte
	// Recertified refuses what does not show that the same TPM vouches for the
	// same key over qualifying.
	Recertified(ctx context.Context, application string, c attest.Certification, qualifying []byte) error
	// SubmitBound hands in the certification request and issues.
	SubmitBound(ctx context.Context, application string, request []byte) (ca.Certificate, error)
}

// personProfiles are the profiles that people apply for.
var personProfiles = []string{ca.NaturalSign, ca.NaturalSignB, ca.NaturalSignC, ca.NaturalSignShort, ca.NaturalAuth, ca.OrganisationSign, ca.OrganisationSeal}

// profiles are those that have a directory here.
func (d *Desk) profiles() []string {
	if d.Applications == nil {
		return []string{Profile}
	}
	return append([]string{Profile}, personProfiles...)
}

// challengeID names the one challenge of an authorization.
const challengeID = "device"

// applicationKey is GetExternalAccountKey for an application, which is the kid.
func (d database) applicationKey(ctx context.Context, v *visit, kid string) (*protocol.ExternalAccountKey, error) {
	if len(kid) > maxKID {
		return nil, errKeyUnknown()
	}
	secret := d.desk.Applications.AccountKey(kid)
	if v.binding == nil || !v.binding.maced(secret) {
		return nil, fault.New(fault.Denied, "acme_binding_wrong", "the external account binding is not signed with the key of its kid by HS256; copy both the kid and the key as they were given")
	}
	if err := d.desk.boundTo(ctx, kid, v.profile); err != nil {
		return nil, err
	}
	v.bound = kid
	return &protocol.ExternalAccountKey{ID: kid, ProvisionerID: d.desk.parts.provisioners[v.profile].GetID(), HmacKey: secret, CreatedAt: d.desk.now()}, nil
}

// boundTo refuses an application that is not approved for the profile.
func (d *Desk) boundTo(ctx context.Context, application, profile string) error {
	has, err := d.Applications.BoundProfile(ctx, application)
	if err == nil && has != profile {
		err = fault.New(fault.Denied, "acme_other_profile", "this application is for the profile %[1]s; use the directory of that", has)
	}
	return err
}

// bindApplication is CreateAccount for an application: one account each.
func (d database) bindApplication(ctx context.Context, v *visit, acc *protocol.Account) error {
	if v.bound == "" {
		return errUnbound()
	}
	now := d.desk.now()
	a, err := newAccount(acc.Key, now)
	if err != nil {
		return err
	}
	a.Key, a.Application, a.Profile = v.bound, v.bound, v.profile
	err = d.desk.Store.Update(ctx, func(tx store.Tx) error {
		if err := notRolled(tx, a.ID); err != nil {
			return err
		}
		had, err := store.Load[string](tx, boundBucket, a.Application)
		switch {
		case err == nil && had == a.ID:
			return nil
		case err == nil:
			return fault.New(fault.Denied, "acme_key_used", "this external account key has bound an account; ask for another one")
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
		if _, err := loadAccount(tx, a.ID); !errors.Is(err, store.ErrNotFound) {
			return errors.Join(err, errAccountExists())
		}
		if err := store.Save(tx, boundBucket, a.Application, a.ID); err != nil {
			return err
		}
		if err := store.Save(tx, accountBucket, a.ID, a); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "acme.account", Subject: a.ID, At: now, Note: "bound"})
	})
	if err == nil {
		acc.ID, acc.Contact = a.ID, nil
	}
	return err
}

// authorizeApplication is CreateAuthorization for a device: its permanent
// identifier is the application.
func authorizeApplication(v *visit, az *protocol.Authorization) error {
	if az.Identifier.Type != protocol.PermanentIdentifier || len(az.Identifier.Value) > maxKID {
		return fault.New(fault.Invalid, "acme_identifier_device", "in this directory the number of the application is certified; order one identifier of the type permanent-identifier with it")
	}
	if len(v.names) > 0 {
		return fault.New(fault.Invalid, "acme_names", "an order has at most %[1]d names, each one once; order fewer", 1)
	}
	v.order, v.token = orderID(az.AccountID, v.nonce), az.Token
	az.ID = authorizationID(v.order, 0)
	v.names = []string{az.Identifier.Value}
	return nil
}

// mayHave refuses an order that names another application than its account's.
func (o order) mayHave(a account) error {
	if a.Application != o.Application || len(o.Names) != 1 || o.Names[0] != a.Application {
		return fault.New(fault.Denied, "acme_application_foreign", "this account is bound to another application; order the one that it is bound to")
	}
	return nil
}

// open is the state of an order without a certificate, in its time.
func (o order) open() protocol.Status {
	if o.Application != "" && o.AttestedAt.IsZero() {
		return protocol.StatusPending
	}
	return protocol.StatusReady
}

func (o order) identifier(name string) protocol.Identifier {
	if o.Application != "" {
		return protocol.Identifier{Type: protocol.PermanentIdentifier, Value: name}
	}
	return protocol.Identifier{Type: protocol.DNS, Value: name}
}

// challenge writes the challenge of a device into its authorization.
func (o order) challenge(az *protocol.Authorization) {
	if o.Application == "" {
		return
	}
	ch := &protocol.Challenge{
		ID: challengeID, AccountID: o.Account, AuthorizationID: az.ID, Value: o.Application, Type: protocol.DEVICEATTEST01, Token: o.Token, Status: protocol.StatusPending,
	}
	if az.Status = protocol.StatusPending; !o.AttestedAt.IsZero() {
		ch.Status, ch.ValidatedAt, az.Status = protocol.StatusValid, o.AttestedAt.Format("2006-01-02T15:04:05Z"), protocol.StatusValid
	}
	az.Token, az.Challenges = o.Token, []*protocol.Challenge{ch}
}

// attested is GetChallenge for a device. What answers it is judged here, by
// our own hand, before smallstep sees it: to that a challenge is valid or was
// not answered.
func (d database) attested(ctx context.Context, id, authorization string) (*protocol.Challenge, error) {
	az, err := d.GetAuthorization(ctx, authorization)
	if err != nil {
		return nil, err
	}
	v, ch := visitOf(ctx), &protocol.Challenge{}
	if len(az.Challenges) == 1 && az.Challenges[0].ID == id {
		ch = az.Challenges[0]
	}
	if ch.ID == "" {
		return nil, errNoChallenge()
	}
	if ch.Status == protocol.StatusValid || len(v.payload) == 0 {
		if len(v.payload) == 0 && ch.Status == protocol.StatusPending {
			shown := *ch
			shown.Status = "processing" // smallstep would take the request for an answer
			return &shown, nil
		}
		return ch, nil
	}
	if err := d.meet(ctx, v, ch); err != nil {
		return nil, err
	}
	now := d.desk.now()
	ch.Status, ch.ValidatedAt = protocol.StatusValid, now.Format("2006-01-02T15:04:05Z")
	order, _, _ := cutLast(authorization)
	return ch, d.desk.Store.Update(ctx, func(tx store.Tx) error {
		o, err := loadOrder(tx, order)
		if err != nil {
			return err
		}
		a, err := loadAccount(tx, o.Account)
		if err != nil {
			return err
		}
		if v.account != a.ID || a.status() != protocol.StatusValid || now.After(o.ExpiresAt) {
			return fault.New(fault.Denied, "acme_account_inactive", "this account is closed; make a new one with another external account key")
		}
		o.AttestedAt = now
		return store.Save(tx, orderBucket, o.ID, o)
	})
}

// meet judges the answer to a challenge (draft-ietf-acme-device-attest section
// 5): the TPM of the application certifies its key over the key authorization.
func (d database) meet(ctx context.Context, v *visit, ch *protocol.Challenge) error {
	acc, err := d.GetAccount(ctx, ch.AccountID)
	if err != nil {
		return err
	}
	if v.account != acc.ID {
		return fault.New(fault.Denied, "acme_account_foreign", "this is the address of another account; use that of your own")
	}
	c, err := parseAttestation(v.payload)
	if err != nil {
		return err
	}
	thumb, err := acc.Key.Thumbprint(crypto.SHA256)
	if err != nil {
		return fmt.Errorf("account key: %w", err)
	}
	sum := sha256.Sum256([]byte(keyAuthorization(ch.Token, thumb)))
	return d.desk.Applications.Recertified(ctx, ch.Value, c, sum[:])
}

// bound issues for an application, if the request is for its order.
func (d *Desk) bound(ctx context.Context, req *casapi.CreateCertificateRequest) (c ca.Certificate, bound bool, err error) {
	o, err := view(ctx, d.Store, func(tx store.Tx) (order, error) {
		o, err := loadOrder(tx, orderOf(req.Template))
		if err != nil || o.Application == "" {
			return o, err
		}
		if o.open() != protocol.StatusReady {
			return o, errUnapproved()
		}
		return o, d.mayHave(tx, o, d.now())
	})
	if err != nil || o.Application == "" {
		return c, false, err
	}
	if asksForAuthority(req.CSR) {
		return c, true, fault.New(fault.Invalid, "acme_csr_authority", "the certification request asks for the certificate of an authority; make one for a server")
	}
	c, err = d.Applications.SubmitBound(ctx, o.Application, req.CSR.Raw)
	return c, true, err
}

// boundCertificate is GetCertificate for the order of an application.
func (d database) boundCertificate(ctx context.Context, id string) (*protocol.Certificate, error) {
	o, err := view(ctx, d.desk.Store, func(tx store.Tx) (order, error) { return loadOrder(tx, id) })
	if err != nil {
		return nil, err
	}
	if o.Application == "" {
		return nil, errNoCertificate()
	}
	c, err := d.desk.CA.ByRequest(ctx, o.Application)
	if err != nil {
		return nil, err
	}
	if c.State != ca.Issued {
		return nil, errNoCertificate()
	}
	return d.shown(c, o.ID)
}

// cutLast cuts an authorization's id off its order's.
func cutLast(id string) (order, n string, ok bool) {
	dot := strings.LastIndexByte(id, '.')
	if dot < 0 {
		return id, "", false
	}
	return id[:dot], id[dot+1:], true
}
