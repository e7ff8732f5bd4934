package timestamp

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

const queryType, replyType = "application/timestamp-query", "application/timestamp-reply"

// Routes serves the unit (RFC 3161 section 3.4), on the listener without TLS:
// what it gives out is signed.
func (u *Unit) Routes(e *echo.Echo) { e.POST("/tsa", u.postQuery) }

func (u *Unit) postQuery(c echo.Context) error {
	kind, _, _ := strings.Cut(c.Request().Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), queryType) {
		return c.String(http.StatusUnsupportedMediaType, "send "+queryType+"\n")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxRequest))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return c.String(http.StatusRequestEntityTooLarge, "a query has at most 4096 octets\n")
	}
	if err != nil {
		return c.String(http.StatusBadRequest, "the body ended early\n")
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, replyType, u.Respond(body))
}
