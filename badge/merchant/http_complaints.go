package merchant

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/complaints"
	"mohr/internal/web"
)

func (d *Desk) pageComplaints(c echo.Context, _ Visitor, at place) error {
	if err := needComplaints(at); err != nil {
		return err
	}
	owed, err := d.Complaints.OwedOf(c.Request().Context(), at.Business)
	if err != nil {
		return err
	}
	p := complaintsPage{place: at, Owed: owed}
	if len(owed) > maxShown {
		p.Owed, p.More = owed[:maxShown], len(owed)-maxShown
	}
	return web.Page(c, http.StatusOK, "merchant-complaints", p)
}

func (d *Desk) pageComplaint(c echo.Context, _ Visitor, at place) error {
	return d.showComplaint(c, at, nil)
}

func (d *Desk) showComplaint(c echo.Context, at place, told *web.FormError) error {
	if err := needComplaints(at); err != nil {
		return err
	}
	one, err := d.Complaints.OneOf(c.Request().Context(), at.Business, c.Param("id"))
	if err != nil {
		return err
	}
	p := complaintPage{place: at, Complaint: one, Taken: c.QueryParam("taken") != ""}
	p.Next, p.Last = clock(one)
	if p.Pictures, err = d.Complaints.PicturesOf(c.Request().Context(), at.Business, one.ID); err != nil {
		return err
	}
	status := http.StatusOK
	if p.Error = told; told != nil {
		status = told.Status
	}
	return web.Page(c, status, "merchant-complaint", p)
}

// getPicture shows a picture of a complaint that was served to the business.
func (d *Desk) getPicture(c echo.Context, _ Visitor, at place) error {
	if err := needComplaints(at); err != nil {
		return err
	}
	n, err := strconv.Atoi(c.Param("number"))
	if err != nil {
		n = 0 // which none has
	}
	s, octets, err := d.Complaints.PictureOf(c.Request().Context(), at.Business, c.Param("id"), n)
	if err != nil {
		return err
	}
	return s.Send(c, octets)
}

// clock returns the end of the window that runs, zero if all are missed, and
// that of the last one.
func clock(c complaints.Complaint) (next, last time.Time) {
	if n := len(c.Deadlines); n > 0 {
		last = c.Deadlines[n-1]
	}
	if c.Missed < len(c.Deadlines) {
		next = c.Deadlines[c.Missed]
	}
	return next, last
}

// postAnswer takes a signed answer in, as the API does.
func (d *Desk) postAnswer(c echo.Context, _ Visitor, at place) error {
	if err := needComplaints(at); err != nil {
		return err
	}
	f, err := web.Form(c)
	if err != nil {
		return err
	}
	id := c.Param("id")
	_, err = d.Complaints.Answer(c.Request().Context(), id, []byte(f.Get("statement")))
	if err == nil {
		return c.Redirect(http.StatusSeeOther, deskPath(at.Business, "complaints", id)+"?taken=1")
	}
	if told := web.FormFault(c, err, web.Fields{"complaint_text_invalid": "text"}); told != nil {
		return d.showComplaint(c, at, told)
	}
	return err
}

func (d *Desk) pageRecord(c echo.Context, _ Visitor, at place) error {
	return d.showRecord(c, at, nil)
}

func (d *Desk) showRecord(c echo.Context, at place, told *web.FormError) error {
	if err := needComplaints(at); err != nil {
		return err
	}
	ctx := c.Request().Context()
	p := recordPage{place: at, Taken: c.QueryParam("taken") != "", Consents: c.QueryParam("consent") != ""}
	var err error
	if p.Record, err = d.Complaints.Record(ctx, at.Business); err != nil {
		return err
	}
	if p.Invitation, err = d.Complaints.Invitation(ctx, at.Business); err != nil {
		return err
	}
	status := http.StatusOK
	if p.Error = told; told != nil {
		status = told.Status
	}
	return web.Page(c, status, "merchant-record", p)
}

// postReply takes a signed reply to an invitation in, as the API does.
func (d *Desk) postReply(c echo.Context, _ Visitor, at place) error {
	if err := needComplaints(at); err != nil {
		return err
	}
	f, err := web.Form(c)
	if err != nil {
		return err
	}
	_, err = d.Complaints.ReplyToInvitation(c.Request().Context(), at.Business, []byte(f.Get("statement")))
	if err == nil {
		return c.Redirect(http.StatusSeeOther, at.Path+"/record?taken=1")
	}
	if told := web.FormFault(c, err); told != nil {
		return d.showRecord(c, at, told)
	}
	return err
}
