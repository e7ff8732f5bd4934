package chip_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
	"mohr/internal/fault"
)

// open reads sources from files by name.
func open(t *testing.T, certs, crls map[string][]byte) (*chip.Trust, error) {
	t.Helper()
	return chip.Open(chip.Sources{CSCA: mapFS(certs), CRLs: mapFS(crls), Environment: "simulated"}, now)
}

// refusedBecause returns why the entry of the file was refused.
func refusedBecause(tr *chip.Trust, file string) string {
	why := ""
	for _, e := range tr.Entries() {
		if e.File == file {
			why += e.Refused
		}
	}
	return why
}

func TestAMasterListBringsAuthorities(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	publisher := foreign(w, "DE")
	list, err := publisher.MasterList(now, w.csca.Certificate.Raw, publisher.Certificate.Raw)
	w.must(err)
	crl, err := w.csca.CRL(now)
	w.must(err)
	certs := map[string][]byte{"publisher.cer": publisher.Certificate.Raw, "list.ml": list}
	tr, err := open(t, certs, map[string][]byte{"ir.crl": crl})
	w.must(err)
	if _, err := tr.Read(w.chip.Files, now); err != nil {
		t.Errorf("%v: %+v", err, tr.Entries())
	}
	var kinds []string
	for _, e := range tr.Entries() {
		kinds = append(kinds, e.Kind+" "+e.Country)
		if e.Refused != "" {
			t.Errorf("%s: %s", e.File, e.Refused)
		}
	}
	if want := "csca DE,master_list ,csca IR,crl IR"; strings.Join(kinds, ",") != want {
		t.Errorf("got %v", kinds)
	}
}

func TestMasterListsThatNobodyVouchesForAreRefused(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	publisher := foreign(w, "DE")
	list, err := publisher.MasterList(now, w.csca.Certificate.Raw, publisher.Certificate.Raw)
	w.must(err)
	changed := bytes.Clone(list)
	changed[bytes.Index(changed, w.csca.Certificate.Raw)+100] ^= 1
	byDocumentSigner, err := chipsim.SignedData(chipsim.MasterListType, nil, crypto.SHA256, now, w.signer)
	w.must(err)
	other := foreign(w, "FR")
	for name, tc := range map[string]struct {
		certs map[string][]byte
		why   string
	}{
		"its authority is only in itself":    {map[string][]byte{"x.cer": other.Certificate.Raw, "list": list}, "not known"},
		"a bit of it is changed":             {map[string][]byte{"x.cer": publisher.Certificate.Raw, "list": changed}, "not what was signed"},
		"a document signer signed it":        {map[string][]byte{"x.cer": w.csca.Certificate.Raw, "list": byDocumentSigner}, "not for signing"},
		"an octet follows it":                {map[string][]byte{"x.cer": publisher.Certificate.Raw, "list": append(bytes.Clone(list), 0)}, "after its end"},
		"it is a document's security object": {map[string][]byte{"x.cer": w.csca.Certificate.Raw, "list": w.chip.Files.SOD[4:]}, "signs something else"},
	} {
		tr, err := open(t, tc.certs, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if why := refusedBecause(tr, "list"); !strings.Contains(why, tc.why) {
			t.Errorf("%s: %q", name, why)
		}
		for _, e := range tr.Entries() {
			if e.File == "list" && e.Kind == chip.KindAuthority {
				t.Errorf("%s: an authority of it is trusted", name)
			}
		}
	}
}

func TestALinkJoinsAnOldKeyToANewOne(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	next := foreign(w, "IR")
	link := *next.Certificate
	link.SerialNumber, link.AuthorityKeyId = big.NewInt(77), nil
	raw, err := x509.CreateCertificate(rand.Reader, &link, w.csca.Certificate, next.Key.Public(), w.csca.Key)
	w.must(err)
	old, err := w.csca.CRL(now)
	w.must(err)
	fresh, err := next.CRL(now)
	w.must(err)
	signer, err := next.Sign(next.Template(now))
	w.must(err)
	f := w.resigned(w.groups(), crypto.SHA256, now, signer)
	crls := map[string][]byte{"old": old, "new": fresh}
	tr, err := open(t, map[string][]byte{"a-link": raw, "b-old": w.csca.Certificate.Raw}, crls)
	w.must(err)
	if _, err := tr.Read(f, now); err != nil {
		t.Errorf("%v: %+v", err, tr.Entries())
	}
	if tr, err = open(t, map[string][]byte{"a-link": raw}, crls); err == nil {
		t.Errorf("a link alone is trusted: %+v", tr.Entries())
	}
}

func TestWhatIsNoAuthorityIsNotTrusted(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	self := func(edit func(*x509.Certificate)) []byte {
		c := *w.csca.Certificate
		edit(&c)
		raw, err := x509.CreateCertificate(rand.Reader, &c, &c, w.csca.Key.Public(), w.csca.Key)
		w.must(err)
		return raw
	}
	for name, b := range map[string][]byte{
		"a document signer": w.signer.Certificate,
		"a self-signed certificate of no CA": self(func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid, c.MaxPathLenZero, c.KeyUsage = false, false, false, x509.KeyUsageDigitalSignature
		}),
		"a CA without a country": self(func(c *x509.Certificate) { c.Subject.Country, c.RawSubject = nil, nil }),
		"a CA with a critical extension": self(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}),
		"noise":                 []byte("noise"),
		"nothing":               {},
		"a changed certificate": append(bytes.Clone(w.csca.Certificate.Raw[:len(w.csca.Certificate.Raw)-1]), 0),
	} {
		if tr, err := open(t, map[string][]byte{"x": b}, nil); err == nil || refusedBecause(tr, "x") == "" {
			t.Errorf("%s is trusted: %v", name, err)
		}
	}
	both := slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.csca.Certificate.Raw}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.signer.Certificate}))
	tr, err := open(t, map[string][]byte{"both.pem": both}, nil)
	if err != nil || len(tr.Entries()) != 2 {
		t.Errorf("two in one PEM file: %v, %+v", err, tr.Entries())
	}
	if _, err := chip.Open(chip.Sources{CSCA: mapFS(nil), Environment: "staging"}, now); err == nil {
		t.Error("an environment that does not exist was taken")
	}
}

func TestCRLs(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	csca := map[string][]byte{"csca": w.csca.Certificate.Raw}
	good, err := w.csca.CRL(now)
	w.must(err)
	revoked, err := w.csca.CRL(now, serialOf(w, w.signer))
	w.must(err)
	forged, err := foreign(w, "IR").CRL(now, serialOf(w, w.signer))
	w.must(err)
	old, err := w.csca.CRL(now.AddDate(0, -3, 0))
	w.must(err)
	oldRevoked, err := w.csca.CRL(now.AddDate(0, -3, 0), serialOf(w, w.signer))
	w.must(err)
	early, err := w.csca.CRL(now.AddDate(0, 1, 0))
	w.must(err)
	partial, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}}, w.csca.Certificate, w.csca.Key)
	w.must(err)
	for name, tc := range map[string]struct {
		crls map[string][]byte
		code string
	}{
		"a current one":                        {map[string][]byte{"a": good}, ""},
		"none":                                 {nil, "chip_status_unknown"},
		"one that names the signer":            {map[string][]byte{"a": revoked}, "chip_dsc_revoked"},
		"one that did, and a newer without it": {map[string][]byte{"a": oldRevoked, "b": good}, "chip_dsc_revoked"},
		"an old one":                           {map[string][]byte{"a": old}, "chip_status_unknown"},
		"one of next month":                    {map[string][]byte{"a": early}, "chip_status_unknown"},
		"a forged one beside a good one":       {map[string][]byte{"a": forged, "b": good}, ""},
		"a forged one":                         {map[string][]byte{"a": forged}, "chip_status_unknown"},
		"one of a part only":                   {map[string][]byte{"a": partial}, "chip_status_unknown"},
		"a good one with an octet after it":    {map[string][]byte{"a": append(bytes.Clone(good), 0)}, "chip_status_unknown"},
		"noise":                                {map[string][]byte{"a": []byte("noise")}, "chip_status_unknown"},
	} {
		tr, err := open(t, csca, tc.crls)
		w.must(err)
		if _, err := tr.Read(w.chip.Files, now); fault.Code(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	silent, err := chip.Open(chip.Sources{CSCA: mapFS(csca), Silent: []string{"ir"}, Environment: "simulated"}, now)
	w.must(err)
	if _, err := silent.Read(w.chip.Files, now); err != nil {
		t.Errorf("a country that publishes none: %v", err)
	}
}

func serialOf(w *world, s chipsim.Signer) *big.Int {
	w.t.Helper()
	c, err := x509.ParseCertificate(s.Certificate)
	w.must(err)
	return c.SerialNumber
}
