package timestamp_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"mohr/ca/timestamp"
)

func serve(t testing.TB, b *bench) string {
	t.Helper()
	e := echo.New()
	b.Routes(e)
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return s.URL + "/tsa"
}

func post(t testing.TB, url, kind string, body []byte) (*http.Response, []byte) {
	t.Helper()
	res, err := http.Post(url, kind, bytes.NewReader(body))
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

func TestStampsOverHTTP(t *testing.T) {
	b := open(t)
	url := serve(t, b)
	const query = "application/timestamp-query"
	res, body := post(t, url, query, good().der())
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/timestamp-reply" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	if _, err := timestamp.Verify(body, good().digest, b.Root); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if res, body := post(t, url, query, []byte("noise")); res.StatusCode != http.StatusOK {
		t.Errorf("noise: status %d, want 200 and a failure", res.StatusCode)
	} else if status, _ := statusOf(t, body); status != 2 {
		t.Errorf("noise: PKIStatus %d", status)
	}
	if res, _ := post(t, url, "text/plain", good().der()); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("text: status %d, want 415", res.StatusCode)
	}
	if res, _ := post(t, url, query, make([]byte, 5000)); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("5000 octets: status %d, want 413", res.StatusCode)
	}
	got, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	if got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d, want 405", got.StatusCode)
	}
}
