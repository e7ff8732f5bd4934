package client

import (
	"context"

	"mohr/ca"
	"mohr/ca/incident"
	"mohr/ca/signature"
)

// Revoke ends or, for ca.CertificateHold, suspends a certificate by a
// statement that another one of the holder signs, or itself. serial is in
// lower-case hexadecimal digits; "" is that of key. A revocation cannot be
// undone, and only an operator lifts a suspension.
func (c *Client) Revoke(ctx context.Context, key Key, serial string, reason ca.Reason) (row ca.Entry, err error) {
	if serial == "" {
		serial = ca.SerialText(key.Certificate.SerialNumber)
	}
	_, jws, err := c.SignStatement(ctx, key, incident.StatementType, "/api/v1/revocations/nonce", func(claims signature.Claims) any {
		return incident.Statement{Claims: claims, Serial: serial, Reason: reason}
	})
	if err != nil {
		return row, err
	}
	err = c.post(ctx, "/api/v1/revocations", map[string]string{"jws": string(jws)}, &row)
	return row, err
}
