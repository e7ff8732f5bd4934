package consistency_test

import (
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/consistency"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

func TestARegisterThatTellsOneStoryHasNoFinding(t *testing.T) {
	p := newPlace(t)
	r := p.check(t, p.live(t, nil))
	want(t, r)
	if !r.Holds() || r.Pending != 1 || r.Void != 1 || r.Suspended != 1 || r.Revoked != 3 || r.Issued != r.Certificates-2 || r.OCSP != r.Certificates || r.CRLs < r.Issuers || r.Entries == 0 {
		t.Errorf("the report: %+v", r)
	}
	live := p.live(t, nil)
	live.Sample = 4
	if r := p.check(t, live); r.OCSP != 4 {
		t.Errorf("a sample of 4 asked %d times", r.OCSP)
	}
}

func TestWhatWaitsForItsPlaceInTheLogIsThere(t *testing.T) {
	p := newPlace(t)
	_, c := p.IssueTo(t, catest.Zahra, ca.NaturalSign, "just now")
	if err := p.Revoke(t.Context(), c.Serial, ca.Superseded, "operator:test"); err != nil {
		t.Fatal(err)
	}
	want(t, p.check(t, p.live(t, nil)))
}

func TestWhatHappensWhileTheServiceIsAskedIsNoContradiction(t *testing.T) {
	p := newPlace(t)
	c, err := consistency.Stored(t.Context(), p.Store, p.now)
	if err != nil {
		t.Fatal(err)
	}
	c.Live = p.live(t, nil)
	records := c.Records
	c.Records = func(ctx ctx, fn func(ca.Certificate) error) error {
		err := records(ctx, fn)
		p.now = p.now.Add(time.Second)
		if err := p.Revoke(ctx, p.good.Serial, ca.Unspecified, "operator:test"); err != nil {
			t.Error(err)
		}
		if err := p.Resume(ctx, p.held.Serial, "operator:test"); err != nil {
			t.Error(err)
		}
		return err
	}
	first, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// That a suspension was lifted only a second look tells; and the tables,
	// which a copy would have kept still, have moved on.
	want(t, first, "crl_entry_missing "+p.held.Serial, "ocsp_differs "+p.held.Serial, "row_missing "+p.held.Serial, "row_orphan "+p.good.Serial)
	want(t, p.check(t, p.live(t, nil)).Confirmed(first))
}

// planted is a contradiction and where it must be found.
type planted struct {
	name  string
	plant func(t *testing.T, p *place)
	want  func(p *place) []string
}

func TestContradictionsOfTheRecordsAreFound(t *testing.T) {
	const certs = "ca_certificates"
	row := func(c ca.Certificate) string { return ca.ShardName(c.Issuer, c.Shard) + "/" + c.Serial }
	tests := []planted{
		{"a certificate without its entry", func(t *testing.T, p *place) {
			put(t, p.Store, certs, "1abc", with(p.good, func(c *ca.Certificate) { c.Serial, c.DER, c.Lineage = "1abc", nil, "1abc" }))
		}, func(p *place) []string { return []string{"leaf_missing 1abc"} }},
		{"an entry without its certificate", func(t *testing.T, p *place) {
			p.append(t, ledger.Event{Kind: "certificate.issued", Subject: "1def", At: p.now, Hash: "00"})
		}, func(p *place) []string { return []string{"leaf_orphan 1def"} }},
		{"a certificate that is gone from the records", func(t *testing.T, p *place) { remove(t, p.Store, certs, p.good.Serial) },
			func(p *place) []string { return []string{"leaf_orphan " + p.good.Serial} }},
		{"another certificate in its place", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.good.Serial, func(m map[string]any) { m["der"] = p.overlap.DER })
		}, func(p *place) []string {
			return []string{"leaf_differs " + p.good.Serial, "record_differs " + p.good.Serial, "record_differs " + p.good.Serial}
		}},
		{"a certificate issued twice in the log", func(t *testing.T, p *place) {
			p.append(t, ledger.Event{Kind: "certificate.issued", Subject: p.good.Serial, At: p.now, Hash: sum(p.good.DER)})
		}, func(p *place) []string { return []string{"leaf_twice " + p.good.Serial} }},
		{"bytes that are no certificate", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.good.Serial, func(m map[string]any) { m["der"] = []byte("x") })
		}, func(p *place) []string {
			return []string{"leaf_differs " + p.good.Serial, "record_malformed " + p.good.Serial}
		}},
		{"another validity in the record", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.good.Serial, func(m map[string]any) { m["not_after"] = p.now })
		}, func(p *place) []string { return []string{"record_differs " + p.good.Serial} }},
		{"a shard that is not there", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.good.Serial, func(m map[string]any) { m["shard"] = 7 })
		}, func(p *place) []string {
			return []string{"record_differs " + p.good.Serial, "record_malformed " + p.good.Serial}
		}},
		{"an issuer that is not there", func(t *testing.T, p *place) { remove(t, p.Store, "ca_hierarchy", string(ca.SignRSAIssuer)) }, func(p *place) []string {
			return []string{"issuer_unknown " + p.responder(ca.SignRSAIssuer).Serial}
		}},
		{"an issuer that no ceremony made", func(t *testing.T, p *place) {
			change(t, p.Store, "ca_hierarchy", string(ca.SignIssuer), func(m map[string]any) {
				i, _ := p.Issuer(ca.AuthIssuer)
				m["der"] = i.Certificate.Raw
			})
		}, func(p *place) []string {
			list := []string{"hierarchy_leaf_missing " + string(ca.SignIssuer), "issuer_signature " + p.responder(ca.SignIssuer).Serial}
			for _, c := range []ca.Certificate{p.good, p.old, p.renewed, p.gone, p.held, p.lifted, p.overlap, p.overlapping} {
				list = append(list, "issuer_signature "+c.Serial)
			}
			return list
		}},
		{"a key that was not made for its issuer", func(t *testing.T, p *place) {
			p.append(t, ledger.Event{Kind: "key.created", Subject: string(ca.SignIssuer), At: p.now, Hash: "00"})
		}, func(p *place) []string { return []string{"key_differs " + string(ca.SignIssuer)} }},
		{"a revocation that is in the record alone", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.good.Serial, func(m map[string]any) {
				m["revoked"] = ca.Revoked{Serial: p.good.Serial, At: p.now, Reason: ca.Superseded, By: "x"}
			})
		}, func(p *place) []string {
			return []string{"status_leaf_differs " + p.good.Serial, "row_missing " + p.good.Serial}
		}},
		{"a revocation that was undone in the record", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.gone.Serial, func(m map[string]any) { delete(m, "revoked") })
		}, func(p *place) []string {
			return []string{"status_leaf_differs " + p.gone.Serial, "row_orphan " + p.gone.Serial}
		}},
		{"another reason in the record", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.gone.Serial, func(m map[string]any) { m["revoked"].(map[string]any)["reason"] = "superseded" })
		}, func(p *place) []string {
			return []string{"status_leaf_differs " + p.gone.Serial, "row_differs " + p.gone.Serial}
		}},
		{"another day in the record", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.gone.Serial, func(m map[string]any) { m["revoked"].(map[string]any)["at"] = "2026-01-01T00:00:00Z" })
		}, func(p *place) []string {
			return []string{"status_leaf_differs " + p.gone.Serial, "row_differs " + p.gone.Serial}
		}},
		{"a revocation that is missing in the shard", func(t *testing.T, p *place) { remove(t, p.Store, "ca_revoked", row(p.gone)) },
			func(p *place) []string { return []string{"row_missing " + p.gone.Serial} }},
		{"a good certificate in the shard", func(t *testing.T, p *place) {
			put(t, p.Store, "ca_revoked", row(p.good), ca.Revoked{Serial: p.good.Serial, At: p.now, Reason: ca.Superseded})
		}, func(p *place) []string { return []string{"row_orphan " + p.good.Serial} }},
		{"a suspension that is lifted in the record alone", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.held.Serial, func(m map[string]any) { delete(m, "revoked") })
			remove(t, p.Store, "ca_revoked", row(p.held))
		}, func(p *place) []string { return []string{"status_leaf_differs " + p.held.Serial} }},
		{"a void certificate that is not revoked", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.void.Serial, func(m map[string]any) { delete(m, "revoked") })
		}, func(p *place) []string {
			return []string{"record_malformed " + p.void.Serial, "status_leaf_differs " + p.void.Serial, "row_orphan " + p.void.Serial}
		}},
		{"a pending certificate that the log says was issued", func(t *testing.T, p *place) {
			p.append(t, ledger.Event{Kind: "certificate.issued", Subject: p.pending.Serial, At: p.now, Hash: "00"})
		}, func(p *place) []string { return []string{"leaf_of_pending " + p.pending.Serial} }},
		{"a void certificate that the log says was issued", func(t *testing.T, p *place) {
			p.append(t, ledger.Event{Kind: "certificate.issued", Subject: p.void.Serial, At: p.now, Hash: "00"})
		}, func(p *place) []string { return []string{"leaf_of_void " + p.void.Serial} }},
		{"a pending certificate that nothing will finish", func(t *testing.T, p *place) { remove(t, p.Store, "ca_pending", p.pending.Serial) },
			func(p *place) []string { return []string{"intent_missing " + p.pending.Serial} }},
		{"a signature that is planned for nothing", func(t *testing.T, p *place) { put(t, p.Store, "ca_pending", p.good.Serial, "x") },
			func(p *place) []string { return []string{"intent_orphan " + p.good.Serial} }},
		{"a certificate that replaces and is not known to", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.old.Serial, func(m map[string]any) { delete(m, "replaced_by") })
		}, func(p *place) []string { return []string{"lineage_broken " + p.renewed.Serial} }},
		{"a certificate that is replaced by one that knows nothing of it", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.good.Serial, func(m map[string]any) { m["replaced_by"] = p.gone.Serial })
		}, func(p *place) []string { return []string{"lineage_broken " + p.good.Serial} }},
		{"a certificate of another line", func(t *testing.T, p *place) {
			change(t, p.Store, certs, p.renewed.Serial, func(m map[string]any) { m["lineage"] = p.gone.Serial })
		}, func(p *place) []string { return []string{"lineage_broken " + p.renewed.Serial} }},
		{"two live certificates of one line", func(t *testing.T, p *place) {
			err := p.Store.Update(t.Context(), func(tx store.Tx) error {
				var keys []string
				if err := tx.Scan("ca_retire", "", "", func(key string, _ []byte) error { keys = append(keys, key); return nil }); err != nil {
					return err
				}
				return tx.Delete("ca_retire", keys[0])
			})
			if err != nil {
				t.Fatal(err)
			}
		}, func(p *place) []string { return []string{"lineage_two_live " + p.overlapping.Serial} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			test.plant(t, p)
			want(t, p.check(t, nil), test.want(p)...)
		})
	}
}
