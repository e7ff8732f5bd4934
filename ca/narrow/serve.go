package narrow

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"mohr/ca"
	"mohr/internal/fault"
)

// path is where the one call is put.
const path = "/sign"

// Desk signs for nodes without keys. It is safe for concurrent use.
type Desk struct {
	CA      *ca.Authority // with a Judge
	Callers []string      // common names of the certificates of those who may call
	Log     *slog.Logger
}

// refusal is the answer to who gets no certificate.
type refusal struct {
	Kind   fault.Kind `json:"kind"`
	Code   string     `json:"code"`
	Detail string     `json:"detail"`
}

// ServeHTTP answers POST /sign with the certificate, in DER. It stands behind
// a listener that takes client certificates of this service's hierarchy only.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	der, err := d.sign(w, r)
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/pkix-cert")
	w.Write(der) // who has gone asks again
}

func (d *Desk) sign(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if err := d.may(r.Context(), r); err != nil {
		return nil, err
	}
	if r.Method != http.MethodPost || r.URL.Path != path {
		return nil, fault.New(fault.NotFound, "order_elsewhere", "orders are put to this node by POST /sign")
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		return nil, errMalformed()
	}
	m, err := parse(b)
	if err != nil {
		return nil, err
	}
	return d.CA.SignFor(r.Context(), m.Serial, m.Papers)
}

// may refuses who does not show a good certificate of the service's own TLS
// profile with a name that is listed.
func (d *Desk) may(ctx context.Context, r *http.Request) error {
	var leaf *x509.Certificate
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		leaf = r.TLS.PeerCertificates[0]
	}
	s, err := d.CA.Standing(ctx, leaf)
	if err != nil {
		return err
	}
	c := s.Record()
	name, _, _ := strings.Cut(c.Profile, "@")
	switch {
	case s.Fault() != nil:
		return s.Fault()
	case name != ca.ServiceTLS || leaf.Subject.CommonName != c.Service || !slices.Contains(d.Callers, c.Service):
		return fault.New(fault.Denied, "caller_unknown", "this certificate is not that of a node which may have certificates signed; the node with the keys lists those (issuing.callers)")
	}
	return nil
}

func (d *Desk) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, said := http.StatusForbidden, refusal{Code: "internal", Detail: "the node with the keys has logged what went wrong"}
	f, ok := fault.Of(err)
	if ok {
		said = refusal{f.Kind(), f.Code(), f.Error()}
	}
	switch {
	case r.Context().Err() != nil || ok && errors.Is(err, fault.Unavailable):
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "10")
	case !ok:
		status = http.StatusInternalServerError
		d.Log.ErrorContext(r.Context(), "order not signed", "error", err)
	// These two are of no order at all. What an order is refused for is an
	// alarm, and has a status of its own.
	case f.Code() == "order_malformed":
		status = http.StatusBadRequest
	case f.Code() == "order_elsewhere":
		status = http.StatusNotFound
	}
	d.Log.WarnContext(r.Context(), "order refused", "code", said.Code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(said)
}
