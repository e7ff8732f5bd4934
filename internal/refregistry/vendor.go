package refregistry

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// VendorConfig is what a Vendor needs.
type VendorConfig struct {
	BaseURL string       // where it is reached: links to sessions begin with it
	Token   string       // that callers show
	Secrets []string     // whsec_...; each signs every call (Standard Webhooks)
	Client  *http.Client // makes the calls; nil: http.DefaultClient
	// Judging is how long a film is looked at before the result is there.
	Judging time.Duration
}

// Vendor is a firm to whose pages people go, to show a document and their face
// before a camera; it judges them by the people file and calls who sent them.
// It is safe for concurrent use.
//
// Faults (POST /v1/faults) are set for the routes /v1/sessions, which begins
// one, /v1/sessions/result, which fetches one, and /v1/webhook, its calls.
type Vendor struct {
	c        VendorConfig
	registry *Server
	calls    sync.WaitGroup
	stop     context.CancelFunc
	running  context.Context

	mu       sync.Mutex
	sessions map[string]*session // by id; guarded by mu, as what they hold
	doors    map[string]string   // secret of a link -> id; guarded by mu
}

// session is one visit.
type session struct {
	id, subject, callback, back string
	video                       bool // a document is filmed too
	film                        film
	submitted                   time.Time // zero: nobody came yet
}

// Vendor returns the vendor beside the registry: the same people and faults.
func (s *Server) Vendor(c VendorConfig) (*Vendor, error) {
	if c.BaseURL == "" || c.Token == "" || len(c.Secrets) == 0 {
		return nil, errors.New("refregistry: the vendor has no address, token or secret")
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	v := &Vendor{c: c, registry: s, sessions: map[string]*session{}, doors: map[string]string{}}
	v.running, v.stop = context.WithCancel(context.Background())
	return v, nil
}

// Close ends the calls that are under way and waits for them.
func (v *Vendor) Close() {
	v.stop()
	v.calls.Wait()
}

// Handler returns the vendor's routes.
func (v *Vendor) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /v1/sessions", v.known(v.begin))
	m.HandleFunc("GET /v1/sessions/{id}", v.known(v.result))
	m.HandleFunc("GET /visit/{door}", v.showVisit)
	m.HandleFunc("POST /visit/{door}", v.submit)
	m.HandleFunc("POST /v1/faults", v.registry.setFault)
	return m
}

// known lets through who shows the token, and has the route's fault.
func (v *Vendor) known(next func(w http.ResponseWriter, r *http.Request, lying bool)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if subtle.ConstantTimeCompare([]byte(token), []byte(v.c.Token)) != 1 {
			refuse(w, http.StatusUnauthorized, "the token is not known")
			return
		}
		route := "/v1/sessions"
		if r.Method == http.MethodGet {
			route = "/v1/sessions/result"
		}
		mode, delay := v.registry.faults.next(route)
		if !wait(r, delay) {
			return
		}
		if mode == Down || mode == Flap {
			refuse(w, http.StatusServiceUnavailable, "out of service")
			return
		}
		next(w, r, mode == Lie)
	}
}

type beginQuestion struct {
	Kind        string `json:"kind"` // "video" or "face"
	Subject     string `json:"subject"`
	ReturnURL   string `json:"return_url"`
	CallbackURL string `json:"callback_url"`
}

type beginAnswer struct {
	ID  string `json:"id"`
	URL string `json:"url"`
}

// maxSessions bounds what is kept; then it starts anew.
const maxSessions = 10_000

// begin opens a session. With the fault Early it calls before it answers.
func (v *Vendor) begin(w http.ResponseWriter, r *http.Request, _ bool) {
	var q beginQuestion
	if !readJSON(w, r, &q) {
		return
	}
	s := &session{id: "vs_" + random(), subject: q.Subject, callback: q.CallbackURL, back: q.ReturnURL, video: q.Kind == "video"}
	door := random()
	v.mu.Lock()
	if len(v.sessions) >= maxSessions {
		clear(v.sessions)
		clear(v.doors)
	}
	v.sessions[s.id], v.doors[door] = s, s.id
	v.mu.Unlock()
	if v.registry.faults.is("/v1/webhook", Early) {
		v.film(s, film{as: self})
		v.call(s, "done") // and waits for it
	}
	v.answer(w, beginAnswer{s.id, v.c.BaseURL + "/visit/" + door})
}

// random returns 128 random bits in hex.
func random() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

func (v *Vendor) answer(w http.ResponseWriter, a any) {
	b, err := stdjson.Marshal(a)
	if err != nil {
		refuse(w, http.StatusInternalServerError, "no answer")
		return
	}
	writeJSON(w, http.StatusOK, b)
}

type resultAnswer struct {
	ID       string          `json:"id"`
	Subject  string          `json:"subject"`
	State    string          `json:"state"` // "open", "judging", "done"
	Verdict  string          `json:"verdict,omitempty"`
	Document *documentAnswer `json:"document,omitempty"`
	Face     *faceSeen       `json:"face,omitempty"`
}

type documentAnswer struct {
	NationalCode string `json:"national_code"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	BirthDate    string `json:"birth_date"`
	ValidTo      string `json:"valid_to"`
}

type faceSeen struct {
	Score int  `json:"score"`
	Live  bool `json:"live"`
}

// result says what a session came to; lying, it passes who failed and the
// other way round.
func (v *Vendor) result(w http.ResponseWriter, r *http.Request, lying bool) {
	v.mu.Lock()
	s, ok := v.sessions[r.PathValue("id")]
	var copied session
	if ok {
		copied = *s
	}
	v.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "there is no such session")
		return
	}
	v.answer(w, v.judge(copied, lying))
}
