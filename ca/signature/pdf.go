package signature

import (
	"bytes"
	"context"
	"encoding/asn1"
	"time"

	"mohr/ca/document/pdf"
	"mohr/internal/fault"
)

// maxPDF bounds a statement as a PDF, octets.
const maxPDF = 1 << 20

// CommitmentValue is the DER of the commitment-type-indication (ETSI EN 319 122-1
// section 5.2.3) by which a signer says that the file attached to the PDF is a
// statement to this service. No document has it (docs/decisions/0122), so that
// nobody makes a statement by signing a PDF.
//
//	CommitmentTypeIndication ::= SEQUENCE {
//	  commitmentTypeId OBJECT IDENTIFIER,           -- 2.999.7.10
//	  commitmentTypeQualifier SEQUENCE OF CommitmentTypeQualifier OPTIONAL }
var CommitmentValue = []byte{0x30, 6, 6, 4, 0x88, 0x37, 7, 10}

// CommitmentType is the type of that signed attribute.
var CommitmentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 16}

// PDF verifies a statement that is the one file attached to a PDF, which has one
// signature, of PAdES, over the whole of it, with CommitmentValue. Payload is
// that file. What breaks a rule is Invalid, what does not hold or whose signer
// is not ours is Denied.
func (v *Verifier) PDF(ctx context.Context, raw []byte) (Signed, error) {
	if v.Place != nil {
		give, err := v.Place(ctx)
		if err != nil {
			return Signed{}, err
		}
		defer give()
	}
	o, err := openPDF(raw)
	if err != nil {
		return Signed{}, err
	}
	standing, err := v.signer(ctx, o.leaf, o.signer.attrs.signed)
	if err != nil {
		return Signed{}, err
	}
	return Signed{payload: o.statement, raw: bytes.Clone(raw), standing: standing, at: o.at}, nil
}

// openedPDF is a PDF whose one signature holds under leaf, whoever issued that.
type openedPDF struct {
	openedCMS
	statement []byte
	at        time.Time // that the signer claims; zero: none
}

// openPDF judges the signature first: of a file that nobody signed nothing more
// is read.
func openPDF(raw []byte) (o openedPDF, err error) {
	if len(raw) > maxPDF {
		return o, fault.New(fault.Invalid, "statement_pdf_too_large", "a statement as a PDF has at most %d octets; take the one that the command makes", maxPDF)
	}
	f, err := pdf.Open(raw)
	if err != nil {
		return o, err
	}
	list, err := f.Signatures()
	if err != nil {
		return o, err
	}
	if len(list) != 1 || list[0].SubFilter != pdf.CAdES || !f.Whole(list[0]) {
		return o, fault.New(fault.Invalid, "statement_pdf_signature", "the PDF has not exactly one signature of PAdES that is over the whole file; sign it once and change nothing after that")
	}
	o.at = list[0].Time
	if o.openedCMS, err = openCMS(list[0].CMS, list[0].Covered()); err != nil {
		return o, err
	}
	if !o.signer.attrs.states() {
		return o, fault.New(fault.Invalid, "statement_pdf_document", "this PDF was signed as a document, which is no statement; have the command make and sign the statement")
	}
	if _, o.statement, err = f.Attached(); err == nil && !bytes.Contains(o.content, o.statement) {
		err = fault.New(fault.Invalid, "statement_pdf_attached", "the file attached to the PDF is compressed, or lies where the signature is; have the command make the statement")
	}
	return o, err
}

// states reports whether the signer says that this is a statement.
func (a attributes) states() bool {
	for _, other := range a.others {
		if other.Type.Equal(CommitmentType) {
			return bytes.Equal(other.Value, CommitmentValue)
		}
	}
	return false
}
