package refregistry

import (
	stdjson "encoding/json"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Mode is how a route misbehaves.
type Mode string

// The modes.
const (
	None Mode = "none" // ends a fault
	Down Mode = "down" // 503
	Slow Mode = "slow" // the answer comes after the delay
	Flap Mode = "flap" // 503 at the rate, else well
	Lie  Mode = "lie"  // a signed answer that contradicts the others, at the rate

	// Of the vendor's calls, route /v1/webhook.
	Silent Mode = "silent" // it does not call
	Forge  Mode = "forge"  // it signs with another secret
	Replay Mode = "replay" // it makes each call twice
	Early  Mode = "early"  // it calls before it has answered who began the session
)

// Fault is what POST /v1/faults takes. Rate, above 0 to 1, is the share of
// questions it hits, spread evenly and beginning with the first: the same
// questions give the same faults. Absent, it is 1 for down and slow and 0.5
// for flap and lie. Delay, as "2s", holds back what it hits; for slow, absent,
// it is 10 seconds.
type Fault struct {
	Route string   `json:"route"` // "/v1/person/inquiry"; "*" for all
	Mode  Mode     `json:"mode"`
	Rate  *float64 `json:"rate,omitzero"`
	Delay string   `json:"delay,omitzero"`

	delay time.Duration
	asked float64 // questions seen so far
}

// maxDelay bounds a fault's delay.
const maxDelay = time.Minute

type faults struct {
	mu    sync.Mutex // guards rules and what they count
	rules map[string]*Fault
}

// next says how the route treats the next question.
func (f *faults) next(route string) (Mode, time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.rules[route]
	if !ok {
		if r, ok = f.rules["*"]; !ok {
			return None, 0
		}
	}
	hit := math.Ceil((r.asked+1)**r.Rate) > math.Ceil(r.asked**r.Rate)
	r.asked++
	if !hit {
		return None, 0
	}
	return r.Mode, r.delay
}

// is reports whether the route has a fault of the mode.
func (f *faults) is(route string, mode Mode) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.rules[route]
	return ok && r.Mode == mode
}

// complete fills in what is absent; false if the fault makes no sense.
func (f *Fault) complete() bool {
	if f.Route != "*" && !strings.HasPrefix(f.Route, "/v1/") {
		return false
	}
	rate, delay := 1.0, time.Duration(0)
	switch f.Mode {
	case None, Down, Silent, Forge, Replay, Early:
	case Slow:
		delay = 10 * time.Second
	case Flap, Lie:
		rate = 0.5
	default:
		return false
	}
	if f.Rate == nil {
		f.Rate = &rate
	}
	if f.Delay != "" {
		d, err := time.ParseDuration(f.Delay)
		if err != nil || d < 0 || d > maxDelay {
			return false
		}
		delay = d
	}
	f.delay = delay
	return *f.Rate > 0 && *f.Rate <= 1
}

// setFault makes a route misbehave, or ends it.
func (s *Server) setFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !readJSON(w, r, &f) {
		return
	}
	if !f.complete() {
		refuse(w, http.StatusBadRequest, "route is a path below /v1/ or *, mode none, down, slow, flap or lie, and of /v1/webhook silent, forge, replay or early, rate above 0 to 1, delay as 2s and at most 1m")
		return
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	switch {
	case f.Mode != None:
		s.faults.rules[f.Route] = &f
	case f.Route == "*":
		clear(s.faults.rules)
	default:
		delete(s.faults.rules, f.Route)
	}
	s.log.Info("fault set", "route", f.Route, "mode", string(f.Mode))
	w.WriteHeader(http.StatusNoContent)
}

// serveFaults shows the faults that are set.
func (s *Server) serveFaults(w http.ResponseWriter, _ *http.Request) {
	s.faults.mu.Lock()
	list := []Fault{}
	for _, f := range s.faults.rules {
		list = append(list, *f)
	}
	s.faults.mu.Unlock()
	b, err := stdjson.Marshal(map[string][]Fault{"faults": list})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "no faults")
		return
	}
	writeJSON(w, http.StatusOK, b)
}
