package renew

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
)

// walkKey is the only key of walkBucket.
const walkKey = "reminders"

// walkStep is how many certificates one run looks at: a million are walked
// through in less than an hour.
const walkStep = 20_000

// reminder is a message about an end that is near, still to be sent.
type reminder struct {
	Days  int       `json:"days"`
	Since time.Time `json:"since"`
}

// Remind is a job, safe to repeat: it walks on through the certificates, owes
// a reminder for each threshold that one has passed, once, and sends what is
// owed. What fails stays for the next run, for as long as the certificate
// lasts. A message may be sent twice if a node dies between sending and noting
// it, and never for want of a record.
func (d *Desk) Remind(ctx context.Context) error {
	return errors.Join(d.oweReminders(ctx), d.sendReminders(ctx))
}

// oweReminders looks at the next certificates.
func (d *Desk) oweReminders(ctx context.Context) error {
	now := d.now()
	var near []string // serials for which something is to be written
	var last string
	err := d.Store.View(ctx, func(tx store.Tx) error {
		near = nil
		from, err := load[string](tx, walkBucket, walkKey)
		if err != nil {
			return err
		}
		seen := 0
		last = ""
		return ca.EachCertificate(tx, from, func(c ca.Certificate) error {
			if seen++; seen > walkStep {
				return store.Stop
			}
			last = c.Serial
			change, err := d.reminderOf(tx, c, now)
			if change != nil {
				near = append(near, c.Serial)
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("look for certificates that end: %w", err)
	}
	for _, serial := range near {
		if err := d.oweReminder(ctx, serial, now); err != nil {
			return err
		}
	}
	return d.Store.Update(ctx, func(tx store.Tx) error { return store.Save(tx, walkBucket, walkKey, last) })
}

// oweReminder writes what is due for one certificate, which is looked at again
// in the transaction.
func (d *Desk) oweReminder(ctx context.Context, serial string, now time.Time) error {
	return d.Store.Update(ctx, func(tx store.Tx) error {
		c, err := ca.LoadCertificate(tx, serial)
		if err != nil {
			return err
		}
		change, err := d.reminderOf(tx, c, now)
		if err != nil || change == nil {
			return err
		}
		return change(tx)
	})
}

// reminderOf returns what is to be written for a certificate; nil for nothing.
func (d *Desk) reminderOf(tx store.Tx, c ca.Certificate, now time.Time) (func(store.Tx) error, error) {
	near := c.NotAfter.Sub(now) <= time.Duration(remindDays[0])*day
	if c.Holder == "" || !near {
		return nil, nil
	}
	told, err := load[int](tx, toldBucket, c.Serial)
	if err != nil {
		return nil, err
	}
	if told != 0 && now.After(c.NotAfter) { // it will never be needed again
		return func(tx store.Tx) error { return tx.Delete(toldBucket, c.Serial) }, nil
	}
	rules, ok := d.Policy.Rules(profileName(c))
	days, due := dueReminder(c, rules, told, now)
	if !ok || !due {
		return nil, nil
	}
	return func(tx store.Tx) error {
		if err := store.Save(tx, toldBucket, c.Serial, days); err != nil {
			return err
		}
		return store.Save(tx, owedBucket, fmt.Sprintf("%s/%d", c.Serial, days), reminder{Days: days, Since: now})
	}, nil
}

// load is store.Load with the zero value for what is not there.
func load[T any](tx store.Tx, bucket, key string) (v T, err error) {
	v, err = store.Load[T](tx, bucket, key)
	if errors.Is(err, store.ErrNotFound) {
		return v, nil
	}
	return v, err
}

// sendReminders sends what is owed.
func (d *Desk) sendReminders(ctx context.Context) error {
	owed := map[string]reminder{}
	err := d.Store.View(ctx, func(tx store.Tx) error {
		clear(owed)
		return store.Each(tx, owedBucket, "", "", func(key string, r reminder) error {
			owed[key] = r
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("send reminders: %w", err)
	}
	var errs []error
	for key, r := range owed {
		errs = append(errs, d.sendReminder(ctx, key, r))
	}
	return errors.Join(errs...)
}

// sendReminder sends one, unless it would be wrong by now: what it is about
// has ended, was renewed, or a later one is owed.
func (d *Desk) sendReminder(ctx context.Context, key string, r reminder) error {
	serial, _, _ := strings.Cut(key, "/")
	c, err := d.CA.Certificate(ctx, serial)
	if err != nil {
		return err
	}
	rules, ok := d.Policy.Rules(profileName(c))
	if days, due := dueReminder(c, rules, 0, d.now()); !ok || !due || days != r.Days {
		return d.dropReminder(ctx, key)
	}
	to, lang, err := d.reach(ctx, c)
	if err != nil {
		return err
	}
	if to == "" {
		d.Log.Warn("no mobile number for a reminder", "serial", serial)
		return d.dropReminder(ctx, key)
	}
	if err := d.Notifier.Notify(ctx, to, d.reminderText(lang, c, rules)); err != nil {
		return fmt.Errorf("send reminder about %s: %w", serial, err)
	}
	return d.dropReminder(ctx, key)
}

// reminderText says when the certificate ends and what to do. It names neither
// the person nor the certificate.
func (d *Desk) reminderText(lang string, c ca.Certificate, rules evidence.Rules) string {
	left := (c.NotAfter.Sub(d.now()) + day - time.Second).Truncate(day) // days begun
	if !renewable(c, rules) {
		return d.texts.Text(lang, "renew.remind_anew", left, c.NotAfter, d.Audience+"/enroll")
	}
	return d.texts.Text(lang, "renew.remind", left, c.NotAfter, d.Audience+"/renew")
}

// reach returns the phone of a certificate's holder, "" if nobody knows it any
// more, and the language to write in.
func (d *Desk) reach(ctx context.Context, c ca.Certificate) (mobile, lang string, err error) {
	first, err := d.CA.Certificate(ctx, c.Lineage)
	if err != nil {
		return "", "", err
	}
	lang = i18n.Persian
	if d.People != nil {
		if l, err := d.People.Locale(ctx, first.Request); err == nil {
			lang = l
		} else if !errors.Is(err, fault.NotFound) {
			return "", "", err
		}
	}
	p, err := d.papers(ctx, c.Request)
	if err == nil && p.Identity.Mobile != "" {
		return p.Identity.Mobile, lang, nil
	}
	if err != nil && !errors.Is(err, fault.NotFound) || d.People == nil {
		return "", lang, ignoreMissing(err)
	}
	who, err := d.People.Known(ctx, first.Request)
	return who.Mobile, lang, ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func (d *Desk) dropReminder(ctx context.Context, key string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(owedBucket, key) })
}
