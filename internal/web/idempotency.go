package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
)

const (
	keyHeader    = "Idempotency-Key"
	replayHeader = "Idempotency-Replayed"
	maxKey       = 255              // characters of a key
	patience     = 10 * time.Second // how long a twin waits for the first
	maxKept      = 1 << 20          // octets of an answer that is kept
)

// once runs a POST, or gives the answer that was given to the same key, path,
// caller and body within the last 24 hours (draft-ietf-httpapi-idempotency-key-header).
//
// An answer is kept before it is sent. Not kept: 5xx, and what may be
// different a moment later (408, 409, 425, 429); those requests did nothing
// and run again. A refusal (4xx) is kept only for who shows a client
// certificate, or a token where one is taken: strangers would fill the store
// at the price of a header. A process that dies between a deed and keeping its answer
// leaves no trace here, so a room must be able to bear the same request twice;
// one that gives the same answer each time is repeatable, and nothing is kept.
func (a *answers) once(c echo.Context, body []byte, op Operation, run func()) error {
	r := c.Request()
	key := r.Header.Get(keyHeader)
	if !validKey(key) {
		return fault.New(fault.Invalid, "idempotency_key_invalid",
			"an Idempotency-Key has 1 to %[1]d visible ASCII characters", maxKey)
	}
	if r.Method != http.MethodPost || key == "" || op.Repeatable {
		run()
		return nil
	}
	id, digest := a.name(r, key), a.digest(r, body)
	release, err := a.running.hold(r.Context(), id)
	if err != nil {
		return err
	}
	defer release()
	kept, err := a.claim(r.Context(), id, digest)
	if err != nil {
		return err
	}
	if kept != nil {
		return kept.send(c)
	}
	answer := record(c, run)
	q := of(r.Context())
	lasting := answer.lasting(q.peer != nil || op.Bearer && q.auth != "")
	// The deed is done even if the client has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 5*time.Second)
	defer cancel()
	if err := a.settle(ctx, id, digest, answer, lasting); err != nil {
		a.log.Error("keep answer", "request", RequestID(r.Context()), "error", err)
	}
	return answer.send(c)
}

func validKey(key string) bool {
	if len(key) > maxKey {
		return false
	}
	for _, b := range []byte(key) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}

// answer is what was sent, as far as a repetition needs it.
type answer struct {
	Status int         `json:"status"`
	Header http.Header `json:"header"`
	Body   []byte      `json:"body"`

	replayed bool
}

// lasting reports whether a repetition is to get this answer; known, whether
// its caller is more than a stranger. Whose token opens nothing is one.
func (a *answer) lasting(known bool) bool {
	switch a.Status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	limit := http.StatusBadRequest
	if known {
		limit = http.StatusInternalServerError
	}
	return a.Status >= 200 && a.Status < limit && len(a.Body) <= maxKept
}

func (a *answer) send(c echo.Context) error {
	h := c.Response().Header()
	for k, v := range a.Header {
		h[k] = v
	}
	if a.replayed {
		h.Set(replayHeader, "true")
	}
	c.Response().WriteHeader(a.Status)
	_, err := c.Response().Write(a.Body)
	return err
}

// recorder holds an answer back until it is kept.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// record runs a handler and takes its answer. If the handler panics, nothing
// has been sent.
func record(c echo.Context, run func()) *answer {
	w := c.Response()
	rec := &recorder{ResponseWriter: w.Writer, status: http.StatusOK}
	w.Writer = rec
	defer func() {
		w.Writer = rec.ResponseWriter
		w.Committed, w.Size = false, 0
	}()
	run()
	a := &answer{Status: rec.status, Header: http.Header{}, Body: rec.body.Bytes()}
	for _, k := range [...]string{"Content-Type", "Content-Language", "Cache-Control", "Etag", "Location",
		"Retry-After", "Vary", "Www-Authenticate"} {
		if v := w.Header().Values(k); len(v) > 0 {
			a.Header[k] = v
		}
	}
	return a
}

// turns lets one request of a name run at a time in this process.
type turns struct {
	mu   sync.Mutex // guards held
	held map[string]chan struct{}
}

// hold waits for the turn of name. The caller must release it.
func (t *turns) hold(ctx context.Context, name string) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		t.mu.Lock()
		busy, ok := t.held[name]
		if !ok {
			mine := make(chan struct{})
			t.held[name] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.held, name)
				t.mu.Unlock()
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the same request: %w", errInProgress())
		}
	}
}

func errInProgress() error {
	return fault.New(fault.Conflict, "idempotency_in_progress",
		"a request with this Idempotency-Key is still running; ask again in a second")
}

func errMismatch() error {
	return fault.New(fault.Conflict, "idempotency_mismatch",
		"this Idempotency-Key was used for another request; take a new key for a new request")
}
