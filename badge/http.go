package badge

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/web"
)

// Routes hangs the API, the pages and the pictures on s.
func (d *Desk) Routes(s *web.Server) {
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "badge"}
	}
	web.Handle(s, op("GET", "/badges/nonce", "badge-nonce", "A nonce for one badge request"), d.apiNonce)
	request := op("POST", "/badges", "request-badge", "Ask for a badge, or give one back, by a signed request: a JWS, a CMS with its content, or a PDF that carries it")
	request.Status, request.MaxBody = http.StatusCreated, maxRequest+1
	request.Accepts = []string{"application/jose", "application/jose+json", "application/pkcs7-mime", "application/x-pem-file", "application/pdf"}
	web.Handle(s, request, d.apiRequest)
	detached := op("POST", "/badges/detached", "request-badge-detached", "The same by a detached CMS and its document")
	detached.Status, detached.MaxBody = http.StatusCreated, 2*maxRequest // base64
	web.Handle(s, detached, d.apiDetached)
	web.Handle(s, op("GET", "/badges/{id}", "get-badge", "The public record of a badge"), d.apiBadge)
	web.Handle(s, op("POST", "/badges/{id}/check", "check-badge", "Check the facts now, as after putting the proof under the domain"), d.apiCheck)
	receipt := op("GET", "/badges/{id}/receipt", "badge-receipt", "The signed receipt of the request (JWS)")
	receipt.Produces = "application/jose"
	web.Handle(s, receipt, d.apiReceipt)

	web.Handle(s, op("GET", "/badges/service-level", "badge-service-level", "How fast requests are decided, and whom they wait for"), d.apiService)
	web.Handle(s, op("GET", "/badges/statistics", "badge-statistics", "Badges over time: requested, granted, suspended, revoked, withdrawn, in force, by month of the Solar Hijri calendar"), d.apiMonths)
	d.routesOperators(s)
	d.routesShowing(s)
	d.routesConsole(s)

	s.Echo.GET("/badge", d.pageLookup)
	s.Echo.GET("/badge/service", d.pageService)
	s.Echo.GET("/badge/request", func(c echo.Context) error { return web.Page(c, http.StatusOK, "badge-request", d.Audience) })
	s.Echo.GET("/badge/fakes", d.pageFakes)
	s.Echo.GET("/badge/status/:list/:purpose", d.showList)
	s.Echo.GET("/badge/qr/:token", d.showToken)
	s.Echo.GET("/badge/:name/frame", d.showFrame)
	s.Echo.GET("/badge/:name", d.show)
	s.Echo.HEAD("/badge/:name", d.show)
}

type nonceOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Nonce    string `json:"nonce"`
		Audience string `json:"aud"`
		Type     string `json:"type"`
	}
}

func (d *Desk) apiNonce(context.Context, *struct{}) (*nonceOutput, error) {
	out := &nonceOutput{CacheControl: "no-store"}
	out.Body.Nonce, out.Body.Audience, out.Body.Type = d.Nonces.New(NoncePurpose), d.Audience, RequestType
	return out, nil
}

type idInput struct {
	ID string `path:"id" maxLength:"64"`
}

type recordOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Record
}

func (d *Desk) record(ctx context.Context, id ID) (*recordOutput, error) {
	r, err := d.Show(ctx, id)
	return &recordOutput{CacheControl: "no-cache", Body: r}, err
}

type requestInput struct {
	RawBody []byte
}

func (d *Desk) apiRequest(ctx context.Context, in *requestInput) (*recordOutput, error) {
	return d.take(ctx, Letter{Signed: in.RawBody})
}

type detachedInput struct {
	Body struct {
		CMS      []byte `json:"cms" doc:"DER, as openssl cms -sign -cades -binary -outform DER makes it"`
		Document []byte `json:"document" doc:"the statement as it was signed"`
	}
}

func (d *Desk) apiDetached(ctx context.Context, in *detachedInput) (*recordOutput, error) {
	l, err := detached(in.Body.CMS, in.Body.Document)
	if err != nil {
		return nil, err
	}
	return d.take(ctx, l)
}

func (d *Desk) take(ctx context.Context, l Letter) (*recordOutput, error) {
	b, err := d.Request(ctx, l)
	if err != nil {
		return nil, err
	}
	return d.record(ctx, b.ID)
}

func (d *Desk) apiBadge(ctx context.Context, in *idInput) (*recordOutput, error) {
	return d.record(ctx, ID(in.ID))
}

func (d *Desk) apiCheck(ctx context.Context, in *idInput) (*recordOutput, error) {
	if _, err := d.CheckOnDemand(ctx, ID(in.ID)); err != nil {
		return nil, err
	}
	return d.record(ctx, ID(in.ID))
}

type receiptOutput struct {
	Body []byte
}

func (d *Desk) apiReceipt(ctx context.Context, in *idInput) (*receiptOutput, error) {
	receipt, err := d.Receipt(ctx, ID(in.ID))
	return &receiptOutput{Body: receipt}, err
}

// show answers for all that hangs on a badge's id: page, picture, credential.
func (d *Desk) show(c echo.Context) error {
	name := c.Param("name")
	if id, ok := strings.CutSuffix(name, ".svg"); ok {
		return d.showImage(c, ID(id))
	}
	if id, ok := strings.CutSuffix(name, ".qr.png"); ok {
		return d.showQR(c, ID(id))
	}
	if id, ok := strings.CutSuffix(name, ".jwt"); ok {
		return d.showCredential(c, ID(id))
	}
	return d.showRecord(c, ID(name))
}

// Values of headers that all pictures share.
var shortly, byReferer = []string{"public, max-age=60"}, []string{"Referer"}

// showImage always answers 200 with the truth: a shop's own tests must not
// break, and a copied picture must not keep saying "valid".
func (d *Desk) showImage(c echo.Context, id ID) error {
	r := c.Request()
	lang := i18n.Persian
	if c.QueryParam("lang") == i18n.English {
		lang = i18n.English
	}
	m := d.imageOf(r.Context(), id, r.Referer())
	if m.elsewhere {
		d.saw(id, m.domain, r.Referer())
	}
	web.Embeddable(c)
	h := c.Response().Header()
	h.Del("Set-Cookie") // ?lang= is of this picture, not of the reader
	h["Cache-Control"], h["Vary"] = shortly, byReferer
	if m.unsure {
		h.Set("Cache-Control", "no-store")
	}
	return c.Blob(http.StatusOK, "image/svg+xml; charset=utf-8", d.draw(m, lang))
}

func (d *Desk) showCredential(c echo.Context, id ID) error {
	jwt, err := d.SignedCredential(c.Request().Context(), id)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=60")
	h.Set("Access-Control-Allow-Origin", "*")
	return c.Blob(http.StatusOK, "application/vc+jwt", jwt)
}

// showRecord is never blank: who comes from nowhere or from another domain
// learns whose badge this is.
func (d *Desk) showRecord(c echo.Context, id ID) error {
	r, err := d.Show(c.Request().Context(), id)
	if err != nil {
		return err
	}
	p := recordPage{Record: r, Hint: d.hint(r.Domain, c.Request().Referer())}
	if p.Elsewhere() {
		d.saw(id, r.Domain, c.Request().Referer())
	}
	return web.KeptPage(c, http.StatusOK, "badge-record", p)
}

// showFrame is the page for a shop's frame.
func (d *Desk) showFrame(c echo.Context) error {
	lang := i18n.Persian
	if c.QueryParam("lang") == i18n.English {
		lang = i18n.English
	}
	page, origins, err := d.Frame(c.Request().Context(), ID(c.Param("name")), lang)
	if err != nil {
		return err
	}
	web.Framable(c, origins...)
	h := c.Response().Header()
	h.Del("Set-Cookie")
	h.Set("Cache-Control", "public, max-age=60")
	return c.HTMLBlob(http.StatusOK, page)
}

func (d *Desk) showList(c echo.Context) error {
	n, err := strconv.Atoi(c.Param("list"))
	if err != nil {
		n = -1
	}
	jwt, err := d.StatusList(c.Request().Context(), n, Purpose(c.Param("purpose")))
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set("Cache-Control", "public, max-age=60")
	h.Set("Access-Control-Allow-Origin", "*")
	return c.Blob(http.StatusOK, "application/vc+jwt", jwt)
}

func (d *Desk) showQR(c echo.Context, id ID) error {
	png, err := d.QR(c.Request().Context(), id)
	if err != nil {
		return err
	}
	web.Embeddable(c)
	c.Response().Header().Set("Cache-Control", "public, max-age=3600")
	return c.Blob(http.StatusOK, "image/png", png)
}

// showToken is where a code on paper leads.
func (d *Desk) showToken(c echo.Context) error {
	t, r, err := d.CheckToken(c.Request().Context(), c.Param("token"))
	p := tokenPage{Token: t, Record: r}
	if _, ok := fault.Of(err); ok {
		p.Fault = true
		return web.Page(c, http.StatusBadRequest, "badge-token", p)
	}
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "badge-token", p)
}

func (d *Desk) pageFakes(c echo.Context) error {
	list, err := d.Fakes(c.Request().Context())
	if err != nil {
		return err
	}
	return web.KeptPage(c, http.StatusOK, "badge-fakes", list)
}

func (d *Desk) pageService(c echo.Context) error {
	l, err := d.ServiceLevel(c.Request().Context())
	if err != nil {
		return err
	}
	months, err := d.Months(c.Request().Context())
	if err != nil {
		return err
	}
	return web.KeptPage(c, http.StatusOK, "badge-service", servicePage{l, months})
}

// pageLookup finds badges: by a domain those of exactly that one, which is also
// held against known fakes, else by a part of a name or an id.
func (d *Desk) pageLookup(c echo.Context) error {
	ctx, p := c.Request().Context(), lookupPage{Asked: cmp.Or(c.QueryParam("domain"), c.QueryParam("q"))}
	if p.Asked == "" {
		return web.Page(c, http.StatusOK, "badge-lookup", p)
	}
	var err error
	if p.Found, err = d.OfDomain(ctx, p.Asked); err == nil {
		p.Fake, err = d.fakeOf(ctx, p.Asked)
	} else if errors.Is(err, fault.Invalid) && !strings.ContainsAny(p.Asked, "./:@") { // not meant as an address
		p.Found, err = d.Find(ctx, p.Asked)
	}
	if _, ok := fault.Of(err); ok {
		p.Error = web.FormText(c, http.StatusBadRequest, "domain", "badge_lookup_fault")
		return web.Page(c, p.Error.Status, "badge-lookup", p)
	}
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "badge-lookup", p)
}
