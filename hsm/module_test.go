package hsm

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"go.step.sm/crypto/kms/apiv1"

	"mohr/internal/fault"
)

// closing is a KMS that knows only how often it was closed.
type closing struct {
	apiv1.KeyManager
	times atomic.Int32
}

func (c *closing) Close() error { c.times.Add(1); return nil }

// connected returns a token that needs no module: it is logged in.
func connected(t *testing.T, kms *closing) *token {
	t.Helper()
	tok := &token{
		log: slog.New(slog.DiscardHandler), timeout: 10 * time.Second, closed: func() bool { return false },
		turns: make(chan struct{}, maxTurns), current: &connection{kms: kms},
		where: keyURI{scheme: schemePKCS11, token: "mohr", module: "/absent.so"},
	}
	tok.module = &module{tokens: map[string]*token{"mohr": tok}}
	return tok
}

func TestHungOperationsAreBounded(t *testing.T) {
	tok, release := connected(t, &closing{}), make(chan struct{})
	var begun atomic.Int32
	hang := func(*connection) (int, error) {
		begun.Add(1)
		<-release
		return 1, nil
	}
	for range 2 * maxTurns {
		if _, err := do(t.Context(), tok, time.Millisecond, hang); fault.Code(err) != "key_timeout" || !errors.Is(err, fault.Unavailable) {
			t.Fatalf("error %v", err)
		}
	}
	close(release)
	if v, err := do(t.Context(), tok, tok.timeout, hang); v != 1 || err != nil {
		t.Errorf("after the hang: %d, %v", v, err)
	}
	if n := begun.Load(); n > maxTurns+1 {
		t.Errorf("%d operations under way, the limit is %d", n-1, maxTurns)
	}
}

func TestCancelledCallerDoesNotWait(t *testing.T) {
	tok := connected(t, &closing{})
	for range maxTurns {
		tok.turns <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := do(ctx, tok, time.Hour, func(*connection) (int, error) { t.Error("run"); return 0, nil })
	if fault.Code(err) != "key_timeout" || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestErrorsOfATokenAreClassed(t *testing.T) {
	tests := []struct {
		name, text string
		runs       int // of the operation
		closed     int32
		code       string
	}{
		{"a lost session is opened again, once", "pkcs11: 0xB3: CKR_SESSION_HANDLE_INVALID", 1, 1, "pkcs11_module_missing"},
		{"a busy token is not reopened", "pkcs11: 0xB1: CKR_SESSION_COUNT", 1, 0, "key_unavailable"},
		{"an unknown error is internal and not tried again", "pkcs11: 0x70: CKR_MECHANISM_INVALID", 1, 0, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			kms, runs := &closing{}, 0
			tok := connected(t, kms)
			_, err := do(t.Context(), tok, tok.timeout, func(*connection) (int, error) {
				runs++
				return 0, errors.New(tc.text)
			})
			// The reopening fails, for there is no module.
			if err == nil || fault.Code(err) != tc.code && (pkcs11Built || tc.closed == 0) {
				t.Errorf("error %v, code %q", err, fault.Code(err))
			}
			if runs != tc.runs || kms.times.Load() != tc.closed {
				t.Errorf("run %d times, closed %d times", runs, kms.times.Load())
			}
		})
	}
}

func TestReopeningIsDoneOnceForAll(t *testing.T) {
	kms := &closing{}
	tok := connected(t, kms)
	epoch := tok.module.epoch
	tok.module.reopen(epoch)
	tok.current = &connection{kms: kms}
	tok.module.reopen(epoch) // a second caller that saw the same loss
	if n := kms.times.Load(); n != 1 || tok.current == nil {
		t.Errorf("closed %d times", n)
	}
}

func TestPanicOfADriverIsAnError(t *testing.T) {
	tok := connected(t, &closing{})
	if _, err := do(t.Context(), tok, tok.timeout, func(*connection) (int, error) { panic("driver") }); err == nil {
		t.Error("no error")
	}
	if _, err := do(t.Context(), tok, tok.timeout, func(*connection) (int, error) { return 1, nil }); err != nil {
		t.Errorf("the token is blocked: %v", err)
	}
}
