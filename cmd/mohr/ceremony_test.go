package main

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/ca/timestamp"
	"mohr/cmd/mohr/service"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

// desk is a folder in which people type commands.
type desk struct {
	t   *testing.T
	dir string
}

// mohr runs a ceremony command in the folder; paths in args are below it.
func (d *desk) mohr(args ...string) (string, error) {
	d.t.Helper()
	d.t.Chdir(d.dir)
	var out bytes.Buffer
	c := ceremonyCommand()
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	err := c.ExecuteContext(d.t.Context())
	return out.String(), err
}

func (d *desk) must(args ...string) string {
	d.t.Helper()
	out, err := d.mohr(args...)
	if err != nil {
		d.t.Fatalf("mohr ceremony %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (d *desk) write(name, content string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// opensslCustodian makes a custodian with openssl alone and returns the fingerprint.
func (d *desk) opensslCustodian(name string) string {
	d.t.Helper()
	d.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-days", "3650", "-subj", "/CN="+name, "-keyout", name+".key", "-out", name+".pem")
	out := d.openssl("x509", "-in", name+".pem", "-noout", "-fingerprint", "-sha256")
	_, hex, _ := strings.Cut(strings.TrimSpace(out), "=")
	return strings.ToLower(strings.ReplaceAll(hex, ":", ""))
}

func (d *desk) opensslSign(name, file, out string) {
	d.t.Helper()
	d.openssl("cms", "-sign", "-cades", "-binary", "-in", file, "-signer", name+".pem", "-inkey", name+".key", "-outform", "DER", "-out", out)
}

func (d *desk) openssl(args ...string) string {
	d.t.Helper()
	c := exec.Command("openssl", args...)
	c.Dir = d.dir
	out, err := c.CombinedOutput()
	if err != nil {
		d.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

const productionPlan = `kind: mohr-ceremony/1
title: First hierarchy of Example Trust
environment: production
date: %s
publish: http://pki.example.ir
subject: {country: IR, organisation: Example Trust}
keys: {roots: "file:offline", issuers: "file:data/keys"}
custodians:
  need: 2
  keys:
    %s
    - {name: davood, certificate_sha256: %s}
    - {name: narges, certificate_sha256: %s}
roots:
  - {id: root, common_name: Example Root CA, algorithm: P-384, life: 20y}
issuers:
  - {id: sign-p256, common_name: Example Signature CA, root: root, algorithm: P-256, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
  - {id: auth-p256, common_name: Example Authentication CA, root: root, algorithm: P-256, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
  - {id: service-p256, common_name: Example Service CA, root: root, algorithm: P-256, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
crls:
  - {root: root, count: 4, every: 90d, life: 120d}
`

// TestACeremonyByCommand: plan, signatures with openssl and with mohr, dry
// run, ceremony, minutes, import, a service in production that issues, stamp.
func TestACeremonyByCommand(t *testing.T) {
	pkitest.Need(t, "openssl", "openssl")
	d := &desk{t, t.TempDir()}
	line := strings.TrimSpace(d.must("custodian", "maryam", "--key", "maryam.key", "--out", "maryam.pem"))
	d.write("plan.yaml", fmt.Sprintf(productionPlan, time.Now().UTC().Format(time.RFC3339), line, d.opensslCustodian("davood"), d.opensslCustodian("narges")))

	shown := d.must("plan.yaml", "--dir", "vault")
	for _, want := range []string{"CN=Example Root CA,O=Example Trust,C=IR", "path length  0", "http://pki.example.ir/crl/root/0.crl", "CRL root/4", "Nothing was made"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the dry run does not show %q:\n%s", want, shown)
		}
	}
	d.must("sign", "plan.yaml", "--key", "maryam.key", "--cert", "maryam.pem", "--out", "maryam.p7s")
	d.opensslSign("davood", "plan.yaml", "davood.p7s")
	if _, err := d.mohr("plan.yaml", "--dir", "vault", "--approve", "maryam.p7s", "--yes"); fault.Code(err) != "approvals_too_few" {
		t.Errorf("held by one: %v", err)
	}
	for _, place := range []string{"offline", "data"} {
		if _, err := os.Stat(filepath.Join(d.dir, place)); err == nil {
			t.Errorf("there is something in %s before the ceremony", place)
		}
	}
	held := d.must("plan.yaml", "--dir", "vault", "--approve", "maryam.p7s", "--approve", "davood.p7s", "--yes")
	folder := regexp.MustCompile(`vault/[0-9-]+-[0-9a-f]{8}`).FindString(held)
	record, minutes := filepath.Join(folder, "record.json"), filepath.Join(folder, "minutes.json")
	if _, err := d.mohr("verify", record); fault.Code(err) != "approvals_too_few" {
		t.Errorf("unsigned minutes: %v", err)
	}
	d.opensslSign("narges", minutes, "narges.p7s")
	d.must("sign", minutes, "--key", "maryam.key", "--cert", "maryam.pem", "--out", "maryam2.p7s")
	d.must("close", record, "--dir", "vault", "--signature", "narges.p7s", "--signature", "maryam2.p7s")
	if text := d.must("verify", record, "--lang", "fa"); !strings.Contains(text, "صورت‌جلسهٔ مراسم کلید") || !strings.Contains(text, "narges") || !strings.Contains(text, "no time stamp yet") {
		t.Error(text)
	}
	d.openssl("verify", "-x509_strict", "-crl_check", "-CAfile", filepath.Join(folder, "root.pem"), "-CRLfile", d.pemCRL(filepath.Join(folder, "root-1.crl")), filepath.Join(folder, "sign-p256.pem"))
	d.serveInProduction(record)
}

// pemCRL writes a CRL as PEM beside itself.
func (d *desk) pemCRL(file string) string {
	d.openssl("crl", "-inform", "DER", "-in", file, "-out", file+".pem")
	return file + ".pem"
}

func (d *desk) serveInProduction(record string) {
	t := d.t
	conf := service.Config{
		Data: "data", Production: true, Publish: "http://pki.example.ir", Portal: "https://portal.example.ir", Name: "Example",
		Keys: hsm.FileURI("data/keys"), Secret: hsm.FileURI("data/keys/secret"),
	}
	conf.Defaults()
	d.write("mohr.yaml", "data: data\nproduction: true\n")
	d.must("import", record, "--config", "mohr.yaml")
	d.must("import", record, "--config", "mohr.yaml")
	g, err := service.Open(t.Context(), conf, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got := g.Root.Subject.CommonName; got != "Example Root CA" {
		t.Errorf("the service's root is %s", got)
	}
	key, err := g.Ring.Create(t.Context(), hsm.FileURI("tsu.pem"), hsm.P256)
	if err != nil {
		t.Fatal(err)
	}
	unit := ca.Service{Profile: ca.TimeStamping, CommonName: "Example TSU"}
	stamps, err := g.CA.SigningKey(t.Context(), key, unit)
	if err != nil {
		t.Fatal(err)
	}
	tsu, err := timestamp.New(timestamp.Config{Key: stamps, Policy: asn1.ObjectIdentifier{2, 999, 7, 3}, Clock: func() error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if err := ceremony.Stamp(t.Context(), ceremony.Config{Store: g.Store}, tsu.Stamp); err != nil {
		t.Fatal(err)
	}
	g.Close()
	d.write("chain.pem", string(ca.ChainPEM(stamps.Chain...)))
	d.write("tsu-cert.pem", string(ca.ChainPEM([]*x509.Certificate{stamps.Certificate}...)))
	d.openssl("verify", "-purpose", "timestampsign", "-CAfile", filepath.Join(filepath.Dir(record), "root.pem"), "-untrusted", "chain.pem", "tsu-cert.pem")
	d.must("export", "--config", "mohr.yaml", "--out", "stamped.json")
	if text := d.must("verify", "stamped.json"); !strings.Contains(text, "They were stamped at") {
		t.Error(text)
	}
}

func TestAServiceInProductionMakesNoAuthorityByItself(t *testing.T) {
	conf := service.Config{Data: t.TempDir(), Production: true, Publish: "http://pki.example.ir", Portal: "https://portal.example.ir"}
	conf.Keys, conf.Secret = hsm.FileURI(filepath.Join(conf.Data, "keys")), hsm.FileURI(filepath.Join(conf.Data, "keys", "secret"))
	conf.Defaults()
	_, err := service.Open(t.Context(), conf, slog.New(slog.DiscardHandler))
	if fault.Code(err) != "hierarchy_missing" {
		t.Errorf("%v", err)
	}
	keys, err := filepath.Glob(filepath.Join(conf.Data, "keys", "*"))
	if err != nil || len(keys) != 1 || filepath.Base(keys[0]) != "secret" {
		t.Errorf("keys: %v, %v", keys, err)
	}
}
