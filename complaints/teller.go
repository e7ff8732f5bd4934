package complaints

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"mohr/ca"
	"mohr/internal/i18n"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Teller tells businesses at the address that they gave, and consumers at
// theirs. It is a Notifier, safe for concurrent use.
type Teller struct {
	Store  store.Store
	Seal   *seal.Box
	Client *http.Client                                         // to webhooks; it must refuse private addresses
	Send   func(ctx context.Context, mobile, text string) error // to mobiles
	Texts  *i18n.Catalog
	Portal string           // base URL, no slash at the end
	Now    func() time.Time // nil: time.Now
}

// Served tells the business where it said; one that named no address sees its
// complaints here. What fails is to be tried again: a webhook knows by the
// message's id, the same each time, that it had it before.
func (t *Teller) Served(ctx context.Context, b ca.BusinessID, complaint string, deadline time.Time) error {
	n, err := t.Address(ctx, b)
	switch {
	case err != nil:
		return err
	case n.URL != "":
		return t.post(ctx, n, complaint, deadline)
	case n.Mobile != "":
		text := t.Texts.Text(i18n.Persian, "complaints.message.served", complaint, i18n.DateTime(i18n.Persian, deadline), t.Portal+"/complaints/"+complaint+"/answer")
		return t.Send(ctx, n.Mobile, text)
	}
	return nil
}

// News tells a consumer, in the language lang ("" for Persian), that something
// happened to a complaint. What opens the complaint is not in it.
func (t *Teller) News(ctx context.Context, mobile, lang, complaint string, what Kind) error {
	lang = cmp.Or(lang, i18n.Persian)
	happened := t.Texts.Text(lang, "complaints.news."+string(what))
	return t.Send(ctx, mobile, t.Texts.Text(lang, "complaints.message.news", complaint, happened, t.Portal+"/complaints/"+complaint))
}

// Address is where the business said that it is told, with the secret of its
// webhook; empty if it said nothing. It is for the business alone.
func (t *Teller) Address(ctx context.Context, b ca.BusinessID) (n Notices, err error) {
	var a address
	err = t.Store.View(ctx, func(tx store.Tx) error {
		a, err = store.Load[address](tx, addressBucket, businessKey(string(b)))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	plain, err := t.Seal.Open(addressBucket, businessKey(string(b)), "address", a.Sealed)
	if err != nil {
		return n, err
	}
	return n, json.Unmarshal(plain, &n)
}

// servedHook is the body of a webhook message (Standard Webhooks).
type servedHook struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Complaint string        `json:"complaint"`
		Business  ca.BusinessID `json:"business"`
		Deadline  time.Time     `json:"deadline"`
	} `json:"data"`
}

// post sends the message, signed. Any answer below 300 takes it.
func (t *Teller) post(ctx context.Context, n Notices, complaint string, deadline time.Time) error {
	now := t.now()
	body := servedHook{Type: "complaint.served", Timestamp: now}
	body.Data.Complaint, body.Data.Business, body.Data.Deadline = complaint, n.Business, deadline
	payload, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode webhook: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", complaint, n.Business, deadline.Unix()))
	status, err := t.deliver(ctx, n, "msg_"+hex.EncodeToString(sum[:16]), now, payload)
	if err == nil && status >= http.StatusMultipleChoices {
		err = fmt.Errorf("webhook of %s: status %d", n.Business, status)
	}
	return err
}

func (t *Teller) now() time.Time {
	if t.Now == nil {
		return time.Now().UTC().Truncate(time.Second)
	}
	return t.Now().UTC().Truncate(time.Second)
}
