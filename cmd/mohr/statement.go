package main

import (
	"context"

	"mohr/ca/signature"
	mohr "mohr/cmd/mohr/client"
)

func (c *client) challenge(ctx context.Context, path string) (challenge, error) {
	return c.user().Challenge(ctx, path)
}

// claims are the fields all statements of a holder share.
func (h *holder) claims(c challenge) signature.Claims { return c.Claims(h.SigningKey) }

// randomID names something on the holder's side.
func randomID() string { return mohr.RandomID() }
