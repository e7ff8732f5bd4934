package mandate_test

import (
	"crypto/x509"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/mandate"
	"mohr/internal/store"
)

// operator gives an operator a certificate and roles; w is who that is.
func (b *bench) operator(name string, w *who, roles ...ca.Role) *x509.Certificate {
	b.t.Helper()
	key := b.f.SigningKey(b.t, name, ca.Service{Profile: ca.OperatorAuth, CommonName: name})
	must(b.t, b.f.GrantRoles(b.t.Context(), name, roles...))
	if w != nil {
		must(b.t, b.f.IntroduceOperator(b.t.Context(), name, b.f.Holder(w.NationalCode)))
	}
	return key.Certificate
}

func TestAnOperatorEndsAMandateByItsPlan(t *testing.T) {
	b := newBench(t, nil)
	boss, admin, clerk := b.signatory(true), b.natural(), b.natural()
	own := b.given(boss, b.terms(admin, mandate.Administer, mandate.Sign))
	below := b.given(admin, b.terms(clerk, mandate.Sign).with("under", own.ID))
	cert := b.rests(clerk, "one")
	leaf := b.operator("maryam", nil, ca.RoleRegistrar)
	order := func(edit func(*mandate.Order)) mandate.Order {
		t.Helper()
		o := mandate.Order{Choice: mandate.Choice{Mandate: own.ID, Given: true, Certificates: true}, Reason: mandate.Ordered, Words: "order 17 of the court"}
		p, err := b.PlanFor(t.Context(), leaf, o.Choice)
		must(t, err)
		o.PlanSHA256 = p.SHA256
		if edit != nil {
			edit(&o)
		}
		return o
	}
	p, err := b.PlanFor(t.Context(), leaf, order(nil).Choice)
	must(t, err)
	if len(p.Mandates) != 2 || len(p.Serials) != 1 || b.may(clerk, mandate.Sign) != nil {
		t.Fatalf("the dry run: %+v", p)
	}
	for _, test := range []struct {
		name string
		leaf *x509.Certificate
		edit func(*mandate.Order)
		code string
	}{
		{"nobody", nil, nil, "operator_required"},
		{"a holder", boss.key.Certificate, nil, "operator_required"},
		{"an auditor", b.operator("sara", nil, ca.RoleAuditor), nil, "operator_required"},
		{"one who acts for the business", b.operator("reza", &clerk, ca.RoleRegistrar), nil, "mandate_own_matter"},
		{"a holder's reason", leaf, func(o *mandate.Order) { o.Reason = mandate.Left }, "mandate_order_reason"},
		{"no words", leaf, func(o *mandate.Order) { o.Words = "" }, "mandate_order_words"},
		{"no plan", leaf, func(o *mandate.Order) { o.PlanSHA256 = "" }, "mandate_plan_changed"},
		{"another choice than was shown", leaf, func(o *mandate.Order) { o.Given = false }, "mandate_plan_changed"},
		{"an unknown mandate", leaf, func(o *mandate.Order) { o.Mandate = "m-00000000000000000000000000000000" }, "mandate_unknown"},
	} {
		_, err := b.End(t.Context(), test.leaf, order(test.edit))
		wantCode(t, test.name, err, test.code)
	}
	must(t, b.may(clerk, mandate.Sign))
	m, err := b.End(t.Context(), leaf, order(nil))
	if err != nil || m.State != mandate.Revoked || m.Reason != mandate.Ordered {
		t.Fatalf("%+v, %v", m, err)
	}
	wantCode(t, "afterwards", b.may(clerk, mandate.Sign), "mandate_ended")
	if c := b.reload(cert.Serial); c.Revoked == nil || c.Revoked.Reason != ca.PrivilegeWithdrawn || c.Revoked.By != "operator:maryam" {
		t.Errorf("%+v", c.Revoked)
	}
	_, err = b.End(t.Context(), leaf, order(nil))
	wantCode(t, "once more", err, "mandate_plan_empty")
	if n := len(b.leaves("mandate.revoked")); n != 2 {
		t.Errorf("%d leaves", n)
	}
	list, err := b.OfBusiness(t.Context(), company)
	if err != nil || len(list) != 2 || list[0].State != mandate.Revoked || list[0].ID != own.ID && list[0].ID != below.ID {
		t.Errorf("%+v, %v", list, err)
	}
	b.clock.pass(m.RevokedAt.AddDate(7, 0, 0).Sub(b.clock.now()))
	must(t, b.Retain(t.Context()))
	if n := b.papers(); n != 0 {
		t.Errorf("%d papers are left", n)
	}
}

func TestWhatAnOperatorWroteIsSealed(t *testing.T) {
	b := newBench(t, nil)
	boss, clerk := b.signatory(true), b.natural()
	m := b.given(boss, b.terms(clerk, mandate.Sign))
	leaf := b.operator("maryam", nil, ca.RoleRegistrar)
	p, err := b.PlanFor(t.Context(), leaf, mandate.Choice{Mandate: m.ID})
	must(t, err)
	_, err = b.End(t.Context(), leaf, mandate.Order{Choice: p.Choice, Reason: mandate.Abused, Words: "forged invoices", PlanSHA256: p.SHA256})
	must(t, err)
	must(t, b.f.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{"mandates", "mandate_events", "mandate_statements", "ledger_pending"} {
			err := tx.Scan(bucket, "", "", func(key string, v []byte) error {
				if strings.Contains(string(v), "forged invoices") {
					t.Errorf("%s/%s says it", bucket, key)
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
