package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"mohr/internal/fault"
)

// ErrPending says that the vendor has no final result yet: nothing is decided.
var ErrPending = errors.New("gateway: the result is not final")

// Visitor is who goes to a vendor.
type Visitor struct {
	NationalCode string
	BirthDate    string // YYYY-MM-DD
	Locale       string // "fa" or "en"
	ReturnURL    string // where the vendor sends them back to
	CallbackURL  string // where the vendor calls us
}

// question is what expressions see of the visitor, as questions has it.
func (v Visitor) question() map[string]string {
	return map[string]string{
		"national_code": v.NationalCode, "birth_date": v.BirthDate, "locale": v.Locale,
		"return_url": v.ReturnURL, "callback_url": v.CallbackURL,
	}
}

// Pending is a session that was begun at a vendor.
type Pending struct {
	Ref      string    // what the vendor calls it
	Link     string    // where the person goes
	Deadline time.Time // UTC, whole seconds: then the wait is over
}

// Session is what a session at a vendor came to. All but Result is zero unless it is Match.
type Session struct {
	Result       Result
	NationalCode string // of the document, or of who was asked about
	FirstName    string
	LastName     string
	BirthDate    string // YYYY-MM-DD
	ValidTo      string // the document's last day, YYYY-MM-DD; "": not said
	ScorePercent int    // of the face before the camera: with the document's picture, or with the register's
	Live         bool   // a living person was before the camera

	Certified    bool     // laboratories vouch for the vendor now
	Certificates []string // which ones
}

// Start begins a session, with one attempt. Unavailable: the vendor gave no
// session that may be used (registry_unavailable), or no laboratory vouches
// for it now (vendor_uncertified); it is not asked then.
func (n *Connector) Start(ctx context.Context, v Visitor) (Pending, error) {
	if !n.file.Asks.visited() {
		return Pending{}, fmt.Errorf("connector %s asks %s, which nobody goes to", n.file.Connector, n.file.Asks)
	}
	if err := n.Certified(n.Now()); err != nil {
		uncertified := fault.New(fault.Unavailable, "vendor_uncertified", "this way to prove who you are is closed now; take another one, or try again later")
		return Pending{}, fmt.Errorf("%w: %s: %w", uncertified, n.file.Connector, err)
	}
	a, err := put(ctx, n, n.begin, func(ctx context.Context) (reply, Pending, error) {
		r, p, _, err := n.start(ctx, v.question())
		return r, p, err
	})
	return a.Value, err
}

// start asks for a session.
func (n *Connector) start(ctx context.Context, q map[string]string) (r reply, p Pending, status int, err error) {
	ctx = context.WithoutCancel(ctx) // as Client.attempt, for its reason
	question, err := write(n.plan.body, map[string]any{"q": q})
	if err != nil {
		return r, p, 0, err
	}
	if r, status, err = n.send(ctx, n.file.method(), n.file.URL, question); err != nil {
		return r, p, status, err
	}
	in, err := input(q, "", status, r.body)
	if err == nil {
		p.Ref, err = text(n.plan.ref, "poll.ref", in)
	}
	if err == nil {
		p.Link, err = text(n.plan.link, "link.url", in)
	}
	if err == nil {
		err = n.usable(q, p)
	}
	if err != nil {
		return r, Pending{}, status, fmt.Errorf("%w: %w", errAttempt, err)
	}
	p.Deadline = r.at.Add(n.waits())
	return r, p, status, nil
}

// sessionRef is the form of a reference: it becomes part of an address and of keys.
var sessionRef = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// usable refuses a reference that is more than a name, and a link that leads
// elsewhere than the file allows or tells who goes there.
func (n *Connector) usable(q map[string]string, p Pending) error {
	u, err := url.Parse(p.Link)
	switch {
	case !sessionRef.MatchString(p.Ref):
		return errors.New("the reference is not letters, digits, hyphens and underscores")
	case err != nil || !reaches(p.Link) || !slices.Contains(n.file.Link.Hosts, strings.ToLower(u.Host)) || strings.ContainsFunc(p.Link, unprintable):
		return errors.New("the link leads to none of link.hosts")
	}
	for _, field := range []string{"national_code", "birth_date"} {
		for _, form := range []string{q[field], strings.ReplaceAll(q[field], "-", "")} {
			if form != "" && strings.Contains(p.Link+" "+p.Ref, form) {
				return errors.New("the link tells who goes there")
			}
		}
	}
	return nil
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// Fetch asks the vendor, by our own call, what the session came to, a second
// time before it hands out what is to somebody's disadvantage. ErrPending: the
// result is not final.
func (n *Connector) Fetch(ctx context.Context, v Visitor, ref string) (Answer[Session], error) {
	if !n.file.Asks.visited() || !sessionRef.MatchString(ref) {
		return Answer[Session]{}, fmt.Errorf("connector %s has no session to fetch", n.file.Connector)
	}
	q := v.question()
	return twice(func() (Answer[Session], error) {
		return put(ctx, n, n.exec, func(ctx context.Context) (reply, Session, error) { return n.fetch(ctx, q, ref) })
	}, func(s Session) bool { return s.Result == Match && s.Live })
}

// fetch asks once.
func (n *Connector) fetch(ctx context.Context, q map[string]string, ref string) (reply, Session, error) {
	ctx = context.WithoutCancel(ctx) // as Client.attempt, for its reason
	var question []byte
	method, address := n.file.method(), n.file.Poll.URL
	if n.file.Poll.Method != "" {
		method = n.file.Poll.Method
	}
	if method == http.MethodGet {
		address = strings.Replace(address, refPlace, ref, 1)
	} else {
		var err error
		if question, err = write(n.plan.again, map[string]any{"q": q, "ref": ref}); err != nil {
			return reply{}, Session{}, err
		}
	}
	r, status, err := n.send(ctx, method, address, question)
	if err != nil {
		return r, Session{}, err
	}
	in, err := input(q, ref, status, r.body)
	if err != nil {
		return r, Session{}, fmt.Errorf("%w: %w", errAttempt, err)
	}
	switch final, err := n.plan.final(in); {
	case err != nil:
		return r, Session{}, fmt.Errorf("%w: %w", errAttempt, err)
	case !final:
		return r, Session{}, ErrPending
	}
	return readReply(n, q, ref, status, r, func(a said) (Session, error) { return n.session(q, a) })
}

// session reads what a final answer claims.
func (n *Connector) session(q map[string]string, a said) (Session, error) {
	s := Session{Result: a.result, Certified: n.Certified(n.Now()) == nil, Certificates: n.numbers()}
	if a.result != Match {
		return s, nil
	}
	score, err1 := claim[int64](a, "score_percent", true)
	live, err2 := claim[bool](a, "live", true)
	if score < 0 || score > 100 {
		err1 = errors.New("score_percent is no percentage")
	}
	s.ScorePercent, s.Live, s.NationalCode = int(score), live, q["national_code"]
	if n.file.Asks == AskFace {
		return s, errors.Join(err1, err2)
	}
	code, err3 := claim[string](a, "national_code", true)
	first, err4 := claim[string](a, "first_name", false)
	last, err5 := claim[string](a, "last_name", false)
	born, err6 := claim[string](a, "birth_date", false)
	validTo, err7 := claim[string](a, "valid_to", false)
	if _, err := time.Parse(time.DateOnly, validTo); validTo != "" && err != nil {
		err7 = errors.New("valid_to is no date YYYY-MM-DD")
	}
	s.NationalCode, s.FirstName, s.LastName, s.BirthDate, s.ValidTo = code, first, last, born, validTo
	return s, errors.Join(err1, err2, err3, err4, err5, err6, err7)
}
