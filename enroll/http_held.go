package enroll

import (
	"context"

	"github.com/labstack/echo/v4"

	"mohr/ca/evidence"
	"mohr/ca/held"
	"mohr/internal/fault"
)

// heldChoice is what the page shows of keys that the service holds.
type heldChoice struct {
	SignedIn bool
	Keys     []held.Key // of who is signed in, that can be certified
	Chosen   string     // id of the one that was attested; ""
}

// heldChoice gathers it; nil for an application whose key lives elsewhere.
func (d *Desk) heldChoice(c echo.Context, a Application) (*heldChoice, error) {
	if a.Home != evidence.HSM || d.Held == nil {
		return nil, nil
	}
	h, ctx := &heldChoice{}, c.Request().Context()
	if a.proven(evidence.DeviceAttestation) {
		s, err := d.statement(ctx, a)
		if err != nil {
			return nil, err
		}
		h.Chosen = hexHash(s.Key)
	}
	who, err := d.Held.SignIn.Who(ctx, c.Request())
	if fault.Code(err) == "session_none" {
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	h.SignedIn = true
	list, err := d.Held.Keys(ctx, who)
	for _, k := range list {
		if k.State == held.Live {
			h.Keys = append(h.Keys, k)
		}
	}
	return h, err
}

// postHeld takes the key that the applicant chose, who is signed in.
func (d *Desk) postHeld(ctx context.Context, c echo.Context, id, token string) error {
	if d.Held == nil {
		return errHomeUnoffered()
	}
	who, err := d.Held.SignIn.Who(ctx, c.Request())
	if err != nil {
		return err
	}
	_, err = d.AttestHeld(ctx, id, token, who, c.FormValue("key"))
	return err
}
