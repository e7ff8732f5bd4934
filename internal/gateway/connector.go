package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go"

	"mohr/internal/fault"
	"mohr/internal/trace"
)

// Kind is what a connector asks, by the type of evidence that its answers are.
type Kind string

// The kinds.
const (
	AskPerson  Kind = "civil_registry"
	AskMobile  Kind = "mobile_ownership"
	AskLegal   Kind = "legal_registry"
	AskLicence Kind = "licence"
	SendingSMS Kind = "sms"
	// Those below have the person go to a vendor, who calls us (Start, Fetch, Receive).
	AskVideo Kind = "document_video"
	AskFace  Kind = "face_match"
)

// questions says which fields a connector of each kind is asked with.
var questions = map[Kind][]string{
	AskPerson:  {"national_code", "birth_date"},
	AskMobile:  {"national_code", "mobile"},
	AskLegal:   {"legal_id"},
	AskLicence: {"legal_id", "type"},
	SendingSMS: {"to", "text"},
	AskVideo:   {"national_code", "birth_date", "locale", "return_url", "callback_url"},
	AskFace:    {"national_code", "birth_date", "locale", "return_url", "callback_url"},
}

// ConnectorConfig is what a Connector needs beside its file. The zero value works.
type ConnectorConfig struct {
	Transport  http.RoundTripper // nil: as the file says, TLS 1.2 or later
	Concurrent uint              // attempts at once; zero means 32
	Now        func() time.Time  // nil: time.Now
	Log        *slog.Logger      // nil: discard
}

// Connector asks a registry, or has messages delivered, as a file says: how
// is data, so that another gateway is another file (docs/connectors.md). It is
// safe for concurrent use.
//
// What the file's expressions do not make an answer of is no answer: the
// methods return Unavailable (registry_unavailable), and never a mismatch, for
// a status that the file does not name, a body that is no JSON, an expression
// that fails or has another type. Retries, breaker and bulkhead are those of
// Client.
type Connector struct {
	file  ConnectorFile
	plan  plan
	exec  guarded
	begin failsafe.Executor[reply] // of Start: once, since a session costs
	ConnectorConfig
}

// NewConnector reads a connector file (YAML) and what it names. An error says
// what is wrong with it.
func NewConnector(b []byte, c ConnectorConfig) (*Connector, error) {
	f, err := parseConnector(b)
	if err != nil {
		return nil, err
	}
	n := &Connector{file: f, ConnectorConfig: c}
	if n.plan, err = f.compile(); err != nil {
		return nil, fmt.Errorf("connector %s: %w", f.Connector, err)
	}
	if n.Transport == nil {
		if n.Transport, err = f.transport(); err != nil {
			return nil, fmt.Errorf("connector %s: %w", f.Connector, err)
		}
	}
	if n.Concurrent == 0 {
		n.Concurrent = 32
	}
	if n.Now == nil {
		n.Now = time.Now
	}
	if n.Log == nil {
		n.Log = slog.New(slog.DiscardHandler)
	}
	n.exec = newExecutor(n.Log, f.Connector, n.Concurrent, f.Rate, f.Asks != SendingSMS)
	n.begin = newExecutor(n.Log, f.Connector+" start", n.Concurrent, f.Rate, false)
	return n, nil
}

// Name returns the connector's name@version, the source of its evidence.
func (n *Connector) Name() string { return n.file.Connector }

// Asks returns what the connector asks.
func (n *Connector) Asks() Kind { return n.file.Asks }

// Environment returns "simulated" or "production": what the answers count as.
func (n *Connector) Environment() string { return n.file.Environment }

// consult asks, twice if need be.
func consult[T any](ctx context.Context, n *Connector, k Kind, values []string, read func(said) (T, error), good func(T) bool) (Answer[T], error) {
	if n.file.Asks != k {
		return Answer[T]{}, fmt.Errorf("connector %s asks %s, not %s", n.file.Connector, n.file.Asks, k)
	}
	q := map[string]string{}
	for i, name := range questions[k] {
		q[name] = values[i]
	}
	ask := func(ctx context.Context) (reply, T, error) {
		var none T
		r, status, err := n.attempt(ctx, q)
		if err != nil {
			return r, none, err
		}
		return readReply(n, q, "", status, r, read)
	}
	return twice(func() (Answer[T], error) { return put(ctx, n, n.exec, ask) }, good)
}

// readReply makes an answer of what was received.
func readReply[T any](n *Connector, q map[string]string, ref string, status int, r reply, read func(said) (T, error)) (reply, T, error) {
	a, err := n.plan.read(q, ref, status, r.body)
	var value T
	if err == nil {
		value, err = read(a)
	}
	if err != nil {
		// What went wrong is the file's or the gateway's; it quotes no answer.
		return r, value, fmt.Errorf("%w: %w", errAttempt, err)
	}
	return r, value, nil
}

// put asks as exec allows.
func put[T any](ctx context.Context, n *Connector, exec failsafe.Executor[reply], ask func(context.Context) (reply, T, error)) (_ Answer[T], err error) {
	ctx, end := trace.Begin(ctx, "register", trace.Register(n.file.Connector))
	defer func() { end(err) }()
	var value T
	got, err := exec.WithContext(ctx).GetWithExecution(func(e failsafe.Execution[reply]) (r reply, err error) {
		r, value, err = ask(e.Context())
		return r, err
	})
	if errors.Is(err, ErrPending) {
		return Answer[T]{}, err
	}
	if err != nil {
		return Answer[T]{}, n.unavailable(ctx, err)
	}
	sum := sha256.Sum256(got.body)
	return Answer[T]{Value: value, Raw: got.body, SHA256: hex.EncodeToString(sum[:]), At: got.at, Source: n.file.Connector, Environment: n.file.Environment}, nil
}

func (n *Connector) unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("ask %s: %w", n.file.Connector, ctx.Err())
	}
	down := fault.New(fault.Unavailable, "registry_unavailable", "a registry we must ask does not answer now; nothing is lost, it is asked again later")
	return fmt.Errorf("%w: ask %s: %w", down, n.file.Connector, err)
}

// attempt puts the question once. It outlives a caller who gives up, for the
// reason that Client.attempt does.
func (n *Connector) attempt(ctx context.Context, q map[string]string) (reply, int, error) {
	ctx = context.WithoutCancel(ctx)
	question, err := write(n.plan.body, map[string]any{"q": q})
	if err != nil {
		return reply{}, 0, err
	}
	r, status, err := n.send(ctx, n.file.method(), n.file.URL, question)
	if err != nil || n.file.Poll == nil {
		return r, status, err
	}
	return n.poll(ctx, q, r, status)
}

// poll asks for the answer until it is there. One that is not there in time is
// not the gateway's failure, and the question is not put anew at once.
func (n *Connector) poll(ctx context.Context, q map[string]string, r reply, status int) (reply, int, error) {
	end := time.NewTimer(n.file.Poll.longest())
	defer end.Stop()
	ref := ""
	for {
		next, done, err := n.plan.pending(q, ref, status, r.body)
		if err != nil {
			return reply{}, 0, fmt.Errorf("%w: %w", errAttempt, err)
		}
		if done {
			return r, status, nil
		}
		ref = next
		select {
		case <-end.C:
			return reply{}, 0, errors.New("the answer is not there in time")
		case <-time.After(n.file.Poll.every()):
		}
		question, err := write(n.plan.again, map[string]any{"q": q, "ref": ref})
		if err != nil {
			return reply{}, 0, err
		}
		if r, status, err = n.send(ctx, n.file.method(), n.file.Poll.URL, question); err != nil {
			return reply{}, 0, err
		}
	}
}

// send sends one request and returns an answer whose status the file names.
func (n *Connector) send(ctx context.Context, method, url string, question []byte) (reply, int, error) {
	ctx, cancel := context.WithTimeout(ctx, n.file.timeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(question))
	if err != nil {
		return reply{}, 0, fmt.Errorf("ask: %w", err)
	}
	if err := n.file.head(req.Header, question); err != nil {
		return reply{}, 0, err
	}
	resp, err := n.Transport.RoundTrip(req) // no redirects: a gateway has one address
	if err != nil {
		return reply{}, 0, fmt.Errorf("%w: %w", errAttempt, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return reply{}, 0, fmt.Errorf("%w: the answer breaks off or is too long", errAttempt)
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		n.Log.Error("gateway refuses our credentials", "connector", n.file.Connector, "status", resp.StatusCode)
	}
	if !n.file.takes(resp.StatusCode) {
		return reply{}, 0, fmt.Errorf("%w: status %d", errAttempt, resp.StatusCode)
	}
	if !json.Valid(body) {
		return reply{}, 0, fmt.Errorf("%w: the answer is no JSON", errAttempt)
	}
	return reply{body: body, at: n.Now().UTC().Truncate(time.Second)}, resp.StatusCode, nil
}
