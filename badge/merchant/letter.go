package merchant

import (
	"context"
	"encoding/base64"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/badge"
	"mohr/ca/document/signing"
	"mohr/ca/signin"
	"mohr/internal/fault"
)

// maxPayload bounds the request that a letter carries, octets.
const maxPayload = 8 << 10

func errLetter() error {
	return fault.New(fault.Invalid, "merchant_letter", "this is not what the page for requests sends; load it anew and try again")
}

// letter prepares the request as a PDF to read and to keep, for the visitor's
// key with the certificate. Whether what it asks for is granted, and whether it
// is well-formed to the last key, is for the badge room to judge, once it is signed.
func (d *Desk) letter(ctx context.Context, v Visitor, serial string, payload []byte) (signing.Statement, error) {
	var ask badge.Ask
	if len(payload) > maxPayload || json.Unmarshal(payload, &ask, json.RejectUnknownMembers(true)) != nil || ask.Type != badge.RequestType {
		return signing.Statement{}, errLetter()
	}
	who := signin.Who{Holder: v.Holder, Business: v.Business}
	return d.Signing.PrepareStatement(ctx, who, serial, badge.RequestPDF(ask, payload), time.Unix(ask.IssuedAt, 0).UTC())
}

// signedRequest is the request that a form brings: a JWS, or the letter in base64.
func signedRequest(f url.Values) (badge.Letter, error) {
	letter := f.Get("letter")
	if letter == "" {
		return badge.Letter{Signed: []byte(f.Get("statement"))}, nil
	}
	signed, err := base64.StdEncoding.DecodeString(letter)
	if err != nil {
		return badge.Letter{}, errLetter()
	}
	return badge.Letter{Signed: signed}, nil
}
