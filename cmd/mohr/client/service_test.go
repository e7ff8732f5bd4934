package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/cmd/mohr/client"
	"mohr/cmd/mohr/service"
	"mohr/complaints"
)

// world is a development service that the examples share, and what is around it.
type world struct {
	*service.Served
	data string
	stop func()
}

// started is it, once something asked for it; guarded by dev.
var started *world

// dev starts the service at the first call: what mohr serve --dev does, on
// free ports.
var dev = sync.OnceValue(func() *world {
	data, err := os.MkdirTemp("", "mohr-client-")
	must(err)
	conf := service.Config{Data: data, HTTPS: "127.0.0.1:0", MTLS: "127.0.0.1:0", HTTP: "127.0.0.1:0", Ops: "127.0.0.1:0", Policy: "testdata/policy.yaml"}
	conf.Defaults()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan *service.Served, 1), make(chan error, 1)
	go func() {
		ended <- service.Serve(ctx, conf, service.Dev{On: true}, slog.New(slog.NewTextHandler(io.Discard, nil)), func(s *service.Served) { ready <- s })
	}()
	started = &world{data: data, stop: func() { cancel(); <-ended; os.RemoveAll(data) }}
	select {
	case err := <-ended:
		log.Panicf("the service did not start: %v", err)
	case started.Served = <-ready:
	}
	return started
})

func TestMain(m *testing.M) {
	code := m.Run()
	if started != nil {
		started.stop()
	}
	os.Exit(code)
}

func must(err error) {
	if err != nil {
		log.Panic(err)
	}
}

// server is the address of the service.
func server() string { return dev().Config.Portal }

// roots are those of the service.
func roots() *x509.CertPool {
	b, err := os.ReadFile(filepath.Join(dev().data, "root.pem"))
	must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	return pool
}

// People of the registers, and a company that zahra binds alone.
var (
	zahra  = client.Person{NationalCode: "0012345679", BirthDate: "1990-05-14", Mobile: "+989121234567"}
	davood = client.Person{NationalCode: "0877778681", BirthDate: "1975-05-05", Mobile: "+989901112233"}
	mina   = client.Person{NationalCode: "4339384992", BirthDate: "1998-01-01", Mobile: "+989912223344"}
)

const company = "14003456780"

// readSMS is what the person reads from the telephone.
func readSMS(mobile string) (string, error) {
	ops := &client.Client{Server: "http://" + dev().Ops.Addr().String()}
	var box struct{ Messages []struct{ To, Text string } }
	if err := ops.Call(context.Background(), client.Request{Method: http.MethodGet, Path: "/dev/outbox"}, &box); err != nil {
		return "", err
	}
	six := regexp.MustCompile(`\b[0-9]{6}\b`)
	for i := len(box.Messages) - 1; i >= 0; i-- {
		if m := box.Messages[i]; m.To == mobile && six.MatchString(m.Text) {
			return six.FindString(m.Text), nil
		}
	}
	return "", fmt.Errorf("no code for %s", mobile)
}

// issue applies for who; legalID may be "".
func issue(who client.Person, legalID string) client.Key {
	ctx := context.Background()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	csr, err := client.NewCSR(signer)
	must(err)
	w := client.Wish{Person: who, Profile: ca.NaturalSign, LegalID: legalID, Locale: "fa"}
	if legalID != "" {
		w.Profile = ca.OrganisationSign
	}
	a, err := client.New(server(), roots()).Apply(ctx, w)
	must(err)
	issued, err := a.Run(ctx, client.Steps{
		Accept: func(context.Context, string) error { return nil },
		Code:   func(context.Context, client.CodeAsk) (string, error) { return readSMS(who.Mobile) },
		CSR:    csr,
	})
	must(err)
	key, err := client.NewKey(signer, issued.Chain)
	must(err)
	return key
}

// shopKey acts for the company.
var shopKey = sync.OnceValue(func() client.Key { return issue(zahra, company) })

// publish puts the proof of a badge's domain where the shop's owner would.
func publish(c *badge.Challenge) {
	at, err := url.Parse(c.URL)
	must(err)
	shop := &client.Client{Server: dev().RegistryURL()}
	_, err = shop.Do(context.Background(), client.Request{Method: http.MethodPut, Path: "/v1/shop/" + at.Hostname() + at.Path, Kind: "text/plain", Body: []byte(c.Content)})
	must(err)
}

// complain files a complaint against the company and returns its id.
func complain(mobile string) string {
	ctx, consumer := context.Background(), client.New(server(), roots())
	var draft complaints.Draft
	must(consumer.Call(ctx, client.Request{Method: http.MethodPost, Path: "/api/v1/complaints", In: map[string]any{
		"business": company, "category": "late_delivery", "text": "سفارش من با یک هفته تأخیر رسید.",
		"purchase": map[string]any{"order": "A-" + mobile[9:], "day": time.Now().UTC().AddDate(0, 0, -9).Format(time.DateOnly), "amount": 1_250_000},
		"contact":  map[string]any{"mobile": mobile},
	}}, &draft))
	code, err := readSMS(mobile)
	must(err)
	consumer.Token = draft.Token
	var ticket complaints.Ticket
	must(consumer.Call(ctx, client.Request{Method: http.MethodPost, Path: "/api/v1/complaints/" + draft.ID + "/confirm", In: map[string]string{"code": code}}, &ticket))
	return ticket.ID
}

// TestAnEndedCertificateSignsNoDocumentThatLasts: whose authority is asked, and
// says that the certificate does not count, is not told that all went well.
func TestAnEndedCertificateSignsNoDocumentThatLasts(t *testing.T) {
	outside, err := client.Outside(netip.MustParsePrefix("127.0.0.0/8"))
	must(err)
	key, contract := issue(davood, ""), []byte("one is to pay ten\n")
	signing := client.Signing{Level: client.LevelLT, HTTP: outside}
	if _, err := client.SignDocument(t.Context(), key, contract, signing); err != nil {
		t.Fatal(err)
	}
	_, err = client.New(server(), roots()).Revoke(t.Context(), key, "", ca.CertificateHold)
	must(err)
	for _, format := range []string{client.CAdES, client.JAdES} {
		signing.Format = format
		if signed, err := client.SignDocument(t.Context(), key, contract, signing); err == nil || !strings.Contains(err.Error(), "revoked or suspended") {
			t.Errorf("%s: %d octets, %v", format, len(signed), err)
		}
	}
	over := *key.Certificate
	over.NotAfter = time.Now().Add(-time.Minute)
	key.Certificate = &over
	if _, err := client.SignDocument(t.Context(), key, contract, client.Signing{}); err == nil || !strings.Contains(err.Error(), "is good from") {
		t.Errorf("out of its time: %v", err)
	}
}
