package est

import (
	"io"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/web"
)

// base is where EST lives for one profile (RFC 7030 section 3.2.2: an
// additional path segment).
const base = "/.well-known/est/:profile"

// Media types of RFC 7030 section 3.2.2; both are sent in base64 (RFC 8951).
const (
	certsType = "application/pkcs7-mime; smime-type=certs-only"
	attrsType = "application/csrattrs"
)

// retryAfter is after how many seconds a client should ask again while
// somebody has to act.
const retryAfter = 60

// Routes hangs EST on the portal. Renewal needs a listener that asks for
// client certificates.
func (d *Desk) Routes(s *web.Server) {
	e := s.Echo
	e.GET(base+"/cacerts", d.getAuthorities)
	e.GET(base+"/csrattrs", d.getAttributes)
	e.POST(base+"/simpleenroll", d.postEnroll)
	e.POST(base+"/simplereenroll", d.postReenroll)
	e.POST(base+"/serverkeygen", notOffered)
	e.POST(base+"/fullcmc", notOffered)
}

func (d *Desk) getAuthorities(c echo.Context) error {
	der, err := d.Authorities(c.Param("profile"))
	if err != nil {
		return err
	}
	return send(c, certsType, der)
}

func (d *Desk) getAttributes(c echo.Context) error {
	if err := offered(c.Param("profile")); err != nil {
		return err
	}
	der, err := attributes()
	if err != nil {
		return err
	}
	return send(c, attrsType, der)
}

func (d *Desk) postEnroll(c echo.Context) error {
	a, err := d.ask(c)
	if err != nil {
		return err
	}
	der, err := d.Enroll(c.Request().Context(), a)
	if fault.Code(err) == "application_unapproved" {
		c.Response().Header().Set("Retry-After", strconv.Itoa(retryAfter))
		return c.String(http.StatusAccepted, "The application waits for approval; send the same request again later.\n")
	}
	if err != nil {
		return err
	}
	return send(c, certsType, der)
}

func (d *Desk) postReenroll(c echo.Context) error {
	a, err := d.ask(c)
	if err != nil {
		return err
	}
	der, err := d.Reenroll(c.Request().Context(), a)
	if err != nil {
		return err
	}
	return send(c, certsType, der)
}

// notOffered answers for what is not made here.
func notOffered(echo.Context) error {
	return fault.New(fault.Invalid, "est_not_offered", "this service makes no keys for others and takes no full CMC request: make the key yourself and send a PKCS #10 request to simpleenroll")
}

// ask reads a request, if not too many come from its network. One octet more than the limit is read at most: what is
// behind it is refused as too large by who decodes it.
func (d *Desk) ask(c echo.Context) (Ask, error) {
	ctx := c.Request().Context()
	if err := d.Gate.Pass(ctx); err != nil {
		return Ask{}, err
	}
	a := Ask{Profile: c.Param("profile"), Peer: web.PeerCertificate(ctx), Locale: web.Lang(ctx)}
	a.User, a.Secret, _ = c.Request().BasicAuth()
	if c.Request().ContentLength > maxBody {
		return a, errTooLarge()
	}
	var err error
	if a.Body, err = io.ReadAll(io.LimitReader(c.Request().Body, maxBody+1)); err != nil {
		return a, fault.New(fault.Invalid, "request_malformed", "the request could not be read; check its syntax")
	}
	return a, nil
}

// send answers in base64. Content-Transfer-Encoding, which RFC 8951 took away,
// stays for older clients.
func send(c echo.Context, kind string, der []byte) error {
	c.Response().Header().Set("Content-Transfer-Encoding", "base64")
	return c.Blob(http.StatusOK, kind, encode(der))
}
