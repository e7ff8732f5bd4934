package badge_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/timestamp"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
	"mohr/internal/store"
)

// openssl signs document as a merchant would with the OpenSSL command.
func (b *bench) openssl(t testing.TB, document []byte, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	der, err := x509.MarshalPKCS8PrivateKey(b.key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	full := append([]string{
		"cms", "-sign", "-binary",
		"-in", file("request.json", document), "-out", filepath.Join(dir, "request.p7s"),
		"-inkey", file("holder.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"-signer", file("holder.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.key.Certificate.Raw})),
	}, args...)
	if out, err := exec.Command(pkitest.Need(t, "openssl", "openssl"), full...).CombinedOutput(); err != nil {
		t.Fatalf("openssl %v: %v\n%s", full, err, out)
	}
	signed, err := os.ReadFile(filepath.Join(dir, "request.p7s"))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestARequestSignedByOpenSSLIsTaken(t *testing.T) {
	for _, test := range []struct {
		name     string
		args     []string
		detached bool
	}{
		{"detached, in DER", []string{"-cades", "-outform", "DER"}, true},
		{"detached, in PEM", []string{"-cades", "-outform", "PEM"}, true},
		{"with the content inside, in DER", []string{"-cades", "-nodetach", "-outform", "DER"}, false},
		{"with the content inside, in PEM", []string{"-cades", "-nodetach", "-outform", "PEM"}, false},
		{"detached, with SHA-384", []string{"-cades", "-md", "sha384", "-outform", "DER"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			document := marshal(t, b.ask())
			l := badge.Letter{Signed: b.openssl(t, document, test.args...)}
			if test.detached {
				l.Document = document
			}
			got, err := b.Desk.Request(t.Context(), l)
			if err != nil || got.State != badge.Waiting {
				t.Fatalf("state %s, %v", got.State, err)
			}
			b.clock.pass(time.Hour)
			if again, err := b.Desk.Request(t.Context(), l); err != nil || again.ID != got.ID {
				t.Errorf("the same again: %s, %v", again.ID, err)
			}
			b.shop.put(got.Challenge)
			if got, err = b.Check(t.Context(), got.ID); err != nil || got.State != badge.Active {
				t.Errorf("state %s, %v", got.State, err)
			}
		})
	}
}

func TestACMSThatDoesNotHoldIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		letter func(*testing.T, *bench, []byte) badge.Letter
		kind   fault.Kind
		code   string
	}{
		{"without signing-certificate-v2", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			return badge.Letter{Signed: b.openssl(t, doc, "-outform", "DER"), Document: doc}
		}, fault.Invalid, "cms_attributes_missing"},
		{"without signed attributes", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			return badge.Letter{Signed: b.openssl(t, doc, "-noattr", "-outform", "DER"), Document: doc}
		}, fault.Invalid, "cms_attributes_missing"},
		{"without the certificate", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			return badge.Letter{Signed: b.openssl(t, doc, "-cades", "-nocerts", "-outform", "DER"), Document: doc}
		}, fault.Invalid, "cms_certificate_missing"},
		{"over another document", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			return badge.Letter{Signed: b.openssl(t, doc, "-cades", "-outform", "DER"), Document: bytes.Replace(doc, []byte(domain), []byte("evil.example"), 1)}
		}, fault.Denied, "cms_digest"},
		{"detached, and its document left at home", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			return badge.Letter{Signed: b.openssl(t, doc, "-cades", "-outform", "DER")}
		}, fault.Invalid, "cms_content_missing"},
		{"with one document inside and another beside it", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			return badge.Letter{Signed: b.openssl(t, doc, "-cades", "-nodetach", "-outform", "DER"), Document: append(doc, ' ')}
		}, fault.Invalid, "cms_content_differs"},
		{"with octets after it", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			return badge.Letter{Signed: append(b.openssl(t, doc, "-cades", "-outform", "DER"), 0), Document: doc}
		}, fault.Invalid, "cms_malformed"},
		{"beside a JWS", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			return badge.Letter{Signed: b.sign(t, b.key, doc), Document: doc}
		}, fault.Invalid, "badge_document_beside_jws"},
		{"too long together", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			doc = append(doc, bytes.Repeat([]byte(" "), 64<<10)...)
			return badge.Letter{Signed: b.openssl(t, doc, "-cades", "-outform", "DER"), Document: doc}
		}, fault.Invalid, "badge_request_too_large"},
		{"of a revoked certificate", func(t *testing.T, b *bench, doc []byte) badge.Letter {
			if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
				t.Fatal(err)
			}
			return badge.Letter{Signed: b.openssl(t, doc, "-cades", "-outform", "DER"), Document: doc}
		}, fault.Denied, "certificate_revoked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			_, err := b.Desk.Request(t.Context(), test.letter(t, b, marshal(t, b.ask())))
			if fault.Code(err) != test.code || !errors.Is(err, test.kind) {
				t.Fatalf("got %q (%v), want %q of kind %s", fault.Code(err), err, test.code, test.kind)
			}
			if n := b.count(t, "badge_badges") + b.count(t, "badge_requests") + b.count(t, "nonce_used"); n != 0 {
				t.Errorf("the refused request left %d records", n)
			}
		})
	}
}

// A statement serves once, in whatever form it comes the second time.
func TestAStatementDoesNotServeAgainInTheOtherForm(t *testing.T) {
	b := newBench(t)
	a := b.ask()
	if _, err := b.Request(t.Context(), b.sign(t, b.key, a)); err != nil {
		t.Fatal(err)
	}
	a.Request, a.Domain = "request-2", "second.example"
	document := marshal(t, a)
	_, err := b.Desk.Request(t.Context(), badge.Letter{Signed: b.openssl(t, document, "-cades", "-outform", "DER"), Document: document})
	if code := fault.Code(err); code != "nonce_used" {
		t.Errorf("got %v", err)
	}
}

func TestTheAPITakesADetachedCMS(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	document := marshal(t, b.ask())
	cms := b.openssl(t, document, "-cades", "-outform", "DER")
	e := base64.StdEncoding.EncodeToString
	api := s.URL + "/api/v1/badges"
	for name, body := range map[string]string{
		"no document":       `{"cms":"` + e(cms) + `"}`,
		"an empty document": `{"cms":"` + e(cms) + `","document":""}`,
		"a JWS inside":      `{"cms":"` + e(b.sign(t, b.key, document)) + `","document":"` + e(document) + `"}`,
		"no base64":         `{"cms":"*","document":"` + e(document) + `"}`,
		"another field":     `{"cms":"` + e(cms) + `","document":"` + e(document) + `","x":1}`,
		"a field twice":     `{"cms":"` + e(cms) + `","document":"` + e(document) + `","document":"` + e(document) + `"}`,
	} {
		if got := fetch(t, "POST", api+"/detached", "application/json", []byte(body)); got.status != 400 && got.status != 422 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if n := b.count(t, "badge_badges"); n != 0 {
		t.Fatalf("%d badges of bad requests", n)
	}
	got := fetch(t, "POST", api+"/detached", "application/json", []byte(`{"cms":"`+e(cms)+`","document":"`+e(document)+`"}`))
	if got.status != 201 || !strings.Contains(got.body, `"waiting"`) {
		t.Errorf("%+v", got)
	}
	a := b.ask()
	a.Request, a.Domain = "request-2", "second.example"
	got = fetch(t, "POST", api, "application/x-pem-file", b.openssl(t, marshal(t, a), "-cades", "-nodetach", "-outform", "PEM"))
	if got.status != 201 {
		t.Errorf("PEM: %+v", got)
	}
}

// kept returns the stored request of a badge.
func (b *bench) kept(t testing.TB, id string) (r badge.Request) {
	t.Helper()
	err := b.Store.View(t.Context(), func(tx store.Tx) (err error) {
		r, err = store.Load[badge.Request](tx, "badge_requests", id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestARequestStaysProvableAfterItsCertificateHasExpired(t *testing.T) {
	for _, form := range []string{"JWS", "detached CMS"} {
		t.Run(form, func(t *testing.T) {
			b := newBench(t)
			b.realStamps(t)
			l := badge.Letter{Signed: b.sign(t, b.key, b.ask())}
			if form != "JWS" {
				l.Document = marshal(t, b.ask())
				l.Signed = b.openssl(t, l.Document, "-cades", "-outform", "DER")
			}
			got, err := b.Desk.Request(t.Context(), l)
			if err != nil {
				t.Fatal(err)
			}
			b.clock.pass(10 * 365 * 24 * time.Hour) // Verify asks no clock; the record is what it is
			kept := b.kept(t, got.Request)
			at, signer, err := kept.Verify(b.ca.Root)
			if err != nil || !at.Equal(start) || !signer.Equal(b.key.Certificate) {
				t.Fatalf("at %s, %v", at, err)
			}
			b.spoiled(t, kept)
		})
	}
}

// spoiled has each part of a proof spoiled in turn: none holds any more.
func (b *bench) spoiled(t *testing.T, kept badge.Request) {
	t.Helper()
	other := newBench(t)
	other.realStamps(t)
	second, err := other.Request(t.Context(), other.sign(t, other.key, other.ask()))
	if err != nil {
		t.Fatal(err)
	}
	foreign := other.kept(t, second.Request)
	for name, spoil := range map[string]func(*badge.Request){
		"another request under the stamp":       func(r *badge.Request) { r.Signed = foreign.Signed },
		"another stamp":                         func(r *badge.Request) { r.Stamp = foreign.Stamp },
		"another status":                        func(r *badge.Request) { r.Status = foreign.Status },
		"no status":                             func(r *badge.Request) { r.Status = nil },
		"no chain":                              func(r *badge.Request) { r.Chain = nil },
		"another chain":                         func(r *badge.Request) { r.Chain = foreign.Chain },
		"a chain that is none":                  func(r *badge.Request) { r.Chain = [][]byte{{1}} },
		"all of another service's that says so": func(r *badge.Request) { *r = foreign },
	} {
		r := kept
		spoil(&r)
		if _, _, err := r.Verify(b.ca.Root); err == nil {
			t.Errorf("%s: the proof holds", name)
		}
	}
}

// realStamps gives the bench the time-stamping unit in place of a mark.
func (b *bench) realStamps(t testing.TB) {
	t.Helper()
	unit, err := timestamp.New(timestamp.Config{
		Key:    b.ca.SigningKey(t, "tsu", ca.Service{Profile: ca.TimeStamping, CommonName: "tsu"}),
		Policy: []int{2, 999, 7, 3}, Clock: func() error { return nil }, Now: b.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.Stamper = unit
}

func TestARequestIsNotTakenWhileItsStatusCannotBeConfirmed(t *testing.T) {
	b := newBench(t)
	b.Status = b.deafResponder(t)
	if _, err := b.Request(t.Context(), b.sign(t, b.key, b.ask())); fault.Code(err) != "badge_status_unavailable" || !errors.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
	if n := b.count(t, "badge_badges") + b.count(t, "nonce_used"); n != 0 {
		t.Errorf("%d records left", n)
	}
}
