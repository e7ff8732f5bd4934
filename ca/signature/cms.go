package signature

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"

	"mohr/internal/fault"
)

// CMS verifies a CMS SignedData (DER or one PEM block) in the CAdES-B
// profile: one signer, signed attributes with message-digest, content-type
// and a signing-certificate-v2 that is the signer's. detached is the content
// where it is not inside, else nil. A CMS that breaks a rule is Invalid, one
// that does not hold or whose signer is not ours is Denied.
func (v *Verifier) CMS(ctx context.Context, raw, detached []byte) (Signed, error) {
	o, err := openCMS(raw, detached)
	if err != nil {
		return Signed{}, err
	}
	standing, err := v.signer(ctx, o.leaf, o.signer.attrs.signed)
	if err != nil {
		return Signed{}, err
	}
	return Signed{payload: o.content, raw: bytes.Clone(raw), standing: standing, at: o.signer.attrs.signingTime}, nil
}

// openedCMS is a CMS whose signature holds under leaf, whoever issued that.
type openedCMS struct {
	cms
	leaf *x509.Certificate
}

// openCMS parses and verifies; content is filled from detached.
func openCMS(raw, detached []byte) (openedCMS, error) {
	c, err := parseCMS(raw)
	if err != nil {
		return openedCMS{}, err
	}
	if err := c.settleContent(detached); err != nil {
		return openedCMS{}, err
	}
	leaf := c.find()
	if leaf == nil {
		return openedCMS{}, errCMS("cms_certificate_missing", "the CMS does not hold the signer's certificate; sign without -nocerts")
	}
	return openedCMS{c, leaf}, c.verify(leaf)
}

// settleContent decides which bytes are meant; two different ones are nobody's.
func (c *cms) settleContent(detached []byte) error {
	switch {
	case c.content == nil && detached == nil:
		return errCMS("cms_content_missing", "the CMS is detached and its content did not come along; send the signed file too")
	case c.content == nil:
		c.content = bytes.Clone(detached)
	case detached != nil && !bytes.Equal(detached, c.content):
		return errCMS("cms_content_differs", "the CMS holds another content than the file beside it; send only what was signed")
	}
	return nil
}

// verify applies RFC 5652 sections 5.4 and 5.6 and RFC 5035 section 5. What
// says of which kind its content is was signed as a document (ca/document/cades)
// and is no statement, whatever the document says.
func (c cms) verify(leaf *x509.Certificate) error {
	if slices.ContainsFunc(c.signer.attrs.others, func(a Attribute) bool { return a.Type.Equal(oidMIMEType) }) {
		return errCMS("cms_document", "this is the signature of a document, which is no statement; sign the statement with the command or the page that is for it")
	}
	if c.signer.attrs.certificate.digest == nil {
		return errAttributesMissing()
	}
	if !c.signer.attrs.certificate.names(leaf) {
		return errCMS("cms_signing_certificate", "the signing-certificate-v2 attribute of the CMS names another certificate than the signer's; sign again")
	}
	return c.holds(leaf)
}

// holds applies RFC 5652 sections 5.4 and 5.6 alone.
func (c cms) holds(leaf *x509.Certificate) error {
	s := c.signer
	if !s.attrs.contentType.Equal(oidData) {
		return errCMSMalformed()
	}
	if !bytes.Equal(s.attrs.messageDigest, s.scheme.digest(c.content)) {
		return fault.New(fault.Denied, "cms_digest", "the CMS was made over another content; send exactly the bytes that were signed")
	}
	if !s.scheme.verifyDER(leaf.PublicKey, s.scheme.digest(s.attrs.signed), s.signature) {
		return fault.New(fault.Denied, "cms_signature", "the signature of the CMS does not hold under the certificate in it; sign again")
	}
	return nil
}

// names reports whether id is of the certificate.
func (id certID) names(cert *x509.Certificate) bool {
	h := id.hash.New()
	h.Write(cert.Raw)
	if !bytes.Equal(id.digest, h.Sum(nil)) {
		return false
	}
	return id.serial == nil || id.serial.Cmp(cert.SerialNumber) == 0 && bytes.Equal(id.issuer, cert.RawIssuer)
}
