package enroll_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// someone is a person as the registers know them, and what they type.
type someone struct {
	code, first, last, born string
	mobile                  string // that the register holds
	types                   string // that the applicant types
	dead, unknown           bool
	simChanged              int
	legalID                 string
}

// nationalCode makes the n-th valid code: the checksum is computed here once
// more, not by the code under test.
func nationalCode(n int) string {
	s := fmt.Sprintf("%09d", 100000000+n)
	sum := 0
	for i, c := range s {
		sum += int(c-'0') * (10 - i)
	}
	r := sum % 11
	if r >= 2 {
		r = 11 - r
	}
	return fmt.Sprintf("%s%d", s, r)
}

// person returns the n-th person, whose papers are in order.
func person(n int) someone {
	m := fmt.Sprintf("+98912%07d", n)
	return someone{code: nationalCode(n), first: "سارا", last: "احمدی", born: "1990-03-21", mobile: m, types: m, simChanged: 400, legalID: "14003456780"}
}

// registers stand for the network: they answer for everybody they were told of.
type registers struct {
	now        func() time.Time
	mu         sync.Mutex
	people     map[string]someone
	down       map[string]bool // "person", "mobile", "legal", "face", "sms"
	contradict map[string]bool
	legal      gateway.Legal
	sent       []string // to + " " + text
	asked      int
	faces      atomic.Int64  // face checks begun
	hold       chan struct{} // not nil: face checks wait for it
	pictures   [][]byte      // that were shown
}

func newRegisters(now func() time.Time) *registers {
	return &registers{now: now, people: map[string]someone{}, down: map[string]bool{}, contradict: map[string]bool{}}
}

func (r *registers) know(list ...someone) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range list {
		r.people[p.code] = p
	}
}

func (r *registers) set(m map[string]bool, what string, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m[what] = on
}

// answer makes an answer as a gateway does; r.mu is held.
func answer[T any](r *registers, what string, v T) (gateway.Answer[T], error) {
	r.asked++
	if r.down[what] {
		return gateway.Answer[T]{}, fault.New(fault.Unavailable, "registry_unavailable", "down")
	}
	raw := fmt.Appendf(nil, "%+v", v)
	sum := sha256.Sum256(raw)
	return gateway.Answer[T]{
		Value: v, Raw: raw, SHA256: hex.EncodeToString(sum[:]), At: r.now().UTC().Truncate(time.Second), Source: "fake@1",
		Environment: "simulated", Contradicts: r.contradict[what],
	}, nil
}

func (r *registers) Person(_ context.Context, code, born string) (gateway.Answer[gateway.Person], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.people[code]
	v := gateway.Person{Result: gateway.Mismatch}
	if ok && !p.unknown && p.born == born {
		v = gateway.Person{Result: gateway.Match, NationalCode: code, FirstName: p.first, LastName: p.last, BirthDate: p.born, Alive: !p.dead}
	}
	return answer(r, "person", v)
}

func (r *registers) Mobile(_ context.Context, code, mobile string) (gateway.Answer[gateway.Mobile], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.people[code]
	v := gateway.Mobile{Result: gateway.Mismatch}
	if ok && !p.unknown && p.mobile == mobile {
		v = gateway.Mobile{Result: gateway.Match, NationalCode: code, Mobile: mobile, SIMChangedDays: p.simChanged}
	}
	return answer(r, "mobile", v)
}

func (r *registers) Legal(_ context.Context, id string) (gateway.Answer[gateway.Legal], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := gateway.Legal{Result: gateway.Mismatch}
	if r.legal.LegalID == id {
		v = r.legal
		v.Result = gateway.Match
	}
	return answer(r, "legal", v)
}

func (r *registers) Face(_ context.Context, code, session string) (gateway.Answer[gateway.Face], error) {
	r.faces.Add(1)
	if r.hold != nil {
		<-r.hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v := gateway.Face{Result: gateway.Mismatch, NationalCode: code, Session: session}
	if p, ok := r.people[code]; ok && !p.unknown && session == "live" {
		v.Result, v.ScorePercent, v.Live = gateway.Match, 97, true
	}
	return answer(r, "face", v)
}

func (r *registers) ShowPicture(_ context.Context, _, _, _ string, picture []byte) (gateway.Answer[gateway.Picture], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pictures = append(r.pictures, picture)
	return answer(r, "picture", gateway.Picture{Result: gateway.Match})
}

func (r *registers) SMS(_ context.Context, to, text string) (gateway.Answer[gateway.SMS], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down["sms"] {
		return gateway.Answer[gateway.SMS]{}, fault.New(fault.Unavailable, "registry_unavailable", "down")
	}
	r.sent = append(r.sent, to+" "+text)
	return gateway.Answer[gateway.SMS]{Value: gateway.SMS{ID: "1"}}, nil
}

// code returns the last code that went to the phone, "" if none did.
func (r *registers) code(mobile string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	digits := regexp.MustCompile(`^` + regexp.QuoteMeta(mobile) + `\D*(\d{6})\b`)
	for i := len(r.sent) - 1; i >= 0; i-- {
		if m := digits.FindStringSubmatch(r.sent[i]); m != nil {
			return m[1]
		}
	}
	return ""
}
