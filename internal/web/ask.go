package web

import (
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// Question is asked once more before a deed that cannot be undone. Its words
// are three texts of the room: Text asks, Text_means says what follows from the
// deed, Text_do is on the button.
type Question struct {
	Text   string
	About  []string   // numbers of what it is done to
	Action string     // the form of the page goes there, with Fields, and its handler finds Sure
	Fields url.Values // that the form carries there
	Back   string     // the page of who does not want it
	Keep   url.Values // fields that this page needs, which a link cannot carry; nil: none
}

// sureField is the field by which the form of a Question says yes.
const sureField = "sure"

// Sure reports whether the reader who sent the form has said yes to its
// Question.
func Sure(v url.Values) bool { return v.Get(sureField) == "yes" }

// Ask shows the page that asks q: nothing is done before its form comes back.
func Ask(c echo.Context, q Question) error {
	fields := url.Values{}
	for name, values := range q.Fields {
		if name != sureField {
			fields[name] = values
		}
	}
	q.Fields = fields
	return Page(c, http.StatusOK, "sure", q)
}
