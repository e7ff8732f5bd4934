package held

import (
	"encoding/pem"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"mohr/ca/signin"
	"mohr/hsm/attest"
	"mohr/internal/fault"
)

// maxRequest bounds what a script sends, octets: an assertion and some hashes.
const maxRequest = 64 << 10

// wantedIn is what a page's script wants signed; with the proof, the second time.
type wantedIn struct {
	Purpose Purpose  `json:"purpose"`
	Hashes  [][]byte `json:"hashes"`
	Proof   `json:",inline"`
}

// receive reads what a script of this portal sent, strictly: a form of another
// site cannot have this type.
func receive[T any](c echo.Context) (in T, err error) {
	if c.Request().Header.Get(echo.HeaderContentType) != echo.MIMEApplicationJSON {
		return in, fault.New(fault.Invalid, "held_media", "send this as application/json")
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, maxRequest))
	if err != nil || json.Unmarshal(b, &in, json.RejectUnknownMembers(true)) != nil {
		return in, fault.New(fault.Invalid, "held_request", "this is not what this page sends; load it anew and try again")
	}
	return in, nil
}

// may returns who is signed in, if their network does not ask too often.
func (d *Desk) may(c echo.Context) (signin.Who, error) {
	ctx := c.Request().Context()
	if err := d.SignIn.Gate.Pass(ctx); err != nil {
		return signin.Who{}, err
	}
	return d.SignIn.Who(ctx, c.Request())
}

// from returns who may ask, and what their script sent.
func from[T any](d *Desk, c echo.Context) (who signin.Who, in T, err error) {
	if who, err = d.may(c); err == nil {
		in, err = receive[T](c)
	}
	return who, in, err
}

func (d *Desk) postMakeOptions(c echo.Context) error {
	who, err := d.may(c)
	if err != nil {
		return err
	}
	o, err := d.BeginMake(c.Request().Context(), who)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, o)
}

func (d *Desk) postMake(c echo.Context) error {
	who, in, err := from[Proof](d, c)
	if err != nil {
		return err
	}
	k, err := d.Make(c.Request().Context(), who, in)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]string{"id": k.ID, "to": Path + "/" + k.ID})
}

func (d *Desk) postSignOptions(c echo.Context) error {
	who, in, err := from[wantedIn](d, c)
	if err != nil {
		return err
	}
	o, err := d.Begin(c.Request().Context(), who, asked(c, in))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, o)
}

// asked is what a page may ask for: what other software asks has a door of its own.
func asked(c echo.Context, in wantedIn) Wanted {
	w := Wanted{Key: c.Param("id"), Purpose: in.Purpose, Hashes: in.Hashes}
	if w.Purpose == Remote {
		w.Purpose = ""
	}
	return w
}

func (d *Desk) postSign(c echo.Context) error {
	who, in, err := from[wantedIn](d, c)
	if err != nil {
		return err
	}
	signatures, err := d.Sign(c.Request().Context(), who, asked(c, in), in.Proof)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string][][]byte{"signatures": signatures})
}

// vouchIn says what a statement about a key is for: the part of the binding
// that another room's challenge named.
type vouchIn struct {
	Purpose string `json:"purpose"`
	Nonce   string `json:"nonce"`
}

// postVouch states to another room that the key is held here for who asks.
func (d *Desk) postVouch(c echo.Context) error {
	who, in, err := from[vouchIn](d, c)
	if err != nil {
		return err
	}
	s, err := d.Vouch(c.Request().Context(), who, c.Param("id"), attest.Binding{Audience: d.Audience, Purpose: in.Purpose, Nonce: in.Nonce})
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s)
}

// signer is a key as the portal's scripts sign with it.
type signer struct {
	ID     string `json:"id"`
	Public []byte `json:"public"` // SubjectPublicKeyInfo
	Chain  string `json:"chain"`  // PEM of a good certificate and its issuers; "" before there is one
}

// getList is for scripts of any page: nobody signed in has no keys.
func (d *Desk) getList(c echo.Context) error {
	ctx := c.Request().Context()
	who, err := d.SignIn.Who(ctx, c.Request())
	list := []signer{}
	if fault.Code(err) == "session_none" {
		return c.JSON(http.StatusOK, map[string]any{"keys": list})
	}
	if err != nil {
		return err
	}
	keys, err := d.Keys(ctx, who)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.State != Live {
			continue
		}
		chain, err := d.chain(ctx, k)
		if err != nil {
			return err
		}
		s := signer{ID: k.ID, Public: k.Public}
		for _, der := range chain {
			s.Chain += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		}
		list = append(list, s)
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, map[string]any{"keys": list})
}
