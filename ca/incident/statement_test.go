package incident_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/catest"
	"mohr/ca/incident"
)

// says is what a holder signs about a certificate, changed by edit.
func (b *bench) says(k ca.SigningKey, serial string, reason ca.Reason, edit func(map[string]any)) map[string]any {
	b.t.Helper()
	now := b.clock.now()
	doc := map[string]any{
		"type": incident.StatementType, "aud": catest.Portal, "nonce": b.Nonces.New(incident.NoncePurpose), "certificate_sha256": hexSHA256(k.Certificate.Raw),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "serial": serial, "reason": reason,
	}
	if edit != nil {
		edit(doc)
	}
	return doc
}

func (b *bench) end(k ca.SigningKey, serial string, reason ca.Reason) error {
	b.t.Helper()
	_, err := b.End(b.t.Context(), b.sign(k, incident.StatementType, b.says(k, serial, reason, nil)))
	return err
}

func TestAHolderEndsACertificateByAStatement(t *testing.T) {
	for _, reason := range []ca.Reason{ca.Unspecified, ca.KeyCompromise, ca.AffiliationChanged, ca.CessationOfOperation} {
		t.Run(string(reason), func(t *testing.T) {
			b := newBench(t)
			k, c := b.f.IssueTo(t, person(1), ca.NaturalSign, "one")
			s := b.sign(k, incident.StatementType, b.says(k, c.Serial, reason, nil))
			for range 3 {
				now, err := b.End(t.Context(), s)
				if err != nil || now.Revoked == nil || now.Revoked.Reason != reason || now.Revoked.By != "holder:statement" && reason != ca.KeyCompromise {
					t.Fatalf("%+v, %v", now.Revoked, err)
				}
			}
			b.revokedOnce([]ca.Certificate{c}, reason)
		})
	}
}

func TestAHolderEndsAnotherCertificateOfHisOwnAndNobodyElses(t *testing.T) {
	b := newBench(t)
	lost, c := b.f.IssueTo(t, person(1), ca.NaturalSign, "lost")
	kept, own := b.f.IssueTo(t, person(1), ca.NaturalSign, "kept")
	_, other := b.f.IssueTo(t, person(2), ca.NaturalSign, "other")
	wantCode(t, "another person's", b.end(kept, other.Serial, ca.Unspecified), "statement_not_yours")
	wantCode(t, "nobody's", b.end(kept, "1ab", ca.Unspecified), "statement_not_yours")
	wantCode(t, "what is none", b.end(kept, "xyz", ca.Unspecified), "serial_malformed")
	must(t, b.end(kept, c.Serial, ca.Unspecified))
	b.revokedOnce([]ca.Certificate{c}, ca.Unspecified)
	wantCode(t, "by a revoked one", b.end(lost, own.Serial, ca.Unspecified), "certificate_revoked")
	for _, serial := range []string{own.Serial, other.Serial} {
		if b.reload(serial).Revoked != nil {
			t.Error("a certificate ended that should not")
		}
	}
}

func TestAHolderSuspendsAndASuspendedCertificateSignsNothing(t *testing.T) {
	b := newBench(t)
	k, c := b.f.IssueTo(t, person(1), ca.NaturalSign, "one")
	must(t, b.end(k, c.Serial, ca.CertificateHold))
	if now := b.reload(c.Serial); !now.Suspended() || now.Revoked.By != "holder:statement" {
		t.Errorf("%+v", now.Revoked)
	}
	wantCode(t, "with the suspended key", b.end(k, c.Serial, ca.Unspecified), "certificate_suspended")
	must(t, b.f.Resume(t.Context(), c.Serial, "operator:sara"))
	must(t, b.end(k, c.Serial, ca.Unspecified))
}

func TestAnOperatorReportsTheOwnKeyToo(t *testing.T) {
	b := newBench(t)
	sara := b.officer("sara")
	must(t, b.end(sara.key, sara.serial(), ca.KeyCompromise))
	_, err := b.f.May(t.Context(), sara.leaf(), ca.MayRead)
	wantCode(t, "afterwards", err, "certificate_revoked")
}

func TestAStatementThatIsNotRightEndsNothing(t *testing.T) {
	b := newBench(t)
	k, c := b.f.IssueTo(t, person(1), ca.NaturalSign, "one")
	_, two := b.f.IssueTo(t, person(1), ca.NaturalSign, "two")
	stranger, _ := catest.New(t, b.clock.now).IssueTo(t, person(1), ca.NaturalSign, "one")
	used := b.says(k, two.Serial, ca.Unspecified, nil)
	_, err := b.End(t.Context(), b.sign(k, incident.StatementType, used))
	must(t, err)
	for _, test := range []struct {
		name, field string
		value       any
		code        string
	}{
		{"superseded", "reason", ca.Superseded, "statement_reason"},
		{"a reason that is none", "reason", "boredom", "statement_reason"},
		{"no reason", "reason", "", "statement_reason"},
		{"a nonce for another purpose", "nonce", b.Challenge().Nonce, "nonce_unknown"},
		{"a nonce that was used", "nonce", used["nonce"], "nonce_used"},
		{"another type", "type", "mohr-renew/1", "statement_type"},
		{"another audience", "aud", "https://elsewhere.example", "statement_audience"},
		{"a field too many", "more", 1, "statement_malformed"},
		{"a time to come", "iat", b.clock.now().Add(hour).Unix(), "statement_time"},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc := b.says(k, c.Serial, ca.Unspecified, func(doc map[string]any) { doc[test.field] = test.value })
			_, err := b.End(t.Context(), b.sign(k, incident.StatementType, doc))
			wantCode(t, test.name, err, test.code)
		})
	}
	_, err = b.End(t.Context(), b.sign(k, "mohr-renew/1", b.says(k, c.Serial, ca.Unspecified, nil)))
	wantCode(t, "a JWS of another type", err, "jws_typ")
	wantCode(t, "another authority's", b.end(stranger, c.Serial, ca.Unspecified), "certificate_foreign")
	if b.reload(c.Serial).Revoked != nil {
		t.Error("it was revoked")
	}
}

func TestAHolderSignsTheStatementWithOpenSSL(t *testing.T) {
	needOpenSSL(t)
	b := newBench(t)
	b.clock.move(time.Since(b.clock.now())) // openssl has the machine's
	k, c := b.f.IssueTo(t, person(1), ca.NaturalSign, "one")
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(k.Signer)
	must(t, err)
	doc, err := json.Marshal(b.says(k, c.Serial, ca.CessationOfOperation, nil))
	must(t, err)
	for name, content := range map[string][]byte{
		"holder.key":      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"holder.pem":      ca.ChainPEM(k.Certificate),
		"revocation.json": doc,
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	openssl(t, dir, "cms", "-sign", "-cades", "-binary", "-in", "revocation.json", "-signer", "holder.pem", "-inkey", "holder.key", "-outform", "DER", "-out", "revocation.p7s")
	signature, err := os.ReadFile(filepath.Join(dir, "revocation.p7s"))
	must(t, err)
	now, err := b.End(t.Context(), approval.Signed{Signature: signature, Document: doc})
	if err != nil || now.Revoked == nil || now.Revoked.Reason != ca.CessationOfOperation {
		t.Errorf("%+v, %v", now.Revoked, err)
	}
}
