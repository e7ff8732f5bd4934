package main

import (
	"bytes"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca"
)

// entry is what operators see of the certificate in a file.
func (f *foreign) entry(t *testing.T, name string) (e ca.Entry) {
	t.Helper()
	cert, err := x509.ParseCertificate(derOf(t, f.read(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	f.operator.done(t, get("/api/v1/certificates/"+ca.SerialText(cert.SerialNumber), ""), http.StatusOK, &e)
	return e
}

// TestAClientOfOpensslEnrollsRenewsAndRevokesOverCMP runs the lines of
// docs/cmp.md as they stand.
func TestAClientOfOpensslEnrollsRenewsAndRevokesOverCMP(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	blocks := f.untilKey(t, "cmp.md", 5)
	if out := f.shell(t, blocks[2]); !strings.Contains(out, "holder.pem: OK") {
		t.Errorf("ir: %s", out)
	}
	if out := f.shell(t, blocks[3]); !strings.Contains(out, "renewed.pem: OK") {
		t.Errorf("kur: %s", out)
	}
	// It counts on for two hours at least, in case the new one is taken back.
	if old := f.entry(t, "holder.pem"); old.Reason != "" || old.ReplacedBy == "" {
		t.Errorf("the renewed certificate is %+v", old)
	}
	if now := f.entry(t, "renewed.pem"); now.Reason != "" {
		t.Errorf("the new certificate is %+v", now)
	}
	f.shell(t, blocks[4])
	if now := f.entry(t, "renewed.pem"); now.Reason != ca.CessationOfOperation || now.By != "holder:cmp" {
		t.Errorf("the revoked certificate is %+v", now)
	}
	if out, err := f.try(blocks[4]); err == nil || !strings.Contains(out, "certRevoked") {
		t.Errorf("rr again: %v %s", err, out)
	}
}

// opensslCMP is openssl cmp as docs/cmp.md calls it, with the application's
// secret.
const opensslCMP = `openssl cmp -config "" -server "$PLAIN" -ref "$ID" -secret file:secret.txt -digest sha256 -mac hmacWithSHA256 -recipient /CN=Mohr -unprotected_errors `

// withSecret brings an application to where it needs a key, and puts its
// secret into the file of docs/cmp.md.
func (f *foreign) withSecret(t *testing.T, who applicant, profile, need string) *application {
	t.Helper()
	a := f.applyAs(t, who, profile)
	a.until(t, need)
	f.write(t, "secret.txt", []byte(f.secret(t, a, who, "cmp").Secret))
	f.write(t, "holder.csr", a.csr)
	return a
}

// TestOpensslHandsInAPKCS10RequestOverTLS is p10cr, with a wrong secret first.
func TestOpensslHandsInAPKCS10RequestOverTLS(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	a := f.withSecret(t, davood, ca.NaturalSign, "csr")
	p10cr := strings.Replace(opensslCMP, `-server "$PLAIN"`, `-server "${PORTAL#https://}" -tls_used -tls_trusted root.pem`, 1) +
		"-cmd p10cr -path cmp/natural-sign -csr holder.csr -certout holder.pem -extracertsout authorities.pem"
	right := f.read(t, "secret.txt")
	f.write(t, "secret.txt", []byte("0000-0000"))
	if out, err := f.try(p10cr); err == nil || !strings.Contains(out, "badMessageCheck") || !strings.Contains(out, "one-time secret is wrong") {
		t.Errorf("a wrong secret: %v %s", err, out)
	}
	f.write(t, "secret.txt", right)
	if out, err := f.try(strings.Replace(p10cr, "natural-sign", "natural-auth", 1)); err == nil || f.issued(t) != 0 {
		t.Errorf("at the address of another profile: %s", out)
	}
	f.shell(t, p10cr+"\nopenssl verify -CAfile root.pem -untrusted authorities.pem holder.pem\nopenssl x509 -in holder.pem -noout -subject -ext keyUsage")
	if state := a.state(t); state.Stage != "issued" || f.entry(t, "holder.pem").Serial != state.Serial {
		t.Errorf("the application is %+v", state)
	}
	// Type A: its key signs content and no messages.
	key, err := os.ReadFile(a.keyFile)
	if err != nil {
		t.Fatal(err)
	}
	f.write(t, "holder.key", key)
	for _, cmd := range []string{"kur -newkey new.key -certout new.pem", "rr -oldcert holder.pem"} {
		out, err := f.try(`openssl ecparam -name prime256v1 -genkey -noout -out new.key
openssl cmp -config "" -server "$PLAIN" -path cmp/natural-sign -cert holder.pem -key holder.key -trusted root.pem -ignore_keyusage -unprotected_errors -cmd ` + cmd)
		if err == nil || !strings.Contains(out, "mohr renew") || !strings.Contains(out, "mohr revoke") {
			t.Errorf("%s of type A: %v %s", cmd, err, out)
		}
	}
	if e := f.entry(t, "holder.pem"); e.Reason != "" || e.ReplacedBy != "" {
		t.Errorf("type A afterwards: %+v", e)
	}
}

// TestOpensslPollsWhileARegisterIsDown begins while the civil register does
// not answer and ends with the certificate.
func TestOpensslPollsWhileARegisterIsDown(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	f.fault(t, personRoute, "down")
	a := f.withSecret(t, mina, ca.NaturalSignB, "refresh")
	// openssl tells what it does only at its end: a proxy sees it poll.
	plain, err := url.Parse("http://" + f.env["PLAIN"])
	if err != nil {
		t.Fatal(err)
	}
	forward, polled, requests := httputil.NewSingleHostReverseProxy(plain), make(chan bool, 1), atomic.Int32{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forward.ServeHTTP(w, r)
		if requests.Add(1) == 2 {
			polled <- true
		}
	}))
	t.Cleanup(proxy.Close)
	f.env["PLAIN"] = strings.TrimPrefix(proxy.URL, "http://")
	var said safeBuffer
	c := f.command("openssl ecparam -name prime256v1 -genkey -noout -out holder.key\n" + opensslCMP + "-cmd ir -path cmp/natural-sign-b -subject /CN=ignored -newkey holder.key -certout holder.pem")
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-polled:
	case <-time.After(5 * time.Minute):
		t.Fatalf("openssl does not poll: %s", said.String())
	}
	if n := f.issued(t); n != 0 {
		t.Fatalf("%d certificates while it waits", n)
	}
	f.fault(t, personRoute, "none")
	a.until(t, "csr")
	if err := c.Wait(); err != nil {
		t.Fatalf("openssl: %v %s", err, said.String())
	}
	out := said.String()
	if !strings.Contains(out, "received POLLREP") || f.issued(t) != 1 {
		t.Fatalf("openssl said %s", out)
	}
	if e := f.entry(t, "holder.pem"); e.Reason != "" {
		t.Errorf("%+v", e)
	}
}

// TestCMPRenewsNothingThatMayNotBeRenewed holds refusals of kur and rr, and
// genm, against what openssl says.
func TestCMPRenewsNothingThatMayNotBeRenewed(t *testing.T) {
	t.Parallel()
	f := startForeign(t)
	enroll := "openssl ecparam -name prime256v1 -genkey -noout -out $NAME.key\n" + opensslCMP + "-cmd ir -path cmp/$PROFILE -subject /CN=ignored -newkey $NAME.key -certout $NAME.pem -extracertsout authorities.pem"
	for name, who := range map[string]applicant{"one": davood, "two": mina} {
		f.withSecret(t, who, ca.NaturalSignC, "csr")
		f.env["NAME"], f.env["PROFILE"] = name, ca.NaturalSignC
		f.shell(t, enroll)
	}
	by := func(name, cmd string) string {
		return `openssl cmp -config "" -server "$PLAIN" -path cmp/natural-sign-c -cert ` + name + `.pem -key ` + name + `.key -trusted root.pem -unprotected_errors -cmd ` + cmd
	}
	f.shell(t, "openssl ecparam -name prime256v1 -genkey -noout -out new.key")
	for _, c := range []struct{ name, line, want string }{
		{"too early", by("one", "kur -newkey new.key -certout new.pem"), "can be renewed from"},
		{"the same key", by("one", "kur -newkey one.key -certout new.pem"), "the new key is the old one"},
		{"another's certificate", by("one", "kur -oldcert two.pem -newkey new.key -certout new.pem"), "another than the one that signs"},
		{"another's revocation", by("one", "rr -oldcert two.pem"), "another than the one that signs"},
		{"another's key", strings.Replace(by("one", "rr -oldcert one.pem"), "-key one.key", "-key two.key", 1), "do not match"},
		{"a hold", by("one", "rr -oldcert one.pem -revreason 6"), "a holder may give"},
		{"at another address", strings.Replace(by("one", "rr -oldcert one.pem"), "cmp/natural-sign-c", "cmp/natural-auth", 1), "use the address of the profile"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if out, err := f.try(c.line); err == nil || !strings.Contains(out, c.want) {
				t.Errorf("%v: %s, want %q", err, out, c.want)
			}
		})
	}
	if e := f.entry(t, "two.pem"); e.Reason != "" || f.issued(t) != 2 {
		t.Errorf("the other certificate is %+v, %d issued", e, f.issued(t))
	}
	out := f.shell(t, by("one", "genm -infotype caCerts -rspout genp.der")+"\nopenssl asn1parse -inform DER -in genp.der | head -200")
	if !strings.Contains(out, "id-it-caCerts") || !strings.Contains(out, "Mohr") {
		t.Errorf("genm: %s", out)
	}
}

// TestCMPOverHTTPTakesMessagesOfItsTypeAndSize asks at all three doors.
func TestCMPOverHTTPTakesMessagesOfItsTypeAndSize(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	garbage := bytes.Repeat([]byte{0x30}, 100)
	for door, c := range map[string]*client{"https": s.anyone, "mtls": s.operator, "http": s.plain()} {
		for _, test := range []struct {
			name, kind string
			body       []byte
			status     int
		}{
			{"no message", "application/pkixcmp", garbage, http.StatusOK},
			{"nothing", "application/pkixcmp", nil, http.StatusOK},
			{"another type", "application/json", garbage, http.StatusUnsupportedMediaType},
			{"no type", "", garbage, http.StatusUnsupportedMediaType},
			{"too much", "application/pkixcmp", bytes.Repeat([]byte{0x30}, 1<<17), http.StatusRequestEntityTooLarge},
		} {
			got := c.send(t, postAs("/cmp/natural-sign", "", test.kind, test.body))
			if got.status != test.status {
				t.Errorf("%s, %s: %d %q", door, test.name, got.status, got.body)
			}
			if test.status == http.StatusOK && (got.header.Get("Content-Type") != "application/pkixcmp" || !bytes.Contains(got.body, []byte("not a PKIMessage"))) {
				t.Errorf("%s, %s: %v %q", door, test.name, got.header, got.body)
			}
		}
		if got := c.send(t, get("/cmp/natural-sign", "")); got.status != http.StatusMethodNotAllowed {
			t.Errorf("%s, GET: %d", door, got.status)
		}
	}
}
