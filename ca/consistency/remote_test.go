package consistency_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/consistency"
)

// api answers as the operators' API does.
func (p *place) api(ctx context.Context, path string) ([]byte, error) {
	u, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	if serial, ok := strings.CutPrefix(u.Path, "/certificates/"); ok {
		c, err := p.Certificate(ctx, serial)
		if err != nil {
			return nil, err
		}
		e := ca.EntryOf(c)
		e.PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.DER}))
		return json.Marshal(e)
	}
	list, err := p.List(ctx, u.Query().Get("after"), 0)
	var page struct {
		Certificates []ca.Entry `json:"certificates"`
	}
	for _, c := range list {
		page.Certificates = append(page.Certificates, ca.EntryOf(c))
	}
	b, err2 := json.Marshal(page)
	if err == nil {
		err = err2
	}
	return b, err
}

func (p *place) remote(t *testing.T) consistency.Report {
	t.Helper()
	c, err := consistency.Remote(t.Context(), p.api, p.live(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARegisterIsCheckedOverTheNetwork(t *testing.T) {
	p := newPlace(t)
	r := p.remote(t)
	want(t, r)
	if r.Pending != 1 || r.Void != 1 || r.Revoked != 3 || r.Suspended != 1 || r.OCSP != r.Certificates || r.CRLs < r.Issuers {
		t.Errorf("the report: %+v", r)
	}
	change(t, p.Store, "ca_certificates", p.gone.Serial, func(m map[string]any) { delete(m, "revoked") })
	remove(t, p.Store, "ca_certificates", p.good.Serial)
	want(t, p.remote(t), "leaf_orphan "+p.good.Serial, "status_leaf_differs "+p.gone.Serial, "crl_entry_extra "+p.gone.Serial, "ocsp_differs "+p.gone.Serial)
}
