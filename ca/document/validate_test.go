package document_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/doctest"
)

var text = []byte("a contract\n")

// values is a Source that says one thing.
type values document.Values

func (v values) Values(context.Context, []*x509.Certificate) (document.Values, error) {
	return document.Values(v), nil
}

// day returns a time of the test's PKI.
func day(n int) time.Time { return doctest.Start.AddDate(0, 0, n) }

// scene is one document, its signature and the day of the judgement.
type scene struct {
	*doctest.PKI
	key     ca.SigningKey
	unit    document.Stamper
	stamped int             // day; 0: not stamped
	values  document.Source // what the signature carries
	known   document.Values
	policy  document.Policy
	content []byte // of the judgement; nil: text
	change  func([]byte) []byte
	roots   []*x509.Certificate
	at      int
}

// report signs and judges.
func (s *scene) report(t *testing.T) document.Report {
	t.Helper()
	o := cades.Options{MIME: "text/plain", Time: day(10), Source: s.values}
	if s.stamped != 0 {
		if s.unit == nil {
			s.unit = s.Unit(t, func() time.Time { return day(s.stamped) }, func(c *x509.Certificate) { c.NotAfter = day(2000) })
		}
		o.Stamper = s.unit
	}
	raw, err := cades.Sign(t.Context(), s.key, document.Bytes(text), o)
	if err != nil {
		t.Fatal(err)
	}
	return s.judge(t, raw)
}

func (s *scene) judge(t *testing.T, raw []byte) document.Report {
	t.Helper()
	if s.change != nil {
		raw = s.change(raw)
	}
	if s.content == nil {
		s.content = text
	}
	if s.roots == nil {
		s.roots = []*x509.Certificate{s.Root}
	}
	list, err := cades.Read(raw, document.Bytes(s.content))
	if err != nil {
		return document.Unreadable(err, day(s.at))
	}
	return document.Validate(document.Proof{Signatures: list, Roots: s.roots, Known: s.known}, s.policy, day(s.at))
}

// weakKey is a key of 1024 bits, which Sign refuses; it is for certificates only.
func weakKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEachSignatureGetsItsIndication(t *testing.T) {
	p := doctest.New(t)
	key := p.Issue(t, nil, nil)
	other := doctest.New(t)
	good := func(n int, revoked ...doctest.Revoked) document.Values { return p.Good(t, day(n), revoked...) }
	revoked := func(n int) doctest.Revoked {
		return doctest.Revoked{Certificate: key.Certificate, At: day(n), Reason: 4}
	}
	tests := []struct {
		name  string
		scene scene
		want  document.Indication
		sub   document.Sub
		level document.Level
	}{
		{"valid now, by what the verifier knows", scene{known: good(11), at: 11}, document.Passed, "", document.LevelB},
		{"valid and stamped", scene{stamped: 10, known: good(11), at: 11}, document.Passed, "", document.LevelT},
		{"valid, with all it needs inside", scene{stamped: 10, values: values(good(10)), at: 10}, document.Passed, "", document.LevelLT},
		{"stamped, then the certificate ended", scene{stamped: 10, values: values(good(10)), known: good(400), at: 400}, document.Passed, "", document.LevelLT},
		{"the certificate ended, then it was stamped", scene{stamped: 370, known: good(371), at: 371}, document.Indeterminate, document.OutOfBoundsNoPOE, document.LevelT},
		{"the certificate ended, and no stamp", scene{known: good(371), at: 371}, document.Indeterminate, document.OutOfBoundsNoPOE, document.LevelB},
		{"stamped, then revoked", scene{stamped: 10, known: good(30, revoked(20)), at: 30}, document.Passed, "", document.LevelT},
		{"revoked, then stamped", scene{stamped: 25, known: good(30, revoked(20)), at: 30}, document.Indeterminate, document.RevokedNoPOE, document.LevelT},
		{"revoked, and no stamp", scene{known: good(30, revoked(20)), at: 30}, document.Indeterminate, document.RevokedNoPOE, document.LevelB},
		{"suspended", scene{known: good(30, doctest.Revoked{Certificate: key.Certificate, At: day(20), Reason: 6}), at: 30}, document.Indeterminate, document.TryLater, document.LevelB},
		{"the authority was revoked", scene{known: document.Values{CRLs: [][]byte{p.CRL(t, day(30)), p.RootCRL(t, day(30), doctest.Revoked{Certificate: p.Issuing, At: day(5)})}}, at: 30}, document.Indeterminate, document.RevokedCANoPOE, document.LevelB},
		{"a policy that the certificate has", scene{known: good(11), policy: document.Policy{Certificates: []asn1.ObjectIdentifier{{2, 999, 9}, doctest.Policy}}, at: 11}, document.Passed, "", document.LevelB},
		{"a policy that the certificate has not", scene{known: good(11), policy: document.Policy{Certificates: []asn1.ObjectIdentifier{{2, 999, 9}}}, at: 11}, document.Indeterminate, document.ChainConstraints, document.LevelB},
		{"a certificate for signing in", scene{key: p.Issue(t, nil, func(c *x509.Certificate) {
			c.UnknownExtKeyUsage, c.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
		}), known: good(11), at: 11}, document.Indeterminate, document.ChainConstraints, document.LevelB},
		{"a certificate that may only encipher", scene{key: p.Issue(t, nil, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), known: good(11), at: 11}, document.Indeterminate, document.ChainConstraints, document.LevelB},
		{"another document", scene{content: []byte("another contract\n"), known: good(11), at: 11}, document.Failed, document.HashFailure, document.LevelB},
		{"no document", scene{content: []byte{}, known: good(11), at: 11}, document.Failed, document.HashFailure, document.LevelB},
		{"an altered attribute", scene{change: func(raw []byte) []byte { return bytes.Replace(raw, []byte("text/plain"), []byte("text/plaim"), 1) }, known: good(11), at: 11}, document.Failed, document.SigCryptoFailure, document.LevelB},
		{"an unknown root", scene{roots: []*x509.Certificate{other.Root}, known: good(11), at: 11}, document.Indeterminate, document.NoCertificateChain, document.LevelB},
		{"a certificate that begins later", scene{key: p.Issue(t, nil, func(c *x509.Certificate) { c.NotBefore = day(20) }), known: good(11), at: 11}, document.Indeterminate, document.NotYetValid, document.LevelB},
		{"stamped before the certificate began", scene{key: p.Issue(t, nil, func(c *x509.Certificate) { c.NotBefore = day(20) }), stamped: 10, known: good(30), at: 30}, document.Failed, document.NotYetValid, document.LevelT},
		{"nothing known of a revocation", scene{at: 11}, document.Indeterminate, document.TryLater, document.LevelB},
		{"what is known has ended", scene{known: good(11), at: 14}, document.Indeterminate, document.TryLater, document.LevelB},
		{"what is carried has ended, and no stamp", scene{values: values(good(10)), at: 14}, document.Indeterminate, document.TryLater, document.LevelB},
		{"stamped, and nothing fresh is known of the unit", scene{stamped: 10, values: values(good(10)), at: 400}, document.Indeterminate, document.OutOfBoundsNoPOE, document.LevelB},
		{"a list of another authority", scene{known: other.Good(t, day(11)), at: 11}, document.Indeterminate, document.TryLater, document.LevelB},
		{"a certificate of which no revocation is told", scene{key: p.Issue(t, nil, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 56}, Value: []byte{5, 0}}}
		}), known: document.Values{CRLs: [][]byte{p.RootCRL(t, day(11))}}, at: 11}, document.Passed, "", document.LevelB},
		{"an answer of OCSP", scene{known: document.Values{CRLs: [][]byte{p.RootCRL(t, day(11))}, OCSPs: [][]byte{p.OCSP(t, key.Certificate, day(11))}}, at: 11}, document.Passed, "", document.LevelB},
		{"an answer of OCSP on another certificate", scene{known: document.Values{CRLs: [][]byte{p.RootCRL(t, day(11))}, OCSPs: [][]byte{p.OCSP(t, p.Issuing, day(11))}}, at: 11}, document.Indeterminate, document.TryLater, document.LevelB},
		{"no signature", scene{change: func([]byte) []byte { return []byte("nothing") }, at: 11}, document.Failed, document.FormatFailure, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := tc.scene
			s.PKI = p
			if s.key.Certificate == nil {
				s.key = key
			}
			r := s.report(t)
			v := r.Signatures[0]
			if r.Indication != tc.want || v.Indication != tc.want || v.SubIndication != tc.sub || v.Level != tc.level {
				b, _ := json.MarshalIndent(r, "", " ")
				t.Errorf("%s %s %s (%s), want %s %s %s\n%s", v.Indication, v.SubIndication, v.Level, v.Why, tc.want, tc.sub, tc.level, b)
			}
			if (v.Why == "") != (v.Indication == document.Passed) {
				t.Errorf("why is %q", v.Why)
			}
		})
	}
}

func TestAStampOfALiarDoesNotCount(t *testing.T) {
	p, other := doctest.New(t), doctest.New(t)
	key := p.Issue(t, nil, nil)
	clock := func() time.Time { return day(10) }
	ended := doctest.Revoked{Certificate: key.Certificate, At: day(20)}
	unit := p.Unit(t, clock, nil)
	tests := []struct {
		name  string
		unit  document.Stamper
		known document.Values
		at    int
		want  document.Indication
	}{
		{"a unit that is good", unit, p.Good(t, day(30), ended), 30, document.Passed},
		{"a unit of nobody we believe", other.Unit(t, clock, nil), p.Good(t, day(30), ended), 30, document.Indeterminate},
		{"a unit that was revoked since", unit, p.Good(t, day(30), ended, doctest.Revoked{Certificate: unit.Key.Certificate, At: day(25)}), 30, document.Indeterminate},
		{"a stamp of the future", p.Unit(t, func() time.Time { return day(31) }, nil), p.Good(t, day(30), ended), 30, document.Indeterminate},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := scene{PKI: p, key: key, unit: tc.unit, stamped: 10, known: tc.known, at: tc.at}
			r := s.report(t)
			v := r.Signatures[0]
			if v.Indication != tc.want || v.Stamps[0].Holds != (tc.want == document.Passed) {
				t.Errorf("%s %s (%s), the stamp holds: %v (%s)", v.Indication, v.SubIndication, v.Why, v.Stamps[0].Holds, v.Stamps[0].Why)
			}
		})
	}
	// A stamp over another's signature, moved here.
	s := scene{PKI: p, key: key, known: p.Good(t, day(30), ended), at: 30}
	one, err := cades.Sign(t.Context(), key, document.Bytes(text), cades.Options{MIME: "text/plain", Time: day(9)})
	if err != nil {
		t.Fatal(err)
	}
	list, err := cades.Read(one, document.Bytes(text))
	if err != nil {
		t.Fatal(err)
	}
	token, err := document.Stamp(t.Context(), unit, []byte("another value"))
	if err != nil {
		t.Fatal(err)
	}
	list[0].Stamps = [][]byte{token}
	r := document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{p.Root}, Known: s.known}, document.Policy{}, day(30))
	if r.Indication != document.Indeterminate || r.Signatures[0].Stamps[0].Holds {
		t.Errorf("a stamp over another signature: %+v", r.Signatures[0])
	}
}

func TestAStampOverTheDocumentProvesThatItWasSignedLater(t *testing.T) {
	p := doctest.New(t)
	key := p.Issue(t, nil, nil)
	raw, err := cades.Sign(t.Context(), key, document.Bytes(text), cades.Options{MIME: "text/plain", Time: day(10)})
	if err != nil {
		t.Fatal(err)
	}
	judge := func(stamped int, known document.Values, at int) document.Verdict {
		t.Helper()
		list, err := cades.Read(raw, document.Bytes(text))
		if err != nil {
			t.Fatal(err)
		}
		unit := p.Unit(t, func() time.Time { return day(stamped) }, func(c *x509.Certificate) { c.NotAfter = day(2000) })
		token, err := document.Stamp(t.Context(), unit, text)
		if err != nil {
			t.Fatal(err)
		}
		list[0].ContentStamps = [][]byte{token}
		return document.Validate(document.Proof{Signatures: list, Roots: []*x509.Certificate{p.Root}, Known: known}, document.Policy{}, day(at)).Signatures[0]
	}
	ended := doctest.Revoked{Certificate: key.Certificate, At: day(20)}
	if v := judge(25, p.Good(t, day(30), ended), 30); v.Indication != document.Failed || v.SubIndication != document.Revoked {
		t.Errorf("revoked before the document was stamped: %s %s", v.Indication, v.SubIndication)
	}
	if v := judge(15, p.Good(t, day(30), ended), 30); v.Indication != document.Indeterminate || v.SubIndication != document.RevokedNoPOE {
		t.Errorf("revoked after the document was stamped: %s %s", v.Indication, v.SubIndication)
	}
	if v := judge(370, p.Good(t, day(371)), 371); v.Indication != document.Failed || v.SubIndication != document.Expired {
		t.Errorf("ended before the document was stamped: %s %s", v.Indication, v.SubIndication)
	}
}

func TestWeakAlgorithmsProveNothing(t *testing.T) {
	p := doctest.New(t)
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		key  *rsa.PrivateKey
		hash crypto.Hash
		want document.Indication
		sub  document.Sub
	}{
		{"RSA of 2048 bits with SHA-256", strong, crypto.SHA256, document.Passed, ""},
		{"SHA-1", strong, crypto.SHA1, document.Indeterminate, document.CryptoConstraints},
		{"RSA of 1024 bits", weakKey(t), crypto.SHA256, document.Indeterminate, document.CryptoConstraints},
		{"a hash that is not known", strong, crypto.MD5, document.Indeterminate, document.CryptoConstraints},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			key := p.Issue(t, tc.key, nil)
			s := scene{PKI: p, known: p.Good(t, day(11)), at: 11}
			v := s.judge(t, handmade(t, key, tc.hash)).Signatures[0]
			if v.Indication != tc.want || v.SubIndication != tc.sub {
				t.Errorf("%s %s (%s), want %s %s", v.Indication, v.SubIndication, v.Why, tc.want, tc.sub)
			}
		})
	}
}
