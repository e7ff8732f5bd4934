package scep

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
)

// Media types of RFC 8894 section 4.
const (
	messageType = "application/x-pki-message"
	certsType   = "application/x-x509-ca-ra-cert"
)

// capabilities is what GetCACaps says (RFC 8894 section 3.5.2). SHA-384 is not
// in that section's list; strongSwan 5.9.8 mixes its names up and goes on only
// where all three are said.
const capabilities = "AES\nPOSTPKIOperation\nRenewal\nSHA-256\nSHA-384\nSHA-512\nSCEPStandard\n"

// Messages a second from one network, and at once: each may cost two
// operations with an RSA key.
const gateRate, gateBurst = 10, 100

// Routes serves SCEP over HTTP (RFC 8894 section 4). Messages are protected by
// themselves, so that a listener without TLS may carry them, too.
func (d *Desk) Routes(e *echo.Echo) {
	e.GET("/scep/:profile", d.get)
	e.POST("/scep/:profile", d.post)
}

func (d *Desk) get(c echo.Context) error {
	switch c.QueryParam("operation") {
	case "GetCACaps":
		return c.String(http.StatusOK, capabilities)
	case "GetCACert":
		b, err := d.Certificates(c.Param("profile"))
		if err != nil {
			return err
		}
		return c.Blob(http.StatusOK, certsType, b)
	case "PKIOperation":
		raw, err := base64.StdEncoding.Strict().DecodeString(c.QueryParam("message"))
		if err != nil {
			return errMalformed()
		}
		return d.respond(c, raw)
	}
	return errOperation()
}

func (d *Desk) post(c echo.Context) error {
	if c.QueryParam("operation") != "PKIOperation" {
		return errOperation()
	}
	raw, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxMessage))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return fault.New(fault.Invalid, "body_too_large", "the body is larger than %[1]d octets; send less", maxMessage)
	}
	if err != nil {
		return errMalformed()
	}
	return d.respond(c, raw)
}

func (d *Desk) respond(c echo.Context, raw []byte) error {
	if err := d.gate.Pass(c.Request().Context()); err != nil {
		return err
	}
	out, err := d.Respond(c.Request().Context(), c.Param("profile"), raw)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, messageType, out)
}

func errOperation() error {
	return fault.New(fault.Invalid, "scep_operation", "the operations are GetCACaps, GetCACert and PKIOperation (RFC 8894 section 4)")
}
