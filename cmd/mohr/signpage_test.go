package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/go-jose/go-jose/v4"

	"mohr/internal/browser"
	"mohr/internal/pkitest"
)

// writeFile writes a file of a name into a folder of its own.
func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// plainPDF is a PDF of a page that Chromium made.
func plainPDF(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../ca/document/pdf/testdata/chromium.pdf")
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, name, raw)
}

// looksAt chooses a file and a form, and goes to what will be signed.
func looksAt(t *testing.T, tab *browser.Tab, file, form string) {
	t.Helper()
	tab.Wait("main[data-ready] #sign")
	tab.Upload("#file", file)
	tab.Wait(`#sign[data-chosen="` + filepath.Base(file) + `"]`)
	if form == "#form-jades" {
		tab.Open("#sign details")
	}
	tab.Click(form)
	tab.Click("#sign button[type=submit]")
	tab.Wait("#look h2")
}

// signsOnPage signs a file on the page, in one form, and returns what the
// person gets.
func signsOnPage(t *testing.T, tab *browser.Tab, file, form, name string) []byte {
	t.Helper()
	looksAt(t, tab, file, form)
	seen(t, tab, name+"-look")
	tab.Click("#look [data-sign]")
	tab.Wait("#done h2")
	seen(t, tab, name+"-done")
	var made string
	tab.Run(`const keys = await import("/static/keys.js"), check = document.querySelector("#check").elements;
		return keys.base64(new Uint8Array(await (check.signature.files[0] ?? check.document.files[0]).arrayBuffer()));`, &made)
	raw, err := base64.StdEncoding.DecodeString(made)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// opensslHolds has openssl verify a CMS beside its file.
func (s *running) opensslHolds(t *testing.T, file string, signature []byte) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), pkitest.Need(t, "openssl", "openssl"), "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", writeFile(t, "made.p7s", signature),
		"-content", file, "-CAfile", filepath.Join(s.data, "root.pem"), "-purpose", "any", "-out", os.DevNull).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "successful") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
}

// pdfsigHolds has poppler count the signatures that hold.
func pdfsigHolds(t *testing.T, signed []byte, signatures int) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), pkitest.Need(t, "pdfsig", "poppler-utils"), "-nocert", writeFile(t, "signed.pdf", signed)).CombinedOutput()
	if err != nil || strings.Count(string(out), "Signature is Valid.") != signatures {
		t.Errorf("pdfsig: %v\n%s", err, out)
	}
}

// joseHolds has go-jose take a JWS apart and lead its certificate to the root;
// the critical sigD, which it does not know, is all that keeps it from
// verifying the value, which is done here by the standard library.
func (s *running) joseHolds(t *testing.T, raw []byte) {
	t.Helper()
	jws, err := jose.ParseSignedJSON(strings.Replace(string(raw), "{", `{"payload":"",`, 1), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatalf("go-jose: %v\n%s", err, raw)
	}
	roots := x509.NewCertPool()
	root, err := os.ReadFile(filepath.Join(s.data, "root.pem"))
	if err != nil || !roots.AppendCertsFromPEM(root) {
		t.Fatal("no root: ", err)
	}
	chains, err := jws.Signatures[0].Protected.Certificates(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		t.Fatalf("go-jose: %v", err)
	}
	var parts struct{ Protected string }
	if err := json.Unmarshal(raw, &parts); err != nil {
		t.Fatal(err)
	}
	digest, value := sha256.Sum256([]byte(parts.Protected+".")), jws.Signatures[0].Signature
	r, v := new(big.Int).SetBytes(value[:32]), new(big.Int).SetBytes(value[32:])
	if !ecdsa.Verify(chains[0][0].PublicKey.(*ecdsa.PublicKey), digest[:], r, v) {
		t.Error("the value of the JWS does not hold")
	}
}

// signsInHere signs in with the key that the tab's browser has.
func signsInHere(t *testing.T, tab *browser.Tab) {
	t.Helper()
	tab.Follow("#issued a")
	tab.Wait("#keys button")
	tab.Follow("#keys button")
}

// TestAHolderSignsDocumentsInABrowser: with a key of the browser, in every
// form; what others' programs say of it, and what is refused.
func TestAHolderSignsDocumentsInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for i, l := range []browser.Look{{Lang: "en", Dark: true}, {Lang: "fa", Phone: true}} {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			s.withKeyHere(t, tab, []applicant{zahra, davood}[i], false)
			signsInHere(t, tab)
			tab.Follow("a[href='/my/sign']")
			tab.Wait("main[data-ready] #sign")
			seen(t, tab, "sign-document")
			contract, text := plainPDF(t, "قرارداد 1.pdf"), writeFile(t, "it's mine.txt", []byte("one is to pay ten\n"))

			once := signsOnPage(t, tab, contract, "#form-pades", "sign-pdf")
			pdfsigHolds(t, once, 1)
			checksOnPage(t, tab, "PAdES B-T")
			tab.Go(s.Config.Portal + "/my/sign")
			pdfsigHolds(t, signsOnPage(t, tab, writeFile(t, "twice.pdf", once), "#form-pades", "sign-pdf-twice"), 2)

			tab.Click("#done [data-again]")
			s.opensslHolds(t, text, signsOnPage(t, tab, text, "#form-cades", "sign-cms"))
			tab.Open("#elsewhere")
			if said := tab.Text("#command"); !strings.Contains(said, `mohr sign 'it'\''s mine.txt' --format cades --detached --level T`) {
				t.Errorf("the command is %s", said)
			}
			checksOnPage(t, tab, "CAdES B-T")

			tab.Go(s.Config.Portal + "/my/sign")
			s.joseHolds(t, signsOnPage(t, tab, text, "#form-jades", "sign-jws"))
			checksOnPage(t, tab, "JAdES B-T")
			s.signsNothingBroken(t, tab)
		})
	}
}

// checksOnPage follows the page's way to the check of what was signed, which
// tells the format and the level.
func checksOnPage(t *testing.T, tab *browser.Tab, level string) {
	t.Helper()
	tab.Follow("#check button")
	seen(t, tab, "sign-checked")
	if !strings.Contains(tab.Text("section.verdict"), "TOTAL-PASSED") || !strings.Contains(tab.Text("main"), level+", ECDSA") {
		t.Errorf("what was signed is not good at %s:\n%s", level, tab.Text("main"))
	}
}

// signsNothingBroken shows files that are refused, and that the page goes on.
func (s *running) signsNothingBroken(t *testing.T, tab *browser.Tab) {
	t.Helper()
	encrypted, err := os.ReadFile("../../ca/document/pdf/testdata/encrypted.pdf")
	if err != nil {
		t.Fatal(err)
	}
	tab.Go(s.Config.Portal + "/my/sign")
	tab.Wait("main[data-ready] #sign")
	for _, f := range []struct {
		name, told, fa string
		content        []byte
	}{
		{"broken.pdf", "damaged", "خراب", encrypted[:len(encrypted)/2]},
		{"encrypted.pdf", "encrypted", "رمزگذاری", encrypted},
		{"large.pdf", "16 MB", "۱۶ مگابایت", append([]byte("%PDF-1.7\n"), make([]byte, 16<<20)...)},
	} {
		tab.Upload("#file", writeFile(t, f.name, f.content))
		tab.Wait("#sign[data-chosen='" + f.name + "']")
		tab.Click("#sign button[type=submit]")
		tab.WaitFocus("#told")
		want := map[string]string{"en": f.told, "fa": f.fa}[tab.Lang]
		if said := tab.Text("#told"); !strings.Contains(said, want) {
			t.Errorf("%s: %s", f.name, said)
		}
		seen(t, tab, "sign-refused")
	}
}

// TestADocumentIsSignedByKeysAlone: no pointer.
func TestADocumentIsSignedByKeysAlone(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for i, l := range byKeys {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			s.withKeyHere(t, tab, []applicant{zahra, davood}[i], false)
			signsInHere(t, tab)
			tab.Go(s.Config.Portal + "/my/sign")
			tab.Wait("main[data-ready] #sign")
			walked(t, tab, "sign-document")
			tab.Upload("#file", plainPDF(t, "contract.pdf")) // the system's own window for files is not the page's
			tab.Wait("#sign[data-chosen='contract.pdf']")
			tab.TabTo("#form-pades")
			tab.TabTo("#sign button[type=submit]")
			tab.Press(kb.Enter)
			tab.WaitFocus("#look-title")
			seen(t, tab, "sign-look")
			tab.TabTo("#look [data-sign]")
			tab.Press(kb.Enter)
			tab.WaitFocus("#done-title")
			seen(t, tab, "sign-done")
			tab.TabTo("#check button")
			tab.Enter()
			if !strings.Contains(tab.Text("section.verdict"), "TOTAL-PASSED") {
				t.Errorf("what was signed is not good:\n%s", tab.Text("main"))
			}
		})
	}
}

// TestWhoHasNoKeyHereIsShownTheCommand: whoever signed in by a key that is
// elsewhere, with scripts and without.
func TestWhoHasNoKeyHereIsShownTheCommand(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	c := s.apply(t, zahra, "").certify(t)
	chromium := browser.Shared(t)
	for _, l := range []browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true, NoScript: true}} {
		t.Run(l.String(), func(t *testing.T) {
			tab := chromium.Tab(t, l)
			tab.Go(s.Config.Portal + "/my/sign")
			tab.Open("details")
			tab.Fill("#statement", command(t, s.keyArgs(c.certFile, c.keyFile)...))
			tab.Follow("form[action='/signin/statement'] button")
			if l.NoScript {
				tab.Open("#elsewhere")
			} else {
				tab.Wait("#no-key")
			}
			seen(t, tab, "sign-elsewhere")
			if said := tab.Text("#elsewhere"); !strings.Contains(said, "mohr sign contract.pdf") {
				t.Errorf("no command: %s", said)
			}
		})
	}
}

// TestASignatureIsPreparedForWhoIsSignedInOnly: by what is sent over HTTP.
func TestASignatureIsPreparedForWhoIsSignedInOnly(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	for _, path := range []string{"/my/sign/prepare", "/my/sign/finish"} {
		a := s.anyone.send(t, ask{request: request{method: "POST", path: path, kind: "multipart/form-data; boundary=x", body: []byte("--x--\r\n")}, lang: "en"})
		if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden || !bytes.Contains(a.body, []byte("session_none")) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}
