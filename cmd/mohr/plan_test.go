package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/incident"
	"mohr/ca/signature"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/web"
)

// office is a register with operators behind a TLS listener of its own.
type office struct {
	*catest.Fixture
	t        *testing.T
	dir, url string
}

func openOffice(t *testing.T) *office {
	t.Helper()
	f := catest.New(t, nil)
	desk, err := incident.New(incident.Config{
		Store: f.Store, CA: f.Authority, Verifier: &signature.Verifier{Authority: f.Authority},
		Nonces: &nonce.Source{Key: make([]byte, 32)}, Audience: catest.Portal, Batch: 2,
	})
	want(t, err)
	texts, err := i18n.Parse(web.Texts, ca.Texts, evidence.Texts, signature.Texts, approval.Texts, incident.Texts)
	want(t, err)
	s, err := web.New(web.Config{Store: f.Store, Texts: texts, Portal: catest.Portal, Simulated: true})
	want(t, err)
	f.Authority.Routes(s)
	desk.Routes(s)
	own := f.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}})
	pool := x509.NewCertPool()
	pool.AddCert(f.Hierarchy.Root)
	l := httptest.NewUnstartedServer(s.Handler())
	l.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool, Certificates: []tls.Certificate{{
		Certificate: [][]byte{own.Certificate.Raw, own.Chain[0].Raw}, PrivateKey: own.Signer, Leaf: own.Certificate,
	}}}
	l.StartTLS()
	t.Cleanup(l.Close)
	o := &office{f, t, t.TempDir(), l.URL}
	o.write("root.pem", ca.ChainPEM(f.Hierarchy.Root))
	return o
}

func want(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (o *office) write(name string, content []byte) string {
	o.t.Helper()
	file := filepath.Join(o.dir, name)
	want(o.t, os.WriteFile(file, content, 0o600))
	return file
}

// keep leaves a key and its certificate in files.
func (o *office) keep(name string, k ca.SigningKey) {
	o.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k.Signer)
	want(o.t, err)
	o.write(name+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	o.write(name+".pem", ca.ChainPEM(append([]*x509.Certificate{k.Certificate}, k.Chain...)...))
}

func (o *office) hire(name string, roles ...ca.Role) {
	o.t.Helper()
	o.keep(name, o.SigningKey(o.t, name, ca.Service{Profile: ca.OperatorAuth, CommonName: name}))
	want(o.t, o.GrantRoles(o.t.Context(), name, roles...))
}

// as runs a command as who has the key of that name.
func (o *office) as(name, in string, args ...string) (out string, err error) {
	o.t.Helper()
	root := &cobra.Command{Use: "mohr", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(certCommand(), operatorCommand(), planCommand(), approveCommand(), revokeCommand())
	var b bytes.Buffer
	root.SetOut(&b)
	root.SetErr(&b)
	root.SetIn(strings.NewReader(in))
	root.SetArgs(append(args, "--server", o.url, "--root", filepath.Join(o.dir, "root.pem"),
		"--cert", filepath.Join(o.dir, name+".pem"), "--key", filepath.Join(o.dir, name+".key")))
	err = root.ExecuteContext(o.t.Context())
	return b.String(), err
}

func (o *office) done(name string, args ...string) string {
	o.t.Helper()
	out, err := o.as(name, "", args...)
	if err != nil {
		o.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out
}

// refused wants the command to end with an error that has the words.
func (o *office) refused(words, name string, args ...string) string {
	o.t.Helper()
	out, err := o.as(name, "", args...)
	if err == nil || !strings.Contains(describe(err), words) {
		o.t.Errorf("%v: %v, want %q\n%s", args, err, words, out)
	}
	return out
}

func (o *office) people(n int) (serials []string) {
	o.t.Helper()
	for i := range n {
		p := catest.Zahra
		p.NationalCode = []string{"0012345679", "0084575948"}[i%2]
		_, c := o.IssueTo(o.t, p, ca.NaturalSign, fmt.Sprint("person/", i))
		serials = append(serials, c.Serial)
	}
	return serials
}

func TestTwoOperatorsRevokeAListByCommands(t *testing.T) {
	o := openOffice(t)
	for _, name := range []string{"sara", "omid"} {
		o.hire(name, ca.RoleRevocation)
	}
	o.hire("auditor", ca.RoleAuditor)
	serials := o.people(5)
	file := o.write("serials.txt", []byte("# incident 7\n"+strings.Join(serials, "\n")+" # the last\n\n1ab\n"))
	out := o.refused("waits for the approval of 2 persons: mohr approve p-", "sara", "cert", "revoke", "--file", file, "--reason", "superseded", "--yes")
	id := strings.Fields(out)[1]
	if !strings.Contains(out, "left out    unknown 1") || !strings.Contains(out, "5, with 5 certificates") {
		t.Errorf("plan:\n%s", out)
	}
	o.refused("plan_unapproved", "sara", "plan", "execute", id)
	o.refused("nothing was approved; repeat with --yes", "sara", "approve", id)
	o.refused("operator_required", "auditor", "approve", id, "--yes")
	if out := o.done("sara", "approve", id, "--yes"); !strings.Contains(out, "1 of 2 persons") {
		t.Errorf("approved:\n%s", out)
	}
	o.refused("approval_same_person", "sara", "approve", id, "--yes")
	o.done("omid", "approve", id, "--yes")
	if out := o.done("omid", "plan", "execute", id); !strings.Contains(out, "done: 5 of 5 dealt with, 5 changed") {
		t.Errorf("executed:\n%s", out)
	}
	for _, serial := range serials {
		if out := o.done("auditor", "cert", "show", serial); !strings.Contains(out, "revoked (superseded)") {
			t.Errorf("%s", out)
		}
	}
	out = o.done("auditor", "plan", "show", id, "--targets")
	if !strings.Contains(out, "approved by omid") || !strings.Contains(out, "approved by sara") || !strings.Contains(out, serials[4]) {
		t.Errorf("shown:\n%s", out)
	}
	if out := o.done("auditor", "plan", "list"); !strings.Contains(out, id) {
		t.Errorf("list:\n%s", out)
	}
	var rows []ca.Entry
	want(t, json.Unmarshal([]byte(o.done("auditor", "cert", "list", "--state", "revoked", "--json")), &rows))
	if len(rows) != 5 {
		t.Errorf("%d revoked", len(rows))
	}
}

func TestOneOperatorSuspendsResumesAndEndsWhatIsOnePersons(t *testing.T) {
	o := openOffice(t)
	o.hire("sara", ca.RoleRegistrar)
	serials := o.people(3) // the first and the third are one person's
	if out := o.done("sara", "cert", "suspend", serials[0]); !strings.Contains(out, "suspended") {
		t.Errorf("%s", out)
	}
	if out := o.done("sara", "cert", "resume", serials[0]); !strings.Contains(out, "good") {
		t.Errorf("%s", out)
	}
	out, err := o.as("sara", "0012345679\n", "cert", "find")
	want(t, err)
	holder := strings.Fields(out)[1]
	o.refused("nothing was revoked; repeat with --yes", "sara", "cert", "revoke", "--holder", holder)
	if out := o.done("sara", "cert", "revoke", "--holder", holder, "--yes"); !strings.Contains(out, "2 changed") {
		t.Errorf("%s", out)
	}
	o.refused("nothing to do", "sara", "cert", "revoke", "--serial", serials[0], "--yes")
	o.refused("certificate_ended", "sara", "cert", "resume", serials[0])
	o.refused("operator_required", "sara", "cert", "renew-now", "--serial", serials[1])
	o.refused("exactly one of the selections", "sara", "cert", "revoke", "--serial", serials[1], "--holder", holder)
	o.refused("not both", "sara", "cert", "revoke", serials[1], "--holder", holder)
	if out := o.done("sara", "cert", "list", "--holder", holder); strings.Count(out, "revoked (unspecified)") != 2 {
		t.Errorf("%s", out)
	}
}

func TestKeysAreNamedByHashOrByAnyFileThatHoldsThem(t *testing.T) {
	o := openOffice(t)
	for _, name := range []string{"sara", "omid"} {
		o.hire(name, ca.RoleRevocation)
	}
	k, c := o.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	o.keep("holder", k)
	public, err := x509.MarshalPKIXPublicKey(k.Certificate.PublicKey)
	want(t, err)
	csr, err := csrFor(k.Signer)
	want(t, err)
	for _, name := range []string{
		c.SPKISHA256, filepath.Join(o.dir, "holder.pem"), o.write("holder.csr", csr),
		o.write("holder.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), o.write("holder.der", public),
	} {
		if out := o.done("sara", "cert", "list", "--spki", name); !strings.Contains(out, c.Serial) {
			t.Errorf("%s:\n%s", name, out)
		}
	}
	o.refused("holds no certificate", "sara", "cert", "block", "--spki", filepath.Join(o.dir, "holder.key"))
	out := o.refused("nothing was blocked: the plan waits", "sara", "cert", "block", "--file", o.write("keys.txt", []byte(c.SPKISHA256+"\n")))
	id := strings.Fields(out)[1]
	for _, name := range []string{"sara", "omid"} {
		o.done(name, "approve", id, "--yes")
	}
	o.done("sara", "plan", "execute", id)
	if out := o.done("sara", "cert", "blocked"); !strings.Contains(out, c.SPKISHA256) || !strings.Contains(out, "plan:"+id) {
		t.Errorf("%s", out)
	}
	o.done("sara", "cert", "reconciled")
}

func TestCustodiansChangeRolesByCommands(t *testing.T) {
	o := openOffice(t)
	for _, name := range []string{"c1", "c2"} {
		o.hire(name, ca.RoleCustodian)
	}
	out := o.refused("no role was changed: the plan waits", "c1", "operator", "roles", "maryam", "--roles", "registrar")
	id := strings.Fields(out)[1]
	for _, name := range []string{"c1", "c2"} {
		o.done(name, "approve", id, "--yes")
	}
	o.done("c1", "plan", "execute", id)
	if out := o.done("c2", "operator", "list"); !strings.Contains(out, "maryam    [registrar]") {
		t.Errorf("%s", out)
	}
}

func TestAHolderEndsACertificateByACommand(t *testing.T) {
	o := openOffice(t)
	k, c := o.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	_, other := o.IssueTo(t, catest.Zahra, ca.NaturalSign, "two")
	o.keep("holder", k)
	o.refused("nothing was revoked", "holder", "revoke", "--reason", "keyCompromise")
	if out := o.done("holder", "revoke", "--serial", other.Serial, "--reason", "certificateHold", "--yes"); !strings.Contains(out, "suspended") {
		t.Errorf("%s", out)
	}
	if out := o.done("holder", "revoke", "--reason", "keyCompromise", "--yes"); !strings.Contains(out, c.Serial) || !strings.Contains(out, "revoked (keyCompromise)") {
		t.Errorf("%s", out)
	}
	o.refused("certificate_revoked", "holder", "revoke", "--yes")
}
