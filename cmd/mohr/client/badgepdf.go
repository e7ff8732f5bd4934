package client

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mohr/badge"
	"mohr/ca/document/pades"
)

// AsPDF is the same request as a signed PDF, which is sent in place of the JWS:
// a page to read, in English, with the request attached.
func (r BadgeRequest) AsPDF(ctx context.Context, key Key) (BadgeRequest, error) {
	var ask badge.Ask
	if err := json.Unmarshal(r.Payload, &ask); err != nil {
		return r, fmt.Errorf("read the request: %w", err)
	}
	name := key.Certificate.Subject.CommonName
	var err error
	r.PDF, err = pades.Sign(ctx, key, badge.RequestPDF(ask, r.Payload), pades.Options{Time: time.Now(), Name: name, States: true})
	if err != nil {
		return r, fmt.Errorf("sign the request: %w", err)
	}
	return r, nil
}

// Signed returns what is sent, and its media type.
func (r BadgeRequest) Signed() (kind string, body []byte) {
	if r.PDF != nil {
		return "application/pdf", r.PDF
	}
	return "application/jose", r.JWS
}
