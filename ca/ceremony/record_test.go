package ceremony_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/ceremony"
	"mohr/ca/timestamp"
	"mohr/internal/fault"
)

// fields is a record taken apart.
type fields map[string]any

func (f fields) member(n int) map[string]any { return f["members"].([]any)[n].(map[string]any) }

func (f fields) encode(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func takeApart(t testing.TB, record []byte) fields {
	t.Helper()
	var f fields
	if err := json.Unmarshal(record, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// edit changes the text that is base64 in a field.
func (f fields) edit(t testing.TB, name, old, new string) {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(f[name].(string))
	if err != nil || !strings.Contains(string(b), old) {
		t.Fatalf("%s has no %q: %v", name, old, err)
	}
	f[name] = base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(b), old, new, 1)))
}

func TestARecordThatWasChangedIsRefused(t *testing.T) {
	a, b, _, list := circle(t)
	h, elsewhere := newHall(t), newHall(t)
	plan := file(h.at, list, strings.Replace(fullSections, "RSA-3072", "P-256", 1))
	record := h.hold(t, plan, a, b)
	other := takeApart(t, elsewhere.hold(t, plan, a, b))
	for _, test := range []struct {
		name   string
		change func(f fields)
		code   string
	}{
		{"another plan", func(f fields) { f.edit(t, "plan", "life: 10y", "life: 11y") }, "cms_digest"},
		{"no plan", func(f fields) { f["plan"] = "" }, "plan_invalid"},
		{"one approval", func(f fields) { f["approvals"] = f["approvals"].([]any)[:1] }, "approvals_too_few"},
		{"a certificate less", func(f fields) { f["members"] = f["members"].([]any)[:5] }, "ceremony_record_invalid"},
		{"a certificate more", func(f fields) { f["members"] = append(f["members"].([]any), f.member(0)) }, "ceremony_record_invalid"},
		{"certificates in another order", func(f fields) {
			m := f["members"].([]any)
			m[1], m[2] = m[2], m[1]
		}, "ceremony_record_invalid"},
		{"one certificate for another", func(f fields) { f.member(1)["der"] = f.member(2)["der"] }, "ceremony_record_invalid"},
		{"the root of another ceremony from the same file", func(f fields) { f["members"].([]any)[0] = other.member(0) }, "ceremony_record_invalid"},
		{"an issuer of that", func(f fields) { f["members"].([]any)[1] = other.member(1) }, "ceremony_record_invalid"},
		{"a certificate that the root signed outside the plan", func(f fields) { f.member(1)["der"] = rogue(t, h, f) }, "ceremony_record_invalid"},
		{"an issuer that serves another name", func(f fields) { f.member(1)["name"] = "auth-p256" }, "ceremony_record_invalid"},
		{"an issuer that is revoked on the side", func(f fields) {
			f.member(1)["revoked"] = map[string]any{"at": h.at, "reason": "superseded"}
		}, "ceremony_record_invalid"},
		{"a time that is not in the minutes", func(f fields) { f.member(1)["at"] = h.at.Add(time.Hour) }, "ceremony_record_invalid"},
		{"something known that the plan does not name", func(f fields) { f["known"] = []any{f.member(0)} }, "ceremony_record_invalid"},
		{"a CRL less", func(f fields) { f["crls"] = f["crls"].([]any)[1:] }, "ceremony_record_invalid"},
		{"the CRLs of another ceremony", func(f fields) { f["crls"] = other["crls"] }, "ceremony_record_invalid"},
		{"other minutes", func(f fields) { f.edit(t, "minutes", "Test Sign P-256", "Test Sign P-25X") }, "ceremony_record_invalid"},
		{"minutes in another writing", func(f fields) { f.edit(t, "minutes", "{", "{ ") }, "ceremony_record_invalid"},
		{"minutes of another time", func(f fields) { f.edit(t, "minutes", `"ended":"2026`, `"ended":"2025`) }, "cms_digest"},
		{"minutes that nobody signed", func(f fields) { f["signatures"] = []any{} }, "approvals_too_few"},
		{"the approvals as signatures over the minutes", func(f fields) { f["signatures"] = f["approvals"] }, "cms_digest"},
		{"a stamp that is none", func(f fields) { f["stamp"] = "MAA=" }, "timestamp_invalid"},
		{"another kind", func(f fields) { f["kind"] = "mohr-ceremony-record/2" }, "ceremony_record_invalid"},
		{"a field that nobody knows", func(f fields) { f["note"] = "x" }, "ceremony_record_invalid"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := takeApart(t, record)
			test.change(f)
			_, err := ceremony.Verify(f.encode(t), nil)
			wantCode(t, err, test.code)
			service := newHall(t)
			service.Key = h.keys.Make
			if _, err := ceremony.Import(t.Context(), service.Config, f.encode(t)); err == nil || len(service.kept(t)) != 0 {
				t.Errorf("imported: %v", err)
			}
		})
	}
	for name, b := range map[string][]byte{"cut off": record[:len(record)-1], "with more after it": append(bytes.Clone(record), '{'), "with a key twice": bytes.Replace(record, []byte("{"), []byte(`{"kind":"x",`), 1)} {
		if _, err := ceremony.Verify(b, nil); fault.Code(err) != "ceremony_record_invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ceremony.Verify(takeApart(t, record).encode(t), nil); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

// rogue is the first issuer's certificate with a longer path, signed by the
// real root.
func rogue(t *testing.T, h *hall, f fields) string {
	t.Helper()
	parse := func(n int) *x509.Certificate {
		der, err := base64.StdEncoding.DecodeString(f.member(n)["der"].(string))
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	root, issuer := parse(0), parse(1)
	key, err := h.keys.Key(t.Context(), "root")
	if err != nil {
		t.Fatal(err)
	}
	issuer.MaxPathLenZero, issuer.MaxPathLen = false, 1
	der, err := x509.CreateCertificate(rand.Reader, issuer, root, issuer.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestMinutesAreStampedWhereTheyAreImported(t *testing.T) {
	a, b, _, list := circle(t)
	h := newHall(t)
	record := h.hold(t, file(h.at, list, fullSections), a, b)
	service := newHall(t)
	service.keys, service.Key = h.keys, h.keys.Make
	if _, err := ceremony.Import(t.Context(), service.Config, record); err != nil {
		t.Fatal(err)
	}
	service.at = service.at.Add(time.Hour)
	f := catest.On(t, service.Store, service.keys, service.Now)
	unit, err := timestamp.New(timestamp.Config{
		Key:    f.SigningKey(t, "tsu", ca.Service{Profile: ca.TimeStamping, CommonName: "TSU"}),
		Policy: asn1.ObjectIdentifier{2, 999, 7, 3}, Clock: func() error { return nil }, Now: service.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	stamps := 0
	stamp := func(ctx context.Context, digest []byte) ([]byte, error) {
		stamps++
		return unit.Stamp(ctx, digest)
	}
	for range 2 {
		if err := ceremony.Stamp(t.Context(), service.Config, stamp); err != nil {
			t.Fatal(err)
		}
	}
	stamped, err := ceremony.Export(t.Context(), service.Config, "")
	if err != nil || stamps != 1 {
		t.Fatalf("%d stamps, %v", stamps, err)
	}
	report, err := ceremony.Verify(stamped, nil)
	if err != nil || !report.Stamped.Equal(service.at) {
		t.Errorf("stamped %s, %v", report.Stamped, err)
	}
	_, err = ceremony.Verify(stamped, catest.New(t, nil).Hierarchy.Root)
	wantCode(t, err, "timestamp_invalid")
	for lang, want := range map[string]string{"fa": "صورت‌جلسهٔ مراسم کلید: Test", "en": "Minutes of a key ceremony: Test"} {
		if text := report.Minutes.Text(lang); !strings.Contains(text, want) || !strings.Contains(text, report.Minutes.Authorities[5].KeySHA256) || strings.Contains(text, "%!") {
			t.Errorf("%s:\n%s", lang, text)
		}
	}
}

// TestRecordsAreImportedInTheirOrder: a service that missed one refuses the next.
func TestRecordsAreImportedInTheirOrder(t *testing.T) {
	h := newHall(t)
	first := h.hold(t, file(h.at, listed(0), fullSections))
	second := h.hold(t, file(h.at, listed(0), "crls: [{root: root, count: 1, every: 30d, life: 60d}]\n"))
	h.at = h.at.Add(time.Hour)
	third := h.hold(t, file(h.at, listed(0), "revoke: [{id: sign-p256, reason: superseded}]\ncrls: [{root: root, count: 1, every: 30d, life: 60d}]\n"))
	service := newHall(t)
	service.Key, service.Find = h.keys.Make, func(ctx context.Context, id string) (crypto.Signer, error) { return h.keys.Key(ctx, id) }
	for _, step := range []struct {
		name   string
		record []byte
		code   string
	}{
		{"the second alone", second, "hierarchy_unknown"},
		{"the first", first, ""},
		{"the third, with higher numbers", third, ""},
		{"the second too late", second, "ceremony_crl_order"},
		{"the third again", third, ""},
	} {
		_, err := ceremony.Import(t.Context(), service.Config, step.record)
		if fault.Code(err) != step.code || step.code == "" && err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	elsewhere := newHall(t)
	elsewhere.hold(t, file(h.at, listed(0), fullSections))
	_, err := ceremony.Import(t.Context(), elsewhere.Config, third)
	wantCode(t, err, "ceremony_other_hierarchy")
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(`{"kind":"mohr-ceremony-record/1"}`))
	f.Add([]byte(`{"kind":"mohr-ceremony-record/1","plan":"` + base64.StdEncoding.EncodeToString(file(time.Unix(1e9, 0).UTC(), "custodians: {need: 0}\n", fullSections)) + `","members":[{"id":"root"}],"crls":[{"root":"root","der":""}],"minutes":"e30="}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := ceremony.Verify(b, nil); err == nil {
			t.Fatal("a record out of nothing holds")
		} else if _, ok := fault.Of(err); !ok {
			t.Fatalf("%v is no fault", err)
		}
		ceremony.Contents(b)
	})
}
