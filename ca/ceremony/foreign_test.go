package ceremony_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/ceremony"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

// national is a foreign root with a CA below it, run with openssl.
type national struct {
	dir         string
	rootSHA256  string
	chain       [][]byte // between ours and the root, and the root
	rootFile    string
	betweenFile string
}

const nationalConf = `
[root]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
[between]
basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
certificatePolicies=2.5.29.32.0
crlDistributionPoints=URI:http://root.example.ir/root.crl
authorityInfoAccess=caIssuers;URI:http://root.example.ir/root.cer
[good]
basicConstraints=critical,CA:TRUE,pathlen:0
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
certificatePolicies=2.5.29.32.0
crlDistributionPoints=URI:http://root.example.ir/sub.crl
authorityInfoAccess=caIssuers;URI:http://root.example.ir/sub.cer
`

func newNational(t *testing.T) *national {
	t.Helper()
	pkitest.Need(t, "openssl", "openssl")
	n := &national{dir: t.TempDir()}
	n.write(t, "conf", nationalConf)
	n.openssl(t, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-days", "7300", "-sha384",
		"-subj", "/C=IR/O=National/CN=National Root", "-config", "conf", "-extensions", "root", "-keyout", "root.key", "-out", "root.pem", "-section", "req")
	n.openssl(t, "req", "-new", "-newkey", "rsa:3072", "-nodes", "-subj", "/C=IR/O=National/CN=National Intermediate", "-config", "conf", "-section", "req", "-keyout", "between.key", "-out", "between.csr")
	n.openssl(t, "x509", "-req", "-in", "between.csr", "-CA", "root.pem", "-CAkey", "root.key", "-days", "3650", "-sha384", "-extfile", "conf", "-extensions", "between", "-out", "between.pem")
	n.rootFile, n.betweenFile = filepath.Join(n.dir, "root.pem"), filepath.Join(n.dir, "between.pem")
	root := derOf(t, n.rootFile)
	n.chain = [][]byte{derOf(t, n.betweenFile), root}
	sum := sha256.Sum256(root)
	n.rootSHA256 = strings.ToUpper(hex.EncodeToString(sum[:]))
	return n
}

func (n *national) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (n *national) openssl(t *testing.T, args ...string) string {
	t.Helper()
	c := exec.Command("openssl", args...)
	c.Dir = n.dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// certify signs a request as openssl users do; change edits the extensions.
func (n *national) certify(t *testing.T, csr []byte, change func(string) string, args ...string) []byte {
	t.Helper()
	n.write(t, "sub.csr", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})))
	n.write(t, "sub.conf", change(nationalConf))
	n.openssl(t, append([]string{"x509", "-req", "-in", "sub.csr", "-CA", "between.pem", "-CAkey", "between.key", "-sha256", "-extfile", "sub.conf", "-extensions", "good", "-out", "sub.pem"}, args...)...)
	return derOf(t, filepath.Join(n.dir, "sub.pem"))
}

func derOf(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		t.Fatalf("%s is no PEM", file)
	}
	return block.Bytes
}

func same(s string) string { return s }

var subordinate = ceremony.Subordinate{ID: "sign-p256-ir", Name: "sign-p256", Country: "IR", Organisation: "Mohr Test", CommonName: "Mohr Test under the National Root", Algorithm: hsm.P256}

// newService is a hall whose clock is the machine's: openssl dates by it.
func newService(t *testing.T) *hall {
	h := newHall(t)
	h.Now = time.Now
	h.open(t)
	return h
}

func TestAnIssuerUnderANationalRootIssues(t *testing.T) {
	n, h := newNational(t), newService(t)
	csr, err := ceremony.Request(t.Context(), h.Config, subordinate)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ceremony.Request(t.Context(), h.Config, subordinate); err != nil || !bytes.Equal(again, csr) {
		t.Errorf("asked again, it gives another request: %v", err)
	}
	n.write(t, "ask.csr", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})))
	if text := n.openssl(t, "req", "-in", "ask.csr", "-noout", "-verify", "-text"); !strings.Contains(text, "CA:TRUE, pathlen:0") || !strings.Contains(text, "Certificate Sign, CRL Sign") {
		t.Errorf("the request says\n%s", text)
	}
	cert := n.certify(t, csr, same, "-days", "3000")
	acceptance := ceremony.Acceptance{ID: "sign-p256-ir", Certificate: cert, Chain: n.chain, RootSHA256: n.rootSHA256}
	for range 2 {
		done, err := ceremony.Accept(t.Context(), h.Config, acceptance)
		if err != nil {
			t.Fatal(err)
		}
		if done.Subject != done.AskedSubject {
			t.Errorf("asked for %s, got %s", done.AskedSubject, done.Subject)
		}
	}
	g := h.open(t)
	if err := h.serves(g); err != nil {
		t.Fatal(err)
	}
	f := catest.On(t, h.Store, h.keys, h.Now)
	key, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	if c.Issuer != "sign-p256-ir" || len(key.Chain) != 2 {
		t.Fatalf("issued by %s with %d above", c.Issuer, len(key.Chain))
	}
	dir := t.TempDir()
	n.openssl(t, "verify", "-x509_strict", "-CAfile", n.rootFile, "-untrusted", writePEM(t, dir, "chain.pem", key.Chain...), writePEM(t, dir, "leaf.pem", key.Certificate))
	if out, err := exec.Command("openssl", "verify", "-CAfile", writePEM(t, dir, "own.pem", g.Root), "-untrusted", writePEM(t, dir, "chain.pem", key.Chain...), writePEM(t, dir, "leaf.pem", key.Certificate)).CombinedOutput(); err == nil {
		t.Errorf("it leads to our own root too: %s", out)
	}
}

func TestAnIssuerThatTheNationalRootRevokedIsStopped(t *testing.T) {
	n, h := newNational(t), newService(t)
	csr, err := ceremony.Request(t.Context(), h.Config, subordinate)
	if err != nil {
		t.Fatal(err)
	}
	acceptance := ceremony.Acceptance{ID: "sign-p256-ir", Certificate: n.certify(t, csr, same, "-days", "3000"), Chain: n.chain, RootSHA256: n.rootSHA256}
	if _, err := ceremony.Accept(t.Context(), h.Config, acceptance); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ id, reason, code string }{
		{"sign-p256", "superseded", "subordinate_own"},
		{"sign-p256-xx", "superseded", "hierarchy_unknown"},
		{"sign-p256-ir", "boredom", "subordinate_reason"},
		{"sign-p256-ir", "superseded", ""},
		{"sign-p256-ir", "keyCompromise", ""}, // changes nothing
	} {
		err := ceremony.Stop(t.Context(), h.Config, test.id, test.reason)
		if fault.Code(err) != test.code || test.code == "" && err != nil {
			t.Errorf("%s for %s: %v", test.id, test.reason, err)
		}
	}
	if _, c := catest.On(t, h.Store, h.keys, h.Now).IssueTo(t, catest.Zahra, ca.NaturalSign, "one"); c.Issuer != ca.SignIssuer {
		t.Errorf("issued by %s", c.Issuer)
	}
	for _, i := range h.open(t).Issuers {
		if i.ID == "sign-p256-ir" && i.Revoked.Reason != "superseded" {
			t.Errorf("stopped for %s", i.Revoked.Reason)
		}
	}
}

func TestAForeignCertificateIsAcceptedOnlyIfItIsWhatWasAskedFor(t *testing.T) {
	n, h := newNational(t), newService(t)
	csr, err := ceremony.Request(t.Context(), h.Config, subordinate)
	if err != nil {
		t.Fatal(err)
	}
	otherAsk := subordinate
	otherAsk.ID = "sign-p256-xx"
	other, err := ceremony.Request(t.Context(), h.Config, otherAsk)
	if err != nil {
		t.Fatal(err)
	}
	good := n.certify(t, csr, same, "-days", "3000")
	replace := func(old, new string) func(string) string {
		return func(s string) string {
			i := strings.Index(s, "[good]")
			if !strings.Contains(s[i:], old) {
				t.Fatalf("%q is not in the configuration", old)
			}
			return s[:i] + strings.Replace(s[i:], old, new, 1)
		}
	}
	foreign := newNational(t)
	for _, test := range []struct {
		name        string
		certificate []byte
		chain       [][]byte
		root        string
		want        string
	}{
		{"for another key", n.certify(t, other, same, "-days", "3000"), n.chain, n.rootSHA256, "another key"},
		{"of no CA", n.certify(t, csr, replace("CA:TRUE,pathlen:0", "CA:FALSE"), "-days", "3000"), n.chain, n.rootSHA256, "basicConstraints"},
		{"of a CA, not critically", n.certify(t, csr, replace("critical,CA:TRUE", "CA:TRUE"), "-days", "3000"), n.chain, n.rootSHA256, "basicConstraints"},
		{"without a path length", n.certify(t, csr, replace(",pathlen:0", ""), "-days", "3000"), n.chain, n.rootSHA256, "path length"},
		{"with room for more CAs", n.certify(t, csr, replace("pathlen:0", "pathlen:1"), "-days", "3000"), n.chain, n.rootSHA256, "path length"},
		{"that may sign no CRLs", n.certify(t, csr, replace(",cRLSign", ""), "-days", "3000"), n.chain, n.rootSHA256, "key usage"},
		{"for servers alone", n.certify(t, csr, replace("keyUsage", "extendedKeyUsage=serverAuth\nkeyUsage"), "-days", "3000"), n.chain, n.rootSHA256, "extended key usage"},
		{"by another root", foreign.certify(t, csr, same, "-days", "3000"), n.chain, n.rootSHA256, "in order"},
		{"with a root of another fingerprint", good, n.chain, foreign.rootSHA256, "fingerprint"},
		{"with no fingerprint stated", good, n.chain, "", "fingerprint"},
		{"without the certificates between", good, n.chain[1:], n.rootSHA256, "in order"},
		{"without a chain", good, nil, n.rootSHA256, "1 to 4"},
		{"that is no certificate", good[1:], n.chain, n.rootSHA256, "cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ceremony.Accept(t.Context(), h.Config, ceremony.Acceptance{ID: "sign-p256-ir", Certificate: test.certificate, Chain: test.chain, RootSHA256: test.root})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	t.Run("before its life", func(t *testing.T) {
		past := *h
		past.Now = func() time.Time { return time.Now().AddDate(-1, 0, 0) }
		if _, err := ceremony.Accept(t.Context(), past.Config, ceremony.Acceptance{ID: "sign-p256-ir", Certificate: good, Chain: n.chain, RootSHA256: n.rootSHA256}); err == nil || !strings.Contains(err.Error(), "life") {
			t.Error(err)
		}
	})
	_, err = ceremony.Accept(t.Context(), h.Config, ceremony.Acceptance{ID: "sign-p384-ir", Certificate: good, Chain: n.chain, RootSHA256: n.rootSHA256})
	wantCode(t, err, "subordinate_unknown")
}

func TestANameThatTheForeignRootChangedIsSeen(t *testing.T) {
	n, h := newNational(t), newService(t)
	csr, err := ceremony.Request(t.Context(), h.Config, subordinate)
	if err != nil {
		t.Fatal(err)
	}
	n.certify(t, csr, same, "-days", "3000")
	n.openssl(t, "req", "-x509", "-in", "sub.csr", "-CA", "between.pem", "-CAkey", "between.key", "-days", "3000", "-subj", "/C=IR/O=Renamed/CN=Sub 7",
		"-config", "sub.conf", "-section", "req", "-extensions", "good", "-out", "renamed.pem")
	cert := derOf(t, filepath.Join(n.dir, "renamed.pem"))
	done, err := ceremony.Accept(t.Context(), h.Config, ceremony.Acceptance{ID: "sign-p256-ir", Certificate: cert, Chain: n.chain, RootSHA256: n.rootSHA256})
	if err != nil || done.Subject == done.AskedSubject || done.Subject != "CN=Sub 7,O=Renamed,C=IR" {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestTheCustodiansAgreeToAForeignCertificate where they held the ceremony before.
func TestTheCustodiansAgreeToAForeignCertificate(t *testing.T) {
	a, b, _, list := circle(t)
	n, h := newNational(t), newHall(t)
	h.at = time.Now().UTC().Truncate(time.Second)
	h.hold(t, file(h.at, list, fullSections), a, b)
	csr, err := ceremony.Request(t.Context(), h.Config, subordinate)
	if err != nil {
		t.Fatal(err)
	}
	cert := n.certify(t, csr, same, "-days", "3000")
	h.at = h.at.Add(time.Minute)
	acceptance := ceremony.Acceptance{ID: "sign-p256-ir", Certificate: cert, Chain: n.chain, RootSHA256: n.rootSHA256, Approvals: signAll(t, cert, a)}
	_, err = ceremony.Accept(t.Context(), h.Config, acceptance)
	wantCode(t, err, "approvals_too_few")
	acceptance.Approvals = signAll(t, cert, a, b)
	if _, err := ceremony.Accept(t.Context(), h.Config, acceptance); err != nil {
		t.Error(err)
	}
}

func TestAnotherRequestUnderATakenNameIsRefused(t *testing.T) {
	h := newService(t)
	if _, err := ceremony.Request(t.Context(), h.Config, subordinate); err != nil {
		t.Fatal(err)
	}
	changed, taken, bad := subordinate, subordinate, subordinate
	changed.CommonName, taken.ID, bad.ID = "Another", "sign-p256", "Root!"
	for _, test := range []struct {
		s    ceremony.Subordinate
		code string
	}{{changed, "subordinate_asked"}, {taken, "subordinate_taken"}, {bad, "subordinate_invalid"}} {
		_, err := ceremony.Request(t.Context(), h.Config, test.s)
		wantCode(t, err, test.code)
	}
}

func writePEM(t testing.TB, dir, name string, certs ...*x509.Certificate) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, ca.ChainPEM(certs...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
