package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"mohr/ca/receipt"
	mohr "mohr/cmd/mohr/client"
	"mohr/complaints"
	"mohr/internal/ledger"
)

// complaintStep files a complaint against the tour's shop, keeps the receipt
// with its proof, and answers as the shop.
func (t *tour) complaintStep(ctx context.Context) error {
	const mobile = "+989901112233"
	var draft complaints.Draft
	err := t.api.call(ctx, request{method: http.MethodPost, path: "/api/v1/complaints", in: map[string]any{
		"business": t.business, "category": "late_delivery", "text": "سفارش من با یک هفته تأخیر رسید.",
		"purchase": map[string]any{"order": "T-1001", "day": time.Now().UTC().AddDate(0, 0, -9).Format(time.DateOnly), "amount": 1_250_000},
		"contact":  map[string]any{"mobile": mobile},
	}}, &draft)
	if err != nil {
		return err
	}
	code, err := outboxCode(ctx, t.plain(t.ops), devOutbox, mobile)
	if err != nil {
		return err
	}
	var ticket complaints.Ticket
	consumer := *t.api
	consumer.token = draft.Token
	confirm := request{method: http.MethodPost, path: "/api/v1/complaints/" + url.PathEscape(draft.ID) + "/confirm", in: map[string]string{"code": code}}
	if err := consumer.call(ctx, confirm, &ticket); err != nil {
		return err
	}
	if err := t.receipt(ctx, ticket.Receipt); err != nil {
		return err
	}
	answered, err := t.api.user().AnswerComplaint(ctx, t.renewed.SigningKey, ticket.ID, complaints.KindAnswer, "پوزش می‌خواهیم؛ هزینهٔ ارسال بازگردانده شد.")
	if err != nil {
		return err
	}
	if answered.State != complaints.StateAnswered {
		return fmt.Errorf("the complaint is %s after its answer", answered.State)
	}
	return t.publish(ctx)
}

// publish makes the shop's record public, as an officer: first invited, then
// public. Without an operator's key the record stays private.
func (t *tour) publish(ctx context.Context) error {
	if t.operator.cert == "" {
		return nil
	}
	api, ring, err := t.operator.dialOperator(ctx)
	if err != nil {
		return err
	}
	defer ring.Close()
	for _, state := range []complaints.Publication{complaints.Invited, complaints.Public} {
		path := "/api/v1/businesses/" + url.PathEscape(t.business) + "/publication"
		if err := api.call(ctx, request{method: http.MethodPost, path: path, in: map[string]any{"state": state}}, nil); err != nil {
			return err
		}
	}
	return nil
}

// receipt keeps a receipt with the proof that its deed is in the log, and
// checks it offline.
func (t *tour) receipt(ctx context.Context, jws string) error {
	parts := strings.Split(jws, ".")
	if len(parts) != 3 {
		return errors.New("the receipt is no compact JWS")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return err
	}
	var claims struct{ Leaf string }
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	proof, err := t.api.proof(ctx, claims.Leaf)
	if err != nil {
		return err
	}
	file, err := json.MarshalIndent(receipt.File{Receipt: jws, Inclusion: &proof}, "", "  ")
	if err != nil {
		return err
	}
	trust := trustFlags{root: filepath.Join(t.dir, "root.pem"), vkey: filepath.Join(t.dir, "log.vkey")}
	root, vkey, err := trust.open()
	if err != nil {
		return err
	}
	if r, err := receipt.Verify(file, root, vkey, time.Now()); err != nil || !r.Logged {
		return fmt.Errorf("the receipt does not hold: %w", err)
	}
	return t.keep("receipt.json", append(file, '\n'))
}

// proof fetches the proof of a log entry, which may take a second to get its
// place.
func (c *client) proof(ctx context.Context, leaf string) (p ledger.Proof, err error) {
	user := c.user()
	user.Patience = -1 // the service says ten seconds, for clients that come often
	for range 40 {
		var b []byte
		b, err = user.Do(ctx, mohr.Request{Method: http.MethodGet, Path: "/log/proof/" + url.PathEscape(leaf)})
		if err == nil {
			return ledger.ParseProof(b)
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return p, err
}
