package enroll

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// routesSteps hangs the steps of an application, each a form of its page.
func (d *Desk) routesSteps(e *echo.Echo) {
	d.routesSecretPages(e)
	e.POST("/enroll/:id/consent", d.postStep("accepted", func(ctx context.Context, c echo.Context, id, token string) error {
		f := ConsentForm{Accepted: c.FormValue("accepted") == "yes", TermsVersion: c.FormValue("terms_version")}
		_, err := d.Consent(ctx, id, token, f)
		return err
	}))
	e.POST("/enroll/:id/send", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.SendCode(ctx, id, token)
		return err
	}))
	e.POST("/enroll/:id/code", d.postStep("code", func(ctx context.Context, c echo.Context, id, token string) error {
		_, err := d.ProveCode(ctx, id, token, c.FormValue("code"))
		return err
	}))
	e.POST("/enroll/:id/face", d.postStep("session", func(ctx context.Context, c echo.Context, id, token string) error {
		_, err := d.MatchFace(ctx, id, token, c.FormValue("session"))
		return err
	}))
	e.POST("/enroll/:id/earlier", d.postStep("serial", func(ctx context.Context, c echo.Context, id, token string) error {
		_, err := d.UseEarlier(ctx, id, token, c.FormValue("serial"), c.FormValue("revocation_code"))
		return err
	}))
	e.POST("/enroll/:id/video", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.BeginVisit(ctx, id, token, evidence.DocumentVideo)
		return err
	}))
	e.POST("/enroll/:id/held", d.postStep("key", d.postHeld))
	e.POST("/enroll/:id/refresh", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.Refresh(ctx, id, token)
		return err
	}))
	e.POST("/enroll/:id/cancel", d.onceSure("enroll.sure.cancel", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.Cancel(ctx, id, token)
		return err
	})))
	e.POST("/enroll/:id/erase", d.onceSure("enroll.sure.erase", d.postStep("", func(ctx context.Context, _ echo.Context, id, token string) error {
		_, err := d.Erase(ctx, id, token)
		return err
	})))
	e.POST("/enroll/:id/appeal", d.postStep("reasons", func(ctx context.Context, c echo.Context, id, token string) error {
		_, err := d.Appeal(ctx, id, token, c.FormValue("reasons"))
		return err
	}))
	e.POST("/enroll/:id/csr", d.postStep("csr", func(ctx context.Context, c echo.Context, id, token string) error {
		request, err := requestOf(c)
		if err == nil {
			_, err = d.Submit(ctx, id, token, request)
		}
		return err
	}))
}

// postStep is a handler that takes one step and shows the page again. The field
// is the one of the step's form that its faults are about, "" if it has none.
func (d *Desk) postStep(field string, step func(ctx context.Context, c echo.Context, id, token string) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, token, err := session(c)
		if err != nil {
			return err
		}
		if err := step(c.Request().Context(), c, id, token); err != nil {
			if told := web.FormFault(c, err, web.Fields{"": field}); told != nil {
				return d.showApplication(c, told)
			}
			return err
		}
		return c.Redirect(http.StatusSeeOther, "/enroll/"+id)
	}
}

// onceSure asks who holds the application's token once more before the step,
// by the question of that text.
func (d *Desk) onceSure(text string, step echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		v, err := web.Form(c)
		if err != nil {
			return err
		}
		id, token, err := session(c)
		if err != nil {
			return err
		}
		if web.Sure(v) {
			return step(c)
		}
		if _, err := d.open(c.Request().Context(), id, token); err != nil {
			return err
		}
		page := "/enroll/" + id
		return web.Ask(c, web.Question{Text: text, About: []string{id}, Action: c.Request().URL.Path, Fields: v, Back: page})
	}
}

// requestOf returns the certification request of the form: the file, else
// the text.
func requestOf(c echo.Context) ([]byte, error) {
	tooLarge := fault.New(fault.Invalid, "csr_form_unreadable", "the certification request could not be read; send one file or text of at most %[1]d octets", maxCSR)
	h, err := c.FormFile("file")
	if err != nil || h.Size == 0 {
		text := c.FormValue("csr")
		if text == "" || len(text) > maxCSR {
			return nil, tooLarge
		}
		return []byte(text), nil
	}
	if h.Size > maxCSR {
		return nil, tooLarge
	}
	f, err := h.Open()
	if err != nil {
		return nil, fmt.Errorf("open uploaded request: %w", err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCSR))
}
