package bench

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"mohr/cmd/mohr/bench/load"
)

// AskedFor bounds how many certificates relying parties ask about in a run.
const AskedFor = 1000

// OCSP measures answers that may come from a cache: GET without a nonce, the
// same certificates again and again.
func (w *World) OCSP(ctx context.Context, list []*applicant) (Result, error) {
	requests, path, err := w.questions(ctx, list)
	if err != nil {
		return Result{}, err
	}
	var gets [][]byte
	for _, der := range requests {
		gets = append(gets, load.Get(path+"/"+url.PathEscape(base64.StdEncoding.EncodeToString(der))))
	}
	warm := newPool(w.plain, w.Clients)
	defer warm.close()
	if err := inParallel(w.Clients, gets, func(r []byte) error { _, err := warm.call(ctx, r); return err }); err != nil {
		return Result{}, fmt.Errorf("warm the cache: %w", err)
	}
	return w.compare(ctx, trial{
		name: "ocsp", clients: w.Clients, counted: fmt.Sprintf("GET of an OCSP answer without a nonce, over HTTP, for %d certificates in turn, each asked for before", len(gets)),
		runs: endless(w.plain, w.Runs, load.Round(gets)),
	})
}

// OCSPSigned measures answers that must be signed: POST with a fresh nonce.
func (w *World) OCSPSigned(ctx context.Context, list []*applicant) (Result, error) {
	requests, path, err := w.questions(ctx, list)
	if err != nil {
		return Result{}, err
	}
	for i, der := range requests {
		if requests[i], err = withNonce(der); err != nil {
			return Result{}, err
		}
	}
	return w.compare(ctx, trial{
		name: "ocsp-signed", clients: w.Clients, counted: "POST of an OCSP request with a fresh nonce, over HTTP: every answer is signed for it",
		runs: endless(w.plain, w.Runs, nonced(path, requests)),
	})
}

// endless are runs of one load that nothing uses up.
func endless(d load.Door, runs int, next func() (load.Call, bool)) []load.Load {
	return slices.Repeat([]load.Load{{Door: d, Next: next}}, runs)
}

// questions are OCSP requests (DER) for certificates of list, and the path
// that they go to.
func (w *World) questions(ctx context.Context, list []*applicant) (requests [][]byte, path string, err error) {
	list = list[:min(len(list), AskedFor)]
	if err := w.issue(ctx, list); err != nil {
		return nil, "", fmt.Errorf("issue what is asked for: %w", err)
	}
	for _, a := range list {
		cert, issuer, err := a.chain()
		if err != nil {
			return nil, "", err
		}
		var der []byte
		if der, path, err = question(cert, issuer); err != nil {
			return nil, "", err
		}
		requests = append(requests, der)
	}
	return requests, path, nil
}

// question is an OCSP request (DER) for a certificate, and the path it goes to.
func question(cert, issuer *x509.Certificate) (der []byte, path string, err error) {
	if der, err = ocsp.CreateRequest(cert, issuer, &ocsp.RequestOptions{Hash: crypto.SHA1}); err != nil {
		return nil, "", err
	}
	if len(cert.OCSPServer) == 0 {
		return nil, "", errors.New("the certificate names no OCSP responder")
	}
	u, err := url.Parse(cert.OCSPServer[0])
	if err != nil {
		return nil, "", err
	}
	return der, u.Path, nil
}

// nonced asks requests that end in a nonce, in turn, each time with a fresh one.
func nonced(path string, requests [][]byte) func() (load.Call, bool) {
	turn := load.Round(requests)
	return func() (load.Call, bool) {
		c, ok := turn()
		der := slices.Clone(c.Request)
		rand.Read(der[len(der)-nonceSize:]) // never fails (crypto/rand)
		return load.Call{Request: load.Post(path, "application/ocsp-request", der)}, ok
	}
}

const nonceSize = 16

// withNonce adds the nonce extension (RFC 9654) to an OCSPRequest without
// extensions; its value is the last octets of the result.
func withNonce(der []byte) ([]byte, error) {
	in := cryptobyte.String(der)
	var outer, tbs cryptobyte.String
	if !in.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1(&tbs, asn1.SEQUENCE) || !outer.Empty() {
		return nil, errors.New("not an OCSPRequest without a signature")
	}
	var b cryptobyte.Builder
	sequence := func(inner cryptobyte.BuilderContinuation) cryptobyte.BuilderContinuation {
		return func(b *cryptobyte.Builder) { b.AddASN1(asn1.SEQUENCE, inner) }
	}
	b.AddASN1(asn1.SEQUENCE, sequence(func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddASN1(asn1.Tag(2).ContextSpecific().Constructed(), sequence(sequence(func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier([]int{1, 3, 6, 1, 5, 5, 7, 48, 1, 2})
			b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddASN1OctetString(make([]byte, nonceSize)) })
		})))
	}))
	return b.Bytes()
}

// Revoke measures revocations by the code that came with the certificate.
func (w *World) Revoke(ctx context.Context, list []*applicant) (Result, error) {
	if err := w.issue(ctx, list); err != nil {
		return Result{}, fmt.Errorf("issue what is to be revoked: %w", err)
	}
	return w.compare(ctx, trial{
		name: "revoke", clients: w.Clients, counted: "POST of a certificate's revocation code to the answer: revoked, in its CRL shard, log leaf written, durable",
		runs: w.runsOf(list, revocation),
	})
}

func revocation(a *applicant) load.Call {
	body, _ := json.Marshal(map[string]string{"code": a.issued.Code}) // strings always marshal
	return load.Call{Request: load.Post("/api/v1/certificates/"+a.issued.Serial+"/revoke-by-code", "application/json", body, "Idempotency-Key: "+a.id)}
}

// CRL measures fetching a current CRL.
func (w *World) CRL(ctx context.Context, list []*applicant) (Result, error) {
	if err := w.issue(ctx, list[:1]); err != nil {
		return Result{}, err
	}
	path, err := list[0].crlPath()
	if err != nil {
		return Result{}, err
	}
	return w.compare(ctx, trial{
		name: "crl", clients: w.Clients, counted: "GET of a CRL shard that nothing changes, over HTTP",
		runs: endless(w.plain, w.Runs, load.Round([][]byte{load.Get(path)})),
	})
}

func (a *applicant) crlPath() (string, error) {
	cert, _, err := a.chain()
	if err != nil {
		return "", err
	}
	if len(cert.CRLDistributionPoints) == 0 {
		return "", errors.New("the certificate names no CRL")
	}
	u, err := url.Parse(cert.CRLDistributionPoints[0])
	if err != nil {
		return "", err
	}
	return u.Path, nil
}
