package online_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/doctest"
	"mohr/ca/document/online"
	"mohr/internal/fault"
)

// through sends every request to one handler, whatever its address.
type through struct{ h http.Handler }

func (t through) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	t.h.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestASignatureIsMadeToLastByWhatAuthoritiesSay(t *testing.T) {
	p := doctest.New(t)
	at := doctest.Start.AddDate(0, 0, 10)
	key := p.Issue(t, nil, nil)
	rootCRL, crl, answer := p.RootCRL(t, at), p.CRL(t, at), p.OCSP(t, key.Certificate, at)
	tests := []struct {
		name      string
		down      map[string]bool
		crls, ocs int
		code      string
	}{
		{"all answer", nil, 1, 1, ""},
		{"the responder is down, and the list is not", map[string]bool{"/ocsp": true}, 2, 0, ""},
		{"the root's list is not there", map[string]bool{"/root.crl": true}, 0, 0, "revocation_unavailable"},
		{"nothing answers", map[string]bool{"/ocsp": true, "/issuing.crl": true, "/root.crl": true}, 0, 0, "revocation_unavailable"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			source := online.Source{HTTP: &http.Client{Transport: through{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, ok := map[string][]byte{"/root.crl": rootCRL, "/issuing.crl": crl, "/ocsp": answer}[r.URL.Path]
				if !ok || tc.down[r.URL.Path] {
					http.Error(w, "down", http.StatusServiceUnavailable)
					return
				}
				w.Write(body)
			})}}}
			raw, err := cades.Sign(t.Context(), key, document.Bytes([]byte("text")), cades.Options{MIME: "text/plain", Source: source})
			if fault.Code(err) != tc.code {
				t.Fatalf("Sign: %v", err)
			}
			if err != nil {
				return
			}
			list, err := cades.Read(raw, document.Bytes([]byte("text")))
			if err != nil {
				t.Fatal(err)
			}
			if v := list[0].Carried; len(v.CRLs) != tc.crls || len(v.OCSPs) != tc.ocs {
				t.Errorf("%d CRLs, %d OCSP responses", len(v.CRLs), len(v.OCSPs))
			}
			r := document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{p.Root}}, document.Policy{}, at)
			if r.Indication != document.Passed {
				t.Errorf("%+v", r.Signatures[0])
			}
		})
	}
}
