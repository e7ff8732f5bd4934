package ledger

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// PageRoutes hangs the page on which the log can be looked through on s.
func (l *Log) PageRoutes(s *web.Server) { s.Echo.GET("/log/entries", l.pageEntries) }

// entriesPage is the Data of that page.
type entriesPage struct {
	Checkpoint Checkpoint
	At         time.Time // of the checkpoint
	Key        string    // verifier key
	Entries    []Entry   // newest first
	Older      int64     // before= of the next page; 0: none
	Asked      string
	Found      *Entry
	Proof      Proof
	Waiting    bool // the entry has no place yet
	Error      *web.FormError
}

func (l *Log) pageEntries(c echo.Context) error {
	ctx := c.Request().Context()
	p := entriesPage{Key: l.VerifierKey(), Asked: strings.TrimSpace(i18n.FoldDigits(c.QueryParam("id")))}
	var err error
	if p.Checkpoint, p.At, err = l.Head(ctx); err != nil {
		return err
	}
	if p.Asked != "" {
		if err := l.look(c, &p); err != nil {
			return err
		}
	}
	before, err := strconv.ParseInt(c.QueryParam("before"), 10, 64)
	if err != nil {
		before = -1
	}
	if p.Entries, err = l.Recent(ctx, before); err != nil {
		return err
	}
	if n := len(p.Entries); n > 0 {
		p.Older = p.Entries[n-1].Index
	}
	status := http.StatusOK
	if p.Error != nil {
		status = p.Error.Status
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return web.Page(c, status, "log-entries", p)
}

// look finds the entry that was asked for, with its proof.
func (l *Log) look(c echo.Context, p *entriesPage) error {
	ctx := c.Request().Context()
	id, err := l.Name(ctx, p.Asked)
	if err != nil {
		return err
	}
	p.Proof, err = l.Prove(ctx, id)
	switch {
	case errors.Is(err, fault.NotFound):
		p.Error = web.FormText(c, http.StatusNotFound, "id", "log.unknown")
		return nil
	case errors.Is(err, fault.Unavailable):
		p.Waiting = true
		return nil
	case err != nil:
		return err
	}
	e, err := p.Proof.Event()
	p.Found = &Entry{Event: e, ID: id, Index: p.Proof.Index}
	return err
}

// Leaf is the entry as it was hashed.
func (p entriesPage) Leaf() string { return string(p.Proof.Leaf) }
