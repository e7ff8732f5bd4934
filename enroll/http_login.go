package enroll

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/eid"
	"mohr/internal/fault"
)

// getLogin sends the browser to the eID provider. It changes nothing, so a
// link may do it: a form that ends at another site is not sent by browsers
// that are told so by our Content-Security-Policy.
func (d *Desk) getLogin(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	address, err := d.BeginLogin(c.Request().Context(), id, token)
	if err != nil {
		return tellLogin(c, id, err)
	}
	return c.Redirect(http.StatusSeeOther, address)
}

// getLoggedIn takes the browser back from the eID provider, if it is the one
// that began: another has no cookie of the application. The page that follows
// has neither code nor state in its address.
func (d *Desk) getLoggedIn(c echo.Context) error {
	b := eid.ReadBack(c.QueryParams())
	id, _ := loginOf(b.State)
	if id == "" {
		return errLoginOver()
	}
	c.SetParamNames("id")
	c.SetParamValues(id)
	id, token, err := session(c)
	if err != nil {
		return err
	}
	if _, err := d.FinishLogin(c.Request().Context(), id, token, b); err != nil {
		return tellLogin(c, id, err)
	}
	return c.Redirect(http.StatusSeeOther, "/enroll/"+id)
}

// tellLogin has the page of the application say why a login does not count.
func tellLogin(c echo.Context, id string, err error) error {
	if code := fault.Code(err); loginFault(code) != nil {
		return c.Redirect(http.StatusSeeOther, "/enroll/"+id+"?eid="+code)
	}
	return err
}
