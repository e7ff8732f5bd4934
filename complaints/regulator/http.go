package regulator

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/web"
)

// Routes hangs the country's figures on s, as a page and for programs.
func (o *Office) Routes(s *web.Server) {
	web.Handle(s, web.Operation{Method: http.MethodGet, Path: "/statistics", ID: "get-statistics", Tag: "complaints",
		Summary: "The country's complaints by year, month and category as of the last beginning of a day in Iran, beside the year before"}, o.apiBulletin)
	s.Echo.GET("/statistics", o.page)
}

type bulletinOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         Bulletin
}

func (o *Office) apiBulletin(ctx context.Context, _ *struct{}) (*bulletinOut, error) {
	b, there, err := o.Bulletin(ctx)
	if err == nil && !there {
		err = fault.New(fault.NotFound, "statistics_none", "the country's figures have not been counted yet; ask again in a minute")
	}
	return &bulletinOut{CacheControl: "public, max-age=600", Body: b}, err
}

func (o *Office) page(c echo.Context) error {
	b, there, err := o.Bulletin(c.Request().Context())
	if err != nil {
		return err
	}
	p := statisticsPage{Bulletin: b, There: there}
	if there {
		if p.Chosen, err = choose(b.National, c.QueryParam("year"), c.QueryParam("category")); err != nil {
			return err
		}
	}
	return web.Page(c, http.StatusOK, "statistics", p)
}
