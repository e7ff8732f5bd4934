package desk

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca/document"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Routes hangs the page on s.
func (d *Desk) Routes(s *web.Server) {
	s.Echo.GET("/validate", d.page)
	s.Echo.POST("/validate", d.post)
}

// validatePage is the Data of the page.
type validatePage struct {
	Report *document.Report
	Error  *web.FormError
}

func (d *Desk) page(c echo.Context) error {
	return web.Page(c, http.StatusOK, "validate", validatePage{})
}

func (d *Desk) post(c echo.Context) error {
	report, err := d.judgeForm(c)
	if errors.Is(err, fault.Unavailable) {
		return err // which says when to come again
	}
	if err != nil {
		told := web.FormFault(c, err, web.Fields{"": "document"})
		if told == nil {
			return err
		}
		return web.Page(c, told.Status, "validate", validatePage{Error: told})
	}
	return web.Page(c, http.StatusOK, "validate", validatePage{Report: &report})
}

func (d *Desk) judgeForm(c echo.Context) (document.Report, error) {
	malformed := fault.New(fault.Invalid, "validate_form", "the form could not be read; choose the files and send it again")
	_, file, err := web.Upload(c, "document", MaxFile, malformed)
	if err != nil {
		return document.Report{}, err
	}
	_, signature, err := web.Upload(c, "signature", MaxFile, malformed)
	if err != nil {
		return document.Report{}, err
	}
	return d.Judge(c.Request().Context(), file, signature)
}
