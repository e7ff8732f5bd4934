package cmp

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// mediaType is that of RFC 9811 section 3.2, of requests and answers.
const mediaType = "application/pkixcmp"

// Routes serves CMP over HTTP (RFC 9811). Messages are protected by
// themselves, so that a listener without TLS may carry them, too.
func (d *Desk) Routes(e *echo.Echo) { e.POST("/cmp/:profile", d.post) }

// Messages a second from one network, and at once: each may cost signatures
// and iterations of a hash.
const gateRate, gateBurst = 20, 200

func (d *Desk) post(c echo.Context) error {
	if err := d.gate.Pass(c.Request().Context()); err != nil {
		return err
	}
	kind, _, _ := strings.Cut(c.Request().Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), mediaType) {
		return c.String(http.StatusUnsupportedMediaType, "send "+mediaType+"\n")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxMessage))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return c.String(http.StatusRequestEntityTooLarge, "a message has at most 65536 octets\n")
	}
	if err != nil {
		return c.String(http.StatusBadRequest, "the body ended early\n")
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, mediaType, d.Respond(c.Request().Context(), c.Param("profile"), body))
}
