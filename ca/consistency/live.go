package consistency

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"mohr/internal/ledger"
)

// Live is a service whose answers are compared with the records.
type Live struct {
	// Get returns what is at a path of the plain listener ("/crl/..."), or
	// ErrNone where it says 404. It must bound the answer and be safe for
	// concurrent use.
	Get func(ctx context.Context, path string) ([]byte, error)
	// Post sends an OCSPRequest to a path of the plain listener.
	Post func(ctx context.Context, path string, request []byte) ([]byte, error)
	// Log is the log as the public sees it, and At how far the records' log
	// reaches; it must begin with that.
	Log    ledger.Public
	At     ledger.Checkpoint
	Now    func() time.Time // nil: time.Now
	Sample int              // how many certificates OCSP is asked for; 0: all
}

// ErrNone is returned by Get for what is not there.
var ErrNone = errors.New("not there")

// slack is how far two clocks may be apart, and a second's fraction.
const slack = 6 * time.Second

func (l *Live) now() time.Time {
	if l.Now == nil {
		return time.Now()
	}
	return l.Now()
}

// compareLive asks the service, if there is one.
func (r *run) compareLive(ctx context.Context) error {
	if r.Live == nil {
		return nil
	}
	for _, step := range []func(context.Context) error{r.compareLog, r.compareCertificates, r.compareCRLs, r.compareOCSP} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// compareLog wants the published log to begin with the one that was read.
func (r *run) compareLog(ctx context.Context) error {
	c, err := r.Live.Log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if c.Size < r.Live.At.Size {
		r.report.add("log_differs", c.Origin, "the published log has %d entries, the records' %d", c.Size, r.Live.At.Size)
		return nil
	}
	root, err := r.Live.Log.RootAt(ctx, c, r.Live.At.Size)
	if err != nil {
		return err
	}
	if root != r.Live.At.Root {
		r.report.add("log_differs", c.Origin, "the first %d entries of the published log are not those of the records' log", r.Live.At.Size)
	}
	return nil
}

// compareCertificates wants the CA certificates at their addresses.
func (r *run) compareCertificates(ctx context.Context) error {
	for _, m := range r.Members {
		b, err := r.Live.Get(ctx, "/ca/"+m.ID+".cer")
		if err != nil && !errors.Is(err, ErrNone) {
			return fmt.Errorf("certificate of %s: %w", m.ID, err)
		}
		if !bytes.Equal(b, m.DER) {
			r.report.add("certificate_differs", m.ID, "the service hands out another certificate, or none")
		}
	}
	return nil
}

// since reports whether something happened after the records were taken.
func (r *run) since(t time.Time) bool { return t.Add(slack).After(r.Taken) }
