package held

import (
	"context"

	"mohr/ca/signin"
	"mohr/hsm/attest"
)

// Vouch states, under b, that a key of who's is held here for them. A key that
// signs no more is a Conflict.
func (d *Desk) Vouch(ctx context.Context, who signin.Who, id string, b attest.Binding) (attest.Statement, error) {
	k, err := d.Key(ctx, who, id)
	if err != nil {
		return attest.Statement{}, err
	}
	if k.State != Live {
		return attest.Statement{}, errEnded()
	}
	return d.Voucher.Vouch(k.Public, string(k.Holder), b), nil
}
