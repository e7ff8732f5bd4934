package complaints

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/store"
	"mohr/internal/web"
)

// routesConsole hangs the officers' pages.
func (d *Desk) routesConsole(s *web.Server) {
	s.Echo.GET("/console/complaints", d.consoleQueue)
	s.Echo.GET("/console/complaints/:id", d.consoleCase)
	s.Echo.GET("/console/complaints/:id/ruling", d.consoleRuling)
	s.Echo.POST("/console/complaints/:id/ruling", d.consolePostRuling)
}

func (d *Desk) consoleQueue(c echo.Context) error {
	ctx := c.Request().Context()
	list, err := d.Queue(ctx, web.PeerCertificate(ctx), "")
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "console-complaints", list)
}

// casePage is the Data of the page of one complaint as an officer sees it.
type casePage struct {
	Case
	followPage
}

func (d *Desk) consoleCase(c echo.Context) error {
	ctx := c.Request().Context()
	leaf, now := web.PeerCertificate(ctx), d.now()
	var p casePage
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		if p.Case, err = d.caseFor(tx, leaf, c.Param("id"), ca.BusinessID(c.QueryParam("business")), now); err != nil {
			return err
		}
		p.Pictures, err = picturesIn(tx, p.Case.ID)
		return err
	})
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "console-complaint", p)
}
