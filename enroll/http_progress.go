package enroll

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Scripted reports whether the page has something for a script to do.
func (p applicationPage) Scripted() bool {
	switch p.Stage {
	case Approved, Waiting, Review, Issuing, Issued:
		return true
	}
	return false
}

// getProgress tells a script whether the application has moved on.
func (d *Desk) getProgress(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	a, err := d.open(c.Request().Context(), id, token)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]Stage{"stage": a.Stage})
}
