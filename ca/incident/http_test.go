package incident_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/incident"
	"mohr/ca/signature"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// door is the desk behind a real TLS listener.
type door struct {
	*bench
	url  string
	once string // Idempotency-Key of all calls
}

func newDoor(t *testing.T) *door {
	t.Helper()
	b := newBench(t)
	b.clock.move(time.Since(b.clock.now())) // TLS has the machine's
	texts, err := i18n.Parse(web.Texts, ca.Texts, evidence.Texts, signature.Texts, approval.Texts, incident.Texts)
	must(t, err)
	s, err := web.New(web.Config{Store: b.f.Store, Texts: texts, Portal: catest.Portal, Simulated: true})
	must(t, err)
	b.Routes(s)
	l := httptest.NewUnstartedServer(s.Handler())
	own := b.f.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}})
	l.TLS = &tls.Config{Certificates: []tls.Certificate{shownAs(own)}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: b.roots()}
	l.StartTLS()
	t.Cleanup(l.Close)
	return &door{bench: b, url: l.URL}
}

func (b *bench) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(b.f.Hierarchy.Root)
	return pool
}

func shownAs(k ca.SigningKey) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{k.Certificate.Raw, k.Chain[0].Raw}, PrivateKey: k.Signer, Leaf: k.Certificate}
}

// call sends in, JSON or raw bytes, and decodes the answer into out. The zero
// operator shows no certificate.
func (d *door) call(o operator, method, path string, in, out any) (status int, code string) {
	d.t.Helper()
	conf := &tls.Config{RootCAs: d.roots()}
	if o.name != "" {
		conf.Certificates = []tls.Certificate{shownAs(o.key)}
	}
	transport := &http.Transport{TLSClientConfig: conf}
	defer transport.CloseIdleConnections()
	kind, body := "application/json", []byte(nil)
	switch v := in.(type) {
	case nil:
	case []byte:
		kind, body = "application/pkcs10", v
	default:
		var err error
		body, err = json.Marshal(v)
		must(d.t, err)
	}
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, bytes.NewReader(body))
	must(d.t, err)
	r.Header.Set("Content-Type", kind)
	if d.once != "" {
		r.Header.Set("Idempotency-Key", d.once)
	}
	res, err := (&http.Client{Transport: transport, Timeout: time.Minute}).Do(r)
	must(d.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(d.t, err)
	if res.StatusCode >= 400 {
		var p web.Problem
		must(d.t, json.Unmarshal(raw, &p))
		return res.StatusCode, p.Code
	}
	if out != nil {
		must(d.t, json.Unmarshal(raw, out))
	}
	return res.StatusCode, ""
}

const api = "/api/v1"

func TestABulkRevocationOverTheAPI(t *testing.T) {
	d := newDoor(t)
	sara, omid := d.officer("sara"), d.officer("omid")
	list := d.people(5)
	var p incident.Plan
	if status, code := d.call(sara, "POST", api+"/plans", incident.Ask{Kind: incident.Revoke, Reason: ca.Superseded, Serials: serials(list)}, &p); status != 201 {
		t.Fatal(status, code)
	}
	// What came over the wire has the hash that is signed.
	if hash, err := p.Document.Hash(); err != nil || hash != p.SHA256 {
		t.Errorf("hash %s, %v, of %s", hash, err, p.SHA256)
	}
	path := api + "/plans/" + p.Document.ID
	for after, n := "", 0; ; n++ {
		var page struct{ Targets []string }
		if status, code := d.call(omid, "GET", path+"/targets?limit=2&after="+after, nil, &page); status != 200 {
			t.Fatal(status, code)
		}
		if len(page.Targets) == 0 {
			if n != 3 {
				t.Errorf("%d pages", n)
			}
			break
		}
		after = page.Targets[len(page.Targets)-1]
	}
	if status, code := d.call(sara, "POST", path+"/execute", nil, nil); status != 403 || code != "plan_unapproved" {
		t.Errorf("without approval: %d %s", status, code)
	}
	for _, o := range []operator{sara, omid} {
		var c approval.Challenge
		if status, code := d.call(o, "GET", path+"/challenge", nil, &c); status != 200 || c.Type != "mohr-approval/1" || c.Audience != catest.Portal {
			t.Fatalf("%d %s, %+v", status, code, c)
		}
		s := d.statement(o, p, func(doc map[string]any) { doc["nonce"] = c.Nonce })
		for range 2 {
			var shown incident.Shown
			if status, code := d.call(o, "POST", path+"/approvals", map[string]any{"jws": string(s.Signature)}, &shown); status != 200 || len(shown.Approvals[0].Signature) == 0 {
				t.Fatal(status, code)
			}
		}
	}
	for p.State != incident.Done {
		if status, code := d.call(omid, "POST", path+"/execute", nil, &p); status != 200 {
			t.Fatal(status, code)
		}
	}
	d.revokedOnce(list, ca.Superseded)
	var all struct{ Plans []incident.Plan }
	if status, _ := d.call(omid, "GET", api+"/plans", nil, &all); status != 200 || len(all.Plans) != 1 || all.Plans[0].Changed != 5 {
		t.Errorf("%d %+v", status, all.Plans)
	}
}

func TestAnyoneReportsAKeyAndHoldersEndCertificatesOverTheAPI(t *testing.T) {
	d := newDoor(t)
	key, _ := newKey(t)
	var r incident.KeyReport
	if status, code := d.call(operator{}, "POST", api+"/compromised-keys", request(t, key, pkix.Name{CommonName: incident.KeyProof}), &r); status != 200 || r.SPKISHA256 == "" || r.Certificates == nil {
		t.Errorf("%d %s, %+v", status, code, r)
	}
	k, c := d.f.IssueTo(t, person(1), ca.NaturalSign, "one")
	var n approval.Challenge
	if status, _ := d.call(operator{}, "GET", api+"/revocations/nonce", nil, &n); status != 200 || n.Type != "mohr-revoke/1" {
		t.Errorf("%d %+v", status, n)
	}
	payload, err := json.Marshal(d.says(k, c.Serial, ca.Unspecified, func(doc map[string]any) { doc["nonce"] = n.Nonce }))
	must(t, err)
	cms, err := signature.Signer{Key: k, Now: d.clock.now}.CMS(payload)
	must(t, err)
	body := map[string]any{"cms": cms, "document": payload}
	for range 2 {
		var e ca.Entry
		if status, code := d.call(operator{}, "POST", api+"/revocations", body, &e); status != 200 || e.Reason != ca.Unspecified {
			t.Errorf("%d %s, %+v", status, code, e)
		}
	}
	for _, body := range []any{map[string]any{}, map[string]any{"jws": "x", "cms": cms}, map[string]any{"jws": "x", "document": payload}} {
		if status, code := d.call(operator{}, "POST", api+"/revocations", body, nil); status != 422 || code != "statement_missing" {
			t.Errorf("%v: %d %s", body, status, code)
		}
	}
}

// TestAnAuditorReadsPlansAndChangesNothing takes the routes from the API's
// own description: a new one cannot be forgotten here.
func TestAnAuditorReadsPlansAndChangesNothing(t *testing.T) {
	d := newDoor(t)
	sara := d.officer("sara")
	auditor, nobody := d.operatorWith("auditor", "auditor", ca.RoleAuditor), d.operatorWith("nobody", "nobody")
	p := d.bulk(sara, d.people(2))
	open := []string{"/api/v1/revocations", "/api/v1/revocations/nonce", "/api/v1/compromised-keys"}
	bodies := map[string]any{
		"make-plan":    incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Serials: p.Document.Sample},
		"approve-plan": map[string]any{"jws": string(d.statement(auditor, p, nil).Signature)},
	}
	routes := 0
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Tags        []string
		}
	}
	if status, _ := d.call(auditor, "GET", "/openapi.json", nil, &doc); status != 200 {
		t.Fatal(status)
	}
	for path, methods := range doc.Paths {
		path = api + path
		if slices.Contains(open, path) {
			continue
		}
		for method, operation := range methods {
			if !slices.Contains(operation.Tags, "incident") {
				continue
			}
			routes++
			path := strings.ReplaceAll(path, "{id}", p.Document.ID)
			for _, who := range []operator{auditor, nobody, {}} {
				status, code := d.call(who, strings.ToUpper(method), path, bodies[operation.OperationID], nil)
				if reads := method == "get" && who.name == "auditor"; reads && status != 200 || !reads && (status != 403 || code != "operator_required") {
					t.Errorf("%s: %s %s: %d %s", who.name, method, path, status, code)
				}
			}
		}
	}
	if routes != 7 {
		t.Errorf("%d routes seen", routes)
	}
	s, err := d.Show(t.Context(), p.Document.ID)
	all, e := d.Plans(t.Context(), "", 0)
	if err != nil || e != nil || len(s.Approvals) != 0 || s.Plan.State != incident.Proposed || len(all) != 1 {
		t.Errorf("%d approvals, %s, %d plans, %v, %v", len(s.Approvals), s.Plan.State, len(all), err, e)
	}
}

func TestPlansAreMadeByThoseWhoMay(t *testing.T) {
	d := newDoor(t)
	list := d.people(1)
	who := map[string]operator{}
	for _, role := range []ca.Role{ca.RoleRegistrar, ca.RoleRevocation, ca.RoleCustodian, ca.RoleOfficer} {
		who[string(role)] = d.operatorWith(string(role), string(role), role)
	}
	for _, test := range []struct {
		ask incident.Ask
		may []ca.Role
	}{
		{incident.Ask{Kind: incident.Revoke, Reason: ca.Unspecified, Serials: serials(list)}, []ca.Role{ca.RoleRegistrar, ca.RoleRevocation}},
		{incident.Ask{Kind: incident.RenewNow, Serials: serials(list)}, []ca.Role{ca.RoleRevocation}},
		{incident.Ask{Kind: incident.RenewLater, Serials: serials(list)}, []ca.Role{ca.RoleRevocation}},
		{incident.Ask{Kind: incident.Block, Keys: []string{fmt.Sprintf("%064x", 1)}}, []ca.Role{ca.RoleRevocation}},
		{incident.Ask{Kind: incident.Roles, Operator: "x"}, []ca.Role{ca.RoleCustodian}},
	} {
		for role, o := range who {
			status, code := d.call(o, "POST", api+"/plans", test.ask, nil)
			if may := slices.Contains(test.may, ca.Role(role)); may && status != 201 || !may && code != "operator_required" {
				t.Errorf("%s as %s: %d %s", test.ask.Kind, role, status, code)
			}
		}
	}
}
