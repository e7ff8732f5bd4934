package door

import (
	"context"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"mohr/internal/fault"
)

// Refuse answers a request that is not let in, with err, which is a fault of
// kind Unavailable (all are busy) or Limited (this network holds its part).
type Refuse func(w http.ResponseWriter, r *http.Request, err error)

// Handler lets requests through to h within the limits, in the order in which
// they came; the others go to refuse. A handler's context ends with Times.Work.
func (d *Door) Handler(h http.Handler, refuse Refuse) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if counted := err == nil && !d.spared(from.Addr()); counted {
			network := Network(from.Addr())
			if !d.held(network) {
				d.refuse(w, r, refuse, &d.many, fault.New(fault.Limited, "too_many_requests", "too many requests come from this network; wait a moment"))
				return
			}
			defer d.given(network)
		}
		if refused := d.enter(r); refused != nil {
			d.refuse(w, r, refuse, refused, fault.New(fault.Unavailable, "overloaded", "more is asked for than can be answered just now; try again in a moment"))
			return
		}
		defer func() { <-d.slots }()
		ctx, cancel := context.WithTimeout(r.Context(), d.Work)
		defer cancel()
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

// refuse counts and answers. What the client would still send is not read.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, answer Refuse, count *atomic.Uint64, err error) {
	count.Add(1)
	if r.ContentLength != 0 && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	answer(w, r, err)
}

// enter takes a slot, waiting for it in the queue. It returns nil, or the
// count of what stood in the way; nobody waits for a request that has ended.
func (d *Door) enter(r *http.Request) *atomic.Uint64 {
	select {
	case d.slots <- struct{}{}:
		return nil
	default:
	}
	if d.waiting.Add(1) > int64(d.Queue) {
		d.waiting.Add(-1)
		return &d.full
	}
	defer d.waiting.Add(-1)
	timer := time.NewTimer(d.Wait)
	defer timer.Stop()
	select {
	case d.slots <- struct{}{}:
		return nil
	case <-timer.C:
	case <-r.Context().Done():
	}
	return &d.late
}

func (d *Door) held(n netip.Prefix) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.requests.take(n)
}

func (d *Door) given(n netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests.give(n)
}
