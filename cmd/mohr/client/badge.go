package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"mohr/badge"
	"mohr/ca/signature"
)

// BadgeRequest is a request that was signed. Sent again it is the same request.
type BadgeRequest struct {
	Payload []byte // what was signed, JSON
	JWS     []byte
	PDF     []byte // AsPDF; nil: the JWS is sent
}

// NewBadgeRequest signs what is asked for with the key of a certificate that
// acts for the business. Claims, JTI and, where it is "", Request are filled
// in. It is good for five minutes.
func (c *Client) NewBadgeRequest(ctx context.Context, key Key, ask badge.Ask) (r BadgeRequest, err error) {
	ask.JTI = RandomID()
	if ask.Request == "" {
		ask.Request = RandomID()
	}
	r.Payload, r.JWS, err = c.SignStatement(ctx, key, badge.RequestType, "/api/v1/badges/nonce", func(claims signature.Claims) any {
		ask.Claims = claims
		return ask
	})
	return r, err
}

// SendBadgeRequest hands a request in. While the badge waits, its Challenge
// says what to put where.
func (c *Client) SendBadgeRequest(ctx context.Context, r BadgeRequest) (record badge.Record, err error) {
	kind, body := r.Signed()
	err = c.Call(ctx, Request{Method: http.MethodPost, Path: "/api/v1/badges", Kind: kind, Body: body}, &record)
	return record, err
}

// CheckBadge has the facts of a badge checked now.
func (c *Client) CheckBadge(ctx context.Context, id badge.ID) (record badge.Record, err error) {
	err = c.Call(ctx, Request{Method: http.MethodPost, Path: "/api/v1/badges/" + url.PathEscape(string(id)) + "/check"}, &record)
	return record, err
}

// badgeWait is between two looks at a badge.
const badgeWait = 2 * time.Second

// AwaitBadge has a badge checked until a decision is made or ctx ends; changed
// is told each new state on the way, and may be nil. It returns the last
// record, also with an error.
func (c *Client) AwaitBadge(ctx context.Context, r badge.Record, changed func(badge.Record)) (badge.Record, error) {
	for r.State.Open() {
		if err := sleep(ctx, badgeWait); err != nil {
			return r, err
		}
		next, err := c.CheckBadge(ctx, r.ID)
		if err != nil {
			return r, err
		}
		if changed != nil && next.State != r.State {
			changed(next)
		}
		r = next
	}
	return r, nil
}
