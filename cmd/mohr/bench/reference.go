package bench

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"time"
)

// reference is a time server (NTP, RFC 5905) that says the time of this
// machine, or another one when it is told to. Safe for concurrent use.
type reference struct {
	conn  net.PacketConn
	ahead atomic.Int64 // nanoseconds
}

func startReference() (*reference, error) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &reference{conn: conn}
	go r.serve()
	return r, nil
}

func (r *reference) address() string       { return r.conn.LocalAddr().String() }
func (r *reference) shift(d time.Duration) { r.ahead.Store(int64(d)) }
func (r *reference) close()                { r.conn.Close() }

// serve answers as a synchronised server of stratum 2, until close.
func (r *reference) serve() {
	const size = 48 // octets of a packet without extensions
	question := make([]byte, 1024)
	for {
		n, from, err := r.conn.ReadFrom(question)
		if err != nil {
			return
		}
		if n != size {
			continue
		}
		answer := make([]byte, size)
		answer[0], answer[1] = 4<<3|4, 2 // version 4, mode server; stratum
		copy(answer[24:], question[40:48])
		now := time.Now().Add(time.Duration(r.ahead.Load()))
		for _, at := range []int{32, 40} { // received, sent
			binary.BigEndian.PutUint32(answer[at:], uint32(now.Unix()+2208988800)) // since 1900
			binary.BigEndian.PutUint32(answer[at+4:], uint32(int64(now.Nanosecond())<<32/int64(time.Second)))
		}
		r.conn.WriteTo(answer, from) // a lost answer is asked for again
	}
}
