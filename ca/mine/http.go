package mine

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Routes hangs this room's pages on s.
func (d *Desk) Routes(s *web.Server) {
	e := s.Echo
	d.routesReceipts(e)
	d.routesMandates(e)
	e.GET(signin.Home, d.SignIn.Page(d.pageList))
	e.GET("/my/certificates/:serial", d.SignIn.Page(d.pageOne))
	e.GET("/my/certificates/:serial/certificate.pem", d.SignIn.Page(d.getPEM))
	e.GET("/my/certificates/:serial/revoke", d.SignIn.Page(d.pageRevoke))
	e.POST("/my/certificates/:serial/revoke", d.SignIn.Page(d.postRevoke))
}

// listPage is the Data of the page with the list.
type listPage struct {
	Who  signin.Who
	List []Held
	Held bool // keys are held here, too
}

func (d *Desk) pageList(c echo.Context, who signin.Who) error {
	list, err := d.List(c.Request().Context(), who)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "mine", listPage{who, list, d.Config.Held})
}

func (d *Desk) pageOne(c echo.Context, who signin.Who) error {
	h, err := d.Certificate(c.Request().Context(), who, c.Param("serial"))
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "mine-certificate", h)
}

func (d *Desk) getPEM(c echo.Context, who signin.Who) error {
	h, err := d.Certificate(c.Request().Context(), who, c.Param("serial"))
	if err != nil {
		return err
	}
	chain, err := d.chain(h.Certificate)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="certificate.pem"`)
	return c.Blob(http.StatusOK, "application/pem-certificate-chain", chain)
}

// revokePage is the Data of the page that ends a certificate.
type revokePage struct {
	Held
	Reasons []ca.Reason
	Done    bool // it has just been ended
	Error   *web.FormError
}

func (d *Desk) pageRevoke(c echo.Context, who signin.Who) error {
	h, err := d.Certificate(c.Request().Context(), who, c.Param("serial"))
	if err != nil {
		return err
	}
	p := revokePage{Held: h, Reasons: Reasons()}
	reason := ca.Reason(c.QueryParam("reason"))
	if !slices.Contains(p.Reasons, reason) || !h.Ends() {
		return web.Page(c, http.StatusOK, "mine-revoke", p)
	}
	_, err = d.SignIn.Confirmed(c.Request().Context(), who, Purpose(h.Serial))
	if fault.Code(err) == "confirm_needed" {
		back := "/my/certificates/" + h.Serial + "/revoke?" + url.Values{"reason": {string(reason)}}.Encode()
		return d.SignIn.AskConfirm(c, Purpose(h.Serial), back)
	}
	if err != nil {
		return err
	}
	text := "mine.sure.revoke"
	if reason == ca.CertificateHold {
		text = "mine.sure.suspend"
	}
	page := "/my/certificates/" + h.Serial
	return web.Ask(c, web.Question{Text: text, About: []string{h.Serial}, Action: page + "/revoke", Fields: url.Values{"reason": {string(reason)}}, Back: page})
}

func (d *Desk) postRevoke(c echo.Context, who signin.Who) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	h, err := d.Certificate(ctx, who, c.Param("serial"))
	if err != nil {
		return err
	}
	if err := d.End(ctx, who, h.Serial, ca.Reason(v.Get("reason"))); err != nil {
		told := web.FormFault(c, err, web.Fields{"mine_reason": "r-" + string(Reasons()[0])})
		if told == nil {
			return err
		}
		return web.Page(c, told.Status, "mine-revoke", revokePage{Held: h, Reasons: Reasons(), Error: told})
	}
	// No redirect: if the session stood on this certificate, it has just ended.
	ended, err := d.CA.Certificate(ctx, h.Serial)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "mine-revoke", revokePage{Held: held(ended, d.now()), Done: true})
}
