package status

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/fault"
)

// Routes serves what relying parties need, on the listener without TLS.
func (r *Responder) Routes(e *echo.Echo) {
	e.POST("/ocsp/:issuer", r.postOCSP)
	e.POST("/ocsp/:issuer/", r.postOCSP)
	e.GET("/ocsp/:issuer/*", r.getOCSP)
	e.GET("/crl/:issuer/:file", r.getCRL)
	e.GET("/ca/:file", r.getCertificate)
}

const ocspRequestType, ocspResponseType = "application/ocsp-request", "application/ocsp-response"

func (r *Responder) postOCSP(c echo.Context) error {
	kind, _, _ := strings.Cut(c.Request().Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), ocspRequestType) {
		return c.String(http.StatusUnsupportedMediaType, "send "+ocspRequestType+"\n")
	}
	// One octet more than is taken: what is too long is malformed.
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, maxRequest+1))
	if err != nil {
		return c.String(http.StatusBadRequest, "the body ended early\n")
	}
	return r.sendOCSP(c, body, false)
}

// getOCSP takes the request from the path (RFC 6960 appendix A.1): base64,
// whose slashes, pluses and equals signs come raw or percent-encoded. The
// path is read as it was sent, since a router's cleaning would join slashes.
func (r *Responder) getOCSP(c echo.Context) error {
	escaped := strings.TrimPrefix(c.Request().URL.EscapedPath(), "/ocsp/"+c.Param("issuer")+"/")
	var body []byte // stays empty, which is malformed, unless all of it can be read
	if len(escaped) <= 3*base64.StdEncoding.EncodedLen(maxRequest) {
		if text, err := url.PathUnescape(escaped); err == nil {
			body, _ = decodeBase64(text)
		}
	}
	return r.sendOCSP(c, body, true)
}

// decodeBase64 takes the padding or its absence.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return nil, errors.New("a line break")
	}
	return base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
}

// sendOCSP answers, and lets GET's answers be kept for a minute (RFC 5019
// section 6.2). Expires is that minute too and not nextUpdate: an old cache
// would keep a good one past a revocation.
func (r *Responder) sendOCSP(c echo.Context, body []byte, get bool) error {
	a, err := r.OCSP(c.Request().Context(), ca.IssuerID(c.Param("issuer")), body)
	if err != nil {
		return refuse(c, err)
	}
	h := c.Response().Header()
	if !get || !a.Reusable {
		h.Set("Cache-Control", "no-store")
		return c.Blob(http.StatusOK, ocspResponseType, a.DER)
	}
	return r.sendKept(c, ocspResponseType, a.DER, a.ThisUpdate, a.NextUpdate)
}

// sendKept sends bytes that may be kept for a minute, if they are good for so long.
func (r *Responder) sendKept(c echo.Context, kind string, der []byte, this, next time.Time) error {
	now := r.now()
	age := max(min(maxAge, next.Sub(now)), 0)
	sum := sha256.Sum256(der)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h := c.Response().Header()
	h.Set("Cache-Control", fmt.Sprintf("max-age=%d, public, no-transform, must-revalidate", int(age.Seconds())))
	h.Set("ETag", tag)
	h.Set("Last-Modified", this.UTC().Format(http.TimeFormat))
	h.Set("Expires", now.Add(age).Format(http.TimeFormat))
	if c.Request().Header.Get("If-None-Match") == tag {
		return c.NoContent(http.StatusNotModified)
	}
	return c.Blob(http.StatusOK, kind, der)
}

func (r *Responder) getCRL(c echo.Context) error {
	ctx := c.Request().Context()
	shard, ok := strings.CutSuffix(c.Param("file"), ".crl")
	n, err := strconv.Atoi(shard)
	if !ok || err != nil || strconv.Itoa(n) != shard {
		return refuse(c, errNoCRL())
	}
	var list CRL
	switch issuer := c.Param("issuer"); {
	case issuer == ca.RootName && n == 0:
		list, err = r.RootCRL(ctx)
	case issuer == ca.RootName:
		err = errNoCRL()
	default:
		list, err = r.CRL(ctx, ca.IssuerID(issuer), n)
	}
	if err != nil {
		return refuse(c, err)
	}
	return r.sendKept(c, "application/pkix-crl", list.DER, list.ThisUpdate, list.NextUpdate)
}

func (r *Responder) getCertificate(c echo.Context) error {
	name, ok := strings.CutSuffix(c.Param("file"), ".cer")
	if !ok {
		name = ""
	}
	der, err := r.Certificate(name)
	if err != nil {
		return refuse(c, err)
	}
	c.Response().Header().Set("Cache-Control", "max-age=3600, public")
	return c.Blob(http.StatusOK, "application/pkix-cert", der)
}

// refuse answers the readers of a protocol in plain text; what is no fault is
// for the server's own error map.
func refuse(c echo.Context, err error) error {
	f, ok := fault.Of(err)
	if !ok {
		return err
	}
	status := http.StatusNotFound
	if errors.Is(err, fault.Unavailable) {
		status = http.StatusServiceUnavailable
		c.Response().Header().Set("Retry-After", "60")
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.String(status, f.Error()+"\n")
}
