package merchant

import (
	"context"
	"net/url"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/complaints"
)

// Day is something that is due, for a page or a calendar.
type Day struct {
	What string // text "merchant.day." and this
	Of   string
	At   time.Time
	Path string // of the page about it
}

// days returns what is due, the first first.
func (d *Desk) days(ctx context.Context, b ca.BusinessID, r Rights) (list []Day, err error) {
	if r.Badges {
		if list, err = d.badgeDays(ctx, b); err != nil {
			return nil, err
		}
	}
	if !r.Complaints {
		return list, nil
	}
	owed, err := d.Complaints.OwedOf(ctx, b)
	if err != nil {
		return nil, err
	}
	for _, o := range owed {
		if !o.Next.IsZero() {
			list = append(list, Day{"answer", o.ID, o.Next, deskPath(b, "complaints", o.ID)})
		}
	}
	in, err := d.Complaints.Invitation(ctx, b)
	if err == nil && in != nil && in.Until.After(d.now()) {
		list = append(list, Day{"objection", "", in.Until, deskPath(b, "record")})
	}
	return list, err
}

func (d *Desk) badgeDays(ctx context.Context, b ca.BusinessID) (list []Day, err error) {
	badges, err := d.Badges.OfBusiness(ctx, b)
	if err != nil {
		return nil, err
	}
	for _, r := range badges {
		dues, err := d.Badges.Dues(ctx, r.ID)
		if err != nil {
			return nil, err
		}
		for _, due := range dues {
			of := r.Domain.ASCII
			if due.Of != "" {
				of += ", " + due.Of
			}
			list = append(list, Day{due.What, of, due.At, deskPath(b, "badges", string(r.ID))})
		}
	}
	return list, nil
}

// deskPath is the path of a page of the business's desk.
func deskPath(b ca.BusinessID, parts ...string) string {
	path := Path + "/" + url.PathEscape(string(b))
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// warnAhead is how long before a day its page warns of it.
var warnAhead = map[string]time.Duration{
	badge.DueEnds: 60 * 24 * time.Hour, badge.DueLicence: 30 * 24 * time.Hour, badge.DueSite: 14 * 24 * time.Hour, badge.DueCertificate: 30 * 24 * time.Hour,
	badge.DueRevoked: 365 * 24 * time.Hour, badge.DueAppeal: 365 * 24 * time.Hour, badge.DueProof: 365 * 24 * time.Hour, "objection": 365 * 24 * time.Hour,
}

// near reports whether a page warns of the day at now. Of answers it does so
// in a list of their own.
func (day Day) near(now time.Time) bool { return day.At.Sub(now) <= warnAhead[day.What] }

// late returns how many of the complaints are past all their windows.
func late(list []complaints.Owed) (n int) {
	for _, o := range list {
		if o.Next.IsZero() {
			n++
		}
	}
	return n
}
