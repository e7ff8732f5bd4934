package ceremony_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/ca/ceremony/plan"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// custodian has a key of their own and signs files with it.
type custodian struct {
	name string
	ca.SigningKey
}

func newCustodian(t testing.TB, name string) *custodian {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := plan.SelfSigned(name, key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &custodian{name, ca.SigningKey{Certificate: cert, Signer: key}}
}

func (c *custodian) sign(t testing.TB, content []byte) []byte {
	t.Helper()
	sig, err := signature.SignCMS(c.SigningKey, content)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func signAll(t testing.TB, content []byte, custodians ...*custodian) (list [][]byte) {
	t.Helper()
	for _, c := range custodians {
		list = append(list, c.sign(t, content))
	}
	return list
}

// listed is the custodians section of a plan.
func listed(need int, custodians ...*custodian) string {
	var b strings.Builder
	fmt.Fprintf(&b, "custodians:\n  need: %d\n", need)
	if len(custodians) > 0 {
		b.WriteString("  keys:\n")
	}
	for _, c := range custodians {
		fmt.Fprintf(&b, "    - {name: %s, certificate_sha256: %s}\n", c.name, plan.Fingerprint(c.Certificate.Raw))
	}
	return b.String()
}

// file is a plan of the date with the sections.
func file(date time.Time, sections ...string) []byte {
	return []byte(fmt.Sprintf(`kind: mohr-ceremony/1
title: Test
environment: development
date: %s
publish: http://127.0.0.1:8080
subject: {country: IR, organisation: Mohr Test}
%s`, date.Format(time.RFC3339), strings.Join(sections, "")))
}

// fullSections make a root, five issuers and two years of CRLs.
const fullSections = `roots:
  - {id: root, common_name: Test Root, algorithm: P-384, life: 20y}
issuers:
  - {id: sign-p256, common_name: Test Sign P-256, root: root, algorithm: P-256, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
  - {id: sign-p384, common_name: Test Sign P-384, root: root, algorithm: P-384, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
  - {id: sign-rsa3072, common_name: Test Sign RSA, root: root, algorithm: RSA-3072, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
  - {id: auth-p256, common_name: Test Auth, root: root, algorithm: P-256, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
  - {id: service-p256, common_name: Test Service, root: root, algorithm: P-256, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
crls:
  - {root: root, count: 3, every: 240d, life: 365d}
`

func parsePlan(t testing.TB, b []byte) *plan.Plan {
	t.Helper()
	p, err := plan.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// hold holds a ceremony and closes its record.
func (h *hall) hold(t *testing.T, b []byte, custodians ...*custodian) []byte {
	t.Helper()
	record, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, b), signAll(t, b, custodians...))
	if err != nil {
		t.Fatal(err)
	}
	closed, err := ceremony.Close(t.Context(), h.Config, record, signAll(t, minutesOf(t, record), custodians...))
	if err != nil {
		t.Fatal(err)
	}
	return closed
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if fault.Code(err) != code {
		t.Errorf("%v [%s], want %s", err, fault.Code(err), code)
	}
}

// sameKey is another certificate of the custodian's key.
func sameKey(t testing.TB, c *custodian) *x509.Certificate {
	t.Helper()
	der, err := plan.SelfSigned("Mary", c.Signer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func minutesOf(t testing.TB, record []byte) []byte {
	t.Helper()
	c, err := ceremony.Contents(record)
	if err != nil {
		t.Fatal(err)
	}
	return c.MinutesJSON
}

// generation is the plan of one more generation of the two issuers that the
// walk uses, under the root, and of what else is due.
func generation(n int, root, more string) string {
	suffix := ""
	if n > 1 {
		suffix = fmt.Sprintf("-%d", n)
	}
	return fmt.Sprintf(`issuers:
  - {id: sign-p256%[1]s, name: sign-p256, common_name: Sign %[2]d, root: %[3]s, algorithm: P-256, life: 8y, path_length: 0, policies: [2.5.29.32.0]}
  - {id: service-p256%[1]s, name: service-p256, common_name: Service %[2]d, root: %[3]s, algorithm: P-256, life: 8y, path_length: 0, policies: [2.5.29.32.0]}
%[4]s`, suffix, n, root, more)
}
