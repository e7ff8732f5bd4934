package service

import "github.com/labstack/echo/v4"

// routesProtocols hangs the protocols whose messages are protected by
// themselves on a listener, with TLS or without.
func (r *rooms) routesProtocols(e *echo.Echo) {
	r.cmp.Routes(e)
	if r.scep != nil {
		r.scep.Routes(e)
	}
}
