package badge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
)

// Notice is a message to who asked for the badge.
type Notice struct {
	Name  string    `json:"name"`  // text badge_notice_ and this
	Until time.Time `json:"until"` // the day the message names
	Since time.Time `json:"since"` // when it came to be owed
}

// What notices are about.
const (
	noticeEnds      = "ends"      // the badge ends
	noticeLicence   = "licence"   // a licence ends
	noticeSite      = "site"      // the site's certificate ends
	noticeSuspended = "suspended" // and is revoked on the day, unless
	noticeRevoked   = "revoked"
)

// noticeDays are how many days before an end messages go out.
var noticeDays = map[string][]int{noticeEnds: {60, 30, 7}, noticeLicence: {30, 7}, noticeSite: {14, 3}}

// noticeLife is how long a message is tried.
const noticeLife = 7 * 24 * time.Hour

// People knows of who asked what the certificate does not say; NotFound if
// nobody does any more.
type People interface {
	Mobile(ctx context.Context, certificate ca.Certificate) (string, error)
	// Born returns the date of birth, YYYY-MM-DD, which the civil registry asks for.
	Born(ctx context.Context, certificate ca.Certificate) (string, error)
}

// Notifier sends a text to a phone.
type Notifier interface {
	Notify(ctx context.Context, to, text string) error
}

// remind puts down what the business is to be told after a check.
func (b *Badge) remind(before Badge, now time.Time) {
	switch {
	case b.State == Suspended && before.State != Suspended:
		b.owe(noticeSuspended, now)
	case b.State == Revoked && before.State != Revoked:
		b.owe(noticeRevoked, now)
	}
	if b.State != Active {
		return
	}
	if !b.Renewal.open() {
		b.remindOf(noticeEnds, b.ValidTo, now)
	}
	for _, l := range b.Licences {
		b.remindOf(noticeLicence, l.End(), now)
	}
	b.remindOf(noticeSite, b.SiteEnds, now)
}

// remindOf owes a message where an end has come as near as one of its days;
// the same one is not owed twice, and of several days passed at once only the
// last.
func (b *Badge) remindOf(name string, end, now time.Time) {
	if end.IsZero() || now.After(end) {
		return
	}
	var key string
	for _, days := range noticeDays[name] {
		if end.Sub(now) <= time.Duration(days)*24*time.Hour {
			key = fmt.Sprintf("%s/%s/%d", name, end.Format(time.DateOnly), days)
		}
	}
	if key == "" || slices.Contains(b.Reminded, key) {
		return
	}
	// What was said of other ends of the same thing is forgotten.
	b.Reminded = slices.DeleteFunc(b.Reminded, func(k string) bool {
		return strings.HasPrefix(k, name+"/") && name != noticeLicence
	})
	b.Reminded = append(b.Reminded, key)
	b.Owed = append(b.Owed, Notice{Name: name, Until: end, Since: now})
}

func (b *Badge) owe(name string, now time.Time) {
	b.Owed = append(b.Owed, Notice{Name: name, Since: now})
}

// saveOwed puts what is owed among the notices, with the badge's record.
func (b *Badge) saveOwed(tx store.Tx) error {
	for _, n := range b.Owed {
		if err := store.Save(tx, noticeBucket, string(b.ID)+"/"+n.Name, n); err != nil {
			return err
		}
	}
	b.Owed = nil
	return nil
}

// SendNotices is a job: it sends the messages that are owed. One that fails
// stays for the next run, for a week. A message may be sent twice if a node
// dies between sending and noting it.
func (d *Desk) SendNotices(ctx context.Context) error {
	if d.People == nil || d.Notifier == nil {
		return nil
	}
	owed := map[string]Notice{}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return store.Each(tx, noticeBucket, "", "", func(key string, n Notice) error {
			owed[key] = n
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("send notices of badges: %w", err)
	}
	var errs []error
	for key, n := range owed {
		errs = append(errs, d.sendNotice(ctx, key, n))
	}
	return errors.Join(errs...)
}

func (d *Desk) sendNotice(ctx context.Context, key string, n Notice) error {
	id, _, _ := strings.Cut(key, "/")
	if d.now().Sub(n.Since) > noticeLife {
		return d.dropNotice(ctx, key)
	}
	var b Badge
	var c ca.Certificate
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		if b, err = LoadBadge(tx, ID(id)); err == nil {
			c, err = ca.LoadCertificate(tx, b.Certificate)
		}
		return err
	})
	if err != nil {
		return err
	}
	if n.Name == noticeSuspended {
		n.Until = b.revokesAt(d.Rules)
	}
	if n.Name == noticeSuspended && n.Until.IsZero() { // lifted, or over, before the message went out
		return d.dropNotice(ctx, key)
	}
	mobile, err := d.People.Mobile(ctx, c)
	if errors.Is(err, fault.NotFound) || err == nil && mobile == "" {
		d.Log.Warn("nobody to tell about a badge", "badge", id, "notice", n.Name)
		return d.dropNotice(ctx, key)
	}
	if err != nil {
		return err
	}
	page := d.Audience + "/badge/" + id
	if err := d.Notifier.Notify(ctx, mobile, d.texts.Text(i18n.Persian, "badge_notice_"+n.Name, b.Domain.ASCII, n.Until, page)); err != nil {
		return fmt.Errorf("send notice about badge %s: %w", id, err)
	}
	return d.dropNotice(ctx, key)
}

func (d *Desk) dropNotice(ctx context.Context, key string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(noticeBucket, key) })
}
