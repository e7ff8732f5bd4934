package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"mohr/badge"
	"mohr/badge/merchant"
	"mohr/ca"
	"mohr/ca/acme"
	"mohr/ca/approval"
	"mohr/ca/ceremony"
	"mohr/ca/csc"
	"mohr/ca/custody"
	"mohr/ca/document"
	"mohr/ca/document/desk"
	"mohr/ca/document/pdf"
	"mohr/ca/document/signing"
	"mohr/ca/evidence"
	"mohr/ca/held"
	"mohr/ca/incident"
	"mohr/ca/lookup"
	"mohr/ca/mandate"
	"mohr/ca/mine"
	"mohr/ca/narrow"
	"mohr/ca/receipt"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/ca/status"
	"mohr/ca/timestamp"
	"mohr/complaints"
	"mohr/complaints/opendata"
	"mohr/complaints/picture"
	"mohr/complaints/regulator"
	"mohr/enroll"
	"mohr/enroll/chip"
	"mohr/enroll/cmp"
	"mohr/enroll/est"
	"mohr/enroll/scep"
	"mohr/hsm"
	"mohr/hsm/attest"
	"mohr/internal/clock"
	"mohr/internal/eid"
	"mohr/internal/gateway"
	"mohr/internal/i18n"
	"mohr/internal/ledger"
	"mohr/internal/otp"
	"mohr/internal/seal"
	"mohr/internal/session"
	"mohr/internal/web"
	"mohr/internal/web/repository"
	"mohr/renew"
)

// rooms are the desks on their common ground.
type rooms struct {
	*Ground
	texts      *i18n.Catalog
	policy     *evidence.Policy
	registry   *registers
	chips      chips
	dialer     *gateway.Dialer // to shops
	status     *status.Responder
	responders responders
	unit       *timestamp.Unit
	receipts   *receipt.Issuer
	verifier   *signature.Verifier
	codes      *otp.Codes
	enroll     *enroll.Desk
	renew      *renew.Desk
	complaints *complaints.Desk
	teller     *complaints.Teller // of businesses and consumers
	opendata   *opendata.Publisher
	statistics *regulator.Office
	badge      *badge.Desk
	acme       *acme.Desk
	est        *est.Desk
	cmp        *cmp.Desk
	scep       *scep.Desk // nil: not offered
	incident   *incident.Desk
	mandate    *mandate.Desk
	signin     *signin.Desk
	held       *held.Desk // nil: no key is held here
	signing    *signing.Desk
	csc        *csc.Desk // nil: with held
	merchant   *merchant.Desk
	mine       *mine.Desk
	documents  *repository.Set
	web        *web.Server
	places     *web.Places // for who reads a document

	attestation *attest.Verifier // nil: no device is believed
}

// allTexts are the texts of every room.
func allTexts() (*i18n.Catalog, error) {
	return i18n.Parse(web.Texts, hsm.Texts, seal.Texts, custody.Texts, clock.Texts, ceremony.Texts, acme.Texts, approval.Texts, incident.Texts, mandate.Texts, narrow.Texts, gateway.Texts, eid.Texts, otp.Texts, ledger.Texts, ca.Texts, evidence.Texts, signature.Texts, document.Texts, pdf.Texts, receipt.Texts, session.Texts, signin.Texts, held.Texts, csc.Texts, mine.Texts,
		status.Texts, timestamp.Texts, enroll.Texts, chip.Texts, est.Texts, cmp.Texts, scep.Texts, renew.Texts, complaints.Texts, picture.Texts, opendata.Texts, regulator.Texts, lookup.Texts, desk.Texts, signing.Texts, Texts, badge.Texts, merchant.Texts)
}

// A document of 700 kB that was made for it takes some 330 MB while it is read,
// and whoever sends one need not be known.
const (
	readAtOnce  = 2
	readWaiting = 32
	readWait    = 10 * time.Second
)

// openRooms builds the rooms from the bottom up.
func openRooms(ctx context.Context, g *Ground) (*rooms, error) {
	places := web.NewPlaces(readAtOnce, readWaiting, readWait)
	r := &rooms{Ground: g, places: places, verifier: &signature.Verifier{Authority: g.CA, Stated: func(ctx context.Context, key, hash string) error {
		return held.Stated(ctx, g.Store, key, hash)
	}, Place: places.Take}}
	for _, step := range []func(context.Context) error{r.openTexts, r.openWeb, r.openOutside, r.openStatus, r.reloadChips, r.openAttestation, r.openSignIn, r.openHeld, r.openCSC, r.openEnroll, r.openRenew, r.openProtocols, r.openComplaints, r.openBadge, r.openACME, r.openIncident, r.openMandates, r.openSigning, r.openMerchant, r.openIssuing, r.mount} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *rooms) openTexts(context.Context) (err error) {
	if r.texts, err = allTexts(); err != nil {
		return fmt.Errorf("texts: %w", err)
	}
	if r.Config.Policy == "" {
		r.policy, err = evidence.DefaultPolicy()
		return err
	}
	b, err := os.ReadFile(r.Config.Policy)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	if r.policy, err = evidence.ParsePolicy(b); err != nil {
		return fmt.Errorf("policy %s: %w", r.Config.Policy, err)
	}
	return nil
}

func (r *rooms) openStatus(ctx context.Context) (err error) {
	r.responders = newResponders(r.CA)
	if err := r.renewResponders(ctx); err != nil {
		return err
	}
	r.status, err = status.New(status.Config{
		Now: r.Clock.Time, Authority: r.CA, Store: r.Store, Log: r.Log, Clock: r.Clock.Check,
		Responder: r.responders.of,
	})
	if err != nil {
		return err
	}
	r.receipts = receipt.New(receipt.Config{Now: r.Clock.Time, Key: r.audit.key, Issuer: r.Config.Portal})
	return r.openStamps()
}

// renewResponders is a job: each issuing CA has a responder with a current
// certificate.
func (r *rooms) renewResponders(ctx context.Context) error {
	var errs []error
	for _, i := range r.CA.Answering() {
		k, err := r.responder(ctx, i.ID)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		r.responders[i.ID].Store(&k)
	}
	return errors.Join(errs...)
}

// renewCertificates gives keys that were rotated their certificates at once.
func (r *rooms) renewCertificates(ctx context.Context) error {
	return errors.Join(r.renewTLS(ctx), r.renewIssuing(ctx), r.renewResponders(ctx), r.renewStampKey(ctx), r.renewSigners(ctx))
}

// notifier carries messages to phones.
type notifier struct{ client *registers }

func (n notifier) Notify(ctx context.Context, to, text string) error {
	_, err := n.client.SMS(ctx, to, text)
	return err
}

func (r *rooms) openEnroll(context.Context) (err error) {
	r.codes, err = otp.New(otp.Config{Now: r.Clock.Time, Store: r.Store, Key: r.box.Derive("otp"), Send: notifier{r.registry}.Notify})
	if err != nil {
		return err
	}
	logins, err := r.logins(enroll.LoginPath)
	if err != nil {
		return err
	}
	clients := []enroll.Protocol{enroll.EST, enroll.CMP}
	if r.Config.SCEP {
		clients = append(clients, enroll.SCEP)
	}
	r.enroll, err = enroll.New(enroll.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, Policy: r.policy, Registry: r.registry, Vendors: r.registry.vendors(), OTP: r.codes, Seal: r.box, Stamper: r.unit,
		Audit: r.audit.key, Ledger: r.Ledger, Notifier: r.registry, Verifier: r.verifier, Nonces: r.nonces,
		EID: logins, Texts: r.texts, Audience: r.Config.Portal, Chips: r.chips.trust.Load, Attestation: r.attestation, Held: r.held, Clients: clients, Log: r.Log,
		Forget: r.forget,
	})
	return err
}

// logins is the eID provider that sends browsers back to path; nil: none is
// configured.
func (r *rooms) logins(path string) (*eid.Provider, error) {
	if r.Config.EID == nil {
		return nil, nil
	}
	return eid.New(eid.Config{Now: r.Clock.Time, File: *r.Config.EID, Redirect: strings.TrimSuffix(r.Config.Portal, "/") + path, Key: r.box.Derive("eid"), Log: r.Log})
}

func (r *rooms) openSignIn(context.Context) error {
	logins, err := r.logins(signin.LoginPath)
	if err != nil {
		return err
	}
	r.signin, err = signin.New(signin.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, EID: logins, Audience: r.Config.Portal,
		MTLS: strings.TrimSuffix(r.Config.PortalMTLS, "/"), Name: r.Config.Name, Log: r.Log, Left: left,
	})
	return err
}

func (r *rooms) openRenew(context.Context) error {
	terms, err := r.web.Document("terms", "en")
	if err != nil {
		return fmt.Errorf("terms: %w", err)
	}
	r.renew, err = renew.New(renew.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, Policy: r.policy, Verifier: r.verifier, Nonces: r.nonces, Registry: r.registry, People: r.enroll,
		Notifier: notifier{r.registry}, Seal: r.box, TermsSHA256: sum(terms), Audience: r.Config.Portal, Attestation: r.attestation, SignIn: r.signin, MTLS: strings.TrimSuffix(r.Config.PortalMTLS, "/"), Log: r.Log,
	})
	return err
}

func (r *rooms) openComplaints(ctx context.Context) error {
	policies, err := complaints.LoadPolicies(r.Config.ComplaintPolicy)
	if err != nil {
		return fmt.Errorf("complaint_policy: %w", err)
	}
	rules, err := complaints.LoadRules(r.Config.ComplaintFlags, r.Config.ComplaintPlaceholders)
	if err != nil {
		return err
	}
	r.teller = &complaints.Teller{
		Now: r.Clock.Time, Store: r.Store, Seal: r.box, Client: r.dialer.Client(""), Send: notifier{r.registry}.Notify, Texts: r.texts, Portal: r.Config.Portal,
	}
	r.complaints, err = complaints.New(complaints.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Receipts: r.receipts, Seal: r.box, Policies: policies,
		Flags: &rules.Flags, Placeholders: &rules.Placeholders,
		Businesses: r.registry, Phones: r.registry, Codes: r.codes, Proofs: r.Ledger, Notifier: r.teller, Objection: r.Config.objection(), Audience: r.Config.Portal, Log: r.Log,
		Find: r.findBusiness,
	})
	if err != nil {
		return err
	}
	if err := r.complaints.Register().AdoptPolicies(ctx); err != nil {
		return fmt.Errorf("complaint_policy: %w", err)
	}
	weights, err := complaints.LoadWeights(r.Config.ComplaintWeights)
	if err != nil {
		return fmt.Errorf("complaint_weights: %w", err)
	}
	if err := r.complaints.Register().AdoptWeights(ctx, weights); err != nil {
		return fmt.Errorf("complaint_weights: %w", err)
	}
	r.opendata = &opendata.Publisher{Now: r.Clock.Time, Register: r.complaints.Register(), Receipts: r.receipts, Key: r.box.Derive("open data")}
	r.statistics = &regulator.Office{Now: r.Clock.Time, Register: r.complaints.Register()}
	return nil
}

func (r *rooms) openBadge(context.Context) error {
	rules, err := r.badgeRules()
	if err != nil {
		return err
	}
	r.badge, err = badge.New(badge.Config{
		Now: r.Clock.Time, Rules: rules, People: people{r.enroll, r.CA}, Notifier: notifier{r.registry}, SitePort: r.Config.Domains.TLSPort,
		Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Registry: r.registry, Complaints: r.complaints,
		Status: r.status, Stamper: r.unit, Receipts: r.receipts, Seal: r.box, Credential: r.credential.key, Dialer: r.dialer, DomainPort: r.Config.Domains.Port,
		Audience: r.Config.Portal, Log: r.Log,
	})
	return err
}

func (r *rooms) openACME(context.Context) (err error) {
	var applications acme.Applications
	if r.attestation != nil && r.attestation.Takes(attest.TPM) {
		applications = r.enroll
	}
	r.acme, err = acme.New(acme.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Seal: r.box, Portal: r.Config.Portal, Proven: badge.Proven, Log: r.Log,
		Applications: applications, OrdersPerHour: r.Config.ACMEOrders,
	})
	return err
}

func (r *rooms) openIncident(context.Context) (err error) {
	r.incident, err = incident.New(incident.Config{Now: r.Clock.Time, Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Audience: r.Config.Portal, Log: r.Log})
	return err
}

func (r *rooms) openMandates(context.Context) (err error) {
	r.mandate, err = mandate.New(mandate.Config{
		Now: r.Clock.Time, Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Registry: r.registry, Seal: r.box, Audience: r.Config.Portal, Log: r.Log,
	})
	if err != nil {
		return err
	}
	r.mine, err = mine.New(mine.Config{Now: r.Clock.Time, Store: r.Store, CA: r.CA, SignIn: r.signin, Mandates: r.mandate, Receipts: r.receipts, Proofs: r.Ledger, Held: r.held != nil})
	return err
}

func (r *rooms) openSigning(context.Context) (err error) {
	r.signing, err = signing.New(signing.Config{Now: r.Clock.Time, Store: r.Store, CA: r.CA, SignIn: r.signin, Nonces: r.nonces, Stamper: r.unit, Source: r.ownStatuses(), Places: r.places})
	return err
}

func (r *rooms) openWeb(context.Context) (err error) {
	if r.documents, err = repository.Open(r.Config.Repository); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	r.web, err = web.New(r.webConfig())
	return err
}
