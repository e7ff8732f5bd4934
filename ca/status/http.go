package status

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// Routes serves Handler from an echo. Before is faster.
func (r *Responder) Routes(e *echo.Echo) {
	h := echo.WrapHandler(r.Handler())
	for _, prefix := range prefixes {
		e.Match([]string{http.MethodGet, http.MethodHead, http.MethodPost}, prefix+"*", h)
	}
}
