package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
)

// pictureQuestion hands a picture over for a session.
type pictureQuestion struct {
	NationalCode string `json:"national_code"`
	Session      string `json:"session"`
	Type         string `json:"type"`
	Picture      []byte `json:"picture"`
}

// Picture says whether the register compares with a picture too.
type Picture struct {
	Result Result
	SHA256 string // hex, of the picture
}

type pictureReply struct {
	envelope
	NationalCode string `json:"national_code"`
	Session      string `json:"session"`
	SHA256       string `json:"picture_sha256"`
}

func (r pictureReply) about(q pictureQuestion) (Picture, bool) {
	sum := sha256.Sum256(q.Picture)
	if r.NationalCode != q.NationalCode || r.Session != q.Session || r.SHA256 != hex.EncodeToString(sum[:]) {
		return Picture{}, false
	}
	return Picture{r.Result, r.SHA256}, true
}

// ShowPicture hands the picture on the chip of the person's passport over, so
// that the face seen in the session is compared with it too, beside the
// register's own. kind is its media type.
func (g *Client) ShowPicture(ctx context.Context, nationalCode, session, kind string, picture []byte) (Answer[Picture], error) {
	q := pictureQuestion{nationalCode, session, kind, picture}
	return once(ctx, g, g.picture, q, func(r pictureReply) (Picture, bool) { return r.about(q) })
}
