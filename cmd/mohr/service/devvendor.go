package service

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"mohr/internal/gateway"
	"mohr/internal/refregistry"
)

// openVendor serves the reference vendor and names its connector in the
// configuration, unless that names one of its kind already.
func (w *devWorld) openVendor(c *Config, registry *refregistry.Server) error {
	for _, file := range c.Connectors {
		if n, err := ReadConnector(file, nil, nil); err == nil && n.Asks() == gateway.AskVideo {
			return nil
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	dir := filepath.Join(c.Data, "vendor")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	secrets := make([]string, 2) // of us to the vendor, of the vendor's calls
	for i, name := range []string{"token", "secret"} {
		b := make([]byte, 32)
		rand.Read(b) // never fails (crypto/rand)
		secrets[i] = "whsec_" + base64.StdEncoding.EncodeToString(b)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secrets[i]), 0o600); err != nil {
			return err
		}
	}
	base := "http://" + l.Addr().String()
	w.vendor, err = registry.Vendor(refregistry.VendorConfig{
		BaseURL: base, Token: secrets[0], Secrets: secrets[1:], Judging: 2 * time.Second,
		Client: &http.Client{Timeout: 5 * time.Second, Transport: trusting(filepath.Join(c.Data, "root.pem"))},
	})
	if err != nil {
		l.Close()
		return err
	}
	w.serveOn(l, w.vendor.Handler())
	file := filepath.Join(dir, "vendor.yaml")
	c.Connectors = append(c.Connectors, file)
	return os.WriteFile(file, refregistry.VendorFile{
		Name: "reference-vendor", Kind: "document_video", BaseURL: base, Token: filepath.Join(dir, "token"), Secrets: []string{filepath.Join(dir, "secret")},
		Every: "5s", Certified: time.Now().UTC().AddDate(1, 0, 0),
	}.Connector(), 0o600)
}

// trusting returns a transport that trusts the root in the file, which is
// there once the service has its keys.
func trusting(root string) http.RoundTripper {
	return &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // VerifyConnection checks all of it
		VerifyConnection: func(state tls.ConnectionState) error {
			b, err := os.ReadFile(root)
			if err != nil {
				return err
			}
			pool, between := x509.NewCertPool(), x509.NewCertPool()
			if !pool.AppendCertsFromPEM(b) {
				return fmt.Errorf("%s holds no certificate", root)
			}
			for _, c := range state.PeerCertificates[1:] {
				between.AddCert(c)
			}
			_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: state.ServerName, Roots: pool, Intermediates: between})
			return err
		},
	}}
}
