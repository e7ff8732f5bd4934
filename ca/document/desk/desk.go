package desk

import (
	"context"
	"crypto/x509"
	"log/slog"
	"time"

	"mohr/ca/document"
	"mohr/ca/document/anyform"
	"mohr/internal/fault"
	"mohr/internal/web"
)

// MaxFile bounds a document, and a signature, octets: a form has at most 1 MiB.
const MaxFile = 700 << 10

// Desk judges documents. It is safe for concurrent use.
type Desk struct {
	Roots  []*x509.Certificate // whom it believes
	Source document.Source     // what is known of revocations now
	Places *web.Places         // for who reads a document; nil: any number
	Now    func() time.Time    // nil: time.Now
	Log    *slog.Logger        // nil: discard
}

// Judge judges the signatures in signature, or in the document itself where
// there is none. What no reader takes apart is a report too; Invalid is only
// what was sent wrongly, Unavailable what there is no place for now.
func (d *Desk) Judge(ctx context.Context, file, signature []byte) (document.Report, error) {
	var none document.Report
	switch {
	case len(file) == 0:
		return none, fault.New(fault.Invalid, "validate_file_missing", "choose the signed document")
	case len(file) > MaxFile || len(signature) > MaxFile:
		return none, fault.New(fault.Invalid, "validate_too_large", "a file has more than %[1]d kB; check it with the command mohr verify", MaxFile>>10)
	}
	give, err := d.Places.Take(ctx)
	if err != nil {
		return none, err
	}
	defer give()
	now, beside := d.Now, document.Content{}
	if now == nil {
		now = time.Now
	}
	if signature != nil {
		beside, file = document.Bytes(file), signature
	}
	list, err := anyform.Read(file, beside)
	if err != nil {
		return document.Unreadable(err, now()), nil
	}
	p := document.Proof{Signatures: list, Roots: d.Roots}
	for _, s := range list {
		v, err := document.Gather(ctx, d.Source, s)
		if err != nil && d.Log != nil {
			d.Log.Info("statuses not had for a document", "error", err) // the judgement says what is missing
		}
		p.Known = p.Known.With(v)
	}
	return document.Validate(p, document.Policy{}, now()), nil // what was said while we asked is not of the future
}
