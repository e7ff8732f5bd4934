package refregistry

import (
	"crypto/sha256"
	"encoding/hex"
)

const (
	picturePath = "/v1/face/picture"
	maxPicture  = 512 << 10 // octets of a question with one
)

// longest bounds the body of a question on the path, octets.
func longest(path string) int64 {
	if path == picturePath {
		return maxPicture
	}
	return maxRequest
}

type pictureQuestion struct {
	NationalCode string `json:"national_code"`
	Session      string `json:"session"`
	Type         string `json:"type"`
	Picture      []byte `json:"picture"`
}

type pictureAnswer struct {
	head
	NationalCode string `json:"national_code"`
	Session      string `json:"session"`
	SHA256       string `json:"picture_sha256"`
}

// picture takes a picture of a person it knows; nothing is compared with it.
// Its lie is to say otherwise.
func (s *Server) picture(q pictureQuestion, lying bool) any {
	_, ok := s.persons[q.NationalCode]
	sum := sha256.Sum256(q.Picture)
	return pictureAnswer{says((ok && len(q.Picture) > 0) != lying), q.NationalCode, q.Session, hex.EncodeToString(sum[:])}
}
