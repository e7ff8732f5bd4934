package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/internal/browser"
	"mohr/internal/pkitest"
	"mohr/internal/store"
	"mohr/internal/web"
)

// passphrase is not only of Latin letters: a key file has it in two encodings.
const passphrase = "گذرواژهٔ من-2026"

// keyBench is a page in Chromium with the module of keys, and a CA for them.
type keyBench struct {
	t    *testing.T
	tab  *browser.Tab
	dir  string
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newKeyBench(t *testing.T) *keyBench {
	t.Helper()
	db, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	must(t, err)
	t.Cleanup(func() { db.Close() })
	server := httptest.NewUnstartedServer(nil)
	s, err := web.New(web.Config{Store: db, Portal: "https://" + server.Listener.Addr().String()})
	must(t, err)
	server.Config.Handler = s.Handler()
	server.StartTLS()
	t.Cleanup(server.Close)
	b := &keyBench{t: t, dir: t.TempDir(), next: 1 << 40}
	b.tab = browser.Start(t).Tab(t, browser.Look{})
	b.tab.Go(server.URL + "/")
	b.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	b.ca = b.certificate(b.key.Public(), true)
	b.write("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.ca.Raw}))
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// certificate is one for the key, by the CA or, the first, by itself.
func (b *keyBench) certificate(public any, isCA bool) *x509.Certificate {
	b.t.Helper()
	b.next++
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(b.next), Subject: pkix.Name{CommonName: "سارا"}, BasicConstraintsValid: true, IsCA: isCA,
		NotBefore: time.Now().Add(-time.Hour).UTC().Truncate(time.Second), NotAfter: time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second),
		KeyUsage: x509.KeyUsageContentCommitment,
	}
	parent := b.ca
	if isCA {
		tmpl.KeyUsage, tmpl.Subject.CommonName, parent = x509.KeyUsageCertSign, "CA", tmpl
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, public, b.key)
	must(b.t, err)
	c, err := x509.ParseCertificate(der)
	must(b.t, err)
	return c
}

func (b *keyBench) write(name string, content []byte) {
	b.t.Helper()
	must(b.t, os.WriteFile(filepath.Join(b.dir, name), content, 0o600))
}

// openssl runs it in the bench's folder and returns what it said.
func (b *keyBench) openssl(args ...string) string {
	b.t.Helper()
	c := exec.Command(pkitest.Need(b.t, "openssl", "openssl"), args...)
	c.Dir = b.dir
	out, err := c.CombinedOutput()
	if err != nil {
		b.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// run runs a script with the module as keys.
func (b *keyBench) run(body string, into any) {
	b.t.Helper()
	b.tab.Run(`const keys = await import("/static/keys.js");`+body, into)
}

// certified makes a key in the browser and gives it a certificate.
func (b *keyBench) certified() *x509.Certificate {
	b.t.Helper()
	var csr string
	b.run(`const {key} = await keys.make(false); return keys.pem("CERTIFICATE REQUEST", await keys.request(key));`, &csr)
	b.write("holder.csr", []byte(csr))
	block, _ := pem.Decode([]byte(csr))
	if block == nil {
		b.t.Fatalf("no PEM: %s", csr)
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	must(b.t, err)
	c := b.certificate(parsed.PublicKey, false)
	chain := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.ca.Raw}))
	quoted, err := json.Marshal(chain)
	must(b.t, err)
	var known bool
	if b.run(`return keys.certify(`+string(quoted)+`);`, &known); !known {
		b.t.Fatal("the browser does not know the key of its certificate")
	}
	return c
}

func (b *keyBench) decode(s string) []byte {
	b.t.Helper()
	out, err := base64.StdEncoding.DecodeString(s)
	must(b.t, err)
	return out
}

func TestKeysOfTheBrowserAreUnderstoodByOpenSSL(t *testing.T) {
	b := newKeyBench(t)
	c := b.certified()
	if out := b.openssl("req", "-in", "holder.csr", "-verify", "-noout"); !strings.Contains(out, "verify OK") {
		t.Errorf("the request: %s", out)
	}
	var got struct {
		CMS, JWS, Serial, Ends, Exported string
		Keys                             int
	}
	b.tab.Go(b.tab.URL()) // the key outlives the page
	b.run(`const [key] = await keys.certified(), content = new TextEncoder().encode("{\"a\":\"سند\"}");
let exported = "yes"; try { await crypto.subtle.exportKey("pkcs8", key.privateKey); } catch (e) { exported = e.name; }
return {CMS: keys.base64(await keys.cms(key.privateKey, key.chain, content)), JWS: await keys.jws(key.privateKey, key.chain, "test", {a: "سند"}),
  Serial: keys.serial(key), Ends: keys.ends(key).toISOString(), Exported: exported, Keys: (await keys.all()).length};`, &got)
	b.write("document", []byte(`{"a":"سند"}`))
	b.write("signature", b.decode(got.CMS))
	b.openssl("cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", "signature", "-content", "document", "-CAfile", "ca.pem", "-purpose", "any", "-out", os.DevNull)
	if got.Exported != "InvalidAccessError" || got.Keys != 1 {
		t.Errorf("exporting the key: %s; %d keys", got.Exported, got.Keys)
	}
	if got.Serial != c.SerialNumber.Text(16) || got.Ends != c.NotAfter.Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("serial %s, ends %s", got.Serial, got.Ends)
	}
	parts := strings.Split(got.JWS, ".")
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	must(t, err)
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(c.PublicKey.(*ecdsa.PublicKey), sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])) {
		t.Error("the JWS does not hold")
	}
	for _, fault := range b.tab.Faults() {
		t.Error(fault)
	}
}

// TestSignaturesHoldWhateverTheirNumbers: R and S with leading zeros or a high
// first bit are written as DER asks, many times over.
func TestSignaturesHoldWhateverTheirNumbers(t *testing.T) {
	b := newKeyBench(t)
	c := b.certified()
	var list []string
	b.run(`const [key] = await keys.certified(), out = [];
for (let i = 0; i < 1000; i++) out.push(keys.base64(await keys.request(key))); return out;`, &list)
	for _, s := range list {
		r, err := x509.ParseCertificateRequest(b.decode(s))
		if err == nil {
			err = r.CheckSignature()
		}
		if err != nil {
			t.Fatalf("%v: %s", err, s)
		}
		if !c.PublicKey.(*ecdsa.PublicKey).Equal(r.PublicKey) {
			t.Fatal("another key")
		}
	}
}

func TestAKeyFileOpensWithItsPassphraseAlone(t *testing.T) {
	b := newKeyBench(t)
	quoted, err := json.Marshal([]string{passphrase, base64.StdEncoding.EncodeToString(b.ca.Raw)})
	must(t, err)
	for name, c := range map[string]struct {
		chain        string
		certificates int
	}{"with its chain": {"[keys.fromBase64(ca)]", 1}, "alone": {"[]", 0}} {
		var got struct{ File, SPKI, Exported string }
		b.run(`const [pass, ca] = `+string(quoted)+`, {key, secret} = await keys.make(true);
const file = await keys.keyFile(secret, `+c.chain+`, pass, "کلید من"); secret.fill(0);
let exported = "yes"; try { await crypto.subtle.exportKey("pkcs8", (await keys.find(key.id)).privateKey); } catch (e) { exported = e.name; }
return {File: keys.base64(file), SPKI: keys.base64(await keys.spki(key.publicKey)), Exported: exported};`, &got)
		b.write("key.p12", b.decode(got.File))
		b.write("pass", []byte(passphrase))
		out := b.openssl("pkcs12", "-in", "key.p12", "-passin", "file:pass", "-nodes")
		b.write("key.pem", []byte(out))
		b.openssl("pkey", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "spki")
		spki, err := os.ReadFile(filepath.Join(b.dir, "spki"))
		must(t, err)
		if base64.StdEncoding.EncodeToString(spki) != got.SPKI || strings.Count(out, "BEGIN CERTIFICATE") != c.certificates {
			t.Errorf("%s: another key, or other certificates:\n%s", name, out)
		}
		if got.Exported != "InvalidAccessError" {
			t.Errorf("%s: the key that stays can be exported: %s", name, got.Exported)
		}
		b.write("pass", []byte("another"))
		wrong := exec.Command("openssl", "pkcs12", "-in", "key.p12", "-passin", "file:pass", "-nodes", "-noout")
		wrong.Dir = b.dir
		if err := wrong.Run(); err == nil {
			t.Errorf("%s: it opens with another passphrase", name)
		}
	}
}
