package enroll

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/web"
)

func (d *Desk) pageCertificate(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	i, err := d.Delivered(c.Request().Context(), id, token)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="certificate.pem"`)
	return c.Blob(http.StatusOK, "application/pem-certificate-chain", i.Chain)
}

func (d *Desk) pageBundle(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	b, err := d.Bundle(c.Request().Context(), id, token)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="bundle.json"`)
	return c.Blob(http.StatusOK, "application/json", b)
}

// exportPage is the Data of the page of all that is held in one application.
type exportPage struct {
	Export
	Back string // where the reader comes from
}

// pageExport is the export as one would read it.
func (d *Desk) pageExport(c echo.Context) error {
	id, token, err := session(c)
	if err != nil {
		return err
	}
	e, err := d.Export(c.Request().Context(), id, token)
	if err != nil {
		if told := web.FormFault(c, err); told != nil {
			return d.showApplication(c, told)
		}
		return err
	}
	return web.Page(c, http.StatusOK, "enroll-export", exportPage{e, "/enroll/" + id})
}
