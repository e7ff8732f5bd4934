package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func TestAPictureThatTheRegisterDidNotSee(t *testing.T) {
	q := pictureQuestion{"1", "s", "image/jpeg", []byte("picture")}
	sum := func(s string) string {
		b := sha256.Sum256([]byte(s))
		return hex.EncodeToString(b[:])
	}
	for name, tc := range map[string]struct {
		reply pictureReply
		taken bool
	}{
		"this picture":    {pictureReply{NationalCode: "1", Session: "s", SHA256: sum("picture")}, true},
		"another picture": {pictureReply{NationalCode: "1", Session: "s", SHA256: sum("pictures")}, false},
		"another session": {pictureReply{NationalCode: "1", Session: "t", SHA256: sum("picture")}, false},
		"another person":  {pictureReply{NationalCode: "2", Session: "s", SHA256: sum("picture")}, false},
		"nothing":         {},
	} {
		if _, ok := tc.reply.about(q); ok != tc.taken {
			t.Errorf("%s: %v", name, ok)
		}
	}
}
