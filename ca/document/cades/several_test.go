package cades

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"mohr/ca/document"
	"mohr/ca/document/doctest"
)

// several is a CMS with the signers of all.
func several(t testing.TB, all ...[]byte) []byte {
	t.Helper()
	m, err := parse(all[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range all[1:] {
		other, err := parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		m.signers = append(m.signers, other.signers...)
		for _, c := range other.certs {
			if !slices.ContainsFunc(m.certs, func(have []byte) bool { return string(have) == string(c) }) {
				m.certs = append(m.certs, c)
			}
		}
	}
	out, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEachOfSeveralSignersIsJudgedAlone(t *testing.T) {
	p := doctest.New(t)
	at := doctest.Start.AddDate(0, 0, 10)
	sign := func(text string, name string) []byte {
		key := p.Issue(t, nil, func(c *x509.Certificate) { c.Subject.CommonName = name })
		raw, err := Sign(t.Context(), key, document.Bytes([]byte(text)), Options{MIME: "text/plain", Time: at})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	stranger := doctest.New(t)
	foreign, err := Sign(t.Context(), stranger.Issue(t, nil, nil), document.Bytes([]byte("one")), Options{MIME: "text/plain", Time: at})
	if err != nil {
		t.Fatal(err)
	}
	unit := p.Unit(t, func() time.Time { return at }, nil)
	tests := []struct {
		name string
		raw  []byte
		want document.Indication
		subs []document.Sub
	}{
		{"both good", several(t, sign("one", "Sara"), sign("one", "Dara")), document.Passed, []document.Sub{"", ""}},
		{"one over another document", several(t, sign("one", "Sara"), sign("two", "Dara")), document.Failed, []document.Sub{"", document.HashFailure}},
		{"one of nobody we believe", several(t, sign("one", "Sara"), foreign), document.Indeterminate, []document.Sub{"", document.NoCertificateChain}},
		{"both wrong in their way", several(t, sign("two", "Sara"), foreign), document.Failed, []document.Sub{document.HashFailure, document.NoCertificateChain}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			raised, err := Raise(t.Context(), tc.raw, unit, nil)
			if err != nil {
				t.Fatal(err)
			}
			list, err := Read(raised, document.Bytes([]byte("one")))
			if err != nil {
				t.Fatal(err)
			}
			r := document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{p.Root}, Known: p.Good(t, at)}, document.Policy{}, at)
			var subs []document.Sub
			for _, v := range r.Signatures {
				subs = append(subs, v.SubIndication)
				if len(v.Stamps) != 1 && v.SubIndication != document.HashFailure {
					t.Errorf("%s has %d stamps", v.Signer.Name, len(v.Stamps))
				}
			}
			slices.Sort(subs)
			slices.Sort(tc.subs)
			if r.Indication != tc.want || !slices.Equal(subs, tc.subs) {
				t.Errorf("%s %q, want %s %q", r.Indication, subs, tc.want, tc.subs)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	p := doctest.New(f)
	at := doctest.Start.AddDate(0, 0, 10)
	key := p.Issue(f, nil, nil)
	unit := p.Unit(f, func() time.Time { return at }, nil)
	text := document.Bytes([]byte("one"))
	for _, o := range []Options{{MIME: "text/plain", Time: at}, {Enclose: true}, {Stamper: unit, MIME: "text/plain"}} {
		raw, err := Sign(f.Context(), key, text, o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(several(f, raw, raw))
	}
	known, roots := p.Good(f, at), []*x509.Certificate{p.Root}
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Add([]byte("-----BEGIN CMS-----\nMAA=\n-----END CMS-----\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := Read(raw, text)
		if err != nil {
			return
		}
		// What is read can be written, and read again as the same.
		m, err := parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Read(out, text)
		if err != nil || len(again) != len(list) {
			t.Fatalf("written and read: %d signatures of %d, %v", len(again), len(list), err)
		}
		r := document.Validate(document.Proof{Signatures: list, Roots: roots, Known: known}, document.Policy{}, at)
		for n, v := range r.Signatures {
			if v.Indication == document.Passed && !list[n].Signer.Equal(key.Certificate) {
				t.Fatalf("a signature of %s", v.Signer.Name)
			}
		}
	})
}
