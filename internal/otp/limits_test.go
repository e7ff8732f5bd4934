package otp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/internal/fault"
	"mohr/internal/otp"
	"mohr/internal/store"
)

// counted returns the tries that the one record in the store has seen.
func (b *bench) counted() (tries int) {
	b.t.Helper()
	err := b.store.View(b.t.Context(), func(tx store.Tx) error {
		return tx.Scan("otp_codes", "", "", func(_ string, v []byte) error {
			var r struct{ Tries int }
			err := json.Unmarshal(v, &r)
			tries = r.Tries
			return err
		})
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return tries
}

func TestOfTwoHundredParallelGuessesFiveAreEvaluated(t *testing.T) {
	b := newBench(t)
	code := b.send(session)
	var all sync.WaitGroup
	var accepted atomic.Int32
	for i := range 200 {
		all.Go(func() {
			guess := fmt.Sprintf("%06d", i)
			if guess == code {
				guess = wrong(code)
			}
			if b.codes.Redeem(t.Context(), session, guess) == nil {
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 0 {
		t.Error("a wrong code was accepted")
	}
	if n := b.counted(); n != 5 {
		t.Errorf("%d guesses were evaluated", n)
	}
	b.refused(code) // the sixth, though right
	if err := b.codes.Redeem(t.Context(), session, b.send(session)); err != nil {
		t.Errorf("a fresh code: %v", err)
	}
}

func TestTheRightCodeIsAcceptedOnceOfManyAtOnce(t *testing.T) {
	b := newBench(t)
	code := b.send(session)
	var all sync.WaitGroup
	var accepted atomic.Int32
	for range 50 {
		all.Go(func() {
			if b.codes.Redeem(t.Context(), session, code) == nil {
				accepted.Add(1)
			}
		})
	}
	all.Wait()
	if accepted.Load() != 1 {
		t.Errorf("accepted %d times", accepted.Load())
	}
}

func TestTheFifthTryStillCounts(t *testing.T) {
	b := newBench(t)
	code := b.send(session)
	for range 4 {
		b.refused(wrong(code))
	}
	b.refused("12345") // no code at all costs no try
	if err := b.codes.Redeem(t.Context(), session, code); err != nil {
		t.Errorf("the fifth try: %v", err)
	}
}

func TestAnotherKeyOpensNoSecondSetOfTries(t *testing.T) {
	b := newBench(t)
	code := b.send(session)
	for i := range 5 {
		other := session
		other.SPKISHA256 = fmt.Sprint(i)
		if err := b.codes.Redeem(t.Context(), other, code); fault.Code(err) != "code_wrong" {
			t.Fatal(err)
		}
	}
	b.refused(code)
}

func TestSendIsLimited(t *testing.T) {
	b := newBench(t)
	for range 3 {
		b.send(session)
		b.pass(time.Minute)
	}
	err := b.codes.Send(t.Context(), session, number, "en")
	if !errors.Is(err, fault.Limited) || fault.Code(err) != "code_sends" {
		t.Errorf("a fourth code: %v", err)
	}
	if err := b.codes.Redeem(t.Context(), session, b.code); err != nil {
		t.Errorf("the third code after a refused fourth: %v", err)
	}
	b.pass(12 * time.Minute) // the first was a quarter of an hour ago
	b.send(session)
	if err := b.codes.Send(t.Context(), session, number, "en"); fault.Code(err) != "code_sends" {
		t.Errorf("three are within the window again: %v", err)
	}
}

func TestANewCodeReplacesTheOld(t *testing.T) {
	b := newBench(t)
	first, second := b.send(session), b.send(session)
	for first == second { // one in a million
		b.pass(sendWindow)
		first, second = second, b.send(session)
	}
	b.refused(first)
	if err := b.codes.Redeem(t.Context(), session, second); err != nil {
		t.Errorf("the second: %v", err)
	}
}

func TestTwentyWrongTriesEndTheSession(t *testing.T) {
	b := newBench(t)
	var code string
	for range 4 {
		b.pass(15 * time.Minute)
		code = b.send(session)
		for range 5 {
			b.refused(wrong(code))
		}
	}
	b.pass(15 * time.Minute)
	if err := b.codes.Send(t.Context(), session, number, "fa"); fault.Code(err) != "code_exhausted" || !errors.Is(err, fault.Denied) {
		t.Errorf("a fifth code: %v", err)
	}
	b.send(otp.Binding{Session: "a-2", Purpose: "enroll"}) // nobody else suffers
}
