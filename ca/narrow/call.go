package narrow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/trace"
)

// How a node with the keys is asked.
const (
	callTime       = 10 * time.Second // for one call
	maxCertificate = 64 << 10         // octets
	openAfter      = 3                // failures in a row
	openFor        = 5 * time.Second
)

// Client asks the nodes with the keys, in their order. It is safe for
// concurrent use.
type Client struct {
	nodes []node
	http  *http.Client
	log   *slog.Logger
}

// node is one of them, spared for a while where it does not answer.
type node struct {
	url     string
	breaker circuitbreaker.CircuitBreaker[[]byte]
}

// NewClient returns a client of the nodes at the base URLs; transport shows
// them this node's certificate.
func NewClient(urls []string, transport http.RoundTripper, log *slog.Logger) *Client {
	c := &Client{log: log, http: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	for _, u := range urls {
		c.nodes = append(c.nodes, node{u, circuitbreaker.NewBuilder[[]byte]().WithFailureThreshold(openAfter).WithDelay(openFor).WithSuccessThreshold(1).
			OnStateChanged(func(e circuitbreaker.StateChangedEvent) {
				log.Warn("node with the keys changed state", "node", u, "from", e.OldState.String(), "to", e.NewState.String())
			}).Build()})
	}
	return c
}

// Well reports of each node whether it is asked now.
func (c *Client) Well() map[string]bool {
	well := map[string]bool{}
	for _, n := range c.nodes {
		well[n.url] = n.breaker.IsClosed()
	}
	return well
}

// Sign is for ca.Apart: it has the intent of the serial signed. Unavailable
// says that no node with the keys answers, Denied that one will not sign. Who
// gets no answer may ask again: nothing is signed twice.
func (c *Client) Sign(ctx context.Context, serial string, p ca.Papers) (der []byte, err error) {
	b, err := message{serial, p}.bytes()
	if err != nil {
		return nil, fmt.Errorf("write order: %w", err)
	}
	var away []error
	for _, n := range c.nodes {
		if !n.breaker.TryAcquirePermit() {
			away = append(away, fmt.Errorf("%s is spared", n.url))
			continue
		}
		der, err := c.put(ctx, n.url, b)
		switch {
		case err == nil:
			n.breaker.RecordSuccess()
			return der, nil
		case errors.Is(err, fault.Denied):
			n.breaker.RecordSuccess() // it answers
			return nil, err
		}
		if n.breaker.IsClosed() { // not each time that one which is spared is tried
			c.log.WarnContext(ctx, "node with the keys does not answer", "node", n.url, "error", err)
		}
		n.breaker.RecordFailure()
		away = append(away, err)
	}
	return nil, fmt.Errorf("%w: %w", errAway(), errors.Join(away...))
}

func errAway() error {
	return fault.New(fault.Unavailable, "issuer_away", "no node with the issuing keys answers at the moment; your request is kept, send it again in a minute")
}

// put asks one node once. It outlives a caller who gives up: what it says of
// the node is not for callers to decide, and the answer would be asked for anew.
func (c *Client) put(ctx context.Context, url string, b []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	trace.Send(ctx, q.Header)
	a, err := c.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(a.Body, maxCertificate+1))
	switch {
	case err != nil:
		return nil, err
	case len(answer) > maxCertificate:
		return nil, errors.New("the answer is too long")
	case a.StatusCode == http.StatusOK:
		return answer, nil
	case a.StatusCode != http.StatusForbidden && a.StatusCode != http.StatusBadRequest:
		return nil, fmt.Errorf("%s: status %d", url, a.StatusCode)
	}
	var said refusal
	if err := json.Unmarshal(answer, &said); err != nil || said.Code == "" {
		return nil, fmt.Errorf("%s: a refusal that cannot be read", url)
	}
	refused := fault.New(fault.Denied, "issuer_refused", "the node with the issuing keys does not sign this (%[1]s); the operator has to compare the nodes", said.Code)
	return nil, fmt.Errorf("%s: %w: %s", url, refused, said.Detail)
}
