package load

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// bareSpec says what a bare handler answers, to whatever it is asked.
type bareSpec struct {
	Type string `json:"type"` // Content-Type
	Body []byte `json:"body"`
	Cert []byte `json:"cert"` // PEM; without it there is no TLS
	Key  []byte `json:"key"`  // PEM, PKCS #8
}

// ServeBare is the bare handler's process: it reads its bareSpec from in,
// prints a ready line on out and serves until ctx ends.
func ServeBare(ctx context.Context, in io.Reader, out io.Writer) error {
	var spec bareSpec
	if err := json.NewDecoder(in).Decode(&spec); err != nil {
		return fmt.Errorf("read what the bare handler is to answer: %w", err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", spec.Type)
		w.Write(spec.Body) // a reader who has gone needs no answer
	})
	bare, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ops, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	servers := []*http.Server{{Handler: handler}, {Handler: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})}}
	for _, s := range servers {
		context.AfterFunc(ctx, func() { s.Close() })
	}
	go servers[1].Serve(ops) // ends with Close
	fmt.Fprintf(out, "mohr bench bare ready address=%s ops=%s\n", bare.Addr(), ops.Addr())
	if spec.Cert == nil {
		err = servers[0].Serve(bare)
	} else {
		var pair tls.Certificate
		if pair, err = tls.X509KeyPair(spec.Cert, spec.Key); err != nil {
			return fmt.Errorf("certificate of the bare handler: %w", err)
		}
		servers[0].TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
		err = servers[0].ServeTLS(bare, "", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Bare is a bare handler at work.
type Bare struct {
	*Process
	Door
}

// StartBare starts a bare handler that gives an answer of the kind (a media
// type) over the transport of d. program is this program, which serves it by
// `mohr bench bare`; its log is in dir.
func StartBare(ctx context.Context, program, dir string, d Door, kind string, body []byte) (*Bare, error) {
	spec := bareSpec{Type: kind, Body: body}
	b := &Bare{Door: Door{Usual: d.Usual}}
	if d.Trust != nil {
		var err error
		if spec.Cert, spec.Key, err = bareCertificate(time.Now()); err != nil {
			return nil, fmt.Errorf("certificate of the bare handler: %w", err)
		}
		b.Trust = x509.NewCertPool()
		b.Trust.AppendCertsFromPEM(spec.Cert)
	}
	in, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	if b.Process, err = Start(ctx, program, dir, "bare", in, "bench", "bare"); err != nil {
		return nil, err
	}
	b.Address = b.Addresses["address"]
	return b, nil
}

// bareCertificate is like the service's: P-256, for localhost.
func bareCertificate(now time.Time) (cert, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, k.Public(), k)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
