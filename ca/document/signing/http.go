package signing

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/ca/document/desk"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// Path is where documents are signed.
const Path = "/my/sign"

// maxForm is room for a PDF and what goes with it, octets. It is less than what
// a form may have before parts of it go to disk (32 MB).
const maxForm = MaxPDF + 64<<10

// Routes hangs the page, and what its script asks, on s.
func (d *Desk) Routes(s *web.Server) {
	s.TakeUpTo("/my/sign/prepare", maxForm)
	s.TakeUpTo("/my/sign/finish", maxForm)
	s.Echo.GET(Path, d.SignIn.Page(d.page))
	s.Echo.POST("/my/sign/prepare", d.postPrepare)
	s.Echo.POST("/my/sign/finish", d.postFinish)
}

// signPage is the Data of the page. Bounds are in octets.
type signPage struct {
	Certificates []choice
	MaxPDF       int
	MaxBeside    int // of a document that stays in the browser
	MaxCheck     int // of a file that the page for checking takes
}

// choice is a certificate to sign with.
type choice struct {
	ca.Certificate
	Kind string // profile without its version
}

// MB is a number of octets in megabytes.
func (signPage) MB(octets int) int { return octets >> 20 }

func (d *Desk) page(c echo.Context, who signin.Who) error {
	list, err := d.Certificates(c.Request().Context(), who)
	if err != nil {
		return err
	}
	p := signPage{MaxPDF: MaxPDF, MaxBeside: maxBeside, MaxCheck: desk.MaxFile}
	for _, one := range list {
		kind, _, _ := strings.Cut(one.Profile, "@")
		p.Certificates = append(p.Certificates, choice{one, kind})
	}
	return web.Page(c, http.StatusOK, "sign-document", p)
}

// sent is what the page's script sends beside a document.
type sent struct {
	Wanted `json:",inline"`
	// Of the second request alone.
	At    int64  `json:"at"`
	Nonce string `json:"nonce"`
	Value []byte `json:"value"`
}

// receive returns who is signed in, and what their page sent.
func (d *Desk) receive(c echo.Context) (who signin.Who, in sent, file []byte, err error) {
	ctx := c.Request().Context()
	if err = d.SignIn.Gate.Pass(ctx); err != nil {
		return who, in, nil, err
	}
	if who, err = d.SignIn.Who(ctx, c.Request()); err != nil {
		return who, in, nil, err
	}
	malformed := fault.New(fault.Invalid, "sign_wanted", "this is not what the page for signing sends; load it anew and try again")
	fields, file, err := web.Upload(c, "document", MaxPDF, malformed)
	if err != nil {
		return who, in, nil, err
	}
	if json.Unmarshal([]byte(fields.Get("wanted")), &in, json.RejectUnknownMembers(true)) != nil {
		return who, in, nil, malformed
	}
	return who, in, file, nil
}

func (d *Desk) postPrepare(c echo.Context) error {
	who, in, file, err := d.receive(c)
	if err != nil {
		return err
	}
	p, err := d.Prepare(c.Request().Context(), who, in.Wanted, file)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, p)
}

// made is the media type of what is handed out.
var made = map[Form]string{PAdES: "application/pdf", CAdES: "application/pkcs7-signature", JAdES: "application/jose+json"}

func (d *Desk) postFinish(c echo.Context) error {
	who, in, file, err := d.receive(c)
	if err != nil {
		return err
	}
	signed, err := d.Finish(c.Request().Context(), who, in.Wanted, file, time.Unix(in.At, 0).UTC(), in.Nonce, in.Value)
	if err != nil {
		return err
	}
	return c.Blob(http.StatusOK, made[in.Form], signed)
}
