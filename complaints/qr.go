package complaints

import (
	"encoding/hex"
	"fmt"

	qrcode "github.com/skip2/go-qrcode"

	"mohr/internal/fault"
)

// qrSize is the side of a QR code, in pixels.
const qrSize = 256

// qr returns a PNG with the address under which the public log proves the
// leaf, hex SHA-256. A signed receipt with its chain is larger than a QR code
// holds (ISO/IEC 18004: 2,953 octets at the lowest correction); what is
// printed leads to the proof instead, and says nothing of who complained.
func (d *Desk) qr(leaf string) ([]byte, error) {
	if b, err := hex.DecodeString(leaf); err != nil || len(b) != 32 {
		return nil, fault.New(fault.NotFound, "complaint_leaf_unknown", "this is not the hash of an entry of the log; look at the receipt")
	}
	png, err := qrcode.Encode(d.Audience+"/log/proof/"+leaf, qrcode.Medium, qrSize)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	return png, nil
}
