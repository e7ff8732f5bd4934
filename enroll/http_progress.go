package enroll

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/internal/i18n"
	"mohr/internal/web"
)

// Scripted reports whether the page has something for a script to do.
func (p applicationPage) Scripted() bool {
	switch p.Stage {
	case Approved, Waiting, Review, Issuing, Issued:
		return true
	}
	return len(p.WaitsFor) > 0
}

// progress is what a script puts on the page while somebody else is at work.
type progress struct {
	Stage Stage    `json:"stage"`
	Waits []string `json:"waits"` // for whom, and for how long, in the reader's language
}

// getProgress tells a script how the application stands. It asks nobody.
func (d *Desk) getProgress(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	a, err := d.open(ctx, id, token)
	if err != nil {
		return err
	}
	s, err := d.Show(ctx, a)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, progress{s.Stage, d.waits(c, s)})
}

// waits are the lines of the page that say for whom an application waits, and
// for how long.
func (d *Desk) waits(c echo.Context, s State) []string {
	lang, lines := web.Lang(c.Request().Context()), []string{}
	for _, w := range s.WaitsFor {
		source := web.Text(c, "enroll.source."+string(w.Source))
		// Whole minutes: a reader of the screen is not to be told of every second.
		if waited := d.now().Sub(w.Since).Truncate(time.Minute); waited > 0 {
			lines = append(lines, web.Text(c, "enroll.waits.for", source, i18n.Words(lang, waited)))
		} else {
			lines = append(lines, web.Text(c, "enroll.waits.fresh", source))
		}
	}
	return lines
}
