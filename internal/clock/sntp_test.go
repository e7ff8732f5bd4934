package clock_test

import (
	"encoding/binary"
	"testing"
	"time"
)

func TestAnAnswerThatCannotBeTrustedIsNone(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(b []byte) []byte
		why   string
	}{
		{"a client's packet", func(b []byte) []byte { b[0] = 4<<3 | 3; return b }, "not a server's answer"},
		{"another version", func(b []byte) []byte { b[0] = 3<<3 | 4; return b }, "not a server's answer"},
		{"a server that is not synchronised", func(b []byte) []byte { b[0] |= 3 << 6; return b }, "not synchronised"},
		{"a stratum of 16", func(b []byte) []byte { b[1] = 16; return b }, "not synchronised"},
		{"a refusal", func(b []byte) []byte { b[1] = 0; copy(b[12:], "RATE"); return b }, `refuses ("RATE")`},
		{"a server far from its source", func(b []byte) []byte { binary.BigEndian.PutUint32(b[8:], 2<<16); return b }, "may itself be off by 2s"},
		{"no time", func(b []byte) []byte { clear(b[40:48]); return b }, "make no sense"},
		{"an answer that left before the question came", func(b []byte) []byte { b[43]--; return b }, "make no sense"},
		{"an answer that was long at the server", func(b []byte) []byte { b[42]++; return b }, "on its way"},
		{"a short answer", func(b []byte) []byte { return b[:47] }, "an answer of 47 octets"},
		{"an answer with something behind", func(b []byte) []byte { return append(b, make([]byte, 20)...) }, "an answer of 68 octets"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := &watch{wall: start}
			g := open(t, openStore(t), w, serve(t, w, test.spoil).addr)
			trusted(t, g, test.why)
		})
	}
}

func TestTheTimeAfterTheEndOfNTPsFirstEraIsRead(t *testing.T) {
	w := &watch{wall: time.Date(2036, 2, 7, 6, 28, 15, 0, time.UTC)} // the last second of era 0
	r := serve(t, w, nil)
	r.ahead.Store(int64(3 * time.Second))
	g := open(t, openStore(t), w, r.addr)
	trusted(t, g, "")
	r.ahead.Store(int64(7 * time.Second))
	watchOnce(t, g)
	trusted(t, g, "off the reference by 7s")
}
