package enroll

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/web"
)

// revokePage is the Data of the page that revokes by code.
type revokePage struct {
	Serial  string
	Reasons []ca.Reason
	Done    *ca.Revoked
	Error   *web.FormError
}

func (d *Desk) pageRevoke(c echo.Context) error {
	return web.Page(c, http.StatusOK, "enroll-revoke", revokePage{Reasons: holderReasons()})
}

func (d *Desk) postRevoke(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p := revokePage{Serial: v.Get("serial"), Reasons: holderReasons()}
	deed := d.RevokeByCode
	if !web.Sure(v) {
		deed = d.MayRevoke
	}
	cert, err := deed(c.Request().Context(), p.Serial, v.Get("code"), ca.Reason(v.Get("reason")))
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"serial_malformed": "serial", "revocation_reason_refused": "reason", "": "code"}); p.Error != nil {
			return web.Page(c, p.Error.Status, "enroll-revoke", p)
		}
		return err
	}
	if !web.Sure(v) {
		return web.Ask(c, web.Question{Text: "enroll.sure.revoke", About: []string{cert.Serial}, Action: "/enroll/revoke", Fields: v, Back: "/enroll/revoke"})
	}
	p.Serial, p.Done = cert.Serial, cert.Revoked
	return web.Page(c, http.StatusOK, "enroll-revoke", p)
}
