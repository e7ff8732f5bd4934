package opendata

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/internal/web"
)

// Routes hangs the list of editions and their files on s.
func (p *Publisher) Routes(s *web.Server) {
	op := func(path, id, summary string) web.Operation {
		return web.Operation{Method: http.MethodGet, Path: path, ID: id, Summary: summary, Tag: "open data"}
	}
	web.Handle(s, op("/open/complaints", "list-open-data", "Editions of the open data of complaints, oldest first, a page at a time"), p.apiList)
	web.Handle(s, op("/open/complaints/{day}", "get-open-data", "The signed manifest of the edition of a day"), p.apiEdition)
	s.Echo.GET("/open/complaints/:day/:file", p.getFile)
}

type listIn struct {
	After string `query:"after" maxLength:"10" doc:"day of the last edition seen"`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"30"`
}

type listOut struct {
	Link string `header:"Link"`
	Body struct {
		Editions []Edition `json:"editions"`
		Next     string    `json:"next,omitempty" doc:"after= of the next page"`
	}
}

func (p *Publisher) apiList(ctx context.Context, in *listIn) (*listOut, error) {
	list, more, err := p.Editions(ctx, in.After, in.Limit)
	out := &listOut{}
	out.Body.Editions = append([]Edition{}, list...)
	if more {
		out.Body.Next = list[len(list)-1].Manifest.Day
		out.Link = `</api/v1/open/complaints?after=` + url.QueryEscape(out.Body.Next) + `>; rel="next"`
	}
	return out, err
}

// ByDay is exported because the API library reads only exported fields.
type ByDay struct {
	Day string `path:"day" maxLength:"10"`
}

type editionOut struct {
	ETag string `header:"ETag"`
	Body Edition
}

func (p *Publisher) apiEdition(ctx context.Context, in *ByDay) (*editionOut, error) {
	e, err := p.LoadEdition(ctx, in.Day)
	return &editionOut{ETag: `"` + e.SHA256 + `"`, Body: e}, err
}

// getFile sends a file of an edition. It never changes, so that who has it by
// its tag is told no more (RFC 9110 section 13.1.2).
func (p *Publisher) getFile(c echo.Context) error {
	ctx, name := c.Request().Context(), c.Param("file")
	e, err := p.LoadEdition(ctx, c.Param("day"))
	if err != nil {
		return err
	}
	f, ok := e.file(name)
	switch {
	case !ok:
		return errUnknown()
	case e.Pruned:
		return errPruned(e.Manifest.Day)
	}
	h, tag := c.Response().Header(), `"`+f.SHA256+`"`
	h.Set("ETag", tag)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if matches(c.Request().Header.Get("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	return p.File(ctx, e, name, func(csv []byte) error {
		_, err := c.Response().Write(csv)
		return err
	})
}

// matches reports whether a list of tags has this one, weakly or not.
func matches(list, tag string) bool {
	for _, t := range strings.Split(list, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == tag {
			return true
		}
	}
	return false
}
