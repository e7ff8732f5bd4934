package complaints

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/web"
)

// answerPage is the Data of the page on which a business without a good
// certificate answers: first the answer, then, once Sent, the code for it. It
// keeps what was typed, as it was typed.
type answerPage struct {
	ID string
	PhoneAnswer
	Sent  bool
	Done  *Accepted
	Error *web.FormError
}

// Kinds are the kinds of answers, for the form.
func (answerPage) Kinds() []Kind { return BusinessKinds() }

func (d *Desk) routesAnswerPage(s *web.Server) {
	s.Echo.GET("/complaints/:id/answer", d.pageAnswer)
	s.Echo.POST("/complaints/:id/answer", d.postAnswer)
}

func (d *Desk) pageAnswer(c echo.Context) error {
	p := answerPage{ID: c.Param("id"), PhoneAnswer: PhoneAnswer{Kind: KindAnswer}}
	return web.Page(c, http.StatusOK, "complaints-answer", p)
}

// answerFields are the fields of that form that faults speak of.
var answerFields = web.Fields{
	"legal_id_invalid": "business", "complaint_signatory_unsure": "business", "national_code_invalid": "national_code", "mobile_invalid": "mobile",
	"complaint_text_invalid": "text", "code_wrong": "code", "code_exhausted": "code",
}

// readAnswerForm reads the form as it is; the desk judges it.
func readAnswerForm(id string, v url.Values) answerPage {
	return answerPage{ID: id, PhoneAnswer: PhoneAnswer{
		Business: ca.BusinessID(v.Get("business")), NationalCode: v.Get("national_code"), Mobile: v.Get("mobile"), Kind: Kind(v.Get("kind")), Text: v.Get("text"),
	}}
}

// postAnswer sends a code for the answer, or takes the answer with its code.
func (d *Desk) postAnswer(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx, p := c.Request().Context(), readAnswerForm(c.Param("id"), v)
	if v.Get("do") == "give" {
		p.Sent = true
		var a Accepted
		if a, err = d.AnswerByPhone(ctx, p.ID, p.PhoneAnswer, v.Get("code")); err == nil {
			p.Done = &a
		}
	} else if v.Get("do") == "send" {
		err = d.PhoneCode(ctx, p.ID, p.PhoneAnswer, web.Lang(ctx))
		p.Sent = err == nil
	}
	status := http.StatusOK
	if err != nil {
		if p.Error = web.FormFault(c, err, answerFields); p.Error == nil {
			return err
		}
		status = p.Error.Status
	}
	return web.Page(c, status, "complaints-answer", p)
}
