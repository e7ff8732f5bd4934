package signin

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"mohr/internal/fault"
	"mohr/internal/session"
	"mohr/internal/web"
)

// maxCredential bounds what an authenticator answers, octets.
const maxCredential = 32 << 10

// credential reads the answer of an authenticator, as JSON. Only a script of
// this portal can send it: a form of another site cannot have this type.
func credential(c echo.Context) ([]byte, error) {
	if c.Request().Header.Get(echo.HeaderContentType) != echo.MIMEApplicationJSON {
		return nil, fault.New(fault.Invalid, "passkey_media", "send the answer of the authenticator as application/json")
	}
	b, err := io.ReadAll(io.LimitReader(c.Request().Body, maxCredential+1))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) || len(b) > maxCredential {
		return nil, fault.New(fault.Invalid, "passkey_too_large", "the answer of an authenticator has at most %[1]d octets", maxCredential)
	}
	return b, err
}

// gone tells a script where to go now.
func gone(c echo.Context, to string) error {
	return c.JSON(http.StatusOK, map[string]string{"to": Local(to)})
}

func (d *Desk) postPasskeyOptions(c echo.Context) error {
	if err := d.Gate.Pass(c.Request().Context()); err != nil {
		return err
	}
	o, err := d.PasskeyChallenge()
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, o)
}

func (d *Desk) postPasskey(c echo.Context) error {
	ctx := c.Request().Context()
	if err := d.Gate.Pass(ctx); err != nil {
		return err
	}
	b, err := credential(c)
	if err != nil {
		return err
	}
	h, err := d.hearPasskey(ctx, b, passkeyNonce)
	if err != nil {
		return err
	}
	cookie, err := d.begin(ctx, c.Request(), h.signed, h.use)
	if err != nil {
		return err
	}
	c.SetCookie(cookie)
	return gone(c, c.QueryParam("to"))
}

func (d *Desk) postConfirmOptions(c echo.Context) error {
	who, err := d.Who(c.Request().Context(), c.Request())
	if err != nil {
		return err
	}
	o, err := d.ConfirmChallenge(c.Request().Context(), who, Purpose(c.QueryParam("purpose")))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, o)
}

func (d *Desk) postConfirmPasskey(c echo.Context) error {
	ctx, p := c.Request().Context(), Purpose(c.QueryParam("purpose"))
	who, err := d.Who(ctx, c.Request())
	if err != nil {
		return err
	}
	if err := d.Gate.Pass(ctx); err != nil {
		return err
	}
	b, err := credential(c)
	if err != nil {
		return err
	}
	h, err := d.hearPasskey(ctx, b, who.confirmNonce(p))
	if err != nil {
		return err
	}
	cookie, err := d.confirm(ctx, who, p, h)
	if err != nil {
		return err
	}
	c.SetCookie(cookie)
	return gone(c, c.QueryParam("to"))
}

// deviceView is a session as its owner sees it.
type deviceView struct {
	session.Session[signed]
	Name string // of the device; "" where it is not known
	Here bool   // the one that looks
}

// devicesPage is the Data of the page of devices and passkeys.
type devicesPage struct {
	Who      Who
	Devices  []deviceView
	Passkeys []Passkey
	Name     string // proposed for a new one
}

func (d *Desk) pageDevices(c echo.Context) error {
	return d.Page(func(c echo.Context, who Who) error {
		ctx := c.Request().Context()
		list, err := d.sessions.List(ctx, who.subject())
		if err != nil {
			return err
		}
		p := devicesPage{Who: who}
		for _, s := range list {
			p.Devices = append(p.Devices, deviceView{s, deviceName(s.Device), s.ID == who.session})
		}
		if p.Passkeys, err = d.Passkeys(ctx, who); err != nil {
			return err
		}
		return web.Page(c, http.StatusOK, "signin-devices", p)
	})(c)
}

func (d *Desk) postEnd(c echo.Context) error {
	return d.act(c, func(who Who, v url.Values) error {
		return d.sessions.End(c.Request().Context(), who.subject(), v.Get("id"))
	})
}

func (d *Desk) postRemovePasskey(c echo.Context) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	if !web.Sure(v) {
		return d.Page(func(c echo.Context, _ Who) error {
			return web.Ask(c, web.Question{Text: "signin.sure.passkey", Action: "/my/passkeys/remove", Fields: v, Back: DevicesPath})
		})(c)
	}
	return d.act(c, func(who Who, v url.Values) error {
		return d.RemovePasskey(c.Request().Context(), who, v.Get("id"))
	})
}

// act does what a form of the page of devices wants.
func (d *Desk) act(c echo.Context, deed func(Who, url.Values) error) error {
	v, err := web.Form(c)
	if err != nil {
		return err
	}
	return d.Page(func(c echo.Context, who Who) error {
		if err := deed(who, v); err != nil {
			return err
		}
		return c.Redirect(http.StatusSeeOther, DevicesPath)
	})(c)
}

// pageNewPasskey is where who wants a passkey makes one, once they proved
// again who they are.
func (d *Desk) pageNewPasskey(c echo.Context) error {
	return d.Page(func(c echo.Context, who Who) error {
		_, err := d.mayAdd(c.Request().Context(), who)
		if fault.Code(err) == "confirm_needed" {
			return d.AskConfirm(c, NewPasskey, "/my/passkeys/new")
		}
		if err != nil {
			return err
		}
		return web.Page(c, http.StatusOK, "signin-passkey", nil)
	})(c)
}

func (d *Desk) postNewOptions(c echo.Context) error {
	ctx := c.Request().Context()
	who, err := d.Who(ctx, c.Request())
	if err != nil {
		return err
	}
	o, err := d.PasskeyCreation(ctx, who)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, o)
}

func (d *Desk) postNewPasskey(c echo.Context) error {
	ctx := c.Request().Context()
	who, err := d.Who(ctx, c.Request())
	if err != nil {
		return err
	}
	b, err := credential(c)
	if err != nil {
		return err
	}
	if _, err := d.AddPasskey(ctx, who, c.QueryParam("name"), b); err != nil {
		return err
	}
	return gone(c, DevicesPath)
}
