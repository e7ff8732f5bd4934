package clock

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// An NTP packet (RFC 5905 section 7.3), of which a client reads:
//
//	 0  LI (2 bits) VN (3 bits) Mode (3 bits)
//	 1  stratum
//	 4  root delay, 8 root dispersion: seconds, 16.16 bits
//	24  origin, 32 receive, 40 transmit timestamp: seconds since 1900, 32.32 bits
const (
	packetSize = 48
	modeClient = 3
	modeServer = 4
	ntpVersion = 4
	leapAlarm  = 3 // the server's clock is not synchronised
	maxStratum = 15
)

// askTimeout bounds one question; an answer that took longer says little.
const askTimeout = 2 * time.Second

// maxRootDistance is how far off a server may itself be from its source.
const maxRootDistance = time.Second

// offset returns how far the references are ahead of this clock: the median
// of those that answer.
func (g *Guard) offset(ctx context.Context) (time.Duration, error) {
	type answer struct {
		offset time.Duration
		err    error
	}
	answers := make(chan answer, len(g.References))
	for _, server := range g.References {
		go func() {
			offset, err := g.ask(ctx, server)
			answers <- answer{offset, err}
		}()
	}
	var offsets []time.Duration
	var errs []error
	for range g.References {
		a := <-answers
		if a.err != nil {
			errs = append(errs, a.err)
			continue
		}
		offsets = append(offsets, a.offset)
	}
	if len(offsets) == 0 {
		return 0, errors.Join(errs...)
	}
	slices.Sort(offsets)
	return offsets[(len(offsets)-1)/2], nil
}

// ask puts one question to a server (RFC 5905 section 14) and returns how far
// it is ahead of this clock.
func (g *Guard) ask(ctx context.Context, server string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "udp", server)
	if err != nil {
		return 0, fmt.Errorf("ask %s: %w", server, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return 0, fmt.Errorf("ask %s: %w", server, err)
	}
	// The transmit timestamp is random: who has not seen the question cannot
	// answer it, and it tells nobody this clock.
	question := make([]byte, packetSize)
	question[0] = ntpVersion<<3 | modeClient
	rand.Read(question[40:]) // never fails (crypto/rand)
	sent, since := g.Now().Round(0), g.Elapsed()
	if _, err := conn.Write(question); err != nil {
		return 0, fmt.Errorf("ask %s: %w", server, err)
	}
	b := make([]byte, 1024)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return 0, fmt.Errorf("ask %s: %w", server, err)
		}
		took := g.Elapsed() - since
		if n >= packetSize && string(b[24:32]) != string(question[40:]) {
			continue // not an answer to this question; the right one may still come
		}
		offset, err := readAnswer(b[:n], question[40:], sent, sent.Add(took))
		if err != nil {
			return 0, fmt.Errorf("ask %s: %w", server, err)
		}
		return offset, nil
	}
}

// readAnswer checks a server's packet and returns how far the server is ahead:
// ((T2-T1) + (T3-T4)) / 2 (RFC 5905 section 8). Stricter than that section: an
// answer with extensions is refused, none was asked for.
func readAnswer(b, origin []byte, sent, received time.Time) (time.Duration, error) {
	if len(b) != packetSize {
		return 0, fmt.Errorf("an answer of %d octets", len(b))
	}
	leap, version, mode, stratum := b[0]>>6, b[0]>>3&7, b[0]&7, b[1]
	distance := seconds16(b[4:8])/2 + seconds16(b[8:12])
	arrived, left := timestamp(b[32:40], sent), timestamp(b[40:48], sent)
	switch {
	case mode != modeServer || version != ntpVersion:
		return 0, errors.New("not a server's answer in version 4")
	case string(b[24:32]) != string(origin):
		return 0, errors.New("an answer to another question")
	case stratum == 0:
		return 0, fmt.Errorf("the server refuses (%q)", b[12:16])
	case stratum > maxStratum || leap == leapAlarm:
		return 0, errors.New("the server's clock is not synchronised")
	case distance > maxRootDistance:
		return 0, fmt.Errorf("the server may itself be off by %s", distance)
	case binary.BigEndian.Uint64(b[32:40]) == 0 || binary.BigEndian.Uint64(b[40:48]) == 0 || left.Before(arrived):
		return 0, errors.New("the server's times make no sense")
	}
	if delay := received.Sub(sent) - left.Sub(arrived); delay < 0 || delay > askTimeout {
		return 0, fmt.Errorf("the answer was %s on its way", delay)
	}
	return (arrived.Sub(sent) + left.Sub(received)) / 2, nil
}

// seconds16 reads NTP's short format.
func seconds16(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Second >> 16
}

// timestamp reads NTP's timestamp format, in the era that is nearest to near
// (RFC 5905 section 6): eras last 136 years.
func timestamp(b []byte, near time.Time) time.Time {
	const to1970 = 2208988800
	seconds := int64(binary.BigEndian.Uint32(b)) - to1970
	era := int64(1) << 32
	seconds += (near.Unix() - seconds + era/2) / era * era
	nanos := int64(binary.BigEndian.Uint32(b[4:])) * int64(time.Second) >> 32
	return time.Unix(seconds, nanos).UTC()
}
