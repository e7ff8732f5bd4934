package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"mime"
	"net/http"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/internal/fault"
)

// Client asks a time-stamping unit elsewhere (RFC 3161 section 3.4). It is
// safe for concurrent use if HTTP is.
type Client struct {
	URL  string
	HTTP *http.Client // of the one dialer, which knows where not to go
}

// Stamp returns a TimeStampResp (DER) over a SHA-256 digest, whose token holds
// and answers this very question. Whether its unit is to be believed is for
// whoever relies on it. It is Unavailable where there is no such answer.
func (c Client) Stamp(ctx context.Context, sha256 []byte) ([]byte, error) {
	if len(sha256) != crypto.SHA256.Size() {
		return nil, fault.New(fault.Invalid, "timestamp_digest_length", "a SHA-256 digest has 32 octets; send the digest, not the data")
	}
	nonce := make([]byte, 16)
	rand.Read(nonce) // never fails (crypto/rand)
	nonce[0] = nonce[0]&0x7f | 0x40
	query, err := newQuery(sha256, nonce)
	if err != nil {
		return nil, err
	}
	tsr, err := c.ask(ctx, query)
	if err == nil {
		err = answers(tsr, sha256, nonce)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "timestamp_elsewhere", "the time-stamping unit at %[1]s gave no stamp; try again later, or ask another", c.URL), err)
	}
	return tsr, nil
}

// newQuery writes a TimeStampReq (RFC 3161 section 2.4.1) with certReq.
func newQuery(sha256, nonce []byte) ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cryptobyte_asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			addHash(b, crypto.SHA256)
			b.AddASN1OctetString(sha256)
		})
		b.AddASN1(cryptobyte_asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(nonce) })
		b.AddASN1Boolean(true)
	})
	return b.Bytes()
}

func (c Client) ask(ctx context.Context, query []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(query))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", queryType)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if res.StatusCode != http.StatusOK || kind != replyType {
		return nil, fmt.Errorf("answered %s of type %q", res.Status, kind)
	}
	return io.ReadAll(io.LimitReader(res.Body, maxResponse+1)) // what is longer is refused by its reader
}

// answers reports what is wrong with an answer to the query (section 2.4.2).
func answers(tsr, sha256, nonce []byte) error {
	t, err := parseResponse(tsr)
	if err != nil {
		return err
	}
	if !bytes.Equal(t.nonce, nonce) {
		return fmt.Errorf("the stamp answers another question")
	}
	return t.holds(func(h crypto.Hash) []byte {
		if h != crypto.SHA256 {
			return nil
		}
		return sha256
	})
}
