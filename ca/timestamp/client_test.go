package timestamp_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"

	"mohr/ca/timestamp"
	"mohr/internal/fault"
)

func TestAClientTakesOnlyTheAnswerToItsQuestion(t *testing.T) {
	b := open(t)
	sum := sha256.Sum256([]byte("data"))
	c := timestamp.Client{URL: serve(t, b), HTTP: http.DefaultClient}
	tsr, err := c.Stamp(t.Context(), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := timestamp.Verify(tsr, sum[:], b.Root); err != nil {
		t.Errorf("Verify: %v", err)
	}
	if _, err := c.Stamp(t.Context(), sum[:4]); fault.Code(err) != "timestamp_digest_length" {
		t.Errorf("a short digest: %v", err)
	}
	plain, err := b.Stamp(t.Context(), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, kind string
		status     int
		body       []byte
	}{
		{"the answer to another question", "application/timestamp-reply", 200, tsr},
		{"an answer without a nonce", "application/timestamp-reply", 200, plain},
		{"a refusal", "application/timestamp-reply", 200, b.Respond(nil)},
		{"another type", "text/html", 200, tsr},
		{"an error", "application/timestamp-reply", 500, tsr},
		{"too much", "application/timestamp-reply", 200, make([]byte, 1<<20)},
		{"nothing", "application/timestamp-reply", 200, nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", tc.kind)
				w.WriteHeader(tc.status)
				w.Write(tc.body)
			}))
			defer s.Close()
			if _, err := (timestamp.Client{URL: s.URL, HTTP: s.Client()}).Stamp(t.Context(), sum[:]); fault.Code(err) != "timestamp_elsewhere" {
				t.Errorf("Stamp: %v", err)
			}
		})
	}
}
