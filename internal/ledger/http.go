package ledger

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
)

// Routes serves the log as C2SP tlog-tiles under /log, and at /log/ a page of
// text that says how to check it.
func (l *Log) Routes(e *echo.Echo) {
	e.GET("/log", func(c echo.Context) error { return c.Redirect(http.StatusMovedPermanently, "/log/") })
	e.GET("/log/", l.getIndex)
	e.GET("/log/checkpoint", l.getCheckpoint)
	e.GET("/log/tile/*", l.getTile)
	e.GET("/log/proof/:id", l.getProof)
	e.GET("/log/consistency/:size", l.getConsistency)
}

func (l *Log) getIndex(c echo.Context) error {
	checkpoint, err := l.Checkpoint(c.Request().Context())
	if err != nil {
		return refuse(c, err)
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.String(http.StatusOK, fmt.Sprintf(indexText, checkpoint.Origin, checkpoint.Size, checkpoint.Root, l.VerifierKey(), l.WitnessKey()))
}

const indexText = `log           %[1]s
entries       %[2]d
root          %[3]s
verifier key  %[4]s
for witnesses %[5]s

Every deed of this service is an entry of this log. Nothing personal is in it.

/log/checkpoint                   the signed head of the tree (C2SP tlog-checkpoint)
/log/tile/<L>/<N>[.p/<W>]         its hashes (C2SP tlog-tiles)
/log/tile/entries/<N>[.p/<W>]     its entries
/log/proof/<ID>                   the inclusion proof of an entry, named by its SHA-256
/log/consistency/<SIZE>           the proof that the log begins with the tree it had at that size

mohr log verify recomputes the tree from these and compares.
`

func (l *Log) getCheckpoint(c echo.Context) error {
	checkpoint, err := l.Checkpoint(c.Request().Context())
	if err != nil {
		return refuse(c, err)
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.Blob(http.StatusOK, "text/plain; charset=utf-8", []byte(checkpoint.Note))
}

func (l *Log) getTile(c echo.Context) error {
	b, err := l.Tile(c.Request().Context(), c.Param("*"))
	if err != nil {
		return refuse(c, err)
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if strings.HasPrefix(c.Param("*"), "entries/") { // hashes do not get smaller
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(c.Request().Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			b = zipped(b)
		}
	}
	return c.Blob(http.StatusOK, "application/octet-stream", b)
}

// takesGzip reads Accept-Encoding (RFC 9110 section 12.5.3). Narrower than
// that section: gzip must be named, and a weight of it means no.
func takesGzip(accept string) bool {
	return slices.ContainsFunc(strings.Split(accept, ","), func(s string) bool { return strings.TrimSpace(s) == "gzip" })
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // fails for an unknown level only
	z.Write(b)                                        // into memory: cannot fail
	z.Close()
	return out.Bytes()
}

func (l *Log) getProof(c echo.Context) error {
	p, err := l.Prove(c.Request().Context(), c.Param("id"))
	if err != nil {
		return err // no reader of tiles asks for this: the server's error map answers
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.JSON(http.StatusOK, p)
}

func (l *Log) getConsistency(c echo.Context) error {
	size, err := strconv.ParseInt(c.Param("size"), 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != c.Param("size") {
		size = 0 // which no proof is from
	}
	p, err := l.ProveConsistency(c.Request().Context(), size)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	return c.JSON(http.StatusOK, p)
}

// refuse answers the readers of tiles in plain text; what is no fault is for
// the server's own error map.
func refuse(c echo.Context, err error) error {
	f, ok := fault.Of(err)
	if !ok {
		return err
	}
	status := http.StatusNotFound
	if errors.Is(err, fault.Unavailable) {
		status = http.StatusServiceUnavailable
		c.Response().Header().Set("Retry-After", "1")
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.String(status, f.Error()+"\n")
}
