package chip_test

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
	"mohr/internal/fault"
)

// country is a folder in which the real openssl is an authority (csca) and a
// document signer (dsc), by the real clock.
type country struct {
	t   *testing.T
	dir string
}

func opensslCountry(t *testing.T) *country {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("MOHR_CI") != "" {
			t.Fatal("openssl is not installed: install the package openssl")
		}
		t.Skip("NOT TESTED against openssl: it is not installed; install the package openssl")
	}
	return &country{t, t.TempDir()}
}

func (c *country) path(name string) string { return filepath.Join(c.dir, name) }

func (c *country) read(name string) []byte {
	c.t.Helper()
	b, err := os.ReadFile(c.path(name))
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

func (c *country) write(name string, b []byte) {
	c.t.Helper()
	if err := os.WriteFile(c.path(name), b, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *country) run(args ...string) {
	c.t.Helper()
	cmd := exec.Command("openssl", args...)
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// how is what an openssl authority and signer use.
type how struct {
	csca, dsc       []string // arguments of genpkey
	certify, sign   []string // more arguments of req and x509, and of cms
	issuer, subject string   // names of the authority as it certifies, and as it is trusted; "" for usual ones
}

const usualName = "/C=IR/O=Ministry/OU=Passports/CN=CSCA Iran"

func ec(curve, encoding string) []string {
	return []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve, "-pkeyopt", "ec_param_enc:" + encoding}
}

func rsaKey(bits int) []string {
	return []string{"-algorithm", "RSA", "-pkeyopt", fmt.Sprintf("rsa_keygen_bits:%d", bits)}
}

// issue makes keys, certificates and a CRL.
func (c *country) issue(h how) {
	c.t.Helper()
	c.run(slices.Concat([]string{"genpkey", "-out", "csca.key"}, h.csca)...)
	c.run(slices.Concat([]string{"genpkey", "-out", "dsc.key"}, h.dsc)...)
	issuer, subject := h.issuer, h.subject
	if issuer == "" {
		issuer = usualName
	}
	if subject == "" {
		subject = issuer
	}
	for name, as := range map[string]string{"csca.pem": subject, "issuer.pem": issuer} {
		c.run(slices.Concat([]string{"req", "-x509", "-new", "-key", "csca.key", "-subj", as, "-days", "5000", "-sha256", "-out", name,
			"-addext", "keyUsage=critical,keyCertSign,cRLSign"}, h.certify)...)
	}
	c.run("req", "-new", "-key", "dsc.key", "-subj", "/C=IR/O=Ministry/CN=Document Signer 1", "-out", "dsc.csr")
	c.write("dsc.ext", []byte("keyUsage=critical,digitalSignature\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n"))
	c.run(slices.Concat([]string{"x509", "-req", "-in", "dsc.csr", "-CA", "issuer.pem", "-CAkey", "csca.key", "-set_serial", "4711", "-days", "4000", "-sha256",
		"-extfile", "dsc.ext", "-out", "dsc.pem"}, slices.DeleteFunc(slices.Clone(h.certify), func(s string) bool { return s == "-addext" }))...)
	c.write("index", nil)
	c.write("number", []byte("01\n"))
	c.write("ca.cnf", []byte("[ca]\ndefault_ca=csca\n[csca]\ndatabase=index\ncrlnumber=number\ncrl_extensions=crl\n[crl]\nauthorityKeyIdentifier=keyid:always\n"))
	c.crl()
}

func (c *country) crl() {
	c.t.Helper()
	c.run("ca", "-config", "ca.cnf", "-gencrl", "-keyfile", "csca.key", "-cert", "csca.pem", "-crldays", "30", "-md", "sha256", "-out", "crl.pem")
}

// sod signs the list of hashes.
func (c *country) sod(groups map[int][]byte, more ...string) []byte {
	c.t.Helper()
	c.write("lds", chipsim.SecurityObject(crypto.SHA256, groups))
	c.run(slices.Concat([]string{"cms", "-sign", "-binary", "-nodetach", "-econtent_type", "2.23.136.1.1.1", "-in", "lds", "-signer", "dsc.pem", "-inkey", "dsc.key",
		"-outform", "DER", "-out", "sod", "-nosmimecap"}, more)...)
	return chipsim.Element(0x77, c.read("sod"))
}

// trust trusts the authority as csca.pem names it.
func (c *country) trust() *chip.Trust {
	c.t.Helper()
	t, err := chip.Open(chip.Sources{
		CSCA: mapFS(map[string][]byte{"csca.pem": c.read("csca.pem")}), CRLs: mapFS(map[string][]byte{"crl.pem": c.read("crl.pem")}), Environment: "simulated",
	}, time.Now())
	if err != nil {
		c.t.Fatalf("%v: %+v", err, t.Entries())
	}
	return t
}

func papers() map[int][]byte {
	return map[int][]byte{1: chipsim.DG1(chipsim.MRZ(holder())), 2: chipsim.DG2(chipsim.Face())}
}

var (
	pssCert = []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"}
	pssSign = []string{"-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:32"}
	sha256  = []string{"-md", "sha256"}
)

// TestDocumentsAsTheyAreInTheFieldAreRead has real signatures by openssl in the
// forms that countries use.
func TestDocumentsAsTheyAreInTheFieldAreRead(t *testing.T) {
	nist := ec("P-256", "named_curve")
	rows := map[string]how{
		"brainpool curves by name":                  {csca: ec("brainpoolP384r1", "named_curve"), dsc: ec("brainpoolP256r1", "named_curve"), sign: sha256},
		"brainpool curves with explicit parameters": {csca: ec("brainpoolP256r1", "explicit"), dsc: ec("brainpoolP256r1", "explicit"), sign: sha256},
		"P-256 and P-384 with explicit parameters":  {csca: ec("P-384", "explicit"), dsc: ec("P-256", "explicit"), sign: sha256},
		"brainpool of 224 and 512 bits, SHA-512":    {csca: ec("brainpoolP512r1", "explicit"), dsc: ec("brainpoolP224r1", "named_curve"), sign: []string{"-md", "sha512"}},
		"brainpool of 320 bits, SHA-384":            {csca: ec("brainpoolP320r1", "named_curve"), dsc: ec("brainpoolP320r1", "explicit"), sign: []string{"-md", "sha384"}},
		"RSA, PKCS #1":                              {csca: rsaKey(3072), dsc: rsaKey(2048), sign: sha256},
		"RSA-PSS in certificate and document":       {csca: rsaKey(3072), dsc: rsaKey(2048), certify: pssCert, sign: pssSign},
		"RSA-PSS with SHA-384":                      {csca: rsaKey(2048), dsc: rsaKey(2048), sign: []string{"-md", "sha384", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:48"}},
		"RSA-PSS with SHA-512":                      {csca: rsaKey(2048), dsc: rsaKey(2048), sign: []string{"-md", "sha512", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:64"}},
		"BER of indefinite length":                  {csca: nist, dsc: nist, sign: []string{"-md", "sha256", "-stream", "-indef"}},
		"a signer by its key identifier":            {csca: nist, dsc: nist, sign: []string{"-md", "sha256", "-keyid"}},
		"an issuer whose name is in another order":  {csca: nist, dsc: nist, sign: sha256, subject: "/CN=CSCA Iran/OU=Passports/O=Ministry/C=IR"},
		"an issuer whose name is in other capitals": {csca: nist, dsc: nist, sign: sha256, subject: "/C=ir/O=MINISTRY/OU=passports/CN=CSCA  Iran"},
	}
	for name, h := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := opensslCountry(t)
			c.issue(h)
			files := chip.Files{SOD: c.sod(papers(), h.sign...), DG1: papers()[1], DG2: papers()[2]}
			d, err := c.trust().Read(files, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if d.Personal != holder().NationalCode || d.HasKey() {
				t.Errorf("got %+v", d)
			}
			if strings.Contains(name, "BER") && files.SOD[len(files.SOD)-1] != 0 {
				t.Error("openssl made no indefinite lengths")
			}
			files.SOD[len(files.SOD)/2] ^= 4
			if _, err := c.trust().Read(files, time.Now()); fault.Code(err) == "" {
				t.Errorf("changed, it gave %v", err)
			}
		})
	}
}

func TestWhatOpensslSignsAndIsRefused(t *testing.T) {
	nist := ec("P-256", "named_curve")
	rows := map[string]struct {
		how
		code string
	}{
		"SHA-1":                            {how{csca: nist, dsc: nist, sign: []string{"-md", "sha1"}}, "chip_weak_hash"},
		"RSA-PSS over SHA-1":               {how{csca: rsaKey(2048), dsc: rsaKey(2048), sign: []string{"-md", "sha1", "-keyopt", "rsa_padding_mode:pss"}}, "chip_weak_hash"},
		"RSA-PSS whose mask is over SHA-1": {how{csca: rsaKey(2048), dsc: rsaKey(2048), sign: []string{"-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_mgf1_md:sha1", "-keyopt", "rsa_pss_saltlen:32"}}, "chip_weak_hash"},
		"RSA-PSS with a short salt":        {how{csca: rsaKey(2048), dsc: rsaKey(2048), sign: []string{"-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:8"}}, "chip_algorithm"},
		"a curve that is not known":        {how{csca: nist, dsc: ec("secp256k1", "named_curve"), sign: sha256}, "chip_curve"},
		"its parameters written out":       {how{csca: nist, dsc: ec("secp256k1", "explicit"), sign: sha256}, "chip_curve"},
		"a curve of 192 bits":              {how{csca: nist, dsc: ec("prime192v1", "named_curve"), sign: sha256}, "chip_curve"},
		"no signed attributes":             {how{csca: nist, dsc: nist, sign: []string{"-md", "sha256", "-noattr"}}, "chip_malformed"},
		"no certificate":                   {how{csca: nist, dsc: nist, sign: []string{"-md", "sha256", "-nocerts"}}, "chip_malformed"},
		"a second certificate":             {how{csca: nist, dsc: nist, sign: []string{"-md", "sha256", "-certfile", "csca.pem"}}, "chip_malformed"},
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := opensslCountry(t)
			c.issue(r.how)
			files := chip.Files{SOD: c.sod(papers(), r.sign...), DG1: papers()[1], DG2: papers()[2]}
			_, err := c.trust().Read(files, time.Now())
			if fault.Code(err) != r.code {
				t.Errorf("got %v (%q), want %s", err, fault.Code(err), r.code)
			}
		})
	}
}

func TestARevokedDocumentSignerIsRefused(t *testing.T) {
	c := opensslCountry(t)
	c.issue(how{csca: ec("brainpoolP256r1", "explicit"), dsc: ec("brainpoolP256r1", "named_curve")})
	files := chip.Files{SOD: c.sod(papers(), sha256...), DG1: papers()[1]}
	before := c.trust()
	if _, err := before.Read(files, time.Now()); err != nil {
		t.Fatal(err)
	}
	c.run("ca", "-config", "ca.cnf", "-revoke", "dsc.pem", "-keyfile", "csca.key", "-cert", "csca.pem", "-md", "sha256")
	c.crl()
	if _, err := c.trust().Read(files, time.Now()); fault.Code(err) != "chip_dsc_revoked" {
		t.Errorf("got %v", err)
	}
	if _, err := c.trust().Read(files, time.Now().AddDate(0, 2, 0)); fault.Code(err) != "chip_dsc_revoked" {
		t.Errorf("under a CRL that is out of date: %v", err)
	}
	if _, err := before.Read(files, time.Now().AddDate(0, 2, 0)); fault.Code(err) != "chip_status_unknown" {
		t.Errorf("with no current CRL: %v", err)
	}
}

// TestExplicitParametersMustBeAllOfOneCurve: with another generator, whoever
// chooses it signs for any key (CVE-2020-0601).
func TestExplicitParametersMustBeAllOfOneCurve(t *testing.T) {
	c := opensslCountry(t)
	c.issue(how{csca: ec("brainpoolP256r1", "named_curve"), dsc: ec("brainpoolP256r1", "explicit")})
	block, _ := pem.Decode(c.read("dsc.pem"))
	c.run("ecparam", "-name", "brainpoolP256r1", "-param_enc", "explicit", "-outform", "DER", "-out", "params")
	params := c.read("params")
	at := bytes.Index(block.Bytes, params)
	if at < 0 {
		t.Fatal("the certificate does not hold the parameters")
	}
	sod := c.sod(papers(), sha256...)
	in := bytes.Index(sod, block.Bytes)
	var parts []asn1.RawValue
	if _, err := asn1.Unmarshal(params, &parts); err != nil {
		t.Fatal(err)
	}
	offset := 0
	head := len(params) - len(slices.Concat(parts[0].FullBytes, parts[1].FullBytes, parts[2].FullBytes, parts[3].FullBytes, parts[4].FullBytes, parts[5].FullBytes))
	for i, name := range []string{"version", "p", "a and b", "G", "n", "h"} {
		offset += len(parts[i].FullBytes)
		changed := bytes.Clone(sod)
		changed[in+at+head+offset-1] ^= 2
		_, err := c.trust().Read(chip.Files{SOD: changed, DG1: papers()[1]}, time.Now())
		if fault.Code(err) != "chip_curve" {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// TestTheSignersNameInAnotherOrder has the parts of the issuer in the SignerInfo
// turned round, which no signature covers.
func TestTheSignersNameInAnotherOrder(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	issuer := w.csca.Certificate.RawSubject
	var parts []asn1.RawValue
	_, err := asn1.Unmarshal(issuer, &parts)
	w.must(err)
	var body []byte
	for _, p := range slices.Backward(parts) {
		body = append(body, p.FullBytes...)
	}
	f := w.chip.Files
	at := bytes.LastIndex(f.SOD, issuer)
	turned := slices.Concat(f.SOD[:at], chipsim.Element(0x30, body), f.SOD[at+len(issuer):])
	if bytes.Equal(turned, f.SOD) {
		t.Fatal("nothing was turned")
	}
	f.SOD = turned
	_, err = w.trust.Read(f, now)
	w.must(err)
}

// TestAMasterListAsCountriesPublishIt is signed by openssl, on brainpool curves,
// and holds its authority's certificate beside its signer's.
func TestAMasterListAsCountriesPublishIt(t *testing.T) {
	c := opensslCountry(t)
	c.issue(how{csca: ec("brainpoolP256r1", "explicit"), dsc: ec("brainpoolP256r1", "named_curve")})
	files := chip.Files{SOD: c.sod(papers(), sha256...), DG1: papers()[1]}
	iran := map[string][]byte{"csca.pem": c.read("csca.pem"), "crl.pem": c.read("crl.pem")}

	p := opensslCountry(t)
	p.issue(how{csca: ec("brainpoolP384r1", "explicit"), dsc: ec("brainpoolP384r1", "explicit"), issuer: "/C=DE/O=Publisher/CN=CSCA Germany"})
	p.write("dsc.ext", []byte("keyUsage=critical,digitalSignature\nextendedKeyUsage=2.23.136.1.1.3\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n"))
	p.run("req", "-new", "-key", "dsc.key", "-subj", "/C=DE/O=Publisher/CN=Master List Signer", "-out", "dsc.csr")
	p.run("x509", "-req", "-in", "dsc.csr", "-CA", "issuer.pem", "-CAkey", "csca.key", "-set_serial", "4712", "-days", "300", "-extfile", "dsc.ext", "-out", "dsc.pem", "-sha384")
	var all []byte
	for _, b := range [][]byte{iran["csca.pem"], p.read("csca.pem")} {
		block, _ := pem.Decode(b)
		all = append(all, block.Bytes...)
	}
	p.write("list", chipsim.Element(0x30, append([]byte{2, 1, 0}, chipsim.Element(0x31, all)...)))
	p.run("cms", "-sign", "-binary", "-nodetach", "-econtent_type", "2.23.136.1.1.2", "-in", "list", "-signer", "dsc.pem", "-inkey", "dsc.key", "-certfile", "csca.pem",
		"-md", "sha384", "-keyid", "-outform", "DER", "-out", "list.ml", "-nosmimecap")

	trust, err := chip.Open(chip.Sources{
		CSCA: mapFS(map[string][]byte{"publisher.pem": p.read("csca.pem"), "list.ml": p.read("list.ml")}), CRLs: mapFS(map[string][]byte{"crl": iran["crl.pem"]}), Environment: "production",
	}, time.Now())
	if err != nil {
		t.Fatalf("%v: %+v", err, trust.Entries())
	}
	if _, err := trust.Read(files, time.Now()); err != nil {
		t.Errorf("%v: %+v", err, trust.Entries())
	}
}
