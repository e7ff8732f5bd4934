package signin

import (
	"context"
	"net/http"

	"mohr/ca/evidence"
	"mohr/internal/eid"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// LoginPath is where the eID provider sends browsers back to, below the portal.
const LoginPath = "/signin/eid/callback"

// toLogin returns where a browser logs in with an eID for its errand.
func (d *Desk) toLogin(ctx context.Context, mark, locale string) (string, error) {
	if d.EID == nil {
		return "", fault.New(fault.NotFound, "signin_eid_off", "this service takes no logins with an eID; use another way")
	}
	return d.EID.Begin(ctx, d.Nonces.New(errandNonce(ByEID, mark)), locale)
}

// loggedIn judges what the browser of r brought back from the provider. The
// state goes out of use before its code is handed in: of many at once one gets
// that far.
func (d *Desk) loggedIn(ctx context.Context, r *http.Request) (heard, errand, error) {
	e, mark, err := errandOf(r)
	if err != nil || d.EID == nil {
		return heard{}, e, errOtherBrowser()
	}
	b := eid.ReadBack(r.URL.Query())
	once, err := d.Nonces.Redeemable(errandNonce(ByEID, mark), b.State)
	if err != nil {
		return heard{}, e, errOtherBrowser()
	}
	if err := d.Store.Update(ctx, once.Use); err != nil {
		return heard{}, e, err
	}
	login, err := d.EID.Finish(ctx, b.State, b)
	if err != nil {
		return heard{}, e, err
	}
	h := heard{use: func(store.Tx) error { return nil }}
	h.signed, err = d.ofLogin(login)
	return h, e, err
}

// ofLogin says whom a login signs in: the person, for themselves. Whether
// they have a certificate here is no matter of signing in.
func (d *Desk) ofLogin(l eid.Login) (signed, error) {
	if level := evidence.Level(l.Level); level != evidence.Substantial && level != evidence.High {
		return signed{}, eid.ErrLevel
	}
	code, err := evidence.ParseNationalCode(l.NationalCode)
	if err != nil {
		return signed{}, eid.ErrNobody
	}
	return signed{Holder: d.CA.Holder(code), By: ByEID}, nil
}
