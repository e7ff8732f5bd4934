package main

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"mohr/internal/refregistry"
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

// issued brings applications that were approved before to their certificates, by
// the portal that runs now.
func (p *parted) issued(t *testing.T, list ...*applying) map[string]*x509.Certificate {
	t.Helper()
	certs := map[string]*x509.Certificate{}
	for _, a := range list {
		a.api = withToken(p.client(t), a.api.token)
		cert, err := a.issue(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		certs[a.id] = cert
	}
	return certs
}

// freeAddress is a port that nobody has now, and that the kernel gives to
// nobody who asks for any: those begin at 32768 (ip_local_port_range).
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(22000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
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
