package refregistry

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// film is what a visitor does before the simulated camera.
type film struct {
	as string // self, picture, blurred, or another person's national code, whose document it then is
}

// What visitors do.
const (
	self    = "self"    // show themselves and their document
	picture = "picture" // hold a picture before the camera
	blurred = "blurred" // show nothing that can be recognised
)

// judge compares nothing: it reads the people file.
func (v *Vendor) judge(s session, lying bool) resultAnswer {
	a := resultAnswer{ID: s.id, Subject: s.subject, State: "open"}
	switch {
	case s.submitted.IsZero():
		return a
	case v.registry.now().Sub(s.submitted) < v.c.Judging:
		a.State = "judging"
		return a
	}
	a.State = "done"
	document := s.subject
	if s.film.as != self && s.film.as != picture && s.film.as != blurred {
		document = s.film.as
	}
	p, ok := v.registry.persons[document]
	score := 0
	if ok {
		score = usualScore
		if p.FaceScore != nil {
			score = *p.FaceScore
		}
	}
	a.Face = &faceSeen{Score: score, Live: s.film.as != picture}
	passes := ok && score >= matchScore && a.Face.Live
	switch {
	case s.film.as == blurred:
		a.Verdict = "unsure"
	case passes != lying:
		a.Verdict, a.Face.Live, a.Face.Score = "pass", true, max(score, matchScore)
	case score >= unsureScore && score < matchScore:
		a.Verdict = "unsure"
	default:
		a.Verdict = "fail"
	}
	if s.video && ok {
		a.Document = &documentAnswer{p.NationalCode, p.FirstName, p.LastName, p.BirthDate, v.registry.now().UTC().AddDate(3, 0, 0).Format(time.DateOnly)}
	}
	return a
}

var visitPage = template.Must(template.New("visit").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>Reference vendor (simulated)</title>
<h1>Reference vendor</h1><p>A simulated camera: say what it sees.</p>
{{if .Done}}<p>Thank you. <a href="{{.Back}}">Go back</a></p>{{else}}<form method="post">
<p><select name="as"><option value="self">me and my document</option><option value="picture">a picture held before it</option><option value="blurred">nothing clear</option></select></p>
<p><button>Film</button></p></form>{{end}}</html>
`))

// visit returns the session behind a link.
func (v *Vendor) visit(w http.ResponseWriter, r *http.Request) (*session, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.sessions[v.doors[r.PathValue("door")]]
	if !ok {
		http.NotFound(w, r)
	}
	return s, ok
}

func (v *Vendor) showVisit(w http.ResponseWriter, r *http.Request) {
	s, ok := v.visit(w, r)
	if !ok {
		return
	}
	v.mu.Lock()
	done, back := !s.submitted.IsZero(), s.back
	v.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; form-action 'self'")
	visitPage.Execute(w, map[string]any{"Done": done, "Back": back}) // a reader who has gone needs no page
}

// submit takes the film, once, and calls: when it is there, and when it is judged.
func (v *Vendor) submit(w http.ResponseWriter, r *http.Request) {
	s, ok := v.visit(w, r)
	if !ok {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if v.film(s, film{as: r.FormValue("as")}) {
		v.calls.Go(func() {
			if v.c.Judging > 0 {
				v.call(s, "judging")
				v.pause(v.c.Judging)
			}
			v.call(s, "done")
		})
	}
	v.showVisit(w, r)
}

func (v *Vendor) film(s *session, f film) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !s.submitted.IsZero() || f.as == "" {
		return false
	}
	s.film, s.submitted = f, v.registry.now()
	return true
}

// pause waits, or ends with the vendor.
func (v *Vendor) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-v.running.Done():
	}
}

// triesAfter is when a call is made, and made again while it is not taken.
var triesAfter = []time.Duration{0, 200 * time.Millisecond, time.Second}

// call tells who sent the visitor, as the fault of /v1/webhook has it.
func (v *Vendor) call(s *session, state string) {
	v.mu.Lock()
	callback := s.callback
	v.mu.Unlock()
	mode, delay := v.registry.faults.next("/v1/webhook")
	v.pause(delay)
	if mode == Silent || callback == "" {
		return
	}
	id := "msg_" + random()
	body := fmt.Appendf(nil, `{"type":"session.%s","data":{"session":%q,"state":%[1]q}}`, state, s.id)
	secrets := v.c.Secrets
	if mode == Forge {
		secrets = []string{"whsec_Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm9yZ2Vk"}
	}
	for _, after := range triesAfter {
		v.pause(after)
		taken := v.deliver(callback, id, body, secrets)
		if mode == Replay {
			v.deliver(callback, id, body, secrets)
		}
		if taken || v.running.Err() != nil {
			return
		}
	}
}

// deliver makes one call, signed with each secret.
func (v *Vendor) deliver(callback, id string, body []byte, secrets []string) bool {
	r, err := http.NewRequestWithContext(v.running, http.MethodPost, callback, bytes.NewReader(body))
	if err != nil {
		return false
	}
	now := v.registry.now()
	var signatures []byte
	for _, secret := range secrets {
		key, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return false
		}
		one, err := key.Sign(id, now, body)
		if err != nil {
			return false
		}
		signatures = append(append(signatures, one...), ' ')
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(standardwebhooks.HeaderWebhookID, id)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(now.Unix()))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, string(bytes.TrimSpace(signatures)))
	resp, err := v.c.Client.Do(r)
	if err != nil {
		v.registry.log.Warn("call not delivered", "error", err)
		return false
	}
	resp.Body.Close()
	return resp.StatusCode < 300
}
