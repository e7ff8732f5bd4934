package enroll_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/enroll"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
	"mohr/internal/store"
)

// atVendor is a desk that sends people to the reference vendor, over HTTP in
// both directions.
type atVendor struct {
	*desk
	vendor  *refregistry.Vendor
	address string // of the vendor and of its faults
	portal  *httptest.Server
	secrets []string // of its calls
	visits  *http.Client
	fetched atomic.Int64 // results
}

// setting is how a test wants the vendor.
type setting struct {
	refregistry.VendorFile
	judging time.Duration
	edit    func(string) string // of the connector file; nil: none
}

// toPortal carries the vendor's calls to the desk, whatever the portal's name is.
type toPortal struct{ d *atVendor }

func (p toPortal) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = "http", p.d.portal.Listener.Addr().String()
	return http.DefaultTransport.RoundTrip(r)
}

// secretOf returns a Standard Webhooks secret.
func secretOf(n byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+n)), 32)))
}

// onVideo is the delivered policy, with a film of document and face as another way.
func onVideo(s string) string {
	const set = "        - [civil_registry, mobile_ownership, otp_sms, face_match]\n"
	return strings.Replace(strings.Replace(s, set, set+"        - [civil_registry, mobile_ownership, otp_sms, document_video]\n", 1),
		"        face_match: 24h\n", "        face_match: 24h\n        document_video: 24h\n", 1)
}

// newAtVendor returns such a desk.
func newAtVendor(t *testing.T, f setting) *atVendor {
	t.Helper()
	v := &atVendor{secrets: []string{secretOf(0), secretOf(1)}, visits: &http.Client{Timeout: time.Minute}}
	v.desk = newDesk(t, func(c *enroll.Config) {
		reg, err := refregistry.New(refregistry.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewUnstartedServer(nil)
		v.address = "http://" + server.Listener.Addr().String()
		v.vendor, err = reg.Vendor(refregistry.VendorConfig{BaseURL: v.address, Token: "t0ken", Secrets: v.secrets, Judging: f.judging, Client: &http.Client{Transport: toPortal{v}, Timeout: time.Minute}})
		if err != nil {
			t.Fatal(err)
		}
		inner := v.vendor.Handler()
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/sessions/") {
				v.fetched.Add(1)
			}
			inner.ServeHTTP(w, r)
		})
		server.Start()
		t.Cleanup(server.Close)
		t.Cleanup(v.vendor.Close)
		c.Policy = policy(t, onVideo)
		c.Vendors = map[evidence.Type]*gateway.Connector{evidence.Type(f.Kind): v.connector(t, c, f)}
	})
	v.portal = httptest.NewServer(v.http)
	t.Cleanup(v.portal.Close)
	return v
}

func (v *atVendor) connector(t *testing.T, c *enroll.Config, f setting) *gateway.Connector {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	f.Name, f.BaseURL, f.Every, f.Token = "filmer", v.address, "10s", write("token", "t0ken")
	f.Secrets = []string{write("secret", v.secrets[1])}
	text := string(f.Connector())
	if f.edit != nil {
		text = f.edit(text)
	}
	n, err := gateway.NewConnector([]byte(text), gateway.ConnectorConfig{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// certified is a file whose certificates hold for a year.
func certified(kind string) setting {
	return setting{VendorFile: refregistry.VendorFile{Kind: kind, Certified: time.Date(2027, 11, 23, 0, 0, 0, 0, time.UTC)}}
}

// visitor is an applicant whom the registers and the vendor know.
func (v *atVendor) visitor() someone {
	who := zahra()
	who.first, who.last, who.types, who.simChanged = "زهرا", "محمدی", who.mobile, 1480
	v.regs.know(who)
	return who
}

// arrived brings an application to where a face, or a film, is asked for.
func (v *atVendor) arrived(who someone) *applicant {
	v.t.Helper()
	a := v.apply(who, ca.NaturalSign)
	a.consent().want(v.t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
	a.code(v.regs.code(who.types)).want(v.t, enroll.Collecting, enroll.NeedFace)
	return a
}

func (a *applicant) video() reply {
	return a.call("POST", a.path("/evidence/document_video"), a.token, nil)
}

// film has the applicant go where they were sent and be filmed, as the vendor knows it.
func (v *atVendor) film(r reply, as string) {
	v.t.Helper()
	if r.Visit == nil {
		v.t.Fatalf("there is nowhere to go: %d %s", r.status, r.raw)
	}
	resp, err := v.visits.PostForm(r.Visit.Link, url.Values{"as": {as}})
	if err != nil || resp.StatusCode != http.StatusOK {
		v.t.Fatalf("%v %v", resp, err)
	}
	resp.Body.Close()
}

// settled runs the job until the application is at one of the stages.
func (v *atVendor) settled(a *applicant, stage enroll.Stage, needs ...enroll.Need) reply {
	v.t.Helper()
	var r reply
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		v.must(v.Resume(v.t.Context()))
		if r = a.state(); r.Stage == stage && r.Visit == nil {
			return r.want(v.t, stage, needs...)
		}
	}
	v.t.Fatalf("it is still %s: %s", r.Stage, r.raw)
	return r
}

func TestAFilmAtAVendorBringsACertificate(t *testing.T) {
	v := newAtVendor(t, certified("document_video"))
	who := v.visitor()
	a := v.arrived(who)
	if r := a.state(); fmt.Sprint(r.Ways, r.AtVendor) != "[document_video] [document_video]" {
		t.Errorf("the other way is not shown: %s", r.raw)
	}
	r := a.video().want(t, enroll.Collecting, enroll.NeedFace)
	if again := a.video().want(t, enroll.Collecting, enroll.NeedFace); again.Visit == nil || again.Visit.Link != r.Visit.Link {
		t.Errorf("asked again: %s", again.raw)
	}
	v.film(r, "self")
	v.settled(a, enroll.Approved, enroll.NeedCSR)
	issued := a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	if got := parseChain(t, []byte(issued.Certificate))[0].Subject.SerialNumber; got != "PNOIR-"+who.code {
		t.Errorf("subject %s", got)
	}
	export := string(a.call("GET", a.path("/export"), a.token, nil).raw)
	if !strings.Contains(export, `"source":"filmer@1"`) || !strings.Contains(export, "ISO/IEC 30107-3 SIM-PAD-1") {
		t.Errorf("the evidence does not name the vendor and its certificates: %s", export)
	}
}

// refOf reads what the vendor calls the session out of the store, as a
// vendor's own call has it.
func (v *atVendor) refOf(id string) (ref string) {
	v.t.Helper()
	v.must(v.ca.Store.View(v.t.Context(), func(tx store.Tx) error {
		return store.Each(tx, "enroll_visits", "", "", func(key, of string) error {
			if of == id {
				_, ref, _ = strings.Cut(key, "/")
			}
			return nil
		})
	}))
	return ref
}

func TestThePageLeadsToTheVendorAndNeverSendsThere(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		for _, kind := range []string{"document_video", "face_match"} {
			t.Run(lang+" "+kind, func(t *testing.T) {
				v := newAtVendor(t, certified(kind))
				a := v.arrived(v.visitor())
				b := &browser{desk: v.desk, cookies: map[string]*http.Cookie{"x": {Name: "__Host-mohr-" + a.id, Value: a.token}}, lang: lang}
				page, form := "/enroll/"+a.id, map[string]string{"document_video": "/video", "face_match": "/face"}[kind]
				b.wants(b.get(page), 200, `action="`+page+form+`"`)
				w := b.do("POST", page+form, "application/x-www-form-urlencoded", nil)
				if w.Code != http.StatusSeeOther || w.Header().Get("Location") != page {
					t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
				}
				link := a.state().Visit.Link
				b.wants(b.get(page), 200, `<a href="`+link+`" rel="noopener noreferrer">`)
				if strings.Contains(b.get(page).Body.String(), `action="`+page+form+`"`) {
					t.Error("the page begins another visit")
				}
				v.film(a.state(), "self")
				v.settled(a, enroll.Approved, enroll.NeedCSR)
				b.wants(b.get(page), 200, page+"/csr")
			})
		}
	}
}
