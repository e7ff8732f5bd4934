package client

import (
	"context"
	"net/http"
	"net/url"

	"mohr/ca/signature"
	"mohr/complaints"
)

// AnswerComplaint signs an answer of the business that key acts for, and hands
// it in. What stops the clock, and what a kind is for, is the record's own;
// see complaints.Kind.
func (c *Client) AnswerComplaint(ctx context.Context, key Key, id string, kind complaints.Kind, text string) (a complaints.Accepted, err error) {
	_, jws, err := c.SignStatement(ctx, key, complaints.AnswerType, "/api/v1/complaints/nonce", func(claims signature.Claims) any {
		return complaints.AnswerStatement{Claims: claims, Complaint: id, Kind: kind, Text: text}
	})
	if err != nil {
		return a, err
	}
	err = c.Call(ctx, Request{Method: http.MethodPost, Path: "/api/v1/complaints/" + url.PathEscape(id) + "/answers", Kind: "application/jose", Body: jws}, &a)
	return a, err
}

// ReplyToInvitation signs what the business s.Business says to its invitation
// to publish its record, and hands it in. The Claims of s are filled in.
func (c *Client) ReplyToInvitation(ctx context.Context, key Key, s complaints.ReplyStatement) (r complaints.Reply, err error) {
	_, jws, err := c.SignStatement(ctx, key, complaints.ReplyType, "/api/v1/invitations/nonce", func(claims signature.Claims) any {
		s.Claims = claims
		return s
	})
	if err != nil {
		return r, err
	}
	path := "/api/v1/businesses/" + url.PathEscape(s.Business) + "/publication/reply"
	err = c.Call(ctx, Request{Method: http.MethodPost, Path: path, Kind: "application/jose", Body: jws}, &r)
	return r, err
}
