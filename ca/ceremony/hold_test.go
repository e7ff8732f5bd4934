package ceremony_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/ceremony"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// circle is three custodians, two of whom are needed.
func circle(t testing.TB) (a, b, c *custodian, list string) {
	a, b, c = newCustodian(t, "Maryam"), newCustodian(t, "Davood"), newCustodian(t, "Narges")
	return a, b, c, listed(2, a, b, c)
}

func TestACeremonyFromFileToService(t *testing.T) {
	a, b, _, list := circle(t)
	h := newHall(t)
	plan := file(h.at, list, fullSections)

	previews, err := ceremony.Rehearse(t.Context(), h.Config, parsePlan(t, plan))
	if err != nil || len(previews) != 6+3 || len(h.kept(t)) != 0 {
		t.Fatalf("rehearsal: %d shown, %d kept, %v", len(previews), len(h.kept(t)), err)
	}
	record := h.hold(t, plan, a, b)
	report, err := ceremony.Verify(record, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := report.Minutes
	if len(m.Authorities) != 6 || len(m.CRLs) != 3 || len(m.Custodians) != 2 || len(report.Signers) != 2 || !report.Stamped.IsZero() {
		t.Errorf("minutes: %+v", m)
	}
	for n, p := range previews[:6] {
		if got := tbsWithoutKeyAndSerial(t, p.DER); got != tbsWithoutKeyAndSerial(t, []byte(h.kept(t)[p.ID])) {
			t.Errorf("%d: %s is not what was shown", n, p.ID)
		}
	}

	service := newHall(t)
	service.keys, service.Key, service.Find = h.keys, h.keys.Make, func(ctx context.Context, id string) (crypto.Signer, error) { return h.keys.Key(ctx, id) }
	for range 2 {
		if _, err := ceremony.Import(t.Context(), service.Config, record); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(h.kept(t), service.kept(t)); diff != "" {
		t.Errorf("(-held +imported): %s", diff)
	}
	if err := service.serves(service.open(t)); err != nil {
		t.Error(err)
	}
	if exported, err := ceremony.Export(t.Context(), service.Config, ""); err != nil || !bytes.Equal(exported, record) {
		t.Errorf("the service gives another record than it got: %v", err)
	}
}

// tbsWithoutKeyAndSerial shows what a preview promises.
func tbsWithoutKeyAndSerial(t *testing.T, der []byte) string {
	t.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(c.Subject, c.Issuer, c.NotBefore, c.NotAfter, c.IsCA, c.MaxPathLen, c.MaxPathLenZero, c.KeyUsage, c.PolicyIdentifiers, c.CRLDistributionPoints, c.IssuingCertificateURL, c.PublicKeyAlgorithm, c.SignatureAlgorithm, len(c.Extensions))
}

func TestNoKeyIsOpenedBeforeEnoughCustodiansSigned(t *testing.T) {
	a, b, c, list := circle(t)
	stranger := newCustodian(t, "Stranger")
	h := newHall(t)
	opened := 0
	h.Key = func(ctx context.Context, id string, alg hsm.Algorithm) (crypto.Signer, error) {
		opened++
		return h.keys.Make(ctx, id, alg)
	}
	plan := file(h.at, list, fullSections)
	other := file(h.at.Add(time.Hour), list, fullSections)
	for _, test := range []struct {
		name      string
		approvals [][]byte
		code      string
	}{
		{"none", nil, "approvals_too_few"},
		{"one of two", signAll(t, plan, a), "approvals_too_few"},
		{"one twice", signAll(t, plan, a, a), "approvals_too_few"},
		{"one over another file", [][]byte{a.sign(t, plan), b.sign(t, other)}, "cms_digest"},
		{"a stranger beside enough", signAll(t, plan, a, b, stranger), "approval_foreign"},
		{"no CMS", [][]byte{a.sign(t, plan), []byte("yes")}, "cms_malformed"},
		{"too many to look at", signAll(t, plan, append(make([]*custodian, 0, 50), many(a, 41)...)...), "approvals_too_many"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, plan), test.approvals)
			wantCode(t, err, test.code)
			if opened != 0 || len(h.kept(t)) != 0 {
				t.Errorf("%d keys opened, %d things kept", opened, len(h.kept(t)))
			}
		})
	}
	if _, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, plan), signAll(t, plan, c, b)); err != nil {
		t.Errorf("another two: %v", err)
	}
}

func many(c *custodian, n int) (list []*custodian) {
	for range n {
		list = append(list, c)
	}
	return list
}

// TestOneKeyUnderTwoNamesCountsOnce: a custodian who is listed twice.
func TestOneKeyUnderTwoNamesCountsOnce(t *testing.T) {
	a := newCustodian(t, "Maryam")
	again := *a
	again.name, again.Certificate = "Mary", sameKey(t, a)
	h := newHall(t)
	plan := file(h.at, listed(2, a, &again), fullSections)
	_, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, plan), signAll(t, plan, a, &again))
	wantCode(t, err, "approvals_too_few")
}

func TestACeremonyOfAFileGoesOnWhereItWasCutOff(t *testing.T) {
	a, b, _, list := circle(t)
	for n := 1; ; n++ {
		h := newHall(t)
		plan := file(h.at, list, strings.Replace(fullSections, "RSA-3072", "P-256", 1))
		broken := h.Config
		s := &faulty{Store: h.Store, left: n, after: n%2 == 0}
		broken.Store = s
		_, err := ceremony.Hold(t.Context(), broken, parsePlan(t, plan), signAll(t, plan, a, b))
		if err == nil {
			if n < 20 {
				t.Errorf("over after %d steps", n)
			}
			break
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		before := h.kept(t)
		h.at = h.at.AddDate(0, 2, 0) // even when the date has passed
		begun := n > 1 || s.after
		approvals := [][]byte{}
		if !begun {
			h.at = h.at.AddDate(0, -2, 0)
			approvals = signAll(t, plan, a, b)
		}
		record, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, plan), approvals)
		if err != nil {
			t.Fatalf("step %d: %v", n, err)
		}
		now := h.kept(t)
		for id, der := range before {
			if id != rootCRL && now[id] != der {
				t.Errorf("step %d: %s was made anew", n, id)
			}
		}
		again, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, plan), nil)
		if err != nil || !bytes.Equal(again, record) {
			t.Errorf("step %d: held again, it gives another record: %v", n, err)
		}
	}
}

func TestAnotherCeremonyWaitsForTheOneUnderWay(t *testing.T) {
	h := newHall(t)
	first := file(h.at, listed(0), fullSections)
	broken := h.Config
	broken.Store = &faulty{Store: h.Store, left: 4}
	if _, err := ceremony.Hold(t.Context(), broken, parsePlan(t, first), nil); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	second := file(h.at.Add(time.Hour), listed(0), fullSections)
	_, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, second), nil)
	wantCode(t, err, "ceremony_unfinished")
}

func TestAPlanThatDoesNotFitIsRefused(t *testing.T) {
	h := newHall(t)
	h.hold(t, file(h.at, listed(0), fullSections))
	next := `crls: [{root: root, count: 1, every: 30d, life: 60d}]
`
	for _, test := range []struct{ name, sections, code string }{
		{"a second root under the name of the first", `roots: [{id: root, common_name: Again, algorithm: P-256, life: 20y}]
` + next, "plan_impossible"},
		{"an issuer that is there", generation(1, "root", next), "plan_impossible"},
		{"an issuer of a root that is not there", generation(2, "root-3", next), "plan_impossible"},
		{"an issuer that outlives its root", strings.ReplaceAll(generation(2, "root", next), "8y", "30y"), "rehearsal_failed"},
		{"a cross-certificate of no root", "cross: [{subject: root-2, by: root}]\n", "plan_impossible"},
		{"CRLs of no root", strings.ReplaceAll(next, "root: root", "root: root-2"), "plan_impossible"},
		{"revoking what is not there", "revoke: [{id: sign-p256-9, reason: superseded}]\n" + next, "plan_impossible"},
		{"revoking without a CRL that says so", "revoke: [{id: sign-p256, reason: superseded}]\n", "plan_impossible"},
		{"another date than today", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := h.at
			if test.sections == "" {
				at, test.sections, test.code = h.at.AddDate(0, 0, 2), next, "ceremony_date"
			}
			_, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, file(at, listed(0), test.sections)), nil)
			wantCode(t, err, test.code)
		})
	}
}

// TestTheCircleOfCustodiansChangesOnlyByItsConsent: who has the root's token
// and writes a file of their own gets nothing signed.
func TestTheCircleOfCustodiansChangesOnlyByItsConsent(t *testing.T) {
	a, b, c, list := circle(t)
	x, y := newCustodian(t, "Xerxes"), newCustodian(t, "Yasmin")
	h := newHall(t)
	first := h.hold(t, file(h.at, list, fullSections), a, b)
	next := file(h.at, listed(2, x, y), "crls: [{root: root, count: 1, every: 30d, life: 60d}]\n")
	for _, test := range []struct {
		name string
		by   []*custodian
		code string
	}{
		{"the new ones alone", []*custodian{x, y}, "approvals_too_few"},
		{"the old ones alone", []*custodian{a, b}, "approvals_too_few"},
		{"the new ones and one old one", []*custodian{x, y, c}, "approvals_too_few"},
		{"all and a stranger", []*custodian{a, b, x, y, newCustodian(t, "Stranger")}, "approval_foreign"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, next), signAll(t, next, test.by...))
			wantCode(t, err, test.code)
		})
	}
	record, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, next), signAll(t, next, a, c, x, y))
	if err != nil {
		t.Fatalf("all together: %v", err)
	}
	minutes := minutesOf(t, record)
	_, err = ceremony.Close(t.Context(), h.Config, record, signAll(t, minutes, x, y))
	wantCode(t, err, "approvals_too_few")
	_, err = ceremony.Close(t.Context(), h.Config, record, signAll(t, minutes, x, y, a, b, newCustodian(t, "Stranger")))
	wantCode(t, err, "approval_foreign")
	if record, err = ceremony.Close(t.Context(), h.Config, record, signAll(t, minutes, x, y, a, b)); err != nil {
		t.Fatal(err)
	}
	service := newHall(t)
	service.keys, service.Key = h.keys, h.keys.Make
	for _, r := range [][]byte{first, record} {
		if _, err := ceremony.Import(t.Context(), service.Config, r); err != nil {
			t.Error(err)
		}
	}
}

func TestARevokedIssuerIsOnTheCRLsAndIssuesNothing(t *testing.T) {
	h := newHall(t)
	h.hold(t, file(h.at, listed(0), fullSections))
	h.at = h.at.AddDate(0, 1, 0)
	h.hold(t, file(h.at, listed(0), "revoke: [{id: sign-p256, reason: keyCompromise}, {id: service-p256, reason: superseded}]\n"+
		strings.Replace(generation(2, "root", ""), "sign-p256-2", "sign-p256-3", 1)+"crls: [{root: root, count: 2, every: 30d, life: 60d}]\n"))
	for _, at := range []time.Time{h.at, h.at.AddDate(0, 0, 31), h.at.AddDate(0, 8, 0)} {
		var der []byte
		err := h.Store.View(t.Context(), func(tx store.Tx) (err error) {
			der, err = ca.RootCRL(tx, "root", at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		// The first ceremony made CRL 2 for after eight months: it lacks the revocation.
		if len(list.RevokedCertificateEntries) != 2 || list.Number.Int64() < 4 {
			t.Errorf("at %s: CRL %d names %d", at, list.Number, len(list.RevokedCertificateEntries))
		}
	}
	g := h.open(t)
	f := &catest.Fixture{Store: h.Store, Keys: h.keys, Hierarchy: g}
	var err error
	f.Authority, err = ca.New(ca.Config{Store: h.Store, Now: h.Now, Root: g.Root, Issuers: g.Issuers, Publish: catest.Publish, Portal: catest.Portal, HolderKey: make([]byte, 32), Simulated: true})
	if err != nil {
		t.Fatal(err)
	}
	if k := f.SigningKey(t, "tls", ca.Service{Profile: ca.ServiceTLS, CommonName: "node", DNSNames: []string{"node.test"}}); k.Chain[0].Subject.CommonName != "Service 2" {
		t.Errorf("issued by %s", k.Chain[0].Subject)
	}
	_, csr := catest.NewKey(t)
	_, err = f.Issue(t.Context(), ca.Order{Request: "r", CSR: csr, Service: ca.Service{Profile: ca.OCSPResponder, CommonName: "x", Issuer: ca.SignIssuer}})
	wantCode(t, err, "issuer_revoked")
	if _, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "next"); c.Issuer != "sign-p256-3" {
		t.Errorf("issued by %s", c.Issuer)
	}
	for _, i := range f.Answering() {
		if i.Revoked != nil {
			t.Errorf("%s is to have a responder", i.ID)
		}
	}
}

func TestAComingIssuerWaitsForItsDay(t *testing.T) {
	h := newHall(t)
	h.hold(t, file(h.at, listed(0), fullSections))
	first := h.at.AddDate(0, 3, 0)
	coming := strings.ReplaceAll(generation(2, "root", ""), "life: 8y", "life: 8y, from: "+first.Format(time.RFC3339))
	h.hold(t, file(h.at, listed(0), coming))
	for _, test := range []struct {
		at   time.Time
		want ca.IssuerID
	}{{first.Add(-time.Second), "sign-p256"}, {first, "sign-p256-2"}} {
		h.at = test.at
		f := catest.On(t, h.Store, h.keys, h.Now)
		if _, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, fmt.Sprint(test.at)); c.Issuer != test.want {
			t.Errorf("at %s by %s", test.at, c.Issuer)
		}
		answers := false
		for _, i := range f.Answering() {
			answers = answers || i.ID == "sign-p256-2"
		}
		if answers != (test.want == "sign-p256-2") {
			t.Errorf("at %s it answers: %v", test.at, answers)
		}
	}
}

func TestProductionAndDevelopmentNeverMeet(t *testing.T) {
	a, b, _, list := circle(t)
	production := func(h *hall) []byte {
		return bytes.Replace(file(h.at, list, fullSections), []byte("development"), []byte("production"), 1)
	}
	t.Run("production makes nothing by itself", func(t *testing.T) {
		h := newHall(t)
		h.Production = true
		_, err := ceremony.Open(t.Context(), h.Config)
		wantCode(t, err, "hierarchy_missing")
		if len(h.kept(t)) != 0 {
			t.Error("something was made")
		}
	})
	t.Run("production opens no development hierarchy", func(t *testing.T) {
		h := newHall(t)
		h.open(t)
		h.Production = true
		_, err := ceremony.Open(t.Context(), h.Config)
		wantCode(t, err, "hierarchy_environment")
	})
	t.Run("development opens and imports no production hierarchy", func(t *testing.T) {
		h := newHall(t)
		plan := production(h)
		record := h.hold(t, plan, a, b)
		_, err := ceremony.Open(t.Context(), h.Config)
		wantCode(t, err, "hierarchy_environment")
		service := newHall(t)
		service.Key = h.keys.Make
		_, err = ceremony.Import(t.Context(), service.Config, record)
		wantCode(t, err, "hierarchy_environment")
		service.Production = true
		if _, err := ceremony.Import(t.Context(), service.Config, record); err != nil {
			t.Fatal(err)
		}
		if err := service.serves(service.open(t)); err != nil {
			t.Error(err)
		}
		service.at = service.at.AddDate(3, 0, 0)
		wantCode(t, ceremony.RenewCRL(t.Context(), service.Config), "root_crl_due")
	})
	t.Run("no production ceremony on a development hierarchy", func(t *testing.T) {
		h := newHall(t)
		h.open(t)
		plan := bytes.Replace(file(h.at, list, "crls: [{root: root, count: 1, every: 30d, life: 60d}]\n"), []byte("development"), []byte("production"), 1)
		_, err := ceremony.Hold(t.Context(), h.Config, parsePlan(t, plan), signAll(t, plan, a, b))
		wantCode(t, err, "hierarchy_environment")
	})
}

// TestKeysStayInTheHomesThatThePlanNames holds a ceremony with files.
func TestKeysStayInTheHomesThatThePlanNames(t *testing.T) {
	h := newHall(t)
	ring := hsm.Open(hsm.Config{})
	t.Cleanup(func() { ring.Close() })
	dir := t.TempDir()
	homes := fmt.Sprintf("keys: {roots: %q, issuers: %q}\n", hsm.FileURI(filepath.Join(dir, "offline")), hsm.FileURI(filepath.Join(dir, "service")))
	plan := file(h.at, listed(0), homes, fullSections)
	conf, err := h.WithHomes(ring, parsePlan(t, plan))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Create(t.Context(), hsm.KeyURI(hsm.FileURI(filepath.Join(dir, "service")), "auth-p256"), hsm.P256); err != nil {
		t.Fatal(err)
	}
	_, err = ceremony.Hold(t.Context(), conf, parsePlan(t, plan), nil)
	wantCode(t, err, "ceremony_key_exists")
	plan = file(h.at, listed(0), strings.Replace(homes, "}", ", existing: [auth-p256]}", 1), fullSections)
	record, err := ceremony.Hold(t.Context(), conf, parsePlan(t, plan), nil)
	if err != nil {
		t.Fatal(err)
	}
	record, err = ceremony.Close(t.Context(), conf, record, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"offline/root", "service/sign-p256", "service/sign-p384", "service/sign-rsa3072", "service/auth-p256", "service/service-p256"} {
		if _, err := ring.Signer(t.Context(), hsm.FileURI(filepath.Join(dir, key+".pem"))); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	service := newHall(t)
	service.Find = func(ctx context.Context, id string) (crypto.Signer, error) {
		return ring.Signer(ctx, hsm.KeyURI(hsm.FileURI(filepath.Join(dir, "elsewhere")), id))
	}
	if _, err = ceremony.Import(t.Context(), service.Config, record); !errors.Is(err, fault.NotFound) {
		t.Errorf("imported without keys: %v", err)
	}
	service.Find = func(ctx context.Context, id string) (crypto.Signer, error) { return service.keys.Key(ctx, id) }
	_, err = ceremony.Import(t.Context(), service.Config, record)
	wantCode(t, err, "ceremony_key_other")
}
