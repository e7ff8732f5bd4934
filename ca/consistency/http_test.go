package consistency_test

import (
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/status"
)

// serve serves OCSP, CRLs, certificates and the log.
func (p *place) serve(t *testing.T) {
	t.Helper()
	keys := map[ca.IssuerID]ca.SigningKey{}
	for _, i := range p.Issuers {
		keys[i.ID] = p.SigningKey(t, "ocsp-"+string(i.ID), ca.Service{Profile: ca.OCSPResponder, Issuer: i.ID, CommonName: "OCSP " + string(i.ID)})
	}
	r, err := status.New(status.Config{
		Authority: p.Authority, Store: p.Store, Now: p.Now,
		Responder: func(id ca.IssuerID) (ca.SigningKey, bool) { k, ok := keys[id]; return k, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	r.Routes(e)
	p.log.Routes(e)
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	p.url = s.URL
}
