package signature

import (
	"crypto/x509"
	"time"

	"mohr/internal/fault"
)

// VerifyJWS verifies a JWS of the service offline: its signature, and the
// chain in it to root at the instant at. It asks no ledger, so the leaf may
// have been revoked; what the leaf may sign is for the caller to judge.
func VerifyJWS(raw []byte, typ string, root *x509.Certificate, at time.Time) (payload []byte, leaf *x509.Certificate, err error) {
	j, err := openJWS(raw, typ)
	if err != nil {
		return nil, nil, err
	}
	if err := chains(j.chain[0], j.chain[1:], root, at); err != nil {
		return nil, nil, err
	}
	return j.payload, j.chain[0], nil
}

// VerifyCMS is VerifyJWS for a CMS; detached is the content where it is not
// inside, else nil.
func VerifyCMS(raw, detached []byte, root *x509.Certificate, at time.Time) (content []byte, leaf *x509.Certificate, err error) {
	o, err := openCMS(raw, detached)
	if err != nil {
		return nil, nil, err
	}
	if err := chains(o.leaf, o.certs, root, at); err != nil {
		return nil, nil, err
	}
	return o.content, o.leaf, nil
}

// chains checks the path from leaf to root (RFC 5280 section 6) and that the
// leaf is no CA and may sign.
func chains(leaf *x509.Certificate, others []*x509.Certificate, root *x509.Certificate, at time.Time) error {
	refused := fault.New(fault.Denied, "signer_chain", "the signer's certificate does not chain to the root at that time; check that the root is the right one")
	if root == nil || leaf.IsCA || !signs(leaf) {
		return refused
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range others {
		between.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return refused
	}
	return nil
}

// OpenCMS verifies a CMS under the certificate in it, whoever issued that:
// leaf is whose signature it is, and whether that counts is for the caller to
// judge. detached is the content where it is not inside, else nil.
func OpenCMS(raw, detached []byte) (content []byte, leaf *x509.Certificate, err error) {
	o, err := openCMS(raw, detached)
	if err != nil {
		return nil, nil, err
	}
	return o.content, o.leaf, nil
}

// OpenPDF is OpenCMS for a statement attached to a PDF (Verifier.PDF).
func OpenPDF(raw []byte) (statement []byte, leaf *x509.Certificate, err error) {
	o, err := openPDF(raw)
	if err != nil {
		return nil, nil, err
	}
	return o.statement, o.leaf, nil
}

// OpenJWS is OpenCMS for a JWS of the kind typ.
func OpenJWS(raw []byte, typ string) (payload []byte, leaf *x509.Certificate, err error) {
	j, err := openJWS(raw, typ)
	if err != nil {
		return nil, nil, err
	}
	return j.payload, j.chain[0], nil
}
