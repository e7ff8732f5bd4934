package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
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
	Query      Query
	From, To   string // days, as they were typed
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
	if p.Asked != "" && !p.subject() {
		if err := l.look(c, &p); err != nil {
			return err
		}
	}
	if err := l.list(c, &p); err != nil {
		return err
	}
	status := http.StatusOK
	if p.Error != nil {
		status = p.Error.Status
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return web.Page(c, status, "log-entries", p)
}

// subject takes what was typed for the public name of what deeds were done to,
// where it is neither the hash of an entry nor its number: the serial of a
// certificate is written in any of the usual ways.
func (p *entriesPage) subject() bool {
	asked := strings.ToLower(p.Asked)
	if _, err := strconv.ParseInt(asked, 10, 64); err == nil && len(asked) < 19 || isHash(asked) {
		return false
	}
	if !strings.Contains(asked, "-") {
		asked = strings.TrimLeft(strings.NewReplacer(":", "", " ", "").Replace(asked), "0")
	}
	p.Query.Subject = asked
	return true
}

func isHash(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// list reads the entries that the page lists: all, or those looked for.
func (l *Log) list(c echo.Context, p *entriesPage) (err error) {
	ctx := c.Request().Context()
	p.From, p.To, p.Query.Kind = c.QueryParam("from"), c.QueryParam("to"), strings.TrimSpace(c.QueryParam("kind"))
	if before, err := strconv.ParseInt(c.QueryParam("before"), 10, 64); err == nil && before > 0 {
		p.Query.Before = before
	}
	for _, day := range []struct {
		id, text string
		at       *time.Time
		more     int
	}{{"from", p.From, &p.Query.From, 0}, {"to", p.To, &p.Query.To, 1}} {
		if day.text == "" {
			continue
		}
		at, ok := i18n.ParseDay(day.text)
		if !ok {
			p.Error = web.FormText(c, http.StatusUnprocessableEntity, day.id, "log.no_day")
			return nil
		}
		*day.at = at.AddDate(0, 0, day.more) // the last day is meant too
	}
	p.Entries, p.Older, err = l.Find(ctx, p.Query)
	if err == nil && p.Query.Subject != "" && len(p.Entries) == 0 && p.Query.Before == 0 {
		p.Error = web.FormText(c, http.StatusNotFound, "id", "log.none")
	}
	return err
}

// Next is the address of the page that goes on.
func (p entriesPage) Next() string {
	v := url.Values{"before": {strconv.FormatInt(p.Older, 10)}}
	for name, value := range map[string]string{"id": p.Query.Subject, "kind": p.Query.Kind, "from": p.From, "to": p.To} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return "/log/entries?" + v.Encode()
}

// Families are the first words of kinds, to choose from; "log.family." and
// each is a text.
func (entriesPage) Families() []string {
	return []string{"certificate", "renewal", "badge", "complaint", "complaints", "publication", "key", "plan", "matter", "operator", "holder", "passkey", "ceremony", "acme"}
}

// Searched reports whether the list is of what was looked for.
func (p entriesPage) Searched() bool { return !p.Query.Empty() }

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
