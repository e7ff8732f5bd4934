package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/cmd/mohr/service"
	"mohr/internal/refregistry"
)

// TestAPersonIsFilmedByAVendorAndGetsACertificate: application, film at the
// vendor, its call to the portal over TLS, our fetch, certificate.
func TestAPersonIsFilmedByAVendorAndGetsACertificate(t *testing.T) {
	s := startService(t, "", func(c *service.Config) {
		text := strings.NewReplacer("otp_sms, face_match]]", "otp_sms, document_video]]", "face_match: 1h, cert", "face_match: 1h, document_video: 1h, cert").Replace(tourPolicy)
		if err := os.WriteFile(c.Policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	a := s.apply(t, davood, "")
	a.until(t, "document_video")
	a.say = func(_ string, args ...any) {
		if link, ok := args[0].(string); ok && strings.HasPrefix(link, "http://127.0.0.1:") {
			resp, err := http.PostForm(link, url.Values{"as": {"self"}})
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%v, %v", resp, err)
			}
			resp.Body.Close()
		}
	}
	a.certify(t)
	export := a.api.done(t, get(a.path("/export"), a.token), http.StatusOK, nil).body
	if !strings.Contains(string(export), `"source":"reference-vendor@1"`) {
		t.Errorf("the evidence does not name the vendor: %s", export)
	}
	unknown := s.anyone.send(t, postAs("/api/v1/webhooks/nobody", "", "application/json", []byte(`{}`)))
	forged := s.anyone.send(t, postAs("/api/v1/webhooks/reference-vendor", "", "application/json", []byte(`{}`)))
	if unknown.status != http.StatusForbidden || forged.status != unknown.status || len(forged.body) != len(unknown.body) {
		t.Errorf("%d %s, %d %s", unknown.status, unknown.body, forged.status, forged.body)
	}
}

func TestConnectorCheckWarnsOfCertificatesThatEnd(t *testing.T) {
	write := func(certified time.Time) string {
		file := filepath.Join(t.TempDir(), "vendor.yaml")
		f := refregistry.VendorFile{Name: "filmer", Kind: "document_video", BaseURL: "https://vendor.example", Token: "token", Secrets: []string{"secret"}, Every: "10s", Certified: certified}
		if err := os.WriteFile(file, f.Connector(), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	day := 24 * time.Hour
	if left := time.Until(time.Now().UTC().Truncate(day).Add(day)); left < 2*time.Minute {
		time.Sleep(left) // today must not end while it is looked at
	}
	for _, tt := range []struct {
		name      string
		certified time.Time
		holds     bool
		warnings  int
	}{
		{"for a year", time.Now().Add(365 * day), true, 0},
		{"for 31 days", time.Now().Add(31 * day), true, 0},
		{"for 20 days", time.Now().Add(20 * day), true, 2},
		{"until today", time.Now().UTC(), true, 2},
		{"until yesterday", time.Now().UTC().Add(-day), false, 0},
		{"not at all", time.Time{}, false, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := runConnector(t, "", "check", write(tt.certified))
			if (err == nil) != tt.holds || strings.Count(out, "warning: certificate SIM-") != tt.warnings {
				t.Errorf("%v: %s", err, out)
			}
			asJSON, _ := runConnector(t, "", "check", "--json", write(tt.certified))
			var told struct {
				Ending []struct {
					Number string `json:"number"`
				} `json:"certificates_ending"`
			}
			if tt.holds && (json.Unmarshal([]byte(asJSON), &told) != nil || len(told.Ending) != tt.warnings) {
				t.Errorf("as JSON: %s", asJSON)
			}
		})
	}
}
