package pades

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/pdf"
	"mohr/ca/document/suite"
)

// Options say how to sign.
type Options struct {
	Time     time.Time // that the signer claims
	Name     string    // of the signer; may be empty, as Reason and Location
	Reason   string
	Location string
	Stamper  document.Stamper // nil: no time stamp, level B-B
	Source   document.Source  // nil: no evidence; with Stamper, level B-LT
	Archive  bool             // and a time stamp over the whole with its evidence: level B-LTA
	States   bool             // what is attached to the PDF is a statement, and it no document
}

// Sign adds a signature to a PDF, as an incremental update: ECDSA or PKCS #1
// v1.5 as cades.Sign makes it, without signing-time, which the file says.
func Sign(ctx context.Context, key ca.SigningKey, raw []byte, o Options) ([]byte, error) {
	d, err := Prepare(key.Certificate, key.Chain, raw, o)
	if err != nil {
		return nil, err
	}
	algorithm, err := suite.For(key.Certificate.PublicKey, false)
	if err != nil {
		return nil, fmt.Errorf("sign PAdES: %w", err)
	}
	sig, err := algorithm.Sign(key.Signer, key.Certificate.PublicKey, d.Input())
	if err != nil {
		return nil, fmt.Errorf("sign PAdES: %w", err)
	}
	return d.Finish(ctx, sig)
}

// Draft is a signed PDF without the signature's value, for keys that sign
// elsewhere. The same arguments of Prepare make the same Draft.
type Draft struct {
	file    *pdf.Prepared
	cms     cades.Draft
	options Options
}

// Prepare returns the Draft of a signature by leaf's key.
func Prepare(leaf *x509.Certificate, chain []*x509.Certificate, raw []byte, o Options) (Draft, error) {
	file, err := pdf.Prepare(raw, pdf.Options{Time: o.Time, Name: o.Name, Reason: o.Reason, Location: o.Location})
	if err != nil {
		return Draft{}, err
	}
	cms, err := cades.Prepare(leaf, chain, document.Bytes(file.Covered()), cades.Options{States: o.States})
	return Draft{file, cms, o}, err
}

// Input returns what the value is over, as cades.Draft's does.
func (d Draft) Input() []byte { return d.cms.Input() }

// Finish returns the PDF with the value, which must hold, stamped and with
// evidence as the options of Prepare say.
func (d Draft) Finish(ctx context.Context, sig []byte) ([]byte, error) {
	cms, err := d.cms.Finish(sig)
	if err != nil {
		return nil, err
	}
	if cms, err = cades.Raise(ctx, cms, d.options.Stamper, nil); err != nil {
		return nil, err
	}
	signed, err := d.file.Complete(cms)
	if err != nil || d.options.Source == nil {
		return signed, err
	}
	signed, err = keep(ctx, signed, cms, d.options.Source)
	if err != nil || !d.options.Archive || d.options.Stamper == nil {
		return signed, err
	}
	return archive(ctx, signed, d.options.Stamper)
}

// archive adds a time stamp over the document with its evidence (ETSI EN 319
// 142-1 section 6.3, B-LTA), as an incremental update.
func archive(ctx context.Context, signed []byte, stamper document.Stamper) ([]byte, error) {
	p, err := pdf.Prepare(signed, pdf.Options{SubFilter: pdf.TimeStamp})
	if err != nil {
		return nil, err
	}
	token, err := document.Stamp(ctx, stamper, p.Covered())
	if err != nil {
		return nil, err
	}
	return p.Complete(token)
}

// keep puts what the source says of the signature into the document security
// store (ETSI EN 319 142-1 section 6.3, B-LT).
func keep(ctx context.Context, signed, cms []byte, source document.Source) ([]byte, error) {
	list, err := cades.Read(cms, document.Content{})
	if err != nil {
		return nil, err
	}
	var all document.Values
	for _, s := range list {
		v, err := document.Gather(ctx, source, s)
		if err != nil {
			return nil, err
		}
		all = all.With(v)
	}
	e := pdf.Evidence{CRLs: all.CRLs, OCSPs: all.OCSPs}
	for _, c := range all.Certificates {
		e.Certs = append(e.Certs, c.Raw)
	}
	return pdf.AddEvidence(signed, e)
}
