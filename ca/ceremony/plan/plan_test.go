package plan_test

import (
	"strings"
	"testing"
	"time"

	"mohr/ca/ceremony/plan"
	"mohr/internal/fault"
)

// good holds every rule.
const good = `kind: mohr-ceremony/1
title: First hierarchy
environment: production
date: 2026-11-23T09:00:00Z
publish: http://pki.example.ir
subject: {country: IR, organisation: Example Trust, organisation_id: NTRIR-14003456780}
keys: {roots: "pkcs11:token=offline", issuers: "pkcs11:token=mohr"}
custodians:
  need: 2
  keys:
    - {name: Maryam, certificate_sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
    - {name: مریم‌السادات, certificate_sha256: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb}
roots:
  - {id: root, common_name: Example Root, algorithm: P-384, life: 20y}
issuers:
  - {id: sign-p256, common_name: Example Sign, root: root, algorithm: P-256, life: 10y, path_length: 0, policies: [2.5.29.32.0]}
cross:
  - {subject: root-2, by: root}
revoke:
  - {id: auth-p256, reason: cessationOfOperation}
crls:
  - {root: root, count: 8, every: 90d, life: 120d}
`

func TestParseReadsAPlan(t *testing.T) {
	p, err := plan.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Issuers[0].Life.Last(p.Issuers[0].Begins(p)).Format(time.RFC3339); got != "2036-11-23T08:59:59Z" {
		t.Errorf("the issuer's life ends %s", got)
	}
	if string(p.Raw()) != good || len(p.SHA256()) != 64 {
		t.Error("not the file's own bytes")
	}
}

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct {
		name, old, new, want string
	}{
		{"an unknown key", "title:", "titel: x\ntitle:", "titel"},
		{"a key twice", "title: First hierarchy", "title: x\ntitle: y", "already defined"},
		{"a second document", "revoke:", "---\nrevoke:", "more follows"},
		{"an anchor", "title: First", "title: &a First", "anchor"},
		{"an alias", "organisation: Example Trust", "organisation: *a", "anchor"},
		{"a tag", "title: First", "title: !!str First", "anchor"},
		{"text that runs backwards", "First hierarchy", "First \u202ehierarchy", "line 2"},
		{"a character without width", "First hierarchy", "First\u200bhierarchy", "line 2"},
		{"an octet that is no text", "First hierarchy", "First \xff", "line 2"},
		{"another kind", "mohr-ceremony/1", "mohr-ceremony/2", "kind"},
		{"no title", "title: First hierarchy\n", "", "title"},
		{"an unknown environment", "production", "staging", "environment"},
		{"a date in another zone", "09:00:00Z", "09:00:00+03:30", "date"},
		{"a date with a fraction", "09:00:00Z", "09:00:00.5Z", "date"},
		{"CRLs over TLS", "http://pki", "https://pki", "publish"},
		{"an address that ends with a slash", "example.ir", "example.ir/", "publish"},
		{"a long organisation", "Example Trust", strings.Repeat("x", 65), "organisation"},
		{"an organisation that is its own identifier", "NTRIR-14003456780", "Example Trust", "organisation_id"},
		{"one custodian in production", "need: 2", "need: 1", "below 2"},
		{"more custodians needed than there are", "need: 2", "need: 3", "above the 2"},
		{"a custodian twice", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "twice"},
		{"a fingerprint in capitals", "bbbb}", "bbbB}", "certificate_sha256"},
		{"two roots", "roots:\n", "roots:\n  - {id: root-2, common_name: x, algorithm: P-384, life: 20y}\n", "more than one root"},
		{"a root of another name", "{id: root, common", "{id: top, common", "named like root"},
		{"a root without CRLs", "{root: root, count", "{root: root-2, count", "crls of root are missing"},
		{"an unknown algorithm", "algorithm: P-384", "algorithm: RSA-1024", "algorithm of root"},
		{"a life without a unit", "life: 20y", "life: 20", "no span"},
		{"a life of nothing", "life: 20y", "life: 0y", "no span"},
		{"a life beyond all plans", "life: 20y", "life: 51y", "no span"},
		{"an issuer that is named like a root", "{id: sign-p256", "{id: root-3", "named like sign"},
		{"a path length that is not said", "path_length: 0, ", "", "path_length"},
		{"a path length that lets more CAs follow", "path_length: 0", "path_length: 1", "path_length"},
		{"no policies", ", policies: [2.5.29.32.0]", "", "policies"},
		{"a policy that is none", "2.5.29.32.0", "2.x", "object identifier"},
		{"an issuer that begins before the ceremony", "path_length: 0", "from: 2026-11-22T00:00:00Z, path_length: 0", "from of sign-p256"},
		{"a root that certifies itself", "subject: root-2", "subject: root", "cross"},
		{"an unknown reason", "cessationOfOperation", "boredom", "reason"},
		{"revoking a root", "{id: auth-p256", "{id: root-2", "is a root"},
		{"a gap between CRLs", "every: 90d", "every: 120d", "before the next is due"},
		{"too many CRLs", "count: 8", "count: 61", "count"},
		{"nothing to be made", good[strings.Index(good, "roots:\n  -"):], "", "nothing to be made"},
		{"a key many times", "title:", strings.Repeat("title: x\n", 200) + "title:", "more than 64"},
		{"an endless file", "title:", "# " + strings.Repeat("x", 64<<10) + "\ntitle:", "longer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(good, test.old) {
				t.Fatalf("%q is not in the good plan", test.old)
			}
			_, err := plan.Parse([]byte(strings.Replace(good, test.old, test.new, 1)))
			if fault.Code(err) != "plan_invalid" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestTheBuiltinPlanHoldsEveryRule(t *testing.T) {
	date := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	p, err := plan.Builtin("مهر \"نمونه\"", "http://127.0.0.1:8080", date)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Issuers) != 5 || p.Environment != plan.Development || p.Roots[0].CommonName != "مهر \"نمونه\" Root CA" || !p.IsBuiltin() {
		t.Errorf("%+v", p)
	}
	if again, err := plan.Parse(p.Raw()); err != nil || again.IsBuiltin() {
		t.Errorf("the file is taken for the program's own: %v", err)
	}
	for _, name := range []string{"", strings.Repeat("x", 41)} {
		if _, err := plan.Builtin(name, "http://127.0.0.1:8080", date); err == nil {
			t.Errorf("a name of %d characters", len(name))
		}
	}
	if _, err := plan.Builtin("x", "https://127.0.0.1", date); err == nil {
		t.Error("published over TLS")
	}
}

func TestTheExampleIsAPlan(t *testing.T) {
	p, err := plan.Parse(plan.Example)
	if err != nil || p.Environment != plan.Production || len(p.Issuers) != 5 {
		t.Errorf("%+v, %v", p, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("kind: mohr-ceremony/1"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte("crls: [{every: 1d, life: 99999999999999999999d}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := plan.Parse(b)
		if err != nil {
			if fault.Code(err) != "plan_invalid" {
				t.Fatalf("%v is no fault", err)
			}
			return
		}
		again, err := plan.Parse(p.Raw())
		if err != nil || again.SHA256() != p.SHA256() {
			t.Fatalf("read once and not again: %v", err)
		}
	})
}
