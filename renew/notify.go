package renew

import (
	"context"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// noticeLife is how long a message that cannot be delivered is tried again.
const noticeLife = 7 * 24 * time.Hour

// sendNotice sends the message if it is still owed and the certificate is issued.
func (d *Desk) sendNotice(ctx context.Context, request string) error {
	var n notice
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		n, err = store.Load[notice](tx, noticeBucket, request)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := d.CA.ByRequest(ctx, request)
	if err != nil {
		return err
	}
	switch {
	case c.State == ca.Pending:
		return nil
	case c.State == ca.Void || d.now().Sub(n.Since) > noticeLife:
		return d.dropNotice(ctx, request)
	}
	p, err := d.papers(ctx, request)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	if p.Identity.Mobile == "" {
		d.Log.Warn("no mobile number for the message about a renewal", "serial", c.Serial)
		return d.dropNotice(ctx, request)
	}
	text := d.texts.Text(n.Locale, "renew.notice", c.NotAfter, d.Audience)
	if err := d.Notifier.Notify(ctx, p.Identity.Mobile, text); err != nil {
		return fmt.Errorf("send message about %s: %w", c.Serial, err)
	}
	return d.dropNotice(ctx, request)
}

func (d *Desk) dropNotice(ctx context.Context, request string) error {
	return d.Store.Update(ctx, func(tx store.Tx) error { return tx.Delete(noticeBucket, request) })
}

// SendNotices is a job: it sends the messages that are owed, which no renewal
// waits for; what fails stays for the next run. A message
// may be sent twice if a node dies between sending and noting it.
func (d *Desk) SendNotices(ctx context.Context) error {
	var owed []string
	err := d.Store.View(ctx, func(tx store.Tx) error {
		return tx.Scan(noticeBucket, "", "", func(request string, _ []byte) error {
			owed = append(owed, request)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("send notices: %w", err)
	}
	var errs []error
	for _, request := range owed {
		errs = append(errs, d.sendNotice(ctx, request))
	}
	return errors.Join(errs...)
}
