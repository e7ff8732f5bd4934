package complaints

import (
	"context"
	"net/http"

	"mohr/ca"
	"mohr/ca/receipt"
	"mohr/internal/web"
)

func (d *Desk) routesReceipts(s *web.Server, op func(method, path, id, summary string) web.Operation, token func(web.Operation) web.Operation) {
	raw := token(op(http.MethodGet, "/complaints/{id}/receipt", "complaint-receipt", "The signed receipt with the deadline (JWS)"))
	raw.Produces = "application/jose"
	web.Handle(s, raw, d.apiReceipt)
	web.Handle(s, token(op(http.MethodGet, "/complaints/{id}/receipt.json", "complaint-receipt-file", "The receipt with the proof that it is in the log; mohr receipt verify reads it")), d.apiReceiptFile)
	web.Handle(s, op(http.MethodGet, "/answers/{id}/receipt.json", "answer-receipt-file", "The business's receipt for an answer, by the SHA-256 of what it signed"), d.apiAnswerReceipt)
}

type rawOut struct{ Body []byte }

func (d *Desk) apiReceipt(ctx context.Context, in *atBusiness) (*rawOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := d.Receipt(ctx, in.ID, token, ca.BusinessID(in.Business))
	return &rawOut{Body: raw}, unauthorised(err)
}

type receiptOut struct{ Body receipt.File }

func (d *Desk) apiReceiptFile(ctx context.Context, in *atBusiness) (*receiptOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	f, err := d.ReceiptFile(ctx, in.ID, token, ca.BusinessID(in.Business))
	return &receiptOut{Body: f}, unauthorised(err)
}

type byStatement struct {
	ID string `path:"id" minLength:"64" maxLength:"64" doc:"hex SHA-256 of the signed answer as it was sent"`
}

func (d *Desk) apiAnswerReceipt(ctx context.Context, in *byStatement) (*receiptOut, error) {
	f, err := d.AnswerReceipt(ctx, in.ID)
	return &receiptOut{Body: f}, err
}
