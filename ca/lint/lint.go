package lint

import (
	"errors"
	"fmt"
	"strings"
)

// maxObject bounds what is linted, octets. A CRL of a full shard stays below it.
const maxObject = 16 << 20

var errTooLong = fmt.Errorf("lint: longer than %d octets", maxObject)

// rule is one thing that must hold of a T.
type rule[T any] struct {
	name  string
	cites string               // document and section; "ours" where we are stricter
	fails func(T) (why string) // "" while it holds or does not apply
}

// findings are all faults of one object, in the order of the rules.
type findings []string

func check[T any](rules []rule[T], subject T, f *findings) {
	for _, r := range rules {
		if why := r.fails(subject); why != "" {
			*f = append(*f, fmt.Sprintf("%s: %s (%s)", r.name, why, r.cites))
		}
	}
}

func (f findings) err() error {
	if len(f) == 0 {
		return nil
	}
	return errors.New("lint: " + strings.Join(f, "; "))
}

// unless is why, or "" where ok.
func unless(ok bool, why string) string {
	if ok {
		return ""
	}
	return why
}

// Certificate lints an end entity's certificate, DER. It returns nil, or all
// findings in one error. The signature may be a dummy of any length.
func Certificate(der []byte) error { return lintCertificate(der, endEntityRules) }

// Authority lints the certificate of a root, of an issuing CA, or a
// cross-certificate between roots, DER. The signature may be a dummy.
func Authority(der []byte) error { return lintCertificate(der, authorityRules) }

func lintCertificate(der []byte, rules []rule[*certificate]) error {
	c, err := parseCertificate(der)
	if err != nil {
		return err
	}
	var f findings
	zlintCertificate(der, &f)
	check(rules, c, &f)
	return f.err()
}

// CRL lints a CertificateList, DER: of a root, or of one shard of an issuer.
// The signature may be a dummy.
func CRL(der []byte) error {
	l, err := parseCRL(der)
	if err != nil {
		return err
	}
	var f findings
	zlintCRL(der, &f)
	check(crlRules, l, &f)
	return f.err()
}

// OCSP lints an OCSP response, DER. One that reports an error is well formed
// or not; of a successful one everything is looked at, its signature too where
// the responder's certificate is in it.
func OCSP(der []byte) error {
	r, err := parseOCSP(der)
	if err != nil || r == nil {
		return err
	}
	var f findings
	zlintOCSP(der, r, &f)
	check(ocspRules, r, &f)
	return f.err()
}
