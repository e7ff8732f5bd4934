package mandate_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/mandate"
	"mohr/internal/gateway"
	"mohr/internal/pkitest"
	"mohr/internal/store"
)

func TestAMandateCountsInItsTimeOnly(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	b.given(boss, b.terms(clerk, mandate.Sign).with("valid_from", b.clock.now().Add(10*day).Format(time.RFC3339)))
	wantCode(t, "too early", b.may(clerk, mandate.Sign), "mandate_not_yet")
	b.clock.pass(10 * day)
	must(t, b.may(clerk, mandate.Sign))
	b.clock.pass(90*day - time.Second)
	must(t, b.may(clerk, mandate.Sign))
	b.clock.pass(time.Second)
	wantCode(t, "too late", b.may(clerk, mandate.Sign), "mandate_ended")
}

func TestAMandateOutlivesItsSignersOfficeButNotTheirStolenKey(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	admin, helper := b.natural(), b.natural()
	b.given(boss, b.terms(clerk, mandate.Sign))
	m := b.given(boss, b.terms(admin, mandate.Administer, mandate.Sign))
	b.given(admin, b.terms(helper, mandate.Sign).with("under", m.ID))
	b.register.says(func(l *gateway.Legal) { l.Signatories = nil })
	must(t, b.f.Revoke(t.Context(), boss.cert.Serial, ca.AffiliationChanged, "holder"))
	must(t, b.may(clerk, mandate.Sign))
	must(t, b.may(helper, mandate.Sign))

	b = newBench(t, nil)
	boss, clerk, admin, helper = b.signatory(true), b.natural(), b.natural(), b.natural()
	b.given(boss, b.terms(clerk, mandate.Sign))
	m = b.given(boss, b.terms(admin, mandate.Administer, mandate.Sign))
	b.given(admin, b.terms(helper, mandate.Sign).with("under", m.ID))
	must(t, b.f.Revoke(t.Context(), boss.cert.Serial, ca.KeyCompromise, "holder"))
	wantCode(t, "given with a stolen key", b.may(clerk, mandate.Sign), "mandate_key_compromised")
	wantCode(t, "given by whom a stolen key appointed", b.may(helper, mandate.Sign), "mandate_key_compromised")
}

func TestNothingPersonalIsInTheLogOfMandatesOrInTheirRecords(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	m := b.given(boss, b.terms(clerk, mandate.Sign))
	must(t, b.revoke(boss, m.ID, true, true))
	for _, leaf := range append(b.leaves("mandate.granted"), b.leaves("mandate.revoked")...) {
		for _, secret := range []string{clerk.NationalCode, boss.NationalCode, company, string(m.Holder), "فروش"} {
			if strings.Contains(leaf, secret) {
				t.Errorf("%s is in %s", secret, leaf)
			}
		}
	}
	must(t, b.f.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"mandates", "mandate_events", "mandate_businesses", "mandate_holders", "mandate_statements", "mandate_asks"} {
			err := tx.Scan(bucket, "", "", func(key string, value []byte) error {
				for _, code := range []string{clerk.NationalCode, boss.NationalCode} {
					if strings.Contains(key+string(value), code) {
						t.Errorf("a national code is in %s", bucket)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestLimitsOfMandates(t *testing.T) {
	b := newBench(t, func(c *mandate.Config) { c.PerBusiness, c.PerHour = 2, 4 })
	boss := b.signatory(true)
	b.given(boss, b.terms(b.natural(), mandate.Sign))
	b.given(boss, b.terms(b.natural(), mandate.Sign))
	b.refused("a third", boss, b.terms(b.natural(), mandate.Sign), "mandate_too_many")
	b.refused("a fourth question", boss, b.terms(b.natural(), mandate.Sign), "mandate_too_many")
	asked := b.register.asked
	b.refused("a fifth question", boss, b.terms(b.natural(), mandate.Sign), "mandate_limit")
	if b.register.asked != asked {
		t.Error("the register was asked all the same")
	}
	b.clock.pass(hour)
	b.refused("an hour later", boss, b.terms(b.natural(), mandate.Sign), "mandate_too_many")
}

func TestAMandateSignedWithOpenSSL(t *testing.T) {
	pkitest.Need(t, "openssl", "openssl")
	b := newBench(t, nil)
	b.clock.pass(time.Since(b.clock.now())) // openssl has the machine's
	boss, clerk := b.signatory(true), b.natural()
	content, err := json.Marshal(b.claims(boss, mandate.StatementType, b.terms(clerk, mandate.Sign)))
	must(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(boss.key.Signer)
	must(t, err)
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"boss.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), "boss.pem": ca.ChainPEM(boss.key.Certificate), "mandate.json": content,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "openssl", "cms", "-sign", "-cades", "-binary", "-in", "mandate.json", "-signer", "boss.pem", "-inkey", "boss.key", "-outform", "DER", "-out", "mandate.p7s")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cms, err := os.ReadFile(filepath.Join(dir, "mandate.p7s"))
	must(t, err)
	m, err := b.Give(t.Context(), approval.Signed{Signature: cms, Document: content})
	if err != nil || m.State != mandate.Granted {
		t.Fatalf("%+v, %v", m, err)
	}
	must(t, b.may(clerk, mandate.Sign))
}
