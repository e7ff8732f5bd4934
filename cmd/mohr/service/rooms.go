package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"mohr/badge"
	"mohr/badge/merchant"
	"mohr/ca"
	"mohr/ca/acme"
	"mohr/ca/approval"
	"mohr/ca/ceremony"
	"mohr/ca/custody"
	"mohr/ca/evidence"
	"mohr/ca/incident"
	"mohr/ca/lookup"
	"mohr/ca/mandate"
	"mohr/ca/mine"
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
	"mohr/internal/store"
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
	responders map[ca.IssuerID]*atomic.Pointer[ca.SigningKey]
	unit       *timestamp.Unit
	receipts   *receipt.Issuer
	verifier   *signature.Verifier
	codes      *otp.Codes
	enroll     *enroll.Desk
	renew      *renew.Desk
	complaints *complaints.Desk
	opendata   *opendata.Publisher
	statistics *regulator.Office
	badge      *badge.Desk
	acme       *acme.Desk
	est        *est.Desk
	cmp        *cmp.Desk
	incident   *incident.Desk
	mandate    *mandate.Desk
	signin     *signin.Desk
	merchant   *merchant.Desk
	mine       *mine.Desk
	documents  *repository.Set
	web        *web.Server

	attestation *attest.Verifier // nil: no device is believed
}

// allTexts are the texts of every room.
func allTexts() (*i18n.Catalog, error) {
	return i18n.Parse(web.Texts, hsm.Texts, seal.Texts, custody.Texts, clock.Texts, ceremony.Texts, acme.Texts, approval.Texts, incident.Texts, mandate.Texts, gateway.Texts, eid.Texts, otp.Texts, ledger.Texts, ca.Texts, evidence.Texts, signature.Texts, receipt.Texts, session.Texts, signin.Texts, mine.Texts,
		status.Texts, timestamp.Texts, enroll.Texts, chip.Texts, est.Texts, cmp.Texts, renew.Texts, complaints.Texts, picture.Texts, opendata.Texts, regulator.Texts, lookup.Texts, Texts, badge.Texts, merchant.Texts)
}

// openRooms builds the rooms from the bottom up.
func openRooms(ctx context.Context, g *Ground) (*rooms, error) {
	r := &rooms{Ground: g, verifier: &signature.Verifier{Authority: g.CA}}
	for _, step := range []func(context.Context) error{r.openTexts, r.openWeb, r.openOutside, r.openStatus, r.reloadChips, r.openAttestation, r.openEnroll, r.openSignIn, r.openRenew, r.openProtocols, r.openComplaints, r.openBadge, r.openACME, r.openIncident, r.openMandates, r.openMerchant, r.mount} {
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
	r.responders = map[ca.IssuerID]*atomic.Pointer[ca.SigningKey]{}
	for _, i := range r.CA.Issuers {
		r.responders[i.ID] = &atomic.Pointer[ca.SigningKey]{}
	}
	if err := r.renewResponders(ctx); err != nil {
		return err
	}
	r.status, err = status.New(status.Config{
		Authority: r.CA, Store: r.Store, Log: r.Log, Clock: r.Clock.Check,
		Responder: func(id ca.IssuerID) (ca.SigningKey, bool) {
			p, ok := r.responders[id]
			if !ok || p.Load() == nil {
				return ca.SigningKey{}, false
			}
			return *p.Load(), true
		},
	})
	if err != nil {
		return err
	}
	r.receipts = receipt.New(receipt.Config{Key: r.audit.key, Issuer: r.Config.Portal})
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
	return errors.Join(r.renewTLS(ctx), r.renewResponders(ctx), r.renewStampKey(ctx), r.renewSigners(ctx))
}

// notifier carries messages to phones.
type notifier struct{ client *registers }

func (n notifier) Notify(ctx context.Context, to, text string) error {
	_, err := n.client.SMS(ctx, to, text)
	return err
}

func (r *rooms) openEnroll(context.Context) (err error) {
	r.codes, err = otp.New(otp.Config{Store: r.Store, Key: r.box.Derive("otp"), Send: notifier{r.registry}.Notify})
	if err != nil {
		return err
	}
	logins, err := r.logins(enroll.LoginPath)
	if err != nil {
		return err
	}
	r.enroll, err = enroll.New(enroll.Config{
		Store: r.Store, CA: r.CA, Policy: r.policy, Registry: r.registry, Vendors: r.registry.vendors(), OTP: r.codes, Seal: r.box, Stamper: r.unit,
		Audit: r.audit.key, Ledger: r.Ledger, Notifier: r.registry, Verifier: r.verifier, Nonces: r.nonces,
		EID: logins, Texts: r.texts, Audience: r.Config.Portal, Chips: r.chips.trust.Load, Attestation: r.attestation, Log: r.Log,
	})
	return err
}

// logins is the eID provider that sends browsers back to path; nil: none is
// configured.
func (r *rooms) logins(path string) (*eid.Provider, error) {
	if r.Config.EID == nil {
		return nil, nil
	}
	return eid.New(eid.Config{File: *r.Config.EID, Redirect: strings.TrimSuffix(r.Config.Portal, "/") + path, Key: r.box.Derive("eid"), Log: r.Log})
}

func (r *rooms) openSignIn(context.Context) error {
	logins, err := r.logins(signin.LoginPath)
	if err != nil {
		return err
	}
	r.signin, err = signin.New(signin.Config{
		Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, EID: logins, Audience: r.Config.Portal,
		MTLS: strings.TrimSuffix(r.Config.PortalMTLS, "/"), Name: r.Config.Name, Log: r.Log,
	})
	if err != nil {
		return err
	}
	r.mine, err = mine.New(mine.Config{Store: r.Store, CA: r.CA, SignIn: r.signin})
	return err
}

func (r *rooms) openRenew(context.Context) error {
	terms, err := r.web.Document("terms", "en")
	if err != nil {
		return fmt.Errorf("terms: %w", err)
	}
	r.renew, err = renew.New(renew.Config{
		Store: r.Store, CA: r.CA, Policy: r.policy, Verifier: r.verifier, Nonces: r.nonces, Registry: r.registry, People: r.enroll,
		Notifier: notifier{r.registry}, Seal: r.box, TermsSHA256: sum(terms), Audience: r.Config.Portal, Attestation: r.attestation, SignIn: r.signin, Log: r.Log,
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
	teller := &complaints.Teller{
		Store: r.Store, Seal: r.box, Client: r.dialer.Client(""), Send: notifier{r.registry}.Notify, Texts: r.texts, Portal: r.Config.Portal,
	}
	r.complaints, err = complaints.New(complaints.Config{
		Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Receipts: r.receipts, Seal: r.box, Policies: policies,
		Flags: &rules.Flags, Placeholders: &rules.Placeholders,
		Businesses: r.registry, Phones: r.registry, Codes: r.codes, Proofs: r.Ledger, Notifier: teller, Objection: r.Config.objection(), Audience: r.Config.Portal, Log: r.Log,
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
	r.opendata = &opendata.Publisher{Register: r.complaints.Register(), Receipts: r.receipts, Key: r.box.Derive("open data")}
	r.statistics = &regulator.Office{Register: r.complaints.Register()}
	return nil
}

func (r *rooms) openBadge(context.Context) error {
	rules, err := r.badgeRules()
	if err != nil {
		return err
	}
	r.badge, err = badge.New(badge.Config{
		Rules: rules, People: people{r.enroll, r.CA}, Notifier: notifier{r.registry}, SitePort: r.Config.Domains.TLSPort,
		Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Registry: r.registry, Complaints: r.complaints,
		Status: r.status, Stamper: r.unit, Receipts: r.receipts, Seal: r.box, Credential: r.credential.key, Dialer: r.dialer, DomainPort: r.Config.Domains.Port,
		Audience: r.Config.Portal, Log: r.Log,
	})
	return err
}

func (r *rooms) openACME(context.Context) (err error) {
	var applications acme.Applications
	if r.attestation != nil {
		applications = r.enroll
	}
	r.acme, err = acme.New(acme.Config{
		Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Seal: r.box, Portal: r.Config.Portal, Proven: badge.Proven, Log: r.Log,
		Applications: applications,
	})
	return err
}

func (r *rooms) openIncident(context.Context) (err error) {
	r.incident, err = incident.New(incident.Config{Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Audience: r.Config.Portal, Log: r.Log})
	return err
}

func (r *rooms) openMandates(context.Context) (err error) {
	r.mandate, err = mandate.New(mandate.Config{
		Store: r.Store, CA: r.CA, Verifier: r.verifier, Nonces: r.nonces, Registry: r.registry, Seal: r.box, Audience: r.Config.Portal, Log: r.Log,
	})
	return err
}

func (r *rooms) openWeb(context.Context) (err error) {
	if r.documents, err = repository.Open(r.Config.Repository); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	r.web, err = web.New(r.webConfig())
	return err
}

// mount hangs all routes on the portal, before it serves.
func (r *rooms) mount(context.Context) error {
	r.CA.Routes(r.web)
	(&custody.Desk{Register: r.Custody, Authority: r.CA, Renewed: r.renewCertificates}).Routes(r.web)
	r.enroll.Routes(r.web)
	r.renew.Routes(r.web)
	r.est.Routes(r.web)
	r.cmp.Routes(r.web.Echo)
	r.complaints.Routes(r.web)
	r.complaints.FigureRoutes(r.web)
	r.opendata.Routes(r.web)
	r.opendata.Page(r.web, r.Config.Portal)
	r.statistics.Routes(r.web)
	(&lookup.Book{Store: r.Store}).Routes(r.web)
	r.badge.Routes(r.web)
	r.incident.Routes(r.web)
	r.mandate.Routes(r.web)
	r.acme.Routes(r.web)
	r.signin.Routes(r.web)
	r.merchant.Routes(r.web, r.visitors)
	r.mine.Routes(r.web)
	r.Ledger.Routes(r.web.Echo)
	r.Ledger.PageRoutes(r.web)
	r.routesConsole()
	return nil
}

func (r *rooms) webConfig() web.Config {
	return web.Config{
		Store: r.Store, Log: r.Log, Texts: r.texts, Pages: []fs.FS{enroll.Pages, renew.Pages, complaints.Pages, opendata.Pages, regulator.Pages, lookup.Pages, ledger.Pages, ca.Pages, incident.Pages, Pages, badge.Pages, merchant.Pages, signin.Pages, mine.Pages},
		Portal: r.Config.Portal, Secret: r.box.Derive("web"), Simulated: !r.Config.Production,
		Documents: r.documents, Profiles: r.profiles(), Authorities: r.authorities,
	}
}

// profiles are those of the practice statement, with the policies in force.
func (r *rooms) profiles() (list []web.Profile) {
	for _, name := range ca.Profiles() {
		p := web.Profile{Name: name}
		if rules, ok := r.policy.Rules(name); ok {
			p.PolicyOIDs = slices.Sorted(maps.Values(rules.PolicyOIDs))
		} else if oid := ca.FixedPolicy(name); oid != "" {
			p.PolicyOIDs = []string{oid}
		}
		if len(p.PolicyOIDs) > 0 { // a policy may leave out a kind
			list = append(list, p)
		}
	}
	return list
}

// authorities are the CA certificates and CRLs that there are to fetch.
func (r *rooms) authorities(ctx context.Context) (list []web.Authority, err error) {
	err = r.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		members, err := ca.Members(tx)
		if err != nil {
			return err
		}
		for _, m := range members {
			a := web.Authority{Name: m.ID, Certificate: r.Config.Publish + "/ca/" + m.ID + ".cer", SHA256: sum(m.DER)}
			shards := map[ca.MemberKind]int{ca.RootMember: 1}[m.Kind]
			if m.Kind == ca.IssuingMember {
				if shards, err = ca.Shards(tx, ca.IssuerID(m.ID)); err != nil {
					return err
				}
			}
			for n := range shards {
				a.CRLs = append(a.CRLs, r.Config.Publish+ca.CRLPath(ca.IssuerID(m.ID), n))
			}
			list = append(list, a)
		}
		return nil
	})
	return list, err
}

// plain is the door without TLS: status, time stamps, CMP, repository.
func (r *rooms) plain() http.Handler {
	e := web.NewPlain(r.webConfig())
	r.unit.Routes(e)
	r.cmp.Routes(e)
	web.Repository(e)
	return r.status.Before(e)
}
