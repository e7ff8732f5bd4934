package consistency_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/consistency"
	"mohr/internal/ledger"
)

// crlWith signs a CRL of the shard's own issuer over other entries.
func (p *place) crlWith(t *testing.T, b []byte, change func([]x509.RevocationListEntry) []x509.RevocationListEntry) []byte {
	t.Helper()
	list, err := x509.ParseRevocationList(b)
	if err != nil {
		t.Fatal(err)
	}
	i, _ := p.Issuer(ca.SignIssuer)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: list.Number, ThisUpdate: list.ThisUpdate, NextUpdate: list.NextUpdate, RevokedCertificateEntries: change(slices.Clone(list.RevokedCertificateEntries)),
	}, i.Certificate, i.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func isSerial(c ca.Certificate) func(x509.RevocationListEntry) bool {
	return func(e x509.RevocationListEntry) bool { return e.SerialNumber.Text(16) == c.Serial }
}

func number(c ca.Certificate) *big.Int {
	n, _ := new(big.Int).SetString(c.Serial, 16)
	return n
}

func TestContradictionsOfTheServiceAreFound(t *testing.T) {
	p := newPlace(t)
	crl := ca.CRLPath(ca.SignIssuer, 0)
	at := func(where string, fn func(b []byte) []byte) func(string, []byte) []byte {
		return func(path string, b []byte) []byte {
			if path == where {
				return fn(b)
			}
			return b
		}
	}
	entries := func(change func([]x509.RevocationListEntry) []x509.RevocationListEntry) func(string, []byte) []byte {
		return at(crl, func(b []byte) []byte { return p.crlWith(t, b, change) })
	}
	answers := func(of ca.Certificate, tmpl ocsp.Response) func(string, []byte) []byte {
		return func(path string, b []byte) []byte {
			a, err := ocsp.ParseResponse(b, nil)
			if path != "/ocsp/"+string(ca.SignIssuer) || err != nil || a.SerialNumber.Text(16) != of.Serial {
				return b
			}
			i, _ := p.Issuer(ca.SignIssuer)
			tmpl.SerialNumber, tmpl.ThisUpdate, tmpl.NextUpdate = a.SerialNumber, cmpTime(tmpl.ThisUpdate, a.ThisUpdate), cmpTime(tmpl.NextUpdate, a.NextUpdate)
			der, err := ocsp.CreateResponse(i.Certificate, i.Certificate, tmpl, i.Signer)
			if err != nil {
				t.Error(err)
			}
			return der
		}
	}
	revoked := []ca.Certificate{p.old, p.gone, p.held, p.void}
	ended := p.gone.NotBefore
	tests := []struct {
		name  string
		spoil func(path string, b []byte) []byte
		want  []string
	}{
		{"a CRL of another issuer", at(crl, func([]byte) []byte { return p.fetch(t, ca.CRLPath(ca.AuthIssuer, 0)) }), append(missing(revoked), "crl_signature "+crl)},
		{"bytes that are no CRL", at(crl, func(b []byte) []byte { return b[:len(b)-1] }), append(missing(revoked), "crl_malformed "+crl)},
		{"no CRL", at(crl, func([]byte) []byte { return nil }), append(missing(revoked), "crl_missing "+crl)},
		{"a CRL without a revoked certificate", entries(func(l []x509.RevocationListEntry) []x509.RevocationListEntry {
			return slices.DeleteFunc(l, isSerial(p.gone))
		}), missing([]ca.Certificate{p.gone})},
		{"a CRL with a good certificate", entries(func(l []x509.RevocationListEntry) []x509.RevocationListEntry {
			return append(l, x509.RevocationListEntry{SerialNumber: number(p.good), RevocationTime: ended})
		}), []string{"crl_entry_extra " + p.good.Serial}},
		{"a CRL with another reason", entries(func(l []x509.RevocationListEntry) []x509.RevocationListEntry {
			l[slices.IndexFunc(l, isSerial(p.gone))].ReasonCode = 4
			return l
		}), []string{"crl_entry_differs " + p.gone.Serial}},
		{"an answer that calls a revoked certificate good", answers(p.gone, ocsp.Response{Status: ocsp.Good}), []string{"ocsp_differs " + p.gone.Serial}},
		{"an answer that calls a good certificate revoked", answers(p.good, ocsp.Response{Status: ocsp.Revoked, RevokedAt: ended}), []string{"ocsp_differs " + p.good.Serial}},
		{"an answer that calls a void certificate good", answers(p.void, ocsp.Response{Status: ocsp.Good}), []string{"ocsp_differs " + p.void.Serial}},
		{"an answer that does not know a good certificate", answers(p.good, ocsp.Response{Status: ocsp.Unknown}), []string{"ocsp_differs " + p.good.Serial}},
		{"an answer with another reason", answers(p.gone, ocsp.Response{Status: ocsp.Revoked, RevokedAt: ended, RevocationReason: 4}), []string{"ocsp_differs " + p.gone.Serial}},
		{"an old answer", answers(p.good, ocsp.Response{Status: ocsp.Good, ThisUpdate: ended, NextUpdate: p.now.Add(-time.Minute)}), []string{"ocsp_stale " + p.good.Serial}},
		{"an answer from the future", answers(p.good, ocsp.Response{Status: ocsp.Good, ThisUpdate: p.now.Add(time.Minute)}), []string{"ocsp_stale " + p.good.Serial}},
		{"an answer whose signature does not hold", func(path string, b []byte) []byte {
			if a, err := ocsp.ParseResponse(b, nil); err == nil && a.SerialNumber.Text(16) == p.good.Serial {
				b[len(b)-len(a.Certificate.Raw)-30] ^= 1
			}
			return b
		}, []string{"ocsp_malformed " + p.good.Serial}},
		{"another issuer's certificate", at("/ca/"+string(ca.SignIssuer)+".cer", func([]byte) []byte { return p.fetch(t, "/ca/"+string(ca.AuthIssuer)+".cer") }),
			[]string{"certificate_differs " + string(ca.SignIssuer)}},
		{"no root certificate", at("/ca/root.cer", func([]byte) []byte { return nil }), []string{"certificate_differs root"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := p.check(t, p.live(t, test.spoil))
			// The answers made here bear today's producedAt, in a fixture of tomorrow.
			r.Findings = slices.DeleteFunc(r.Findings, func(f consistency.Finding) bool { return f.Code == "ocsp_lint" })
			want(t, r, test.want...)
		})
	}
}

func missing(list []ca.Certificate) (findings []string) {
	for _, c := range list {
		findings = append(findings, "crl_entry_missing "+c.Serial)
	}
	return findings
}

func cmpTime(t, or time.Time) time.Time {
	if t.IsZero() {
		return or
	}
	return t
}

func (p *place) fetch(t *testing.T, path string) []byte {
	t.Helper()
	b, err := p.live(t, nil).Get(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestACRLThatIsNotRenewedIsFound(t *testing.T) {
	p := newPlace(t)
	crl := ca.CRLPath(ca.SignIssuer, 0)
	old := p.fetch(t, crl)
	p.now = p.now.Add(25 * time.Hour)
	r := p.check(t, p.live(t, func(path string, b []byte) []byte {
		if path == crl {
			return old
		}
		return b
	}))
	want(t, r, "crl_stale "+crl)
}

func TestALogThatIsAnotherIsFound(t *testing.T) {
	p := newPlace(t)
	other := newPlace(t)
	live := p.live(t, nil)
	live.Log = other.live(t, nil).Log
	for range 3 { // as long as ours, at least
		other.IssueTo(t, catest.Zahra, ca.NaturalSign, time.Now().String())
	}
	if err := other.log.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	want(t, p.check(t, live), "log_differs mohr.test/log")
	live.At = ledger.Checkpoint{Size: 1 << 20}
	want(t, p.check(t, live), "log_differs mohr.test/log")
}
