package complaints

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"mohr/ca"
	"mohr/internal/fault"
)

// deliver posts a message to the webhook, signed (Standard Webhooks), and
// returns the status it is answered with. A redirect is an answer.
func (t *Teller) deliver(ctx context.Context, n Notices, id string, now time.Time, payload []byte) (status int, err error) {
	hook, err := standardwebhooks.NewWebhook(n.Secret)
	if err != nil {
		return 0, fmt.Errorf("webhook of %s: %w", n.Business, err)
	}
	sig, err := hook.Sign(id, now, payload)
	if err != nil {
		return 0, fmt.Errorf("sign webhook: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL, bytes.NewReader(payload))
	if err != nil {
		return 0, fmt.Errorf("webhook of %s: %w", n.Business, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, sig)
	res, err := t.Client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("webhook of %s: %w", n.Business, err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, maxHookAnswer)); err != nil {
		return 0, fmt.Errorf("webhook of %s: %w", n.Business, err)
	}
	return res.StatusCode, nil
}

const (
	// maxHookAnswer bounds what is read of a webhook's answer, octets.
	maxHookAnswer = 64 << 10
	// tryTime is how long a webhook that is tried has to answer.
	tryTime = 10 * time.Second
)

// What became of a message that tried a webhook.
const (
	TryTaken    = "taken"    // answered below 300
	TryRefused  = "refused"  // answered otherwise
	TrySilent   = "silent"   // not answered
	TryInternal = "internal" // the address is not on the public Internet
)

// Tried is what became of a message that tried a webhook.
type Tried struct {
	At      time.Time
	Outcome string        // of the closed set above
	Status  int           // of the answer, zero if there was none
	Took    time.Duration // whole milliseconds
}

// testHook is the body of a message that tries a webhook: it is of no
// complaint, and nothing is to be done about it.
type testHook struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Business ca.BusinessID `json:"business"`
	} `json:"data"`
}

// Try sends a message that says nothing to the business's webhook and tells
// what became of it; a Conflict if it has none. It is for the business alone.
func (t *Teller) Try(ctx context.Context, b ca.BusinessID) (Tried, error) {
	n, err := t.Address(ctx, b)
	if err != nil {
		return Tried{}, err
	}
	if n.URL == "" {
		return Tried{}, fault.New(fault.Conflict, "complaint_no_webhook", "no webhook is set for this business; set its address first")
	}
	now := t.now()
	body := testHook{Type: "test", Timestamp: now}
	body.Data.Business = b
	payload, err := json.Marshal(body)
	if err != nil {
		return Tried{}, fmt.Errorf("encode webhook: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	began := time.Now()
	status, err := t.deliver(ctx, n, "msg_test_"+rand.Text(), now, payload)
	done := Tried{At: now, Status: status, Took: time.Since(began).Truncate(time.Millisecond), Outcome: TrySilent}
	switch {
	case errors.Is(err, fault.Denied): // by the dialer
		done.Outcome = TryInternal
	case err != nil:
	case status < http.StatusMultipleChoices:
		done.Outcome = TryTaken
	default:
		done.Outcome = TryRefused
	}
	return done, nil
}
