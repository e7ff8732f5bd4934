package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"mohr/internal/i18n"
	"mohr/internal/store"
	"mohr/internal/web/repository"
)

// apiPrefix is where the JSON operations live.
const apiPrefix = "/api/v1"

// Config is what a Server needs.
type Config struct {
	Store  store.Store   // idempotency records
	Log    *slog.Logger  // nil: discard
	Texts  *i18n.Catalog // page texts and fault texts, fa and en; this package's Texts among them
	Pages  []fs.FS       // each room's pages/*.html
	Portal string        // base URL: https://localhost:8443

	Now       func() time.Time // nil means time.Now
	Secret    []byte           // seals kept answers and keys their names; nil: random, kept answers die with the process
	Shared    bool             // other nodes write to Store too
	Simulated bool             // pages say that no legally valid certificate is issued here
	HSTS      time.Duration    // Strict-Transport-Security max-age; zero: no header
	MaxBody   int64            // octets, for requests outside /api/v1; zero means 1 MiB

	// What /repository/ shows.
	Documents   *repository.Set                            // nil: those delivered with the software
	Profiles    []Profile                                  // beside the practice statement
	Authorities func(context.Context) ([]Authority, error) // whose certificates and CRLs are to fetch; nil: none
}

func (c *Config) fill() {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxBody == 0 {
		c.MaxBody = 1 << 20
	}
	if len(c.Secret) == 0 {
		c.Secret = make([]byte, 32)
		rand.Read(c.Secret) // never fails (crypto/rand)
	}
	if c.Authorities == nil {
		c.Authorities = noAuthorities
	}
	c.Portal = strings.TrimSuffix(c.Portal, "/")
}

// validate reports all that is missing at once.
func (c *Config) validate() error {
	var faults []error
	if c.Store == nil {
		faults = append(faults, errors.New("Store is missing"))
	}
	// Nothing but an origin: pages are at its root, and it is compared with Origin.
	if u, err := url.Parse(c.Portal); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		faults = append(faults, fmt.Errorf("Portal %q is not a base URL like https://localhost:8443", c.Portal))
	}
	return errors.Join(faults...)
}

// Server is the portal: Echo carries pages and protocols, API the JSON
// operations below /api/v1. Both use one error map, one set of headers.
type Server struct {
	Echo *echo.Echo
	API  huma.API

	face    *face
	answers *answers
}

// New returns a server with error map, headers, cross-origin protection,
// body limit, the home page, /static, /repository and /openapi.json in place.
func New(c Config) (*Server, error) {
	c.fill()
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("make web server: %w", err)
	}
	f, err := newFace(c, append([]fs.FS{Pages}, c.Pages...))
	if err != nil {
		return nil, fmt.Errorf("make web server: %w", err)
	}
	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(c.Portal); err != nil {
		return nil, fmt.Errorf("make web server: %w", err)
	}
	s := &Server{Echo: f.newEcho(), face: f}
	s.answers, err = newAnswers(c)
	if err != nil {
		return nil, fmt.Errorf("make web server: %w", err)
	}
	s.Echo.Use(f.frame, refuseCrossOrigin(guard), limitBody(c.MaxBody, f.bodies))
	s.mountAPI(c.Portal)
	s.Echo.GET("/", func(c echo.Context) error { return Page(c, http.StatusOK, "home", nil) })
	if err := mountStatic(s.Echo); err != nil {
		return nil, fmt.Errorf("make web server: %w", err)
	}
	Repository(s.Echo)
	return s, nil
}

// TakeUpTo lets a route that is posted to, as it was registered ("/x/:id"), read
// so many octets in place of Config.MaxBody. Before the server serves.
func (s *Server) TakeUpTo(route string, octets int64) { s.face.bodies[route] = octets }

// Handler returns what a listener serves. Time limits are the listener's.
func (s *Server) Handler() http.Handler { return s.Echo }

// Refuser answers requests in place of e, in its words and with its headers:
// for what a listener does not let in.
func Refuser(e *echo.Echo) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		e.Renderer.(*face).frame(func(echo.Context) error { return err })(e.NewContext(r, w))
	}
}

// newEcho returns an echo with the face's error map and pages and without a
// word of its own. The address of a client is that of the connection: no
// header that anyone can write is believed.
func (f *face) newEcho() *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = f.handleError
	e.Renderer = f
	return e
}

// NewPlain returns the echo of the plain HTTP listener: OCSP, CRL, issuer
// certificates, time stamps, repository. No cookies, no cross-origin checks,
// no redirects. Paths are routed as they were sent: handlers of paths that
// carry base64 read c.Request().URL.EscapedPath().
func NewPlain(c Config) *echo.Echo {
	c.fill()
	f, err := newFace(c, []fs.FS{Pages})
	if err != nil {
		panic(fmt.Sprintf("web: pages of this package: %v", err)) // embedded: a constant
	}
	f.plain = true
	e := f.newEcho()
	e.Use(f.frame, limitBody(c.MaxBody, f.bodies))
	if err := mountStatic(e); err != nil {
		panic(fmt.Sprintf("web: static files of this package: %v", err)) // embedded: a constant
	}
	return e
}
