package complaints

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"mohr/ca"
	"mohr/complaints/picture"
	"mohr/internal/fault"
	"mohr/internal/store"
	"mohr/internal/web"
)

// picturesRoute is posted a picture at a time.
const picturesRoute = "/complaints/:id/pictures"

// pictureFrame is what a form adds to a picture, octets.
const pictureFrame = 64 << 10

func (d *Desk) routesPictures(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	d.uploads = web.NewGate(1, 6)
	s.TakeUpTo(picturesRoute, picture.MaxOctets+pictureFrame)
	s.Echo.POST(picturesRoute, d.postPicture)
	s.Echo.GET("/console/complaints/:id/pictures/:number", d.consolePicture)
	web.Handle(s, op(http.MethodGet, "/complaints/{id}/pictures", "list-complaint-pictures", "Pictures that the consumer added, for the consumer (token), the business and officers (certificate)"), d.apiPictures)
	web.Handle(s, op(http.MethodGet, "/complaints/{id}/pictures/{number}", "get-complaint-picture", "One of these pictures"), d.apiPicture)
}

// holder lets the consumer see it, who has the token.
func holder(token string) func(store.Tx, file) error {
	return func(_ store.Tx, f file) error { return f.mayOpen(token) }
}

// anOfficer lets who may rule on the complaint see it.
func (d *Desk) anOfficer(ctx context.Context) func(store.Tx, file) error {
	leaf, now := web.PeerCertificate(ctx), d.now()
	return func(tx store.Tx, f file) error {
		_, err := d.acting(tx, leaf, now, f.businesses()...)
		return err
	}
}

// sides lets consumer, business and officers see it, each as it shows itself:
// a business what was served to it, as with the text.
func (d *Desk) sides(ctx context.Context) func(store.Tx, file) error {
	if token, err := web.Bearer(ctx); err == nil {
		return holder(token)
	}
	leaf, now, officer := web.PeerCertificate(ctx), d.now(), d.anOfficer(ctx)
	return func(tx store.Tx, f file) error {
		if leaf == nil {
			return web.TokenInvalid()
		}
		s, err := ca.StandingIn(tx, leaf, now)
		if err != nil {
			return err
		}
		for _, b := range f.businesses() {
			if served, err := store.Has(tx, rowBucket, rowKey(string(b), f.ID)); err != nil {
				return err
			} else if !served {
				continue
			}
			if err := d.speaksFor(tx, s, b); !errors.Is(err, fault.Denied) {
				return err
			}
		}
		return officer(tx, f)
	}
}

// postPicture adds a picture and shows the complaint again.
func (d *Desk) postPicture(c echo.Context) error {
	ctx, p := c.Request().Context(), followPage{ID: c.Param("id")}
	if err := d.uploads.Pass(ctx); err != nil {
		return err
	}
	token, file, err := uploaded(c)
	p.Token = token
	if err == nil {
		var clean picture.Picture
		if clean, err = picture.Clean(file); err == nil {
			_, err = d.AddPicture(ctx, p.ID, token, clean)
		}
	}
	status := http.StatusOK
	if err != nil {
		if p.Error = web.FormFault(c, err, web.Fields{"": "picture"}); p.Error == nil {
			return err
		}
		status = p.Error.Status
	}
	if err := d.follow(ctx, &p, "", nil); err != nil { // only its token opens it
		if p.Token = ""; p.Error == nil {
			return err
		}
	}
	return web.Page(c, status, "complaints-follow", p)
}

// uploaded reads token and picture of the form.
func uploaded(c echo.Context) (token string, file []byte, err error) {
	form, file, err := web.Upload(c, "picture", picture.MaxOctets, errPictureForm())
	if tokens := form["token"]; len(tokens) == 1 {
		token = strings.TrimSpace(tokens[0])
	}
	if err == nil && file == nil {
		err = errPictureForm()
	}
	return token, file, err
}

func errPictureForm() error {
	return fault.New(fault.Invalid, "picture_missing", "choose one picture and send the form again")
}

// sendPicture sends a picture as a file to be kept, never as a page.
func (d *Desk) sendPicture(c echo.Context, id, number string, may func(store.Tx, file) error) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		n = 0 // which none has
	}
	s, b, err := d.picture(c.Request().Context(), id, n, may)
	if err != nil {
		return err
	}
	return s.Send(c, b)
}

// Send answers with the picture's octets. A page may show it; opened by
// itself, it is a file to be kept.
func (s Shown) Send(c echo.Context, octets []byte) error {
	h := c.Response().Header()
	h.Set("Content-Disposition", s.disposition())
	h.Set("Cache-Control", "no-store")
	return c.Blob(http.StatusOK, s.Kind, octets)
}

// KB is the size in thousands of octets, at least one.
func (s Shown) KB() int { return max(1, (s.Octets+500)/1000) }

// disposition has the picture kept under a name of ours.
func (s Shown) disposition() string {
	return fmt.Sprintf(`attachment; filename="picture-%d.%s"`, s.Number, strings.TrimPrefix(s.Kind, "image/"))
}

func (d *Desk) consolePicture(c echo.Context) error {
	return d.sendPicture(c, c.Param("id"), c.Param("number"), d.anOfficer(c.Request().Context()))
}

type picturesOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Pictures []Shown `json:"pictures"`
	}
}

func (d *Desk) apiPictures(ctx context.Context, in *ByID) (*picturesOut, error) {
	out := &picturesOut{CacheControl: "no-store"}
	var err error
	out.Body.Pictures, err = d.pictures(ctx, in.ID, d.sides(ctx))
	return out, unauthorised(err)
}

type pictureIn struct {
	ByID
	Number int `path:"number" minimum:"1"`
}

type pictureOut struct {
	CacheControl string `header:"Cache-Control"`
	ContentType  string `header:"Content-Type"`
	Disposition  string `header:"Content-Disposition"`
	Body         []byte
}

func (d *Desk) apiPicture(ctx context.Context, in *pictureIn) (*pictureOut, error) {
	s, b, err := d.picture(ctx, in.ID, in.Number, d.sides(ctx))
	return &pictureOut{CacheControl: "no-store", ContentType: s.Kind, Disposition: s.disposition(), Body: b}, unauthorised(err)
}
