package scep

import (
	"context"
	"crypto/rand"
	"encoding/asn1"
	"fmt"

	"mohr/ca/signature"
	"mohr/internal/fault"
)

// answer writes a CertRep (RFC 8894 section 3.3.2) to m.
func (d *Desk) answer(m message, status string, content []byte, more ...signature.Attribute) ([]byte, error) {
	nonce := make([]byte, nonceSize)
	rand.Read(nonce) // never fails (crypto/rand)
	list := more
	for _, a := range []struct {
		kind   asn1.ObjectIdentifier
		value  any
		params string
	}{
		{oidMessageType, string(certRep), "printable"},
		{oidStatus, status, "printable"},
		{oidTransactionID, m.transaction, "printable"},
		{oidSenderNonce, nonce, ""},
		{oidRecipientNonce, m.nonce, ""},
	} {
		one, err := attribute(a.kind, a.value, a.params)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return d.signer().Message(content, list...)
}

func attribute(kind asn1.ObjectIdentifier, value any, params string) (signature.Attribute, error) {
	b, err := asn1.MarshalWithParams(value, params)
	if err != nil {
		return signature.Attribute{}, fmt.Errorf("write attribute %s: %w", kind, err)
	}
	return signature.Attribute{Type: kind, Value: b}, nil
}

// fail answers a refusal with its reason (failInfoText, RFC 8894 section
// 3.2.1.4). What is not the client's comes back as it is.
func (d *Desk) fail(ctx context.Context, m message, cause error) ([]byte, error) {
	f, ok := fault.Of(cause)
	if !ok || f.Kind() == fault.Unavailable || f.Kind() == fault.Limited {
		d.Log.WarnContext(ctx, "scep request not served", "kind", string(m.kind), "error", cause)
		return nil, cause
	}
	info, err := attribute(oidFailInfo, failInfo(f), "printable")
	if err != nil {
		return nil, err
	}
	text, err := attribute(oidFailText, f.Error(), "utf8")
	if err != nil {
		return nil, err
	}
	return d.answer(m, failure, nil, info, text)
}
