package service

import (
	"context"
	"crypto/x509"
	"io/fs"
	"maps"
	"net/http"
	"slices"

	"mohr/badge"
	"mohr/badge/merchant"
	"mohr/ca"
	"mohr/ca/csc"
	"mohr/ca/custody"
	"mohr/ca/document/desk"
	"mohr/ca/document/signing"
	"mohr/ca/held"
	"mohr/ca/incident"
	"mohr/ca/lookup"
	"mohr/ca/mine"
	"mohr/ca/signin"
	"mohr/complaints"
	"mohr/complaints/opendata"
	"mohr/complaints/regulator"
	"mohr/enroll"
	"mohr/internal/door"
	"mohr/internal/ledger"
	"mohr/internal/store"
	"mohr/internal/web"
	"mohr/renew"
)

// mount hangs all routes on the portal, before it serves.
func (r *rooms) mount(context.Context) error {
	r.CA.Routes(r.web)
	(&custody.Desk{Register: r.Custody, Authority: r.CA, Renewed: r.renewCertificates}).Routes(r.web)
	r.enroll.Routes(r.web)
	r.renew.Routes(r.web)
	r.est.Routes(r.web)
	r.routesProtocols(r.web.Echo)
	r.complaints.Routes(r.web)
	r.complaints.FigureRoutes(r.web)
	r.opendata.Routes(r.web)
	r.opendata.Page(r.web, r.Config.Portal)
	r.statistics.Routes(r.web)
	(&lookup.Book{Now: r.Clock.Time, Store: r.Store}).Routes(r.web)
	(&desk.Desk{Roots: append([]*x509.Certificate{r.CA.Root}, r.CA.Roots...), Source: r.ownStatuses(), Places: r.places, Now: r.Clock.Time, Log: r.Log}).Routes(r.web)
	r.badge.Routes(r.web)
	r.incident.Routes(r.web)
	r.mandate.Routes(r.web)
	if !r.Config.keyless() { // servers' certificates rest on no evidence that a register signs
		r.acme.Routes(r.web)
	}
	r.signin.Routes(r.web)
	if r.held != nil {
		r.held.Routes(r.web)
		r.csc.Routes(r.web)
	}
	r.merchant.Routes(r.web, r.visitors)
	r.mine.Routes(r.web)
	r.signing.Routes(r.web)
	r.enroll.RoutesMine(r.web, r.signin)
	r.Ledger.Routes(r.web.Echo)
	r.Ledger.PageRoutes(r.web)
	r.routesConsole()
	return nil
}

func (r *rooms) webConfig() web.Config {
	return web.Config{
		Now: r.Clock.Time, Store: r.Store, Log: r.Log, Texts: r.texts, Pages: []fs.FS{enroll.Pages, renew.Pages, complaints.Pages, opendata.Pages, regulator.Pages, lookup.Pages, desk.Pages, signing.Pages, ledger.Pages, ca.Pages, incident.Pages, Pages, badge.Pages, merchant.Pages, signin.Pages, held.Pages, csc.Pages, mine.Pages},
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

// plain is the door without TLS: status, time stamps, CMP, SCEP, repository;
// with the answer of who is not let in.
func (r *rooms) plain() (http.Handler, door.Refuse) {
	e := web.NewPlain(r.webConfig())
	r.unit.Routes(e)
	r.routesProtocols(e)
	web.Repository(e)
	return r.status.Before(e), web.Refuser(e)
}
