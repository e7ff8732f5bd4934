package ca

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
	"mohr/internal/web"
)

// routesConsole hangs the operators' pages of the register.
func (a *Authority) routesConsole(s *web.Server) {
	s.Echo.GET("/console/certificates", a.consoleSearch)
	s.Echo.POST("/console/certificates", a.consoleFind)
	s.Echo.GET("/console/audit", a.consoleAudit)
}

// registerPage is the Data of the page of the register.
type registerPage struct {
	Asked  string
	Found  []Entry
	Holder HolderID // whom a national code led to
	Done   bool     // something was asked
	Error  *web.FormError
}

// consoleSearch finds certificates by serial, by the opaque id of a holder, by
// a business or by a key, in one transaction with the operator's right.
func (a *Authority) consoleSearch(c echo.Context) error {
	ctx := c.Request().Context()
	leaf, now := web.PeerCertificate(ctx), a.now()
	p := registerPage{Asked: strings.TrimSpace(i18n.FoldDigits(c.QueryParam("q")))}
	err := a.Store.View(ctx, func(tx store.Tx) error {
		p.Found = nil
		if _, err := MayIn(tx, leaf, MayRead, now); err != nil {
			return err
		}
		return searchIn(tx, p.Asked, func(cert Certificate) error {
			p.Found = append(p.Found, EntryOf(cert))
			return nil
		})
	})
	if err != nil {
		return err
	}
	p.Done = p.Asked != ""
	return web.Page(c, http.StatusOK, "console-certificates", p)
}

// searchIn calls fn with the certificates that are meant by what an operator
// typed. Of what is neither a serial, a holder, a business nor a key there is
// none.
func searchIn(tx store.Tx, asked string, fn func(Certificate) error) error {
	switch hash, notKey := ParseKeyHash(asked); {
	case asked == "":
		return nil
	case notKey == nil:
		return eachIndexed(tx, keyCertBucket, hash, fn)
	case strings.HasPrefix(asked, "h-"):
		return eachIndexed(tx, holderBucket, asked, fn)
	}
	if b, err := ParseBusinessID(asked); err == nil {
		found := false
		if err := eachIndexed(tx, businessBucket, string(b), func(c Certificate) error { found = true; return fn(c) }); err != nil || found {
			return err
		}
	}
	serial, err := ParseSerial(asked)
	if err != nil {
		return nil
	}
	c, err := LoadCertificate(tx, serial)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fn(c)
}

// consoleFind finds a person's certificates by the national code. It is posted:
// that it was asked is recorded, and the code stands in no address.
func (a *Authority) consoleFind(c echo.Context) error {
	ctx := c.Request().Context()
	o, err := a.may(ctx, MayFind)
	if err != nil {
		return err
	}
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := registerPage{Done: true}
	h, list, err := a.FindHolder(ctx, o, i18n.FoldDigits(strings.TrimSpace(v.Get("national_code"))))
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"": "national_code"}); p.Error == nil {
			return err
		}
		p.Done = false
		return web.Page(c, p.Error.Status, "console-certificates", p)
	}
	p.Holder, p.Found = h, entries(list)
	return web.Page(c, http.StatusOK, "console-certificates", p)
}

// auditPage is the Data of the page of who looked whom up, and of who operates.
type auditPage struct {
	Lookups   []Lookup // newest first
	Operators []OperatorRecord
	Blocked   []Blocked
}

// shownLookups bounds the list on the page; the API has all.
const shownLookups = 100

func (a *Authority) consoleAudit(c echo.Context) error {
	ctx := c.Request().Context()
	leaf, now := web.PeerCertificate(ctx), a.now()
	var p auditPage
	err := a.Store.View(ctx, func(tx store.Tx) error {
		p = auditPage{}
		if _, err := MayIn(tx, leaf, MayRead, now); err != nil {
			return err
		}
		return p.gather(tx)
	})
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "console-audit", p)
}

// gather reads what the page shows.
func (p *auditPage) gather(tx store.Tx) error {
	err := store.Each(tx, lookupBucket, "", "", func(_ string, l Lookup) error {
		p.Lookups = append([]Lookup{l}, p.Lookups...)
		p.Lookups = p.Lookups[:min(len(p.Lookups), shownLookups)]
		return nil
	})
	if err != nil {
		return err
	}
	err = store.Each(tx, operatorBucket, "", "", func(name string, _ []Role) error {
		o, err := LoadOperator(tx, name)
		p.Operators = append(p.Operators, o)
		return err
	})
	if err != nil {
		return err
	}
	return store.Each(tx, blockedBucket, "", "", func(_ string, b Blocked) error {
		if p.Blocked = append(p.Blocked, b); len(p.Blocked) == shownLookups {
			return store.Stop
		}
		return nil
	})
}
