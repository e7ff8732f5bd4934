package gateway

import (
	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

// guarded is an executor with the breaker in it.
type guarded struct {
	failsafe.Executor[reply]
	breaker circuitbreaker.CircuitBreaker[reply]
}

// Health is how asking a registry goes, as this node has found it.
type Health struct {
	Name     string // of the route or the connector
	State    string // "closed": it answers; "open": it is spared for a while; "half-open": it is tried
	Failures uint   // of the last attempts, that the breaker counts
	Asked    uint   // of these, all
}

// Well reports whether it answers.
func (h Health) Well() bool { return h.State == circuitbreaker.ClosedState.String() }

func (g guarded) health(name string) Health {
	m := g.breaker.Metrics()
	return Health{Name: name, State: g.breaker.State().String(), Failures: m.Failures(), Asked: m.Executions()}
}

// Health tells how each route of the registry goes.
func (g *Client) Health() (list []Health) {
	for _, r := range []*route{g.person, g.mobile, g.legal, g.licence, g.face, g.picture, g.sms} {
		list = append(list, r.exec.health(r.path))
	}
	return list
}

// Health tells how the gateway behind the connector goes.
func (n *Connector) Health() Health { return n.exec.health(n.file.Connector) }
