package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/trace"
)

// frame is around every request: identifier, language, headers, and an answer
// to every error and panic, so that what is inside need not think of them.
func (f *face) frame(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		q := newRequest(c.Request())
		start := time.Now()
		c.SetRequest(c.Request().WithContext(context.WithValue(c.Request().Context(), requestKey{}, q)))
		f.setHeaders(c)
		c.Response().Header().Set(echo.HeaderXRequestID, q.id)
		if !f.plain {
			remember(c)
		}
		err := f.caught(c, next)
		if errors.Is(err, echo.ErrMethodNotAllowed) && c.Request().Method == http.MethodHead {
			err = f.caught(c, asGet)
		}
		if err != nil {
			f.handleError(err, c)
		}
		trace.Add(c.Request().Context(), trace.Route(c.Path()), trace.Request(q.id), trace.Status(c.Response().Status))
		// The route, not the path: a path may name a person's application.
		if ctx := c.Request().Context(); f.log.Enabled(ctx, slog.LevelDebug) {
			f.log.DebugContext(ctx, "request", "request", q.id, "method", c.Request().Method, "route", c.Path(),
				"status", c.Response().Status, "took", time.Since(start))
		}
		return nil
	}
}

// asGet answers HEAD where only GET has a route (RFC 9110, 9.3.2): net/http
// leaves out the body.
func asGet(c echo.Context) error {
	c.Response().Header().Del(echo.HeaderAllow)
	c.Echo().Router().Find(http.MethodGet, echo.GetPath(c.Request()), c)
	return c.Handler()(c)
}

// panicked is a panic of a handler as an error; the stack is for the log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func (f *face) caught(c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		switch v := recover(); {
		case v == nil:
		case v == http.ErrAbortHandler:
			panic(v) // net/http's own way to drop a connection
		default:
			err = &panicked{v, debug.Stack()}
		}
	}()
	return next(c)
}

// refuseCrossOrigin refuses what a browser sends with an unsafe method from
// another site. Programs send neither Sec-Fetch-Site nor Origin and pass;
// their requests carry a token or a signature that no other site has.
func refuseCrossOrigin(guard *http.CrossOriginProtection) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := guard.Check(c.Request()); err != nil {
				return fault.New(fault.Denied, "cross_site",
					"this request came from a page of another site; open this site itself and try again")
			}
			return next(c)
		}
	}
}

// limitBody bounds what handlers outside the API can read; an operation of
// the API has its own bound, and so have routes of which others say so.
func limitBody(limit int64, others map[string]int64) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			r := c.Request()
			if !isAPI(r) && r.Body != nil {
				bound := limit
				if other, ok := others[c.Path()]; ok && r.Method == http.MethodPost {
					bound = other
				}
				r.Body = http.MaxBytesReader(c.Response(), r.Body, bound)
			}
			return next(c)
		}
	}
}

// logError says once what an answer of 5xx hides from the caller.
func (f *face) logError(ctx context.Context, route string, status int, err error) {
	// What a listener does not let in is counted there: a flood fills no log.
	if status < http.StatusInternalServerError || status == http.StatusNotImplemented || errors.Is(err, context.Canceled) || fault.Code(err) == "overloaded" {
		return
	}
	attrs := []any{"request", RequestID(ctx), "route", route, "status", status, "error", err}
	if p := (*panicked)(nil); errors.As(err, &p) {
		attrs = append(attrs, "stack", string(p.stack))
	}
	if status == http.StatusServiceUnavailable {
		f.log.Warn("something we need is down", attrs...)
		return
	}
	f.log.Error("request ended in an internal error", attrs...)
}
