package status_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/ceremony"
	"mohr/ca/status"
	"mohr/internal/store"
)

// published is an authority whose certificates name the server that answers
// for them, and the paths that were asked for.
type published struct {
	*service
	mu    sync.Mutex // guards asked
	asked []string
}

func publish(t *testing.T) *published {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	t.Cleanup(server.Close)
	url := "http://" + server.Listener.Addr().String()
	st, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	keys := &catest.Keys{}
	h, err := ceremony.Open(t.Context(), ceremony.Config{Store: st, Key: keys.Make, Publish: url, Name: "Mohr Test"})
	if err != nil {
		t.Fatal(err)
	}
	a, err := ca.New(ca.Config{
		Store: st, Root: h.Root, Issuers: h.Issuers, Publish: url, Portal: catest.Portal, HolderKey: make([]byte, 32), Simulated: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &published{service: &service{Fixture: &catest.Fixture{Authority: a, Store: st, Keys: keys, Hierarchy: h}, url: url}}
	responders := map[ca.IssuerID]ca.SigningKey{}
	for _, i := range h.Issuers {
		responders[i.ID] = p.SigningKey(t, "ocsp-"+string(i.ID), ca.Service{Profile: ca.OCSPResponder, Issuer: i.ID, CommonName: "Mohr Test OCSP"})
	}
	p.Responder, err = status.New(status.Config{
		Authority: a, Store: st,
		Responder: func(id ca.IssuerID) (ca.SigningKey, bool) { k, ok := responders[id]; return k, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := p.Handler()
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, q.Method+" "+strings.Join(strings.SplitN(q.URL.Path, "/", 4)[:3], "/"))
		p.mu.Unlock()
		handler.ServeHTTP(w, q)
	})
	server.Start()
	return p
}

// since returns what was asked for since the last call.
func (p *published) since() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := map[string]bool{}
	for _, path := range p.asked {
		seen[path] = true
	}
	p.asked = nil
	return seen
}

// chain issues a certificate of the profile, and ends it if there is a reason.
func (p *published) chain(t *testing.T, profile, request string, reason ca.Reason) []byte {
	t.Helper()
	key, record := p.IssueTo(t, catest.Zahra, profile, request)
	switch reason {
	case "":
	case ca.CertificateHold:
		if err := p.Suspend(t.Context(), record.Serial, "operator:test"); err != nil {
			t.Fatal(err)
		}
	default:
		p.revoke(t, record.Serial, reason)
	}
	return certPEM(key.Certificate, key.Chain[0])
}

func TestJavaValidatesByCRLAloneAndByOCSPAlone(t *testing.T) {
	java := tool(t, "java", "openjdk-17-jdk-headless")
	p := publish(t)
	f := files(t, map[string][]byte{
		"root.pem":       certPEM(p.Root),
		"good.pem":       p.chain(t, ca.NaturalSign, "application-1", ""),
		"compromise.pem": p.chain(t, ca.NaturalSign, "application-2", ca.KeyCompromise),
		"unstated.pem":   p.chain(t, ca.NaturalSign, "application-3", ca.Unspecified),
		"hold.pem":       p.chain(t, ca.NaturalSign, "application-4", ca.CertificateHold),
		"seal.pem":       p.chain(t, ca.OrganisationSeal, "application-5", ""),
		"oldseal.pem":    p.chain(t, ca.OrganisationSeal, "application-6", ca.CessationOfOperation),
	})
	chains := []struct{ file, want string }{
		{"good.pem", "valid"},
		{"compromise.pem", "revoked KEY_COMPROMISE at 0"},
		{"unstated.pem", "revoked UNSPECIFIED at 0"},
		{"hold.pem", "revoked CERTIFICATE_HOLD at 0"},
		{"seal.pem", "valid"},
		{"oldseal.pem", "revoked CESSATION_OF_OPERATION at 0"},
	}
	for _, test := range []struct {
		source string
		asked  []string // all that was asked for
	}{
		{"crl", []string{"GET /crl/root", "GET /crl/sign-p256", "GET /crl/sign-p384"}},
		{"ocsp", []string{"GET /ocsp/sign-p256", "GET /ocsp/sign-p384"}},
		{"ocsp-nonce", []string{"GET /ocsp/sign-p256", "GET /ocsp/sign-p384"}},
	} {
		t.Run(test.source, func(t *testing.T) {
			args := []string{"testdata/Revocation.java", f("root.pem")}
			var want []string
			for _, c := range chains {
				args = append(args, test.source, f(c.file))
				want = append(want, c.want)
			}
			p.since()
			out, err := exec.CommandContext(t.Context(), java, args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if d := cmp.Diff(want, strings.Split(strings.TrimSpace(string(out)), "\n")); d != "" {
				t.Errorf("verdicts (-want +got):\n%s", d)
			}
			if d := cmp.Diff(test.asked, slices.Sorted(maps.Keys(p.since()))); d != "" {
				t.Errorf("what was asked for (-want +got):\n%s", d)
			}
		})
	}
}
