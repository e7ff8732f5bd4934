package renew

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// hereView is the Data of the page that renews one certificate of who is
// signed in, with a key of this browser or by a command.
type hereView struct {
	ca.Certificate
	Kind   string // profile without its version
	State  string // "open", "early", "late", "ended"
	Window Window
	Now    time.Time
	Portal string
}

// InTLS reports whether the key is one that TLS handshakes show.
func (v hereView) InTLS() bool { return ca.Authenticates(v.Kind) }

// showHere shows when a certificate can be renewed and, then, how. The page
// authorises nothing: the statement that it signs does.
func (d *Desk) showHere(c echo.Context, who signin.Who) error {
	serial, err := ca.ParseSerial(c.Param("serial"))
	if err != nil {
		return errNotYours()
	}
	old, err := d.CA.Certificate(c.Request().Context(), serial)
	if errors.Is(err, fault.NotFound) || err == nil && (who.Holder == "" || old.Holder != who.Holder || old.Business != who.Business || old.State != ca.Issued) {
		return errNotYours()
	}
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "renew-here", d.here(old, d.now()))
}

func errNotYours() error {
	return fault.New(fault.NotFound, "renewal_not_yours", "you have no certificate with this serial number here; look at the list of yours")
}

// here says how the renewal of a certificate stands at now.
func (d *Desk) here(old ca.Certificate, now time.Time) hereView {
	v := hereView{Certificate: old, Kind: profileName(old), State: "ended", Now: now, Portal: d.Audience}
	rules, known := d.Policy.Rules(v.Kind)
	if !known || old.Revoked != nil || old.ReplacedBy != "" {
		return v
	}
	v.Window = WindowOf(old.NotBefore, old.NotAfter, rules)
	switch err := v.Window.Fault(now); {
	case err == nil || old.RenewNow != nil && !now.After(v.Window.Closes):
		v.State = "open"
	case now.Before(v.Window.Opens):
		v.State = "early"
	default:
		v.State = "late"
	}
	return v
}
