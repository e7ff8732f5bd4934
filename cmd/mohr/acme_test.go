package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/acme"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/web"
)

// acmeService serves external account keys and returns the flags with which a
// person of a company reaches them.
func acmeService(t *testing.T) []string {
	t.Helper()
	f := catest.New(t, nil)
	server := httptest.NewUnstartedServer(nil)
	portal := "https://" + server.Listener.Addr().String()
	box, err := seal.New(make([]byte, seal.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	d, err := acme.New(acme.Config{
		Store: f.Store, CA: f.Authority, Verifier: &signature.Verifier{Authority: f.Authority}, Nonces: &nonce.Source{Key: make([]byte, 32)}, Seal: box, Portal: portal,
		Proven: func(store.Tx, ca.BusinessID, string, time.Time) (bool, error) { return true, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	texts, err := i18n.Parse(web.Texts, acme.Texts)
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: f.Store, Texts: texts, Portal: portal})
	if err != nil {
		t.Fatal(err)
	}
	d.Routes(s)
	own := f.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "localhost", DNSNames: []string{"localhost"}, IPs: []string{"127.0.0.1"}})
	server.Config.Handler = s.Handler()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{own.Certificate.Raw, own.Chain[0].Raw}, PrivateKey: own.Signer}}}
	server.StartTLS()
	t.Cleanup(server.Close)

	dir := t.TempDir()
	write := func(name, kind string, der ...[]byte) string {
		var b bytes.Buffer
		for _, d := range der {
			pem.Encode(&b, &pem.Block{Type: kind, Bytes: d})
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	zahra, _ := f.IssueTo(t, catest.Zahra, ca.OrganisationSign, "zahra")
	key, err := x509.MarshalPKCS8PrivateKey(zahra.Signer.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"--server", portal, "--root", write("root.pem", "CERTIFICATE", f.Hierarchy.Root.Raw),
		"--key", write("holder.key", "PRIVATE KEY", key), "--cert", write("holder.pem", "CERTIFICATE", zahra.Certificate.Raw, zahra.Chain[0].Raw),
	}
}

func TestACMEKeysAreAskedForListedAndRevoked(t *testing.T) {
	flags := acmeService(t)
	mohr := func(args ...string) string {
		t.Helper()
		c, out := acmeCommand(), &bytes.Buffer{}
		c.SetOut(out)
		c.SetArgs(append(args, flags...))
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Fatal(args, err)
		}
		return out.String()
	}
	var made acme.Given
	if err := json.Unmarshal([]byte(mohr("account", "--json")), &made); err != nil || made.KID == "" || made.HMACKey == "" {
		t.Fatalf("%+v, %v", made, err)
	}
	if text := mohr("account"); !strings.Contains(text, "certbot certonly") || !strings.Contains(text, made.Directory) || strings.Contains(text, made.KID) {
		t.Errorf("a second account: %s", text)
	}
	if list := mohr("list"); strings.Count(list, "free") != 2 || strings.Contains(list, made.HMACKey) {
		t.Errorf("the list: %s", list)
	}
	if list := mohr("revoke", made.KID); strings.Count(list, "free") != 1 || strings.Count(list, "revoked") != 1 {
		t.Errorf("after revoking: %s", list)
	}
}
