package complaints

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// postWriting takes one step and goes on to the next.
func (d *Desk) postWriting(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	p, shown, err := d.held(c)
	if shown || err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := d.writers.Pass(ctx); err != nil {
		return err
	}
	next := stepCheck
	switch p.Step = step(c.Param("step")); p.Step {
	case stepMatter:
		next, err = stepBusiness, d.writeMatter(ctx, &p, v)
	case stepBusiness:
		next, err = d.writeBusiness(ctx, &p, v)
	case stepDetails:
		next, err = stepPictures, d.writeDetails(ctx, &p, v)
	case stepContact:
		err = d.writeContact(ctx, &p, v)
	case stepCheck:
		return d.postCheck(c, p, v)
	default:
		return echo.ErrNotFound
	}
	if err != nil {
		return p.show(c, err)
	}
	if v.Get("from") == string(stepCheck) && p.Step != stepBusiness {
		next = stepCheck // it was changed from there
	}
	return goTo(c, p.ID, next)
}

func (d *Desk) writeMatter(ctx context.Context, p *writingPage, v url.Values) error {
	if p.Category = Category(v.Get("category")); !p.Category.Known() {
		return errCategoryUnknown()
	}
	return d.write(ctx, p.ID, p.Token, func(w *Written) error {
		w.Category = p.Category
		return nil
	})
}

// writeBusiness adds a business, takes one out or goes on.
func (d *Desk) writeBusiness(ctx context.Context, p *writingPage, v url.Values) (step, error) {
	b, do := strings.TrimSpace(v.Get("business")), v.Get("do")
	switch do {
	case "remove":
		return stepBusiness, d.write(ctx, p.ID, p.Token, func(w *Written) error {
			w.Businesses = slices.DeleteFunc(w.Businesses, func(had Candidate) bool { return string(had.Business) == b })
			return nil
		})
	case "add":
		id, err := ca.ParseBusinessID(b)
		if err != nil {
			return "", err
		}
		if err := d.exists(ctx, id); err != nil {
			return "", err
		}
		name := d.nameOf(ctx, id)
		return stepBusiness, d.write(ctx, p.ID, p.Token, func(w *Written) error { return w.add(Candidate{Business: id, Name: name}) })
	}
	if len(p.Businesses) == 0 {
		return "", fault.New(fault.Invalid, "complaint_business_none", "name the business first: search for it, and choose it from what is found")
	}
	if p.Lacks() == stepCheck {
		return stepCheck, nil
	}
	return stepDetails, nil
}

func (d *Desk) writeDetails(ctx context.Context, p *writingPage, v url.Values) error {
	p.Purchase = Purchase{Order: v.Get("order"), Day: v.Get("day"), Rials: -1}
	p.Amount, p.Text = v.Get("amount"), v.Get("text")
	digits := strings.NewReplacer(",", "", "٬", "", " ", "").Replace(i18n.FoldDigits(p.Amount))
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		p.Purchase.Rials = n // one that is no number is an impossible one
	}
	bought, wrong := p.Purchase.check(d.now())
	text, err := checkText(p.Text, minText)
	if err = errors.Join(wrong, err); err != nil {
		return err
	}
	return d.write(ctx, p.ID, p.Token, func(w *Written) error {
		w.Purchase, w.Text = bought, text
		return nil
	})
}

// writeContact keeps the contact and sends a code there.
func (d *Desk) writeContact(ctx context.Context, p *writingPage, v url.Values) error {
	if p.Lacks() != stepContact && p.Lacks() != stepCheck {
		return errWritingLacks()
	}
	p.Contact = Contact{Mobile: v.Get("mobile"), Email: v.Get("email")}
	contact, err := p.Contact.check()
	if err != nil {
		return err
	}
	if _, _, _, err := d.reach(contact); err != nil {
		return err
	}
	err = d.write(ctx, p.ID, p.Token, func(w *Written) error {
		w.Contact = contact
		return nil
	})
	if err != nil {
		return err
	}
	return d.sendWritten(ctx, p.ID, p.Token)
}

// postCheck files what was written, or sends another code.
func (d *Desk) postCheck(c echo.Context, p writingPage, v url.Values) error {
	ctx := c.Request().Context()
	if v.Get("do") == "resend" {
		err := d.sendWritten(ctx, p.ID, p.Token)
		if err == nil {
			err = d.ResendCode(ctx, p.ID, p.Token)
		}
		p.Sent = err == nil
		return p.show(c, err)
	}
	t, err := d.fileWritten(ctx, p.ID, p.Token, v.Get("code"))
	if err != nil {
		return p.show(c, err)
	}
	gone := writingCookie(p.ID, "")
	gone.MaxAge = -1
	c.SetCookie(gone)
	return web.Page(c, http.StatusCreated, "complaints-filed", t)
}
