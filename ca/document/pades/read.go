package pades

import (
	"bytes"
	"crypto/x509"

	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/pdf"
)

// mime is the kind of document that a PDF is.
const mime = "application/pdf"

// Is reports whether the octets begin like a PDF.
func Is(raw []byte) bool { return bytes.HasPrefix(raw, []byte("%PDF-")) }

// Read takes the signatures of a PDF apart, in the order they were made, each
// with the time stamps over the document that came after it. One whose form cannot be relied on makes
// the whole file Invalid; one that something was changed after is unfit.
// Nothing else is judged here.
func Read(raw []byte) ([]document.Signature, error) {
	f, err := pdf.Open(raw)
	if err != nil {
		return nil, err
	}
	found, err := f.Signatures()
	if err != nil {
		return nil, err
	}
	evidence, err := f.Evidence()
	if err != nil {
		return nil, err
	}
	carried := values(evidence)
	var list []document.Signature
	for _, s := range found {
		if s.Fault != nil {
			return nil, s.Fault
		}
		if s.SubFilter == pdf.TimeStamp {
			for i := range list {
				list[i].Archives = append(list[i].Archives, archived(f, s))
			}
			continue
		}
		signers, err := cades.Read(s.CMS, document.Bytes(s.Covered()))
		if err != nil {
			return nil, err
		}
		for _, one := range signers {
			one.Carried = one.Carried.With(carried)
			list = append(list, described(one, s, len(signers)))
		}
	}
	return list, nil
}

// archived is a time stamp over the document: over every signature before it,
// and the evidence that was there; none if that cannot be read, which lowers
// the level and nothing else.
func archived(f *pdf.File, s pdf.Signature) document.Archive {
	evidence, err := f.EvidenceBy(s)
	if err != nil {
		evidence = pdf.Evidence{}
	}
	return document.Archive{Token: s.CMS, Imprint: s.Digest, Carried: values(evidence)}
}

// described says of a signature in CMS what the file says of it.
func described(one document.Signature, s pdf.Signature, signers int) document.Signature {
	one.Format, one.MIME = document.PAdES, mime
	if !s.Time.IsZero() {
		one.ClaimedTime = s.Time
	}
	switch {
	case s.SubFilter != pdf.CAdES && s.SubFilter != pdf.PKCS7:
		one.Unfit = "the kind of the signature in the PDF is not one of PAdES"
	case signers != 1:
		one.Unfit = "a signature in a PDF has one signer" // ETSI EN 319 142-1 section 4.1
	case s.Later == pdf.Altered:
		one.Unfit = "the PDF was changed after it was signed"
	}
	return one
}

// values are the evidence of a file; a certificate that is none is left out.
func values(e pdf.Evidence) document.Values {
	v := document.Values{CRLs: e.CRLs, OCSPs: e.OCSPs}
	for _, raw := range e.Certs {
		if c, err := x509.ParseCertificate(raw); err == nil {
			v.Certificates = append(v.Certificates, c)
		}
	}
	return v
}
