package gateway

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config is what a Client needs.
type Config struct {
	BaseURL     string            // of the registry, no slash at the end: http://127.0.0.1:7070
	PublicKey   ed25519.PublicKey // of the registry, which signs its answers
	Environment string            // "simulated" or "production": what this registry is set up as
	Source      string            // connector's name@version for evidence; "" means "rest-registry@1"
	Timeout     time.Duration     // of one attempt; zero means 5 seconds
	Concurrent  uint              // attempts at once on one route; zero means 32
	Transport   http.RoundTripper // nil: that of a Dialer that reaches public addresses only
	Now         func() time.Time  // nil: time.Now
	Log         *slog.Logger      // nil: discard
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.BaseURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || strings.HasSuffix(c.BaseURL, "/") {
		errs = append(errs, fmt.Errorf("gateway: %q is no base URL of a registry", c.BaseURL))
	}
	if len(c.PublicKey) != ed25519.PublicKeySize {
		errs = append(errs, errors.New("gateway: no public key of the registry"))
	}
	if c.Environment != "simulated" && c.Environment != "production" {
		errs = append(errs, fmt.Errorf("gateway: %q is no environment", c.Environment))
	}
	return errors.Join(errs...)
}

// Client puts questions to one registry. It is safe for concurrent use.
//
// Every method returns Unavailable (registry_unavailable) if the registry
// cannot be asked or does not answer properly, after two jittered retries;
// registry_refused, Invalid, if it says that the question is wrong. Five
// failures in a row on a route close it for 30 seconds, and no more than
// Concurrent attempts are under way on it, so that a slow register does not
// take the others along.
type Client struct {
	Config
	person, mobile, legal, licence, face, sms *route
	picture                                   *route
}

// New returns a Client, or all that is wrong with c.
func New(c Config) (*Client, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Source == "" {
		c.Source = "rest-registry@1"
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Concurrent == 0 {
		c.Concurrent = 32
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Transport == nil {
		d, err := NewDialer(DialConfig{Timeout: c.Timeout})
		if err != nil {
			return nil, err
		}
		c.Transport = d.Transport()
	}
	g := &Client{Config: c}
	g.person = g.route("/v1/person/inquiry", true)
	g.mobile = g.route("/v1/mobile/match", true)
	g.legal = g.route("/v1/legal/inquiry", true)
	g.licence = g.route("/v1/licence/inquiry", true)
	g.face = g.route("/v1/face/match", true)
	g.sms = g.route("/v1/sms", false)
	g.picture = g.route("/v1/face/picture", true)
	return g, nil
}

// Person asks the civil registry for the person with the code and the date of
// birth (YYYY-MM-DD).
func (g *Client) Person(ctx context.Context, nationalCode, birthDate string) (Answer[Person], error) {
	q := personQuestion{nationalCode, birthDate}
	return twice(func() (Answer[Person], error) {
		return once(ctx, g, g.person, q, func(r personReply) (Person, bool) { return r.about(q) })
	}, func(p Person) bool { return p.Result == Match && p.Alive })
}

// Mobile asks whether the number (+989...) is the person's.
func (g *Client) Mobile(ctx context.Context, nationalCode, mobile string) (Answer[Mobile], error) {
	q := mobileQuestion{nationalCode, mobile}
	return twice(func() (Answer[Mobile], error) {
		return once(ctx, g, g.mobile, q, func(r mobileReply) (Mobile, bool) { return r.about(q) })
	}, func(m Mobile) bool { return m.Result == Match })
}

// Legal asks the company register for the legal person.
func (g *Client) Legal(ctx context.Context, legalID string) (Answer[Legal], error) {
	q := legalQuestion{legalID}
	return twice(func() (Answer[Legal], error) {
		return once(ctx, g, g.legal, q, func(r legalReply) (Legal, bool) { return r.about(q) })
	}, func(l Legal) bool { return l.Result == Match && l.Status == "active" })
}

// Licence asks the register of licences of the type.
func (g *Client) Licence(ctx context.Context, legalID, licenceType string) (Answer[Licence], error) {
	q := licenceQuestion{legalID, licenceType}
	return twice(func() (Answer[Licence], error) {
		return once(ctx, g, g.licence, q, func(r licenceReply) (Licence, bool) { return r.about(q) })
	}, func(l Licence) bool { return l.Result == Match })
}

// Face asks for the comparison of the face seen in the session with the
// register's picture.
func (g *Client) Face(ctx context.Context, nationalCode, session string) (Answer[Face], error) {
	q := faceQuestion{nationalCode, session}
	return twice(func() (Answer[Face], error) {
		return once(ctx, g, g.face, q, func(r faceReply) (Face, bool) { return r.about(q) })
	}, func(f Face) bool { return f.Result == Match && f.Live })
}

// SMS hands a message over for delivery, once: a failed attempt is not
// repeated, since the message may be on its way.
func (g *Client) SMS(ctx context.Context, to, text string) (Answer[SMS], error) {
	return twice(func() (Answer[SMS], error) {
		return once(ctx, g, g.sms, smsMessage{to, text}, smsReply.about)
	}, func(SMS) bool { return true })
}
