package signing

import (
	"context"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/jades"
	"mohr/ca/document/pades"
	"mohr/ca/document/pdf"
	"mohr/ca/document/suite"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Prepared is what the holder's key has to sign, and what is known of the
// document. Nothing is kept of it.
type Prepared struct {
	Nonce      string    `json:"nonce"`
	At         int64     `json:"at"`         // the time that is claimed, seconds since 1970 UTC
	Input      []byte    `json:"input"`      // to be hashed by SHA-256 and signed
	Pages      int       `json:"pages"`      // 0: not known
	Signatures []Earlier `json:"signatures"` // in the PDF already
}

// Earlier is a signature that a PDF has. It was not judged.
type Earlier struct {
	Name    string    `json:"name"` // of the signer's certificate; "" if it is not there
	At      time.Time `json:"at,omitzero"`
	Altered bool      `json:"altered"` // the file was changed after it
}

// Prepare says what a signature by who's key has to be over. file is the
// document of a PAdES signature, else nil. Refusals are those of Wanted
// (sign_wanted, sign_too_large, sign_altered), of the certificate
// (sign_certificate_unknown, _ended, _time, sign_key), and of the PDF (pdf_…);
// Unavailable while too many PDFs are read.
func (d *Desk) Prepare(ctx context.Context, who signin.Who, w Wanted, file []byte) (p Prepared, err error) {
	give, err := d.place(ctx, w)
	if err != nil {
		return p, err
	}
	defer give()
	now := d.now()
	draft, err := d.draft(ctx, who, w, file, now)
	if err != nil {
		return p, err
	}
	purpose, err := w.purpose(who, now)
	if err != nil {
		return p, err
	}
	p = Prepared{Nonce: d.Nonces.New(purpose), At: now.Unix(), Input: draft.input, Signatures: []Earlier{}}
	if w.Form == PAdES {
		err = p.look(file)
	}
	return p, err
}

// look says what is known of a PDF.
func (p *Prepared) look(file []byte) error {
	f, err := pdf.Open(file)
	if err != nil {
		return err
	}
	if p.Pages, err = f.Pages(); err != nil {
		return err
	}
	list, err := pades.Read(file)
	for _, s := range list {
		e := Earlier{At: s.ClaimedTime, Altered: s.Unfit != ""}
		if s.Signer != nil {
			e.Name = s.Signer.Subject.CommonName
		}
		p.Signatures = append(p.Signatures, e)
	}
	return err
}

// Finish returns the signed PDF, or the signature beside another document, with
// the value (Ecdsa-Sig-Value) that the key made over what was prepared for
// exactly this, at that time, under that nonce. It serves once. Refusals are
// those of Prepare and of the nonce, and sign_value; Unavailable if nobody
// stamps, or says whether the certificate was revoked.
func (d *Desk) Finish(ctx context.Context, who signin.Who, w Wanted, file []byte, at time.Time, nonce string, value []byte) ([]byte, error) {
	purpose, err := w.purpose(who, at)
	if err != nil {
		return nil, err
	}
	once, err := d.Nonces.Redeemable(purpose, nonce)
	if err != nil {
		return nil, err
	}
	give, err := d.place(ctx, w)
	if err != nil {
		return nil, err
	}
	defer give()
	draft, err := d.draft(ctx, who, w, file, at)
	if err != nil {
		return nil, err
	}
	if err := draft.holds(value); err != nil {
		return nil, err
	}
	serial, now := draft.leaf.SerialNumber.Text(16), d.now()
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		c, err := ca.LoadCertificate(tx, serial)
		if err != nil {
			return err
		}
		if err := refused(c, who, now); err != nil {
			return err
		}
		return once.Use(tx)
	})
	if err != nil {
		return nil, err
	}
	return draft.finish(ctx, value)
}

// draft is a signature without its value, whatever its form.
type draft struct {
	signer
	input  []byte
	finish func(ctx context.Context, value []byte) ([]byte, error)
}

// holds is Denied if value is no signature by the certificate's key.
func (d draft) holds(value []byte) error {
	algorithm, err := suite.For(d.leaf.PublicKey, false)
	if err != nil || !algorithm.Verify(d.leaf.PublicKey, d.input, value) {
		return fault.New(fault.Denied, "sign_value", "the signature is not by the key of this certificate, over this document; sign with the key that it was issued for")
	}
	return nil
}

// draft makes the same of the same arguments. The certificate must be good now,
// whenever it is said to have signed.
func (d *Desk) draft(ctx context.Context, who signin.Who, w Wanted, file []byte, at time.Time) (out draft, err error) {
	if err := w.check(file); err != nil {
		return out, err
	}
	now := d.now()
	if out.signer, err = d.signer(ctx, w.Serial, func(c ca.Certificate) error { return refused(c, who, now) }); err != nil {
		return out, err
	}
	stamper, source := d.raised(w.Level)
	switch w.Form {
	case PAdES:
		p, err := pades.Prepare(out.leaf, out.chain, file, pades.Options{Time: at, Name: out.leaf.Subject.CommonName, Stamper: stamper, Source: source})
		if err != nil {
			return out, err
		}
		out.input, out.finish = p.Input(), p.Finish
	case CAdES:
		p, err := cades.Prepare(out.leaf, out.chain, document.SHA256(w.SHA256), cades.Options{MIME: w.mediaType(), Time: at})
		if err != nil {
			return out, err
		}
		out.input, out.finish = p.Input(), raising(p.Finish, cades.Raise, stamper, source)
	case JAdES:
		p, err := jades.Prepare(out.leaf, out.chain, document.SHA256(w.SHA256), jades.Options{MIME: w.mediaType(), Time: at, Name: w.Name})
		if err != nil {
			return out, err
		}
		out.input, out.finish = p.Input(), raising(p.Finish, jades.Raise, stamper, source)
	default:
		return out, fmt.Errorf("sign a document: no form %q", w.Form) // check has seen to it
	}
	return out, nil
}

// raised says who is asked for the level; nil: nobody.
func (d *Desk) raised(l Level) (document.Stamper, document.Source) {
	switch l {
	case T:
		return d.Stamper, nil
	case LT:
		return d.Stamper, d.Source
	}
	return nil, nil
}

// raising joins the value and then raises the level.
func raising(finish func([]byte) ([]byte, error), raise func(context.Context, []byte, document.Stamper, document.Source) ([]byte, error),
	stamper document.Stamper, source document.Source) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, value []byte) ([]byte, error) {
		raw, err := finish(value)
		if err != nil {
			return nil, err
		}
		return raise(ctx, raw, stamper, source)
	}
}
