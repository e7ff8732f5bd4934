package lookup_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/lookup"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// shelf is an authority with a clock that a test sets, and the book on it.
type shelf struct {
	*catest.Fixture
	*lookup.Book
	now time.Time
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{now: time.Now().UTC().Truncate(time.Second)}
	s.Fixture = catest.New(t, func() time.Time { return s.now })
	s.Book = &lookup.Book{Store: s.Fixture.Store, Now: func() time.Time { return s.now }}
	return s
}

func TestACertificateIsWhatItsRecordSaysNow(t *testing.T) {
	s := newShelf(t)
	key, c := s.IssueTo(t, catest.Zahra, ca.NaturalSign, "r1")
	step := func(name string, want lookup.Verdict, reason ca.Reason) {
		t.Helper()
		for _, by := range []string{"file", "number"} {
			f, err := s.Book.Certificate(t.Context(), key.Certificate)
			if by == "number" {
				f, err = s.Book.Serial(t.Context(), strings.ToUpper(c.Serial))
			}
			if err != nil || f.Verdict != want || f.Reason != reason || f.Profile != ca.NaturalSign || f.Serial != c.Serial || !f.NotAfter.Equal(c.NotAfter) {
				t.Errorf("%s, by %s: %+v, %v", name, by, f, err)
			}
			if by == "number" && (f.Brought || f.Subject+f.IssuerName+f.Fingerprint != "" || len(f.Names) > 0) {
				t.Errorf("%s: who knows the number alone is told %+v", name, f)
			}
			if by == "file" && (!f.Brought || f.Subject == "" || len(f.Fingerprint) != 64) {
				t.Errorf("%s: who brings the certificate is not told what is in it: %+v", name, f)
			}
		}
	}
	issued := s.now
	step("just issued", lookup.Good, "")
	s.now = c.NotBefore.Add(-time.Second)
	step("a clock before its time", lookup.Early, "")
	s.now = c.NotAfter
	step("its last second", lookup.Good, "")
	s.now = c.NotAfter.Add(time.Second)
	step("a second later", lookup.Expired, "")
	s.now = issued
	if err := s.Fixture.Suspend(t.Context(), c.Serial, "operator:x"); err != nil {
		t.Fatal(err)
	}
	step("suspended", lookup.Suspended, ca.CertificateHold)
	if err := s.Fixture.Resume(t.Context(), c.Serial, "operator:x"); err != nil {
		t.Fatal(err)
	}
	step("resumed", lookup.Good, "")
	if err := s.Fixture.Revoke(t.Context(), c.Serial, ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	step("revoked", lookup.Revoked, ca.KeyCompromise)
	s.now = c.NotAfter.Add(time.Hour)
	step("revoked, and its time is over", lookup.Revoked, ca.KeyCompromise)
}

func TestAReplacedCertificateIsNotCalledRevoked(t *testing.T) {
	s := newShelf(t)
	key, c := s.IssueTo(t, catest.Zahra, ca.NaturalSign, "r1")
	if err := s.Fixture.Revoke(t.Context(), c.Serial, ca.Superseded, "renewal"); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Book.Certificate(t.Context(), key.Certificate); err != nil || f.Verdict != lookup.Replaced {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestWhatIsNotOursIsSaidToBe(t *testing.T) {
	s := newShelf(t)
	other := newShelf(t)
	foreign, _ := other.IssueTo(t, catest.Zahra, ca.NaturalSign, "r1")
	if f, err := s.Book.Certificate(t.Context(), foreign.Certificate); err != nil || f.Verdict != lookup.Foreign || f.Profile != "" {
		t.Errorf("another's: %+v, %v", f, err)
	}
	ours, _ := s.IssueTo(t, catest.Zahra, ca.NaturalSign, "r1")
	if f, err := s.Book.Certificate(t.Context(), ours.Chain[0]); err != nil || f.Verdict != lookup.Authority || f.Issuer == "" {
		t.Errorf("our own authority's: %+v, %v", f, err)
	}
	if f, err := s.Book.Serial(t.Context(), "0123456789abcdef"); err != nil || f.Verdict != lookup.Unknown || !f.NotAfter.IsZero() {
		t.Errorf("a number of nothing: %+v, %v", f, err)
	}
	if _, err := s.Book.Serial(t.Context(), "no number"); fault.Code(err) != "serial_malformed" {
		t.Errorf("no number: %v", err)
	}
}

func TestAnIntentIsNoCertificateYet(t *testing.T) {
	s := newShelf(t)
	_, c := s.IssueTo(t, catest.Zahra, ca.NaturalSign, "r1")
	for state, want := range map[ca.State]lookup.Verdict{ca.Pending: lookup.Unknown, ca.Void: lookup.Revoked} {
		c.State = state
		if err := s.Fixture.Store.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, "ca_certificates", c.Serial, c) }); err != nil {
			t.Fatal(err)
		}
		if f, err := s.Book.Serial(t.Context(), c.Serial); err != nil || f.Verdict != want {
			t.Errorf("%s: %+v, %v", state, f, err)
		}
	}
}

// files are what people bring, and the fault that it meets; "" is none.
func files(t testing.TB) map[string]struct {
	file []byte
	code string
} {
	f := catest.New(t, nil)
	key, _ := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "r1")
	der := key.Certificate.Raw
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := []byte("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n")
	return map[string]struct {
		file []byte
		code string
	}{
		"DER":                              {der, ""},
		"PEM":                              {text, ""},
		"a chain":                          {ca.ChainPEM(append([]*x509.Certificate{key.Certificate}, key.Chain...)...), ""},
		"PEM with words around":            {append([]byte("my certificate:\n"), text...), ""},
		"DER with an octet more":           {append(bytes.Clone(der), 0), "lookup_malformed"},
		"DER cut short":                    {der[:len(der)-1], "lookup_malformed"},
		"nothing":                          {nil, "lookup_malformed"},
		"blanks":                           {[]byte(" \n"), "lookup_malformed"},
		"a picture":                        {[]byte("\x89PNG\r\n\x1a\n"), "lookup_malformed"},
		"a page":                           {[]byte("<script>alert(1)</script>"), "lookup_malformed"},
		"a key":                            {private, "lookup_private_key"},
		"a key before the certificate":     {append(bytes.Clone(private), text...), "lookup_private_key"},
		"a request":                        {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), "lookup_malformed"},
		"more than a chain":                {bytes.Repeat(text, 1+lookup.MaxFile/len(text)), "lookup_malformed"},
		"a CERTIFICATE of something else":  {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("hello")}), "lookup_malformed"},
		"DER that says it is of gigabytes": {[]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, "lookup_malformed"},
	}
}

func TestWhatIsBroughtIsReadByWhatIsInIt(t *testing.T) {
	for name, f := range files(t) {
		t.Run(name, func(t *testing.T) {
			c, err := lookup.Parse(f.file)
			if fault.Code(err) != f.code || (c == nil) != (f.code != "") {
				t.Errorf("%v, %v, want %q", c != nil, err, f.code)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range files(f) {
		f.Add(c.file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := lookup.Parse(b)
		if err == nil && (c == nil || len(b) > lookup.MaxFile) {
			t.Error("taken without a certificate, or past the bound")
		}
	})
}
