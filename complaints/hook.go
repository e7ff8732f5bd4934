package complaints

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

const (
	// NoticesType is the typ of the JWS by which a business says where it is
	// told of complaints, and the type of the statement in it.
	NoticesType = "mohr-complaint-notices/1"
	// NoticesNonce binds nonces to such statements.
	NoticesNonce nonce.Purpose = "complaint-notices"
	// addressBucket keeps the addresses: business -> address.
	addressBucket = "complaints_addresses"
	// maxURL bounds a webhook's address, in octets.
	maxURL = 512
)

// NoticesStatement is what a business signs. Either way of being told is
// enough, and it names exactly one; with neither it is told no more.
type NoticesStatement struct {
	signature.Claims
	Business string `json:"business"`
	URL      string `json:"url,omitempty"`    // https, of a webhook
	Mobile   string `json:"mobile,omitempty"` // for messages
}

// Notices says where a business is told.
type Notices struct {
	Business ca.BusinessID `json:"business"`
	URL      string        `json:"url,omitempty"`
	Mobile   string        `json:"mobile,omitempty"`
	Secret   string        `json:"secret,omitempty" doc:"of the webhook (Standard Webhooks, whsec_...); keep it"`
}

// address is the record of it.
type address struct {
	Statement string      `json:"statement"` // hex SHA-256 of the signed bytes
	Sealed    seal.Sealed `json:"sealed"`    // Notices, as JSON
}

// SetNotices takes a business's word of where to tell it, a JWS of the type
// NoticesType or a CMS. The same bytes again give the same answer.
func (d *Desk) SetNotices(ctx context.Context, b ca.BusinessID, raw []byte) (Notices, error) {
	in, err := hear(ctx, d, b, raw, NoticesType, NoticesNonce, func(s NoticesStatement) string { return s.Business })
	if err != nil {
		return Notices{}, err
	}
	n, err := in.Says.Notices()
	if err != nil {
		return n, err
	}
	n.Business = b
	a := address{Statement: in.sum}
	if n.URL != "" {
		mac := hmac.New(sha256.New, d.tokens)
		mac.Write([]byte("webhook\x00" + a.Statement))
		n.Secret = "whsec_" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	if a.Sealed, err = d.sealNotices(n); err != nil {
		return Notices{}, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := in.signedFor(d, tx, b); err != nil {
			return err
		}
		return a.save(tx, b, in.once)
	})
	if err != nil {
		return Notices{}, err
	}
	return n, nil
}

func (d *Desk) sealNotices(n Notices) (seal.Sealed, error) {
	plain, err := json.Marshal(n)
	if err != nil {
		return seal.Sealed{}, fmt.Errorf("encode address: %w", err)
	}
	sealed, err := d.Seal.Seal(addressBucket, businessKey(string(n.Business)), "address", plain)
	if err != nil {
		return seal.Sealed{}, fmt.Errorf("seal address: %w", err)
	}
	return sealed, nil
}

// save keeps the address, unless the same statement set it before.
func (a address) save(tx store.Tx, b ca.BusinessID, once nonce.Checked) error {
	had, err := store.Load[address](tx, addressBucket, businessKey(string(b)))
	switch {
	case err == nil && had.Statement == a.Statement:
		return nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	}
	if err := once.Use(tx); err != nil {
		return err
	}
	return store.Save(tx, addressBucket, businessKey(string(b)), a)
}

// Notices are the addresses that the statement names, if they can be ones.
func (s NoticesStatement) Notices() (n Notices, err error) {
	n = Notices{URL: s.URL}
	bad := fault.New(fault.Invalid, "complaint_notices_address", "name one way to be told: an https address of a webhook, or a mobile number; or none to be told no more")
	if s.URL != "" {
		u, err := url.Parse(s.URL)
		if err != nil || len(s.URL) > maxURL || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || s.Mobile != "" {
			return Notices{}, bad
		}
		return n, nil
	}
	if s.Mobile != "" {
		n.Mobile, err = evidence.ParseMobile(s.Mobile)
	}
	return n, err
}
