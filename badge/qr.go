package badge

import (
	"context"
	"fmt"

	"github.com/skip2/go-qrcode"
)

// qrSize is the side of the picture of a code, in pixels.
const qrSize = 512

// tokenOf names a token that was made.
type tokenOf struct {
	id      ID
	version int
	day     int64
}

// QR returns a PNG of a code that leads to the page of a short token of the
// badge, for invoices and parcels. Conflict: the badge does not count now.
func (d *Desk) QR(ctx context.Context, id ID) ([]byte, error) {
	b, err := d.countsNow(ctx, id, d.now())
	if err != nil {
		return nil, err
	}
	of := tokenOf{id, b.Version, d.now().Unix() / (24 * 3600)}
	if png, ok := d.codes.Get(of); ok {
		return png, nil
	}
	token, err := d.Token(ctx, id)
	if err != nil {
		return nil, err
	}
	code, err := qrcode.New(d.Audience+"/badge/qr/"+token, qrcode.Medium)
	if err != nil {
		return nil, fmt.Errorf("code of %s: %w", id, err)
	}
	png, err := code.PNG(qrSize)
	if err != nil {
		return nil, fmt.Errorf("code of %s: %w", id, err)
	}
	d.codes.Put(of, png)
	return png, nil
}
