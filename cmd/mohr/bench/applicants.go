package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"mohr/cmd/mohr/bench/load"
)

// PeopleFor is how many people so many applications take.
func PeopleFor(applications int) int { return max(batch, applications/perPerson+1) }

// applicant is one application on its way, and what came of it.
type applicant struct {
	person
	key    *ecdsa.PrivateKey
	csr    []byte // DER
	id     string
	token  string
	took   time.Duration // spent waiting for the service
	issued *issuedAnswer // nil before
}

// applicationAnswer is what the service says of an application.
type applicationAnswer struct {
	ID    string `json:"id"`
	Token string `json:"token"`
	Stage string `json:"stage"`
	Terms string `json:"terms_version"`
}

// batch is how many applications go through one step before the next: the
// registry's outbox holds a thousand messages, and is read once a batch.
const batch = 400

// perPerson keeps below what the service lets one person open in a day.
const perPerson = 15

// Approve takes so many applications to their approval, over the API, and
// says how that went: an operation is a whole application.
func (w *World) Approve(ctx context.Context, n int) ([]*applicant, load.Measure, error) {
	if n > perPerson*len(w.people) {
		return nil, load.Measure{}, fmt.Errorf("%d applications need %d people in the people file, which has %d", n, (n+perPerson-1)/perPerson, len(w.people))
	}
	all := make([]*applicant, n)
	for i := range all {
		all[i] = &applicant{person: w.people[(w.asked+i)%len(w.people)]}
	}
	w.asked += n
	if err := inParallel(w.Clients, all, func(a *applicant) error { return a.makeKey() }); err != nil {
		return nil, load.Measure{}, err
	}
	before, err := load.UsageOf(ctx, w.ops)
	if err != nil {
		return nil, load.Measure{}, err
	}
	begun := time.Now()
	pool := newPool(w.portal, w.Clients)
	defer pool.close()
	done := 0
	for part := range slices.Chunk(all, min(batch, len(w.people))) {
		if err := w.approve(ctx, pool, part); err != nil {
			return nil, load.Measure{}, fmt.Errorf("prepare applications: %w", err)
		}
		if done += len(part); done%(10*batch) == 0 || done == n {
			w.say("  %d of %d applications approved", done, n)
		}
	}
	took := load.Worker{Took: make([]time.Duration, 0, n)}
	for _, a := range all {
		took.Took = append(took.Took, a.took)
	}
	m, err := load.Sum([]load.Worker{took}, time.Since(begun))
	if err != nil {
		return nil, m, err
	}
	after, err := load.UsageOf(ctx, w.ops)
	m.Charge(before, after)
	return all, m, err
}

func (a *applicant) makeKey() (err error) {
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return err
	}
	a.csr, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, a.key)
	return err
}

// approve walks a batch through the steps together.
func (w *World) approve(ctx context.Context, pool *pool, part []*applicant) error {
	step := func(a *applicant, path string, in any) (applicationAnswer, error) {
		var out applicationAnswer
		begun := time.Now()
		err := pool.postJSON(ctx, path, a.token, in, &out)
		a.took += time.Since(begun)
		return out, err
	}
	err := inParallel(w.Clients, part, func(a *applicant) error {
		who := map[string]string{"national_code": a.NationalCode, "birth_date": a.BirthDate, "mobile": a.Mobile, "names_latin": ""}
		out, err := step(a, "/api/v1/applications", map[string]any{"person": who, "profile": "natural-sign", "locale": "en"})
		if err != nil {
			return err
		}
		a.id, a.token = out.ID, out.Token
		_, err = step(a, a.path("/consent"), map[string]any{"accepted": true, "terms_version": out.Terms})
		return err
	})
	if err != nil {
		return err
	}
	codes, err := w.codes(ctx)
	if err != nil {
		return err
	}
	return inParallel(w.Clients, part, func(a *applicant) error {
		if _, err := step(a, a.path("/evidence/otp_sms"), map[string]any{"code": codes[a.Mobile]}); err != nil {
			return err
		}
		out, err := step(a, a.path("/evidence/face_match"), map[string]any{"session": "bench"})
		if err == nil && out.Stage != "approved" {
			err = fmt.Errorf("an application ended as %s", out.Stage)
		}
		return err
	})
}

func (a *applicant) path(rest string) string { return "/api/v1/applications/" + a.id + rest }

var codePattern = regexp.MustCompile(`your code is (\d{6})\.`)

// codes reads the newest code that each phone got.
func (w *World) codes(ctx context.Context) (map[string]string, error) {
	b, err := load.Fetch(ctx, "http://"+w.registry+"/v1/sms")
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	var box struct {
		Messages []struct{ To, Text string }
	}
	if err := json.Unmarshal(b, &box); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	codes := map[string]string{}
	for _, m := range box.Messages {
		if found := codePattern.FindStringSubmatch(m.Text); found != nil {
			codes[m.To] = found[1]
		}
	}
	return codes, nil
}

// pool is a set of connections for preparations.
type pool struct {
	load.Door
	idle chan *load.Conn // nil: not opened yet
}

func newPool(d load.Door, n int) *pool {
	p := &pool{Door: d, idle: make(chan *load.Conn, n)}
	for range n {
		p.idle <- nil
	}
	return p
}

func (p *pool) close() {
	for range cap(p.idle) {
		if c := <-p.idle; c != nil {
			c.Close()
		}
	}
}

// call sends a request and returns the answer's body, which is the caller's.
func (p *pool) call(ctx context.Context, request []byte) ([]byte, error) {
	c := <-p.idle
	defer func() { p.idle <- c }()
	if c == nil {
		var err error
		if c, err = p.Dial(ctx); err != nil {
			return nil, err
		}
	}
	status, body, err := c.Do(request)
	if err != nil {
		c.Close()
		c = nil
		return nil, err
	}
	if status >= http.StatusBadRequest {
		return nil, fmt.Errorf("status %d: %.300s", status, body)
	}
	return slices.Clone(body), nil
}

func (p *pool) postJSON(ctx context.Context, path, token string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var headers []string
	if token != "" {
		headers = []string{"Authorization: Bearer " + token}
	}
	if b, err = p.call(ctx, load.Post(path, "application/json", b, headers...)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return json.Unmarshal(b, out)
}

// inParallel calls do for every item, n at a time, and returns the first
// errors, at most three.
func inParallel[T any](n int, list []T, do func(T) error) error {
	var mu sync.Mutex
	var errs []error
	queue := make(chan T)
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for item := range queue {
				if err := do(item); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, item := range list {
		mu.Lock()
		enough := len(errs) > 2
		mu.Unlock()
		if enough {
			break
		}
		queue <- item
	}
	close(queue)
	workers.Wait()
	return errors.Join(errs[:min(len(errs), 3)]...)
}
