package clock

import (
	"encoding/binary"
	"testing"
	"time"
)

// FuzzReadAnswer: what is read never makes the reader fail, and an answer that
// is taken says what its times say.
func FuzzReadAnswer(f *testing.F) {
	sent := time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)
	origin := []byte("question")
	good := make([]byte, packetSize)
	good[0], good[1] = ntpVersion<<3|modeServer, 1
	copy(good[24:], origin)
	for _, at := range []int{32, 40} {
		binary.BigEndian.PutUint32(good[at:], uint32(sent.Unix()+2208988800+1))
	}
	f.Add(good)
	f.Add(good[:40])
	f.Add(append(good[:48:48], 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		offset, err := readAnswer(b, origin, sent, sent.Add(10*time.Millisecond))
		if err != nil {
			return
		}
		arrived, left := timestamp(b[32:40], sent), timestamp(b[40:48], sent)
		ahead := arrived.Add(left.Sub(arrived) / 2).Sub(sent.Add(5 * time.Millisecond))
		if diff := (offset - ahead).Abs(); diff > time.Microsecond {
			t.Errorf("offset %s, the times say %s", offset, ahead)
		}
	})
}
