package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"mohr/ca"
	"mohr/hsm"
	"mohr/internal/refregistry"
	"mohr/internal/store"
	"mohr/internal/store/pgtest"
)

// parted is a service of nodes in processes of their own on one database: a
// node with the issuing keys and nodes without them.
type parted struct {
	dir, database  string
	signed         string // the database of the nodes with the keys alone
	registry       *httptest.Server
	portal, status string // addresses of the first portal's listeners
	issuing        string // address at which the ca node signs for others
	nodes          string // base URL at which portals look for it
	devices        string // line of the configuration: whose devices are believed
	rough          bool   // jobs fail for a while
}

// partedNode is one of its processes.
type partedNode struct {
	cmd  *exec.Cmd
	data string
	line string // "mohr ready ..."
}

func newParted(t *testing.T) *parted {
	t.Helper()
	r, err := refregistry.New(refregistry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := pgtest.Start(t)
	p := &parted{dir: t.TempDir(), database: server.Database("parted"), signed: server.Database("signed"), registry: httptest.NewServer(r.Handler()), portal: freeAddress(t), status: freeAddress(t), issuing: freeAddress(t)}
	t.Cleanup(func() {
		p.registry.Close()
		logs, _ := filepath.Glob(filepath.Join(p.dir, "*.log"))
		for _, name := range logs {
			b, err := os.ReadFile(name)
			if err != nil || !p.rough && bytes.Contains(b, []byte(`"level":"ERROR"`)) || t.Failed() {
				t.Errorf("%s: %v\n%s", filepath.Base(name), err, b)
			}
		}
	})
	p.nodes = "https://" + p.issuing
	der, err := x509.MarshalPKIXPublicKey(r.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	p.write(t, "registry.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	p.write(t, "policy.yaml", tourPolicy)
	return p
}

// freeAddress is a port that nobody has now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (p *parted) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *parted) portalURL() string {
	_, port, _ := strings.Cut(p.portal, ":")
	return "https://localhost:" + port
}

// config is what all nodes say, and what the one of the name says beside it.
func (p *parted) config(t *testing.T, name, policy, more string) string {
	t.Helper()
	p.write(t, name+".yaml", fmt.Sprintf(`data: %[1]s/%[2]s
store: %[3]s
portal: %[4]s
publish: http://%[5]s
policy: %[1]s/%[6]s
ops: 127.0.0.1:0
mtls: 127.0.0.1:0
registry: {url: "%[7]s", public_key: %[1]s/registry.pem, environment: simulated}
domains: {resolvers: ["127.0.0.1:9", "127.0.0.1:9"]}
%[8]s%[9]s`, p.dir, name, p.database, p.portalURL(), p.status, policy, p.registry.URL, p.devices, more))
	return filepath.Join(p.dir, name+".yaml")
}

// startCA starts the node with the keys, under a policy file.
func (p *parted) startCA(t *testing.T, policy string) *partedNode {
	t.Helper()
	return p.start(t, "ca", p.config(t, "ca", policy, fmt.Sprintf("roles: [ca]\nissuing: {listen: %q, callers: [localhost], word: [otp_sms]}\n", p.issuing)))
}

// startPortal starts a node that has the keys of the service that a portal
// needs and none that issues.
func (p *parted) startPortal(t *testing.T, name, https, http string) *partedNode {
	t.Helper()
	p.copyKeys(t, name, regexp.MustCompile(`^(root|sign-|auth-|service-|issuing)`))
	return p.start(t, name, p.config(t, name, "policy.yaml", fmt.Sprintf("roles: [portal, status, jobs]\nnotice: 500ms\nhttps: %q\nhttp: %q\nserial_prefix: 2\nissuing: {nodes: [\"%s\"]}\n", https, http, strings.ReplaceAll(p.nodes, " ", `", "`))))
}

// copyKeys brings the first node's keys to another, but for some.
func (p *parted) copyKeys(t *testing.T, name string, not *regexp.Regexp) {
	t.Helper()
	keys := filepath.Join(p.dir, name, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	all, err := os.ReadDir(filepath.Join(p.dir, "ca", "keys"))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range all {
		if not.MatchString(k.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(p.dir, "ca", "keys", k.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(keys, k.Name()), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *parted) start(t *testing.T, name, config string) *partedNode {
	t.Helper()
	n := &partedNode{cmd: exec.Command("mohr", "serve", "--config", config), data: filepath.Join(p.dir, name)}
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(p.dir, name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.cmd.Stderr = log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.end(syscall.SIGKILL) })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "mohr ready") {
			n.line = lines.Text()
			go func() {
				for lines.Scan() {
				}
			}()
			return n
		}
	}
	b, _ := os.ReadFile(log.Name())
	t.Fatalf("the node %s ended before it was ready: %s", name, b)
	return nil
}

// end sends the signal and waits; a process that has ended stays so.
func (n *partedNode) end(s syscall.Signal) {
	n.cmd.Process.Signal(s)
	n.cmd.Wait()
}

// ops is the address of the node's listener for health.
func (n *partedNode) ops() string {
	return regexp.MustCompile(`ops=(\S+)`).FindStringSubmatch(n.line)[1]
}

func (p *parted) client(t *testing.T) *client {
	t.Helper()
	c, err := serverFlags{server: p.portalURL(), root: filepath.Join(p.dir, "ca", "root.pem")}.dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// applying is an application that stops where only the key is missing.
func (p *parted) applying(who applicant) (*applying, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	csr, err := csrFor(key)
	if err != nil {
		return nil, nil, err
	}
	api, err := serverFlags{server: p.portalURL(), root: filepath.Join(p.dir, "ca", "root.pem")}.dial(nil)
	a := &applying{api: api, profile: ca.NaturalSign, locale: "fa", csr: csr, say: func(string, ...any) {}, stopAt: "csr"}
	a.ask = func(string) (string, error) {
		return outboxCode(context.Background(), &client{base: p.registry.URL}, "/v1/sms", who.Mobile)
	}
	return a, key, err
}

// approve takes a new application to the point where only the key is missing.
func (p *parted) approve(t *testing.T, who applicant) *applying {
	t.Helper()
	a, _, err := p.applying(who)
	if err == nil {
		_, err = a.run(t.Context(), who)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// certify makes who applies a holder, and whom the tests' helpers take for one's service.
func (p *parted) certify(t *testing.T, who applicant) (*running, *holder) {
	t.Helper()
	a, key, err := p.applying(who)
	if err == nil {
		_, err = a.run(t.Context(), who)
	}
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.issue(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	s := &running{dir: t.TempDir(), ring: hsm.Open(hsm.Config{}), anyone: p.client(t)}
	t.Cleanup(func() { s.ring.Close() })
	return s, &holder{ca.SigningKey{Certificate: cert, Signer: key}}
}

// records reads the database that all nodes share.
func (p *parted) records(t *testing.T, fn func(store.Tx) error) {
	t.Helper()
	s, err := store.OpenPostgres(context.Background(), p.database)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// oneEach checks that every application has exactly the certificate that was
// handed out for it, and that nothing waits.
func (p *parted) oneEach(t *testing.T, want map[string]*x509.Certificate) {
	t.Helper()
	found := map[string]int{}
	p.records(t, func(tx store.Tx) error {
		clear(found)
		err := store.Each(tx, "ca_certificates", "", "", func(serial string, c ca.Certificate) error {
			cert := want[c.Request]
			if cert == nil {
				return nil
			}
			found[c.Request]++
			if c.State != ca.Issued || !bytes.Equal(c.DER, cert.Raw) {
				t.Errorf("certificate %s is %s, or not the one that was handed out", serial, c.State)
			}
			return nil
		})
		return errors.Join(err, tx.Scan("ca_pending", "", "", func(serial string, _ []byte) error {
			t.Errorf("%s still waits", serial)
			return nil
		}))
	})
	for id := range want {
		if found[id] != 1 {
			t.Errorf("%d certificates for application %s", found[id], id)
		}
	}
}

// TestAPortalWithoutKeysHasCertificatesSigned runs an applicant's way and a
// renewal over a node that has no issuing key.
func TestAPortalWithoutKeysHasCertificatesSigned(t *testing.T) {
	p := newParted(t)
	keys := p.startCA(t, "policy.yaml")
	node := p.startPortal(t, "portal", p.portal, p.status)
	for _, issuing := range []string{"sign-p256.pem", "service-p256.pem", "root.pem"} {
		if _, err := os.Stat(filepath.Join(node.data, "keys", issuing)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the portal has the key %s", issuing)
		}
	}
	a := p.approve(t, killPeople[0])
	cert, err := a.issue(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	p.oneEach(t, map[string]*x509.Certificate{a.id: cert})
	if again, err := a.issue(t.Context(), 1); err != nil || !again.Equal(cert) {
		t.Errorf("asked again: %v", err)
	}
	s, h := p.certify(t, killPeople[1])
	r := s.renewal(t, h, nil)
	renewed := r.holder(t, s.anyone.done(t, r.ask(), http.StatusOK, nil))
	if again := r.holder(t, s.anyone.done(t, r.ask(), http.StatusOK, nil)); !again.Certificate.Equal(renewed.Certificate) {
		t.Error("the same statement gives another certificate")
	}
	body := textAt(t, "http://"+node.ops()+"/metrics")
	if !strings.Contains(body, `mohr_issuing_node_well{node="`+p.nodes+`"} 1`) {
		t.Error("no figure says that the node with the keys answers")
	}
	for job, on := range map[string][2]bool{"refresh-crls": {true, false}, "sequence": {true, true}, "sweep": {false, true}, "pulse": {true, true}, "prune-csc": {false, true}} {
		name := `mohr_job_interval_seconds{job="` + job + `"}`
		if got := [2]bool{strings.Contains(textAt(t, "http://"+keys.ops()+"/metrics"), name), strings.Contains(body, name)}; got != on {
			t.Errorf("%s is done where the keys are, and where they are not: %v, want %v", job, got, on)
		}
	}
	_, help, _ := strings.Cut(body, "# HELP mohr_issuing_node_well ")
	help, _, _ = strings.Cut(help, "\n")
	if page, err := os.ReadFile(filepath.Join(docsDir, "metrics.md")); err != nil || !strings.Contains(string(page), portalsRow+" gauge | node | "+help+" |\n") {
		t.Errorf("metrics.md does not say what it is: %v", err)
	}
	if _, err := verifyStoredLog(t.Context(), filepath.Join(p.dir, "ca")); err != nil {
		t.Errorf("log: %v", err)
	}
	node.end(syscall.SIGTERM)
	for what, want := range map[string]string{
		"log verify --data": "a node with the role ca", "doctor --data": "a node with the role ca", "store inspect": "say its URL",
	} {
		if out, err := said(t, append(strings.Fields(what), node.data)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}

func textAt(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTheNodeWithTheKeysIsKilledInTheMiddle kills it, by the real signal, while
// a portal has certificates signed; each application has one in the end.
func TestTheNodeWithTheKeysIsKilledInTheMiddle(t *testing.T) {
	p := newParted(t)
	p.rough = true
	node := p.startCA(t, "policy.yaml")
	p.startPortal(t, "portal", p.portal, p.status)
	want := map[string]*x509.Certificate{}
	for round := range 4 {
		var open []*applying
		for _, who := range killPeople {
			open = append(open, p.approve(t, who))
		}
		results := make(chan error, len(open))
		certs := make([]*x509.Certificate, len(open))
		for i, a := range open {
			go func() {
				var err error
				certs[i], err = a.issue(t.Context(), 400)
				results <- err
			}()
		}
		time.Sleep(time.Duration(round*15) * time.Millisecond)
		node.end(syscall.SIGKILL)
		time.Sleep(300 * time.Millisecond)
		node = p.startCA(t, "policy.yaml")
		for range open {
			if err := <-results; err != nil {
				t.Fatalf("after the restart: %v", err)
			}
		}
		for i, a := range open {
			want[a.id] = certs[i]
		}
	}
	p.oneEach(t, want)
}

// TestASecondNodeWithTheKeysStandsIn: with a database of their own for what was
// signed, two such nodes are one to portals.
func TestASecondNodeWithTheKeysStandsIn(t *testing.T) {
	p := newParted(t)
	p.rough = true
	listening := func(at string) string {
		return fmt.Sprintf("roles: [ca]\nissuing: {listen: %q, callers: [localhost], word: [otp_sms], signed: %q}\n", at, p.signed)
	}
	first := p.start(t, "ca", p.config(t, "ca", "policy.yaml", listening(p.issuing)))
	other := freeAddress(t)
	p.copyKeys(t, "ca2", regexp.MustCompile("^$"))
	second := p.start(t, "ca2", p.config(t, "ca2", "policy.yaml", "serial_prefix: 3\n"+listening(other)))
	p.nodes += " https://" + other
	p.startPortal(t, "portal", p.portal, p.status)
	want := map[string]*x509.Certificate{}
	for _, end := range []func(){func() {}, func() { first.end(syscall.SIGKILL) }, func() {
		first = p.start(t, "ca", p.config(t, "ca", "policy.yaml", listening(p.issuing)))
		second.end(syscall.SIGKILL)
		time.Sleep(6 * time.Second) // the first is asked again
	}} {
		a := p.approve(t, killPeople[0])
		end()
		cert, err := a.issue(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		want[a.id] = cert
	}
	p.oneEach(t, want)
}
