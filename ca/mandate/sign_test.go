package mandate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/internal/store"
)

// doc is what somebody signs, as JSON.
type doc map[string]any

// terms are good ones that let w act for the company.
func (b *bench) terms(w who, scopes ...mandate.Scope) doc {
	return doc{
		"reference": hexSHA256(fmt.Appendf(nil, "%s %v", w.NationalCode, scopes))[:32], "legal_id": company, "national_code": w.NationalCode,
		"title": "مدیر فروش", "scopes": scopes, "valid_from": b.clock.now().Format(time.RFC3339), "valid_to": b.clock.now().Add(100 * day).Format(time.RFC3339),
	}
}

// with is the document with one more field.
func (d doc) with(field string, v any) doc {
	out := doc{}
	for k, had := range d {
		out[k] = had
	}
	out[field] = v
	if v == nil {
		delete(out, field)
	}
	return out
}

// claims adds what every statement says; what is there stays.
func (b *bench) claims(w who, typ string, d doc) doc {
	b.t.Helper()
	c, err := b.Challenge(typ)
	must(b.t, err)
	now := b.clock.now()
	out := doc{
		"type": typ, "aud": c.Audience, "nonce": c.Nonce, "certificate_sha256": hexSHA256(w.key.Certificate.Raw),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	for k, v := range d {
		out[k] = v
	}
	return out
}

// signed is the document as a JWS by w.
func (b *bench) signed(w who, typ string, d doc) approval.Signed {
	b.t.Helper()
	payload, err := json.Marshal(b.claims(w, typ, d))
	must(b.t, err)
	jws, err := signature.Signer{Key: w.key, Now: b.clock.now}.JWS(typ, payload)
	must(b.t, err)
	return approval.Signed{Signature: jws}
}

func (b *bench) give(w who, d doc) (mandate.Mandate, error) {
	b.t.Helper()
	return b.Give(b.t.Context(), b.signed(w, mandate.StatementType, d))
}

// given gives a mandate that has to be granted.
func (b *bench) given(w who, d doc) mandate.Mandate {
	b.t.Helper()
	m, err := b.give(w, d)
	must(b.t, err)
	if m.State != mandate.Granted {
		b.t.Fatalf("the mandate is %s, %d more signatures", m.State, m.Needs)
	}
	return m
}

// refused fails unless the mandate is refused for the reason and leaves nothing.
func (b *bench) refused(what string, w who, d doc, code string) {
	b.t.Helper()
	before := b.records()
	_, err := b.give(w, d)
	wantCode(b.t, what, err, code)
	if b.records() != before {
		b.t.Errorf("%s: the refusal left something", what)
	}
}

// records counts what the room has written.
func (b *bench) records() (n int) {
	b.t.Helper()
	must(b.t, b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		n = 0
		for _, bucket := range []string{"mandates", "mandate_events", "mandate_businesses", "mandate_holders", "mandate_statements", "nonce_used"} {
			if err := tx.Scan(bucket, "", "", func(string, []byte) error { n++; return nil }); err != nil {
				return err
			}
		}
		return nil
	}))
	return n
}

// plan asks what a revocation would end.
func (b *bench) plan(w who, id mandate.ID, certificates, given bool) (mandate.Ending, error) {
	b.t.Helper()
	return b.Plan(b.t.Context(), b.signed(w, mandate.QueryType, doc{"mandate": id, "certificates": certificates, "given": given}))
}

// revocation is what ends a mandate by its plan.
func revocation(p mandate.Ending, reason mandate.Reason) doc {
	return doc{"mandate": p.Mandate, "given": p.Given, "certificates": p.Certificates, "plan_sha256": p.SHA256, "reason": reason}
}

// revoke takes a mandate back after a look at the plan.
func (b *bench) revoke(w who, id mandate.ID, certificates, given bool) error {
	b.t.Helper()
	p, err := b.plan(w, id, certificates, given)
	if err != nil {
		return err
	}
	_, err = b.Revoke(b.t.Context(), b.signed(w, mandate.RevokeType, revocation(p, mandate.Left)))
	return err
}

// may reports why w may not do for the company what the scope says.
func (b *bench) may(w who, s mandate.Scope) error {
	b.t.Helper()
	return b.mayFor(w, company, s)
}

func (b *bench) mayFor(w who, business ca.BusinessID, s mandate.Scope) error {
	b.t.Helper()
	return b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		c, err := ca.LoadCertificate(tx, w.cert.Serial)
		if err != nil {
			return err
		}
		_, err = mandate.SpeaksFor(tx, c, business, s, b.clock.now())
		return err
	})
}

// leaves returns the leaves of the log of the kind.
func (b *bench) leaves(kind string) (list []string) {
	b.t.Helper()
	must(b.t, b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		list = nil
		return store.Each(tx, "ledger_pending", "", "", func(_ string, leaf struct{ Leaf []byte }) error {
			if strings.Contains(string(leaf.Leaf), `"kind":"`+kind+`"`) {
				list = append(list, string(leaf.Leaf))
			}
			return nil
		})
	}))
	return list
}
