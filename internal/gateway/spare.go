package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"
)

// spared is a transport that spares a host that is ill.
type spared struct {
	next          http.RoundTripper
	timeout       time.Duration
	reads, writes failsafe.Executor[reply]
}

// Spare returns a transport to a host that is spared when it is ill, as
// registries are: five failures in a row close it for 30 seconds, 32 requests
// at most are under way, and a GET is tried twice more. A status of 429 or
// from 500 on is a failure. Answers are read whole, 64 KiB at most, and each
// attempt ends within timeout. It is safe for concurrent use.
func Spare(next http.RoundTripper, name string, timeout time.Duration, log *slog.Logger) http.RoundTripper {
	return &spared{next, timeout, newExecutor(log, name, 32, 0, true), newExecutor(log, name, 32, 0, false)}
}

// RoundTrip implements http.RoundTripper.
func (s *spared) RoundTrip(r *http.Request) (*http.Response, error) {
	exec := s.writes
	if r.Method == http.MethodGet {
		exec = s.reads
	}
	var resp *http.Response
	_, err := exec.WithContext(r.Context()).GetWithExecution(func(failsafe.Execution[reply]) (_ reply, err error) {
		resp, err = s.attempt(r)
		return reply{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", r.URL.Host, err)
	}
	return resp, nil
}

// attempt sends the request once. It outlives a caller who gives up, for the
// reason that Client.attempt does.
func (s *spared) attempt(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.timeout)
	defer cancel()
	resp, err := s.next.RoundTrip(r.Clone(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAttempt, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return nil, fmt.Errorf("%w: the answer breaks off or is too long", errAttempt)
	}
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500 {
		return nil, fmt.Errorf("%w: status %d", errAttempt, resp.StatusCode)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// Reaches reports whether s is an address that a question of ours may go to:
// https, or http on this machine, and no name or password in it.
func Reaches(s string) bool { return reaches(s) }
