package lookup

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// Routes hangs the page on s.
func (b *Book) Routes(s *web.Server) {
	s.Echo.GET("/certificates", b.bySerial)
	s.Echo.POST("/certificates", b.byFile)
}

// lookupPage is the Data of the page.
type lookupPage struct {
	Serial string // as typed
	Found  *Found
	Error  *web.FormError
}

func (b *Book) bySerial(c echo.Context) error {
	p := lookupPage{Serial: i18n.FoldDigits(c.QueryParam("serial"))}
	if p.Serial == "" {
		return web.Page(c, http.StatusOK, "certificate", p)
	}
	f, err := b.Serial(c.Request().Context(), p.Serial)
	return p.show(c, f, err)
}

func (b *Book) byFile(c echo.Context) error {
	file, err := brought(c)
	if err != nil {
		return lookupPage{}.show(c, Found{}, err)
	}
	cert, err := Parse(file)
	if err != nil {
		return lookupPage{}.show(c, Found{}, err)
	}
	f, err := b.Certificate(c.Request().Context(), cert)
	return lookupPage{}.show(c, f, err)
}

func (p lookupPage) show(c echo.Context, f Found, err error) error {
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"serial_malformed": "serial", "": "file"}); p.Error == nil {
			return err
		}
		return web.Page(c, p.Error.Status, "certificate", p)
	}
	p.Found = &f
	return web.Page(c, http.StatusOK, "certificate", p)
}

// brought reads the file of the form or the text pasted into it.
func brought(c echo.Context) ([]byte, error) {
	form, file, err := web.Upload(c, "file", MaxFile,
		fault.New(fault.Invalid, "lookup_form", "the form could not be read; choose the file, or paste the text, and send it again"))
	if err != nil || file != nil {
		return file, err
	}
	if texts := form["text"]; len(texts) == 1 {
		return []byte(texts[0]), nil
	}
	return nil, nil
}
