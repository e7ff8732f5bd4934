package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
)

// visitTime is the time of these tests.
var visitTime = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

var visitor = gateway.Visitor{NationalCode: zahra, BirthDate: born, Locale: "fa", ReturnURL: "https://portal.example/enroll/a1", CallbackURL: "https://portal.example/api/v1/webhooks/filmer"}

const (
	firstSecret  = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
	secondSecret = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4"
)

// vendorFile is a connector file for a vendor at base; edits follow it.
func vendorFile(t *testing.T, kind, base string, edits ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i, text := range []string{"t0ken", firstSecret, secondSecret} {
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	b := refregistry.VendorFile{Name: "filmer", Kind: kind, BaseURL: base, Token: files[0], Secrets: files[1:], Every: "10s", Certified: visitTime.AddDate(1, 0, 0)}.Connector()
	return []byte(strings.NewReplacer(edits...).Replace(string(b)))
}

func vendorOf(t *testing.T, b []byte) *gateway.Connector {
	t.Helper()
	n, err := gateway.NewConnector(b, gateway.ConnectorConfig{Now: func() time.Time { return visitTime }})
	if err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	return n
}

// TestAVendorsSessionLeadsWhereTheFileAllows: SSRF and open redirects by what
// a vendor answers, and personal data in addresses.
func TestAVendorsSessionLeadsWhereTheFileAllows(t *testing.T) {
	for _, tt := range []struct {
		name, id, link string // HOST stands for the vendor
		taken          bool
	}{
		{"the vendor's own page", "vs_1", "http://HOST/visit/x", true},
		{"another host", "vs_1", "https://evil.example/visit/x", false},
		{"the vendor as a user name", "vs_1", "https://HOST@evil.example/", false},
		{"the vendor with a user name", "vs_1", "http://a@HOST/", false},
		{"a host that begins alike", "vs_1", "http://HOST.evil.example/", false},
		{"a machine of ours", "vs_1", "http://169.254.169.254/latest/", false},
		{"another port here", "vs_1", "http://127.0.0.1:1/", false},
		{"a script", "vs_1", "javascript:alert(1)//HOST", false},
		{"a file", "vs_1", "file:///etc/passwd", false},
		{"no host", "vs_1", "//HOST/visit", false},
		{"a line break", "vs_1", "http://HOST/a\\nb", false},
		{"who goes there", "vs_1", "http://HOST/visit/" + zahra, false},
		{"when they were born", "vs_1", "http://HOST/visit?b=19900514", false},
		{"nothing", "vs_1", "", false},
		{"a page longer than any", "vs_1", "http://HOST/" + strings.Repeat("x", 2048), false},
		{"a reference that climbs", "../../admin", "http://HOST/visit/x", false},
		{"a reference with a query", "vs_1?all=1", "http://HOST/visit/x", false},
		{"a reference with a slash", "vs/1", "http://HOST/visit/x", false},
		{"a reference that names the person", "vs_" + zahra, "http://HOST/visit/x", false},
		{"no reference", "", "http://HOST/visit/x", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var link string
			f := newForeign(t, 200, func(int64) string { return fmt.Sprintf(`{"id":"%s","url":"%s"}`, tt.id, link) })
			link = strings.ReplaceAll(tt.link, "HOST", strings.TrimPrefix(f.URL, "http://"))
			p, err := vendorOf(t, vendorFile(t, "document_video", f.URL)).Start(t.Context(), visitor)
			if tt.taken {
				if err != nil || p.Ref != tt.id || p.Link != link || !p.Deadline.Equal(visitTime.Add(30*time.Minute)) {
					t.Errorf("got %+v, %v", p, err)
				}
				return
			}
			if !errors.Is(err, fault.Unavailable) || p != (gateway.Pending{}) || f.asked.Load() != 1 {
				t.Errorf("got %+v, %v after %d tries", p, err, f.asked.Load())
			}
		})
	}
}

func TestATrialOfAVendorBeginsASession(t *testing.T) {
	var link string
	f := newForeign(t, 200, func(int64) string { return fmt.Sprintf(`{"id":"vs_1","url":"%s"}`, link) })
	link = f.URL + "/visit/x"
	q := map[string]string{"national_code": zahra, "birth_date": born, "locale": "fa", "return_url": "https://portal.example/", "callback_url": "https://portal.example/"}
	got, err := vendorOf(t, vendorFile(t, "face_match", f.URL)).Try(t.Context(), q)
	if err != nil || got.Result != "pending" || got.Claims["ref"] != "vs_1" || got.Claims["link"] != link || f.asked.Load() != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatAVendorFetchedComesTo(t *testing.T) {
	const passed = `{"id":"vs_1","subject":"0012345679","state":"done","verdict":"pass","face":{"score":93,"live":true},` +
		`"document":{"national_code":"0012345679","first_name":"زهرا","last_name":"محمدی","birth_date":"1990-05-14","valid_to":"2030-01-01"}}`
	failed := strings.Replace(passed, `"pass"`, `"fail"`, 1)
	for _, tt := range []struct {
		name        string
		answer      func(int64) string
		want        gateway.Result // "": no answer
		pending     bool
		contradicts bool
		asked       int64
	}{
		{"a pass", always(passed), gateway.Match, false, false, 1},
		{"a fail, asked for twice", always(failed), gateway.Mismatch, false, false, 2},
		{"a pass of no living person, asked for twice", always(strings.Replace(passed, `"live":true`, `"live":false`, 1)), gateway.Match, false, false, 2},
		{"not sure", always(strings.Replace(passed, `"pass"`, `"unsure"`, 1)), gateway.Inconclusive, false, false, 2},
		{"a fail and a pass", func(n int64) string { return []string{failed, passed}[n-1] }, gateway.Match, false, true, 2},
		{"a fail that is not final the second time", func(n int64) string {
			return []string{failed, strings.Replace(failed, "done", "judging", 1)}[n-1]
		}, "", true, false, 2},
		{"not final", always(`{"id":"vs_1","subject":"0012345679","state":"judging","verdict":"pass"}`), "", true, false, 1},
		{"of another session", always(strings.Replace(passed, "vs_1", "vs_2", 1)), "", false, false, 3},
		{"of another person", always(strings.Replace(passed, `"subject":"0012345679"`, `"subject":"1719730695"`, 1)), "", false, false, 3},
		{"a verdict of its own", always(strings.Replace(passed, `"pass"`, `"great"`, 1)), "", false, false, 3},
		{"no score", always(strings.Replace(passed, `"score":93`, `"score":"93"`, 1)), gateway.Match, false, false, 1},
		{"a score of a thousand", always(strings.Replace(passed, `"score":93`, `"score":1000`, 1)), "", false, false, 3},
		{"a last day that is none", always(strings.Replace(passed, "2030-01-01", "soon", 1)), "", false, false, 3},
		{"no document", always(strings.Replace(passed, `"document"`, `"paper"`, 1)), "", false, false, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newForeign(t, 200, tt.answer)
			a, err := vendorOf(t, vendorFile(t, "document_video", f.URL)).Fetch(t.Context(), visitor, "vs_1")
			if r := f.last.Load(); r.Method != http.MethodGet || r.URL.Path != "/v1/sessions/vs_1" || r.Header.Get("Authorization") != "Bearer t0ken" {
				t.Errorf("fetched by %s %s", r.Method, r.URL)
			}
			switch {
			case tt.pending:
				if !errors.Is(err, gateway.ErrPending) {
					t.Errorf("got %+v, %v", a.Value, err)
				}
			case tt.want == "":
				if !errors.Is(err, fault.Unavailable) {
					t.Errorf("got %+v, %v", a.Value, err)
				}
			case err != nil || a.Value.Result != tt.want || a.Contradicts != tt.contradicts || !a.Value.Certified || a.Source != "filmer@1":
				t.Errorf("got %+v, %v", a, err)
			}
			if f.asked.Load() != tt.asked {
				t.Errorf("asked %d times, want %d", f.asked.Load(), tt.asked)
			}
		})
	}
	f := newForeign(t, 302, always(`{}`))
	if _, err := vendorOf(t, vendorFile(t, "document_video", f.URL)).Fetch(t.Context(), visitor, "vs_1"); !errors.Is(err, fault.Unavailable) {
		t.Errorf("a redirect: %v", err)
	}
	if _, err := vendorOf(t, vendorFile(t, "document_video", f.URL)).Fetch(t.Context(), visitor, "../admin"); err == nil || errors.Is(err, fault.Unavailable) {
		t.Errorf("a reference that climbs: %v", err)
	}
}
