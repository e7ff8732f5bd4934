package renew

import (
	"crypto/x509"
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// tlsPath is the page that renews the certificate which the browser shows in
// the TLS handshake: it does so on the listener that asks for certificates.
const tlsPath = "/renew/tls"

// tlsView is the Data of that page. Without a certificate it says where to
// show one.
type tlsView struct {
	hereView
	Shown bool
	There string // the page where certificates are asked for; "" if nowhere
	Error *web.FormError
}

// shownBy says of the certificate that the browser showed whether this page
// renews it.
func (d *Desk) shownBy(c echo.Context, peer *x509.Certificate) (tlsView, error) {
	v := tlsView{Shown: peer != nil}
	if peer == nil {
		if d.MTLS != "" {
			v.There = d.MTLS + tlsPath
		}
		return v, nil
	}
	s, err := d.CA.Standing(c.Request().Context(), peer)
	if err != nil {
		return v, err
	}
	if name := profileName(s.Record()); !ca.Authenticates(name) || s.Record().Holder == "" {
		return v, fault.New(fault.Denied, "renewal_tls_profile", "the browser showed a certificate of the profile %[1]s, which is not a person's for signing in; renew it by a signed statement: mohr renew, or the page /renew", name)
	}
	v.hereView = d.here(s.Record(), d.now())
	return v, nil
}

func (d *Desk) showTLS(c echo.Context) error {
	v, err := d.shownBy(c, web.PeerCertificate(c.Request().Context()))
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "renew-tls", v)
}

// takeTLS renews: the handshake has shown the old key, the request shows the
// new one.
func (d *Desk) takeTLS(c echo.Context) error {
	ctx := c.Request().Context()
	peer := web.PeerCertificate(ctx)
	v, err := d.shownBy(c, peer)
	if err != nil {
		return err
	}
	if peer == nil {
		return web.Page(c, http.StatusForbidden, "renew-tls", v)
	}
	_, csr, err := web.Upload(c, "csr", ca.MaxCSR, fault.New(fault.Invalid, "renewal_tls_form", "the form could not be read; choose the file with the certification request and send it again"))
	if err == nil && len(csr) == 0 {
		err = fault.New(fault.Invalid, "renewal_tls_csr", "choose the file with the certification request of the new key")
	}
	if err == nil {
		var r Renewal
		if r, err = d.RenewShown(ctx, Shown{Protocol: "portal", Old: peer, CSR: csr, Locale: web.Lang(ctx)}); err == nil {
			return web.Page(c, http.StatusOK, "renewed", r)
		}
	}
	if v.Error = web.FormFault(c, err, web.Fields{"": "csr"}); v.Error != nil {
		return web.Page(c, v.Error.Status, "renew-tls", v)
	}
	return err
}
