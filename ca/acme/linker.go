package acme

import (
	"context"
	"crypto/x509"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	protocol "github.com/smallstep/certificates/acme"
	"github.com/smallstep/certificates/api/render"
	"github.com/smallstep/certificates/authority/provisioner"

	"mohr/internal/fault"
)

// prefix is where ACME lives below the portal.
const prefix = "/acme"

// linker makes links from the configured portal. smallstep's own Middleware
// would take the Host header of the request for them.
type linker struct {
	protocol.Linker
	desk *Desk
}

// Middleware puts the provisioner of the profile in the URL into the context.
func (l linker) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served, ok := l.desk.parts.provisioners[chi.URLParam(r, "provisionerID")]
		if !ok {
			render.Error(w, r, fault.New(fault.NotFound, "acme_profile_unknown", "there is no ACME for this profile; use the directory of %[1]s", Profile))
			return
		}
		var p protocol.Provisioner = served
		if strings.HasSuffix(r.URL.Path, "/finalize") {
			p = signing{served}
		}
		next.ServeHTTP(w, r.WithContext(protocol.NewProvisionerContext(r.Context(), p)))
	})
}

// signing is the provisioner while an order is finalized.
type signing struct{ *provisioner.ACME }

// AuthorizeSign returns no rule of smallstep's: the profile of ca is the rule.
// The one option names the order in the template, for CAS to find.
func (signing) AuthorizeSign(ctx context.Context, _ string) ([]provisioner.SignOption, error) {
	return []provisioner.SignOption{orderName(visitOf(ctx).order)}, nil
}

// orderName is the id of an order on its way through a smallstep template.
type orderName string

// Modify writes the id where orderOf finds it.
func (n orderName) Modify(c *x509.Certificate, _ provisioner.SignOptions) error {
	c.Subject.SerialNumber = string(n)
	return nil
}

// orderOf returns what orderName wrote.
func orderOf(template *x509.Certificate) string { return template.Subject.SerialNumber }
