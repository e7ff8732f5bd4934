package refregistry

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	stdjson "encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Config is what a Server needs; its zero value works.
type Config struct {
	People   []byte             // people file; nil: the people that come with the program
	Key      ed25519.PrivateKey // signs the answers; nil: a fresh one
	ShopAddr netip.Addr         // what the name servers say of every shop; zero: 127.0.0.1
	Now      func() time.Time   // nil: time.Now
	Log      *slog.Logger       // nil: discard
}

// Server is the registry and the world around it. It is safe for concurrent use.
type Server struct {
	key     ed25519.PrivateKey
	shopIP  netip.Addr
	now     func() time.Time
	log     *slog.Logger
	persons map[string]Person      // by national code; not changed after New
	legal   map[string]LegalPerson // by legal id; not changed after New
	domains map[string]bool        // not changed after New
	faults  faults
	outbox  outbox
	shops   shops
}

// New returns a Server for the people of c.
func New(c Config) (*Server, error) {
	if c.People == nil {
		c.People = defaultPeople
	}
	people, err := ParsePeople(c.People)
	if err != nil {
		return nil, err
	}
	if c.Key == nil {
		if _, c.Key, err = ed25519.GenerateKey(rand.Reader); err != nil {
			return nil, fmt.Errorf("refregistry: make key: %w", err)
		}
	}
	if len(c.Key) != ed25519.PrivateKeySize {
		return nil, errors.New("refregistry: the key is no Ed25519 key")
	}
	if !c.ShopAddr.IsValid() {
		c.ShopAddr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		key: c.Key, shopIP: c.ShopAddr, now: c.Now, log: c.Log,
		persons: map[string]Person{}, legal: map[string]LegalPerson{}, domains: map[string]bool{},
		faults: faults{rules: map[string]*Fault{}}, shops: shops{files: map[string]map[string][]byte{}},
	}
	for _, p := range people.Persons {
		s.persons[p.NationalCode] = p
	}
	for _, l := range people.LegalPersons {
		s.legal[l.LegalID] = l
		for _, d := range l.Domains {
			s.domains[d] = true
		}
	}
	return s, nil
}

// PublicKey returns the key that the answers' signatures verify under.
func (s *Server) PublicKey() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// Handler returns the registry's routes.
func (s *Server) Handler() http.Handler {
	m := http.NewServeMux()
	s.inquiry(m, "/v1/person/inquiry", answerTo(s.person))
	s.inquiry(m, "/v1/mobile/match", answerTo(s.mobile))
	s.inquiry(m, "/v1/legal/inquiry", answerTo(s.legalPerson))
	s.inquiry(m, "/v1/licence/inquiry", answerTo(s.licence))
	s.inquiry(m, "/v1/face/match", answerTo(s.face))
	s.inquiry(m, picturePath, answerTo(s.picture))
	s.inquiry(m, "/v1/sms", answerTo(s.send))
	m.HandleFunc("GET /v1/sms", s.serveOutbox)
	m.HandleFunc("POST /v1/faults", s.setFault)
	m.HandleFunc("GET /v1/faults", s.serveFaults)
	m.HandleFunc("GET /v1/key", s.serveKey)
	m.HandleFunc("PUT /v1/shop/{domain}/{path...}", s.putShop)
	m.HandleFunc("DELETE /v1/shop/{domain}/{path...}", s.deleteShop)
	return m
}

// maxRequest bounds the body of a question, octets.
const maxRequest = 64 << 10

// answerer makes the answer to a question's bytes; lying, it contradicts what
// it else would say. An error is the asker's.
type answerer func(question []byte, lying bool) (any, error)

// answerTo reads the question strictly and hands it to f.
func answerTo[Q any](f func(q Q, lying bool) any) answerer {
	return func(question []byte, lying bool) (any, error) {
		var q Q
		if err := json.Unmarshal(question, &q, json.RejectUnknownMembers(true)); err != nil {
			return nil, err
		}
		return f(q, lying), nil
	}
}

// inquiry mounts a question with its faults and signature.
func (s *Server) inquiry(m *http.ServeMux, path string, answer answerer) {
	m.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		question, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longest(path)))
		if err != nil {
			refuse(w, http.StatusRequestEntityTooLarge, "the question is too long")
			return
		}
		if r.Header.Get("Content-Digest") != contentDigest(question) || !nonceShape.MatchString(r.Header.Get("Inquiry-Nonce")) {
			refuse(w, http.StatusBadRequest, "the question has no good Content-Digest and Inquiry-Nonce")
			return
		}
		mode, delay := s.faults.next(path)
		if !wait(r, delay) {
			return
		}
		if mode == Down || mode == Flap {
			refuse(w, http.StatusServiceUnavailable, "out of service")
			return
		}
		a, err := answer(question, mode == Lie)
		if err != nil {
			refuse(w, http.StatusBadRequest, "the question is not the JSON agreed on")
			return
		}
		b, err := stdjson.Marshal(a)
		if err != nil {
			s.log.Error("answer not written", "route", path, "error", err)
			refuse(w, http.StatusInternalServerError, "no answer")
			return
		}
		s.sign(w.Header(), r, question, b)
		writeJSON(w, http.StatusOK, b)
	})
}

// wait holds the answer back; false if the asker has gone.
func wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func refuse(w http.ResponseWriter, status int, why string) {
	b, _ := stdjson.Marshal(map[string]string{"error": why}) // strings always marshal
	writeJSON(w, status, b)
}

func writeJSON(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(b) // a reader who has gone needs no answer
}

// readJSON reads a strict JSON body into v; it has answered if it is false.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err == nil {
		err = json.Unmarshal(bytes.TrimSpace(b), v, json.RejectUnknownMembers(true))
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "the body is not the JSON agreed on")
		return false
	}
	return true
}

// serveKey shows the public key, for whoever sets up a gateway by hand.
func (s *Server) serveKey(w http.ResponseWriter, _ *http.Request) {
	der, err := x509.MarshalPKIXPublicKey(s.PublicKey())
	if err != nil {
		refuse(w, http.StatusInternalServerError, "no key")
		return
	}
	w.Header().Set("Content-Type", "application/x-pem-file")
	pem.Encode(w, &pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// outbox keeps the newest messages that were sent.
type outbox struct {
	mu   sync.Mutex // guards what follows
	sent int
	list []Message
}

// Message is a text that a phone would have received.
type Message struct {
	ID   string    `json:"id"`
	To   string    `json:"to"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// maxOutbox bounds the outbox; the oldest messages go first.
const maxOutbox = 1000

func (o *outbox) add(to, text string, at time.Time) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent++
	id := fmt.Sprintf("sms-%06d", o.sent)
	o.list = append(o.list, Message{id, to, text, at})
	if len(o.list) > maxOutbox {
		o.list = append(o.list[:0:0], o.list[len(o.list)-maxOutbox:]...)
	}
	return id
}

// serveOutbox shows the messages, oldest first.
func (s *Server) serveOutbox(w http.ResponseWriter, _ *http.Request) {
	s.outbox.mu.Lock()
	list := append([]Message{}, s.outbox.list...)
	s.outbox.mu.Unlock()
	b, err := stdjson.Marshal(map[string][]Message{"messages": list})
	if err != nil {
		refuse(w, http.StatusInternalServerError, "no outbox")
		return
	}
	writeJSON(w, http.StatusOK, b)
}
