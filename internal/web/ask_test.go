package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"mohr/internal/web"
)

// The page of a question carries what was sent, escaped, says yes only by its
// button, and leads back without doing anything.
func TestAQuestionCarriesTheFormAndNoYes(t *testing.T) {
	s := newRoom(t, nil)
	s.Echo.POST("/deed", func(c echo.Context) error {
		v, err := web.Form(c)
		if err != nil {
			return err
		}
		if web.Sure(v) {
			return c.String(http.StatusOK, "done to "+strings.Join(v["what"], " and "))
		}
		q := web.Question{Text: "web.sure.no", About: v["what"], Action: "/deed", Fields: v, Back: "/before"}
		if v.Has("token") {
			q.Keep = url.Values{"token": v["token"]}
		}
		return web.Ask(c, q)
	})
	form := "what=a&what=%3Cb%3E&sure=no"
	page := s.call("POST", "/deed", form, "Content-Type: application/x-www-form-urlencoded", "Accept-Language: en").Body.String()
	for _, want := range []string{`name="what" value="a"`, `name="what" value="&lt;b&gt;"`, `name="sure" value="yes"`, `href="/before"`, `action="/deed"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in %s", want, page)
		}
	}
	if strings.Contains(page, `value="no"`) || strings.Contains(page, "done to") {
		t.Errorf("it is answered already: %s", page)
	}
	if page := s.call("POST", "/deed", form+"&token=t", "Content-Type: application/x-www-form-urlencoded", "Accept-Language: en").Body.String(); strings.Count(page, `name="token" value="t"`) != 2 || strings.Contains(page, `href="/before"`) {
		t.Errorf("the way back needs a form: %s", page)
	}
	if said := s.call("POST", "/deed", "what=a&sure=yes", "Content-Type: application/x-www-form-urlencoded", "Accept-Language: en").Body.String(); said != "done to a" {
		t.Errorf("it said %q", said)
	}
}

func TestADayIsWrittenInTheReadersCalendar(t *testing.T) {
	for lang, want := range map[string]string{"fa": "۸ آذر ۱۴۰۵", "en": "29 November 2026"} {
		if said := (web.View{Lang: lang}).Day("2026-11-29"); said != want {
			t.Errorf("%s: %q", lang, said)
		}
		if said := (web.View{Lang: lang}).Day("x"); said != "x" {
			t.Errorf("%s: what is no day became %q", lang, said)
		}
	}
}
