package renew

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Routes hangs this room's pages and operations on s.
func (d *Desk) Routes(s *web.Server) {
	s.Echo.GET("/renew", d.showForm)
	s.Echo.POST("/renew", d.takeForm)
	s.Echo.GET(tlsPath, d.showTLS)
	s.Echo.POST(tlsPath, d.takeTLS)
	d.routesInfo(s)
	if d.SignIn != nil {
		s.Echo.GET("/renew/:serial", d.SignIn.Page(d.showHere))
	}
	web.Handle(s, web.Operation{Method: http.MethodGet, Path: "/renewals/nonce", ID: "get-renewal-nonce", Tag: "renew",
		Summary: "What a statement has to say: a fresh nonce, the audience, the terms"}, d.getNonce)
	web.Handle(s, web.Operation{Method: http.MethodPost, Path: "/renewals", ID: "create-renewal", Tag: "renew", MaxBody: 256 << 10, Repeatable: true,
		Summary: "Renew a certificate by a statement signed with its key"}, d.create)
	d.routesAttestation(s)
	web.Handle(s, web.Operation{Method: http.MethodGet, Path: "/renewals/{request}/certificate", ID: "get-renewed-certificate", Tag: "renew",
		Summary: "The certificate of a renewal and its issuing CA", Produces: "application/pem-certificate-chain"}, d.getCertificate)
}

// guide is what a statement has to say beside the holder's own part.
type guide struct {
	Type        string `json:"type" doc:"type of the statement"`
	Audience    string `json:"aud" doc:"whom the statement is for"`
	Nonce       string `json:"nonce" doc:"good once, for ten minutes"`
	TermsSHA256 string `json:"terms_sha256" doc:"hex, of the terms in force"`
}

func (d *Desk) guide() guide {
	return guide{Type: StatementType, Audience: d.Audience, Nonce: d.Nonces.New(NoncePurpose), TermsSHA256: d.TermsSHA256}
}

type nonceOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         guide
}

func (d *Desk) getNonce(context.Context, *struct{}) (*nonceOutput, error) {
	return &nonceOutput{CacheControl: "no-store", Body: d.guide()}, nil
}

type createInput struct {
	Body struct {
		Statement string `json:"statement" doc:"CMS (DER) by the old key, detached over the document; base64"`
		Document  string `json:"document" doc:"renewal.json as it was signed; base64"`
		CSR       string `json:"csr" doc:"PKCS #10 of the new key: PEM, or DER in base64"`
		BirthDate string `json:"birth_date,omitempty" doc:"YYYY-MM-DD; only where the service asks for it"`

		Attestation *attest.Statement `json:"attestation,omitempty" doc:"what the device says of the new key, where the old one lives in one; over the statement's nonce"`
	}
}

type renewalBody struct {
	Request     string    `json:"request" doc:"name of the renewal"`
	Serial      string    `json:"serial" doc:"of the new certificate, hex"`
	Chain       string    `json:"chain" doc:"the new certificate and its issuing CA, PEM"`
	NotAfter    time.Time `json:"not_after" doc:"when the new certificate ends"`
	Replaces    string    `json:"replaces" doc:"serial of the old certificate, hex"`
	OldEnds     time.Time `json:"old_ends" doc:"when the old certificate is superseded"`
	ProofDue    time.Time `json:"proof_due" doc:"when the next full proofing of the identity is due at the latest"`
	LastOnProof bool      `json:"last_on_proof" doc:"whether the next certificate needs a full proofing"`
}

type createOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         renewalBody
}

func (d *Desk) create(ctx context.Context, in *createInput) (*createOutput, error) {
	w := Wish{BirthDate: in.Body.BirthDate, Locale: web.Lang(ctx), Attestation: in.Body.Attestation}
	var err error
	if w.Statement, err = base64Field("statement", in.Body.Statement); err != nil {
		return nil, err
	}
	if w.Document, err = base64Field("document", in.Body.Document); err != nil {
		return nil, err
	}
	if w.CSR, err = pemOrBase64("csr", in.Body.CSR); err != nil {
		return nil, err
	}
	r, err := d.Renew(ctx, w)
	if err != nil {
		return nil, err
	}
	return &createOutput{CacheControl: "no-store", Body: renewalBody{
		Request: r.Request, Serial: r.Certificate.Serial, Chain: string(r.Chain), NotAfter: r.Certificate.NotAfter,
		Replaces: r.Certificate.Replaces, OldEnds: r.OldEnds, ProofDue: r.ProofDue, LastOnProof: r.LastOnProof,
	}}, nil
}

type certificateInput struct {
	Request string `path:"request" maxLength:"80"`
}

type certificateOutput struct {
	CacheControl string `header:"Cache-Control"`
	Disposition  string `header:"Content-Disposition"`
	Body         []byte
}

func (d *Desk) getCertificate(ctx context.Context, in *certificateInput) (*certificateOutput, error) {
	r, err := d.Issued(ctx, in.Request)
	if err != nil {
		return nil, err
	}
	return &certificateOutput{CacheControl: "no-store", Disposition: `attachment; filename="renewed.pem"`, Body: r.Chain}, nil
}

func base64Field(name, s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) == 0 {
		return nil, fault.New(fault.Invalid, "renewal_base64", "%[1]s is not standard base64; encode the file's bytes", name)
	}
	return b, nil
}

func pemOrBase64(name, s string) ([]byte, error) {
	if len(s) > 10 && s[:10] == "-----BEGIN" {
		return []byte(s), nil
	}
	return base64Field(name, s)
}

// formView is the Data of the page with the form.
type formView struct {
	Guide guide
	Error *web.FormError
}

// formFields are the fields of that form that faults speak of.
var formFields = web.Fields{
	"renewal_birth_date": "birth_date", "birth_date_invalid": "birth_date", "renewal_profile": "document", "renewal_terms": "document", "renewal_same_key": "csr", "renewal_key_differs": "csr",
	"csr_malformed": "csr", "csr_trailing_bytes": "csr", "csr_algorithm_unsupported": "csr", "csr_possession_unproven": "csr", "csr_key_unsupported": "csr", "csr_key_weak": "csr", "csr_key_size": "csr", "csr_too_large": "csr",
	"key_in_use": "csr", "key_compromised": "csr", "": "statement",
}

func (d *Desk) showForm(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	return web.Page(c, http.StatusOK, "renew", formView{Guide: d.guide()})
}

func (d *Desk) takeForm(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	w, err := formWish(c)
	if err == nil {
		var r Renewal
		if r, err = d.Renew(c.Request().Context(), w); err == nil {
			return web.Page(c, http.StatusOK, "renewed", r)
		}
	}
	if e := web.FormFault(c, err, formFields); e != nil {
		return web.Page(c, e.Status, "renew", formView{Guide: d.guide(), Error: e})
	}
	return err
}

// formWish reads the three files of the form.
func formWish(c echo.Context) (Wish, error) {
	w := Wish{Locale: web.Lang(c.Request().Context())}
	form, err := c.MultipartForm()
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return w, err
	}
	if err != nil {
		return w, fault.New(fault.Invalid, "renewal_form", "the form could not be read; choose the three files and send it again")
	}
	defer form.RemoveAll()
	if dates := form.Value["birth_date"]; len(dates) == 1 {
		w.BirthDate = dates[0]
	}
	var faults []error
	for _, part := range []struct {
		name  string
		to    *[]byte
		limit int64
	}{{"statement", &w.Statement, maxStatement}, {"document", &w.Document, maxDocument}, {"csr", &w.CSR, ca.MaxCSR}} {
		files := form.File[part.name]
		if len(files) != 1 || files[0].Size == 0 {
			missing := fault.New(fault.Invalid, "renewal_file_missing", "one of the three files is missing; choose the statement, renewal.json and the certification request")
			faults = append(faults, fault.At(part.name, missing))
			continue
		}
		if *part.to, err = readFile(files[0], part.limit); err != nil {
			return w, err
		}
	}
	return w, errors.Join(faults...)
}

// readFile reads one octet more than the limit at most: what is behind it is
// refused as too large by who parses it.
func readFile(h *multipart.FileHeader, limit int64) ([]byte, error) {
	f, err := h.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}
