package mine

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"mohr/ca/signin"
	"mohr/internal/ledger"
	"mohr/internal/web"
)

// routesReceipts hangs the pages of what was done to certificates.
func (d *Desk) routesReceipts(e *echo.Echo) {
	e.GET("/my/receipts", d.SignIn.Page(d.pageReceipts))
	e.GET("/my/certificates/:serial/receipts/:deed", d.SignIn.Page(d.pageReceipt))
	e.GET("/my/certificates/:serial/receipts/:deed/receipt.json", d.SignIn.Page(d.getReceipt))
}

func (d *Desk) pageReceipts(c echo.Context, who signin.Who) error {
	list, err := d.Deeds(c.Request().Context(), who)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "mine-receipts", list)
}

// receiptPage is the Data of the page of one deed.
type receiptPage struct {
	Deed
	Proof *ledger.Proof // nil: it waits for its place in the log
}

func (d *Desk) pageReceipt(c echo.Context, who signin.Who) error {
	ctx := c.Request().Context()
	deed, _, err := d.Deed(ctx, who, c.Param("serial"), c.Param("deed"))
	if err != nil {
		return err
	}
	p, err := d.proof(ctx, deed)
	if err != nil {
		return err
	}
	return web.Page(c, http.StatusOK, "mine-receipt", receiptPage{deed, p})
}

func (d *Desk) getReceipt(c echo.Context, who signin.Who) error {
	f, err := d.Receipt(c.Request().Context(), who, c.Param("serial"), c.Param("deed"))
	if err != nil {
		return err
	}
	c.Response().Header().Set("Content-Disposition", `attachment; filename="receipt.json"`)
	return c.JSON(http.StatusOK, f)
}
