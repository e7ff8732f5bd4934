package service

import (
	"context"

	"github.com/labstack/echo/v4"

	"mohr/badge/merchant"
	"mohr/ca/signin"
)

func (r *rooms) openMerchant(context.Context) (err error) {
	r.merchant, err = merchant.New(merchant.Config{Now: r.Clock.Time, Store: r.Store, CA: r.CA, Badges: r.badge, Signing: r.signing, Complaints: r.complaints, Teller: r.teller, Nonces: r.nonces, Audience: r.Config.Portal})
	return err
}

// visitors tells the merchant's desk who is signed in.
func (r *rooms) visitors(page func(echo.Context, merchant.Visitor) error) echo.HandlerFunc {
	return r.signin.Page(func(c echo.Context, who signin.Who) error {
		return page(c, merchant.Visitor{Holder: who.Holder, Business: who.Business, Certificate: who.Certificate})
	})
}
