package status_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/status"
)

// listen serves the responder and returns its base URL.
func listen(t testing.TB, r *status.Responder) string {
	t.Helper()
	server := httptest.NewServer(r.Before(http.NotFoundHandler()))
	t.Cleanup(server.Close)
	return server.URL
}

func get(t testing.TB, url string, header ...string) (*http.Response, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, b
}

func TestGetTakesBase64InEverySpelling(t *testing.T) {
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	single := singleOf(t, request(t, cert, s.issuer, crypto.SHA1))
	// A nonce whose base64 has all that is special in a path, "//" too.
	var n extension
	var text string
	for {
		n = nonce(16)
		if text = base64.StdEncoding.EncodeToString(build([][]byte{single}, n)); strings.Contains(text, "//") && strings.Contains(text, "+") && strings.HasSuffix(text, "=") {
			break
		}
	}
	tests := []struct{ name, path string }{
		{"raw", text},
		{"all escaped", url.QueryEscape(text)},
		{"slashes escaped", strings.ReplaceAll(text, "/", "%2F")},
		{"slashes escaped in lower case", strings.ReplaceAll(text, "/", "%2f")},
		{"pluses escaped", strings.ReplaceAll(text, "+", "%2B")},
		{"one of two slashes escaped", strings.Replace(text, "//", "/%2F", 1)},
		{"equals signs escaped", strings.ReplaceAll(text, "=", "%3D")},
		{"without padding", strings.TrimRight(text, "=")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res, b := get(t, s.url+"/ocsp/"+string(ca.SignIssuer)+"/"+test.path)
			if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/ocsp-response" || res.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("status %d, headers %v", res.StatusCode, res.Header)
			}
			if got := take(t, b); !bytes.Equal(got.extensions[oidNonce.String()], n.value) {
				t.Error("the nonce is not echoed")
			}
		})
	}
	for _, bad := range []string{"", "!!", text[:len(text)-5], text + "%0A", strings.Repeat("A", 70000)} {
		if res, b := get(t, s.url+"/ocsp/"+string(ca.SignIssuer)+"/"+bad); res.StatusCode != http.StatusOK || !bytes.Equal(b, ocsp.MalformedRequestErrorResponse) {
			t.Errorf("%.20q: status %d, %x; want malformedRequest", bad, res.StatusCode, b)
		}
	}
	if res, _ := get(t, s.url+"/ocsp/nobody/"+text); res.StatusCode != http.StatusNotFound {
		t.Errorf("an issuer that is not there: status %d", res.StatusCode)
	}
}

func TestAnswersToGetMayBeKeptForAMinute(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	cert, _ := s.issue(t, "application-1")
	address := func(c *x509.Certificate) string {
		return s.url + "/ocsp/" + string(ca.SignIssuer) + "/" + url.PathEscape(base64.StdEncoding.EncodeToString(request(t, c, s.issuer, crypto.SHA1)))
	}
	// In its first second there may be another of the same time yet.
	signed := c.at
	if res, _ := get(t, address(cert)); res.Header.Get("Last-Modified") != "" || res.Header.Get("ETag") == "" {
		t.Errorf("headers in the first second: %v", res.Header)
	}
	c.at = c.at.Add(time.Second)
	res, b := get(t, address(cert))
	for name, want := range map[string]string{
		"Cache-Control": "max-age=60, public, no-transform, must-revalidate",
		"Last-Modified": signed.Format(http.TimeFormat),
		"Expires":       c.at.Add(time.Minute).Format(http.TimeFormat),
		"Content-Type":  "application/ocsp-response",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := ocsp.ParseResponseForCert(b, cert, s.issuer); err != nil {
		t.Errorf("parse response: %v", err)
	}
	if res, b := get(t, address(cert), "If-None-Match", res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified || len(b) > 0 {
		t.Errorf("the same again: status %d, %d octets; want 304", res.StatusCode, len(b))
	}
	if res, b := get(t, address(cert), "If-Modified-Since", signed.Format(http.TimeFormat)); res.StatusCode != http.StatusNotModified || len(b) > 0 {
		t.Errorf("not modified since: status %d, %d octets; want 304", res.StatusCode, len(b))
	}
	if res, err := http.Head(address(cert)); err != nil || res.StatusCode != http.StatusOK || res.ContentLength != int64(len(b)) || res.Header.Get("ETag") == "" {
		t.Errorf("HEAD: %v, %v", res, err)
	}
	c.at = signed.Add(59*time.Minute + 40*time.Second)
	signer := s.key.Signer
	s.key.Signer = unreachable{signer} // the answer in hand serves to its end, and is kept no longer
	if res, _ := get(t, address(cert)); res.Header.Get("Cache-Control") != "max-age=20, public, no-transform, must-revalidate" || res.Header.Get("Expires") != signed.Add(time.Hour).Format(http.TimeFormat) {
		t.Errorf("20 seconds before nextUpdate: %v", res.Header)
	}
	s.key.Signer = signer
	if res, _ := get(t, address(withSerial(cert, "7f"))); res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("an unknown serial may be kept: %q; it may be issued in a moment", res.Header.Get("Cache-Control"))
	}
}

func TestPostWantsItsContentType(t *testing.T) {
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	post := func(kind string, body []byte) *http.Response {
		res, err := http.Post(s.url+"/ocsp/"+string(ca.SignIssuer), kind, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	der := request(t, cert, s.issuer, crypto.SHA1)
	if res := post("application/ocsp-request", der); res.StatusCode != http.StatusOK || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	if res := post("application/x-www-form-urlencoded", der); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form: status %d", res.StatusCode)
	}
	if res := post("application/ocsp-request", make([]byte, 1<<20)); res.StatusCode != http.StatusOK {
		t.Errorf("a megabyte: status %d, want 200 and malformedRequest", res.StatusCode)
	}
}

func TestCRLsAndCertificatesArePublished(t *testing.T) {
	c := newClock()
	s := serve(t, c)
	cert, _ := s.issue(t, "application-1")
	path := func(url string) string { return s.url + url[len(catest.Publish):] }

	res, b := get(t, path(cert.CRLDistributionPoints[0]))
	if l, err := x509.ParseRevocationList(b); err != nil || l.CheckSignatureFrom(s.issuer) != nil {
		t.Errorf("the CRL at the certificate's address: status %d, %v", res.StatusCode, err)
	}
	if res.Header.Get("Content-Type") != "application/pkix-crl" || res.Header.Get("Cache-Control") != "max-age=60, public, no-transform, must-revalidate" {
		t.Errorf("headers of the CRL: %v", res.Header)
	}
	if res, b := get(t, path(cert.CRLDistributionPoints[0]), "If-None-Match", res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified || len(b) > 0 {
		t.Errorf("the same CRL again: status %d, %d octets", res.StatusCode, len(b))
	}
	if res, b := get(t, path(cert.CRLDistributionPoints[0]), "If-None-Match", `W/"x", `+res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified || len(b) > 0 {
		t.Errorf("the same CRL among others: status %d, %d octets", res.StatusCode, len(b))
	}
	res, b = get(t, path(s.issuer.CRLDistributionPoints[0]))
	if l, err := x509.ParseRevocationList(b); err != nil || l.CheckSignatureFrom(s.Root) != nil {
		t.Errorf("the root's CRL: status %d, %v", res.StatusCode, err)
	}
	res, b = get(t, path(cert.IssuingCertificateURL[0]))
	if !bytes.Equal(b, s.issuer.Raw) || res.Header.Get("Content-Type") != "application/pkix-cert" {
		t.Errorf("the issuer's certificate: status %d, %v", res.StatusCode, res.Header)
	}
	if _, b = get(t, path(s.issuer.IssuingCertificateURL[0])); !bytes.Equal(b, s.Root.Raw) {
		t.Error("the root's certificate is not at the issuer's address of it")
	}
	sign := "/crl/" + string(ca.SignIssuer) + "/"
	for _, path := range []string{sign + "1.crl", sign + "00.crl", sign + "-0.crl", sign + "+0.crl", sign + "0", sign + "0.CRL", sign + "x.crl", sign + "99999999999999999999.crl", "/crl/nobody/0.crl", "/crl/root/1.crl", "/ca/nobody.cer", "/ca/root", "/ca/.cer"} {
		if res, _ := get(t, s.url+path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, res.StatusCode)
		}
	}
}

func TestMethodsThatAreNotThereAreRefused(t *testing.T) {
	s := serve(t, newClock())
	tests := []struct {
		name, method, path string
		status             int
	}{
		{"PUT of a request", http.MethodPut, "/ocsp/sign-p256/", http.StatusMethodNotAllowed},
		{"POST to a GET's path", http.MethodPost, "/ocsp/sign-p256/MEIw", http.StatusMethodNotAllowed},
		{"POST to a CRL", http.MethodPost, "/crl/sign-p256/0.crl", http.StatusMethodNotAllowed},
		{"DELETE of a certificate", http.MethodDelete, "/ca/root.cer", http.StatusMethodNotAllowed},
		{"GET without a request", http.MethodGet, "/ocsp/sign-p256", http.StatusNotFound},
		{"HEAD of a CRL", http.MethodHead, "/crl/sign-p256/0.crl", http.StatusOK},
		{"HEAD of a certificate", http.MethodHead, "/ca/sign-p256.cer", http.StatusOK},
		{"HEAD of a CRL that is not there", http.MethodHead, "/crl/sign-p256/9.crl", http.StatusNotFound},
		{"another's path", http.MethodGet, "/tsa", http.StatusNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q, err := http.NewRequestWithContext(t.Context(), test.method, s.url+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != test.status || test.status == http.StatusMethodNotAllowed && res.Header.Get("Allow") == "" {
				t.Errorf("status %d, want %d; Allow %q", res.StatusCode, test.status, res.Header.Get("Allow"))
			}
		})
	}
}

func TestAnEchoServesTheSame(t *testing.T) {
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	e := echo.New()
	s.Routes(e)
	server := httptest.NewServer(e)
	defer server.Close()
	for _, path := range []string{
		"/crl/sign-p256/0.crl", "/ca/sign-p256.cer", "/ca/root.cer",
		"/ocsp/sign-p256/" + base64.StdEncoding.EncodeToString(request(t, cert, s.issuer, crypto.SHA1)),
	} {
		res, b := get(t, server.URL+path)
		_, want := get(t, s.url+path)
		if res.StatusCode != http.StatusOK || !bytes.Equal(b, want) {
			t.Errorf("%s: status %d, %d octets", path, res.StatusCode, len(b))
		}
	}
}
