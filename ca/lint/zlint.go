package lint

import (
	"cmp"
	"strings"
	"sync"

	"github.com/zmap/zcrypto/x509"
	_ "github.com/zmap/zlint/v3" // registers the rules
	zl "github.com/zmap/zlint/v3/lint"
	"golang.org/x/crypto/ocsp"
)

// sources are those of zlint's that speak of objects like ours. The Community
// source is left out: one lint of it costs 8 ms a certificate.
var sources = zl.SourceList{zl.RFC5280, zl.RFC3279, zl.RFC5480, zl.RFC5891, zl.RFC6960, zl.RFC8813, zl.EtsiEsi}

// ours reports whether one of our own rules says the same as zlint's of the
// name, or more. zlint's fifteen about qcStatements read the extension anew each
// time and cost a third of it all; a test holds ours against them. One of them is
// contradicted: it wants QcCompliance wherever any statement of EN 319 412-5
// is, and we make no claim under the law that statement is about.
func ours(name string) bool { return strings.Contains(name, "qcstatem") }

// zlints are zlint's rules that run.
type zlints struct {
	config       zl.Configuration
	certificates []*zl.CertificateLint
	crls         []*zl.RevocationListLint
	responses    []*zl.OcspResponseLint
}

// selected makes the choice once.
var selected = sync.OnceValues(func() (*zlints, error) {
	var left []string
	for _, name := range zl.GlobalRegistry().Names() {
		if ours(name) {
			left = append(left, name)
		}
	}
	r, err := zl.GlobalRegistry().Filter(zl.FilterOptions{IncludeSources: sources, ExcludeNames: left})
	if err != nil {
		return nil, err
	}
	return &zlints{r.GetConfiguration(), r.CertificateLints().Lints(), r.RevocationListLints().Lints(), r.OcspResponseLints().Lints()}, nil
})

func zlintCertificate(der []byte, f *findings) {
	z, err := selected()
	c, errParse := x509.ParseCertificate(der)
	if err = cmp.Or(err, errParse); err != nil {
		f.zlint(err)
		return
	}
	for _, l := range z.certificates {
		f.result(l.Name, l.Execute(c, z.config))
	}
}

func zlintCRL(der []byte, f *findings) {
	z, err := selected()
	c, errParse := x509.ParseRevocationList(der)
	if err = cmp.Or(err, errParse); err != nil {
		f.zlint(err)
		return
	}
	for _, l := range z.crls {
		f.result(l.Name, l.Execute(c, z.config))
	}
}

// zlintOCSP passes over a response with several answers: the library that
// zlint reads it with takes one.
func zlintOCSP(der []byte, r *response, f *findings) {
	if len(r.singles) != 1 {
		return
	}
	z, err := selected()
	o, errParse := ocsp.ParseResponse(der, nil)
	if err = cmp.Or(err, errParse); err != nil {
		f.zlint(err)
		return
	}
	for _, l := range z.responses {
		f.result(l.Name, l.Execute(o, z.config))
	}
}

func (f *findings) zlint(err error) { *f = append(*f, "zlint: "+err.Error()) }

// result adds what zlint calls an error; its warnings are for others.
func (f *findings) result(name string, r *zl.LintResult) {
	if r.Status >= zl.Error {
		*f = append(*f, strings.TrimSpace(name+" "+r.Details))
	}
}
