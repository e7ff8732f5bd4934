package held

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Path is where holders see their keys.
const Path = "/my/keys"

// Routes hangs this room's pages, and what their scripts ask, on s.
func (d *Desk) Routes(s *web.Server) {
	e := s.Echo
	e.GET(Path, d.SignIn.Page(d.pageList))
	e.GET("/my/keys.json", d.getList)
	e.POST("/my/keys/options", d.postMakeOptions)
	e.POST(Path, d.postMake)
	e.GET("/my/keys/:id", d.SignIn.Page(d.pageKey))
	e.POST("/my/keys/:id/sign/options", d.postSignOptions)
	e.POST("/my/keys/:id/sign", d.postSign)
	e.POST("/my/keys/:id/vouch", d.postVouch)
	e.GET("/my/keys/:id/end", d.SignIn.Page(d.pageEnd))
	e.POST("/my/keys/:id/end", d.SignIn.Page(d.postEnd))
}

// listPage is the Data of the page with the list.
type listPage struct {
	List     []Key
	Passkeys int  // that who is signed in has: without one no key is made
	Offered  bool // there are certificates for keys that are made
}

func (d *Desk) pageList(c echo.Context, who signin.Who) error {
	ctx := c.Request().Context()
	list, err := d.Keys(ctx, who)
	if err != nil {
		return err
	}
	passkeys, err := d.SignIn.Passkeys(ctx, who)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "held", listPage{list, len(passkeys), d.Offered})
}

// keyPage is the Data of the page of one key.
type keyPage struct {
	Key
	Certified  bool
	SignsIn    bool        // and signs statements, but no documents
	Offered    bool        // there are certificates for it
	Signatures []Signature // the last ones, the newest first
}

func (d *Desk) pageKey(c echo.Context, who signin.Who) error {
	p, err := d.page(c.Request().Context(), who, c.Param("id"))
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "held-key", p)
}

// endPage is the Data of the page that ends a key.
type endPage struct {
	Key
	Deed string
}

// deeds are the ways in which a key ends, with what is to be confirmed.
var deeds = map[string]func(id string) signin.Purpose{"revoke": RevokePurpose, "destroy": DestroyPurpose}

// ending returns the key that is to end, and how.
func (d *Desk) ending(c echo.Context, who signin.Who, deed string) (p endPage, purpose signin.Purpose, err error) {
	of, ok := deeds[deed]
	if !ok {
		return p, "", fault.New(fault.Invalid, "held_deed", "a key is revoked or destroyed; choose one on its page")
	}
	p.Deed = deed
	p.Key, err = d.Key(c.Request().Context(), who, c.Param("id"))
	return p, of(p.ID), err
}

// pageEnd asks for a fresh proof, and then once more.
func (d *Desk) pageEnd(c echo.Context, who signin.Who) error {
	p, purpose, err := d.ending(c, who, c.QueryParam("deed"))
	if err != nil {
		return err
	}
	_, err = d.SignIn.Confirmed(c.Request().Context(), who, purpose)
	if fault.Code(err) == "confirm_needed" {
		return d.SignIn.AskConfirm(c, purpose, Path+"/"+p.ID+"/end?"+url.Values{"deed": {p.Deed}}.Encode())
	}
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "held-end", p)
}

func (d *Desk) postEnd(c echo.Context, who signin.Who) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p, _, err := d.ending(c, who, v.Get("deed"))
	if err != nil {
		return err
	}
	end := map[string]func() error{
		"revoke":  func() error { return d.Revoke(c.Request().Context(), who, p.ID) },
		"destroy": func() error { return d.Destroy(c.Request().Context(), who, p.ID) },
	}[p.Deed]
	if err := end(); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, Path+"/"+p.ID)
}
