package main

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"testing"
	"time"

	"mohr/cmd/mohr/service"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
)

// ocspOf asks for the status of a serial, by POST and by GET, which must say
// the same.
func (s *running) ocspOf(t *testing.T, issuer *x509.Certificate, id ca.IssuerID, serial *big.Int) *ocsp.Response {
	t.Helper()
	der, err := ocsp.CreateRequest(&x509.Certificate{SerialNumber: serial, RawIssuer: issuer.RawSubject}, issuer, &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	path := "/ocsp/" + string(id)
	var said []*ocsp.Response
	for _, r := range []ask{
		postAs(path, "", "application/ocsp-request", der),
		get(path+"/"+url.PathEscape(base64.StdEncoding.EncodeToString(der)), ""),
	} {
		a := s.plain().done(t, r, http.StatusOK, nil)
		if kind := a.header.Get("Content-Type"); kind != "application/ocsp-response" {
			t.Errorf("%s is answered with %q", r.method, kind)
		}
		res, err := ocsp.ParseResponse(a.body, issuer)
		if err != nil {
			t.Fatal(err)
		}
		if res.SerialNumber.Cmp(serial) != 0 || res.NextUpdate.Before(time.Now()) {
			t.Errorf("the answer is about %x, until %s", res.SerialNumber, res.NextUpdate)
		}
		said = append(said, res)
	}
	if said[0].Status != said[1].Status || said[0].RevocationReason != said[1].RevocationReason {
		t.Errorf("POST says %d and GET says %d", said[0].Status, said[1].Status)
	}
	return said[0]
}

// TestTheStatusOfACertificateIsWhatTheRegisterSays is about certificates that
// are good, revoked, renewed, and were never issued.
func TestTheStatusOfACertificateIsWhatTheRegisterSays(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	h := s.apply(t, davood, "").certify(t)
	issuer := h.Chain[0]
	status := func(serial *big.Int) *ocsp.Response { return s.ocspOf(t, issuer, ca.SignIssuer, serial) }
	if res := status(h.Certificate.SerialNumber); res.Status != ocsp.Good {
		t.Errorf("status %d of a good certificate", res.Status)
	}
	never := new(big.Int).Add(h.Certificate.SerialNumber, big.NewInt(1))
	if res := status(never); res.Status != ocsp.Unknown {
		t.Errorf("status %d of a certificate that was never issued, want unknown", res.Status)
	}
	if res := status(operatorSerial(t, s)); res.Status != ocsp.Unknown {
		t.Errorf("status %d of another authority's certificate, want unknown", res.Status)
	}
	r := s.renewal(t, h.holder, nil)
	renewed := r.holder(t, s.anyone.done(t, r.ask(), http.StatusOK, nil))
	if res := status(h.Certificate.SerialNumber); res.Status != ocsp.Revoked || res.RevocationReason != ocsp.Superseded {
		t.Errorf("status %d, reason %d of a renewed certificate, want revoked, superseded", res.Status, res.RevocationReason)
	}
	if res := status(renewed.Certificate.SerialNumber); res.Status != ocsp.Good {
		t.Errorf("status %d of the renewed certificate", res.Status)
	}
	s.revoke(t, renewed, "keyCompromise")
	res := status(renewed.Certificate.SerialNumber)
	if res.Status != ocsp.Revoked || res.RevocationReason != ocsp.KeyCompromise || time.Since(res.RevokedAt) > time.Hour {
		t.Errorf("status %d, reason %d, since %s of a revoked certificate", res.Status, res.RevocationReason, res.RevokedAt)
	}
	if never := s.plain().send(t, get("/ocsp/nobody/MAA", "")); never.status != http.StatusNotFound {
		t.Errorf("an authority that is not there answers %d", never.status)
	}
}

func operatorSerial(t *testing.T, s *running) *big.Int {
	t.Helper()
	operator, err := readCertificate(s.data + "/operator.pem")
	if err != nil {
		t.Fatal(err)
	}
	return operator.SerialNumber
}

// lostKey is an issuing key that cannot be reached.
type lostKey struct{ crypto.Signer }

var errLost = errors.New("the token was pulled")

func (lostKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errLost }

// leavePending has the key pulled in the middle of an issuance of a stopped
// service and returns the serial that is left.
func leavePending(t *testing.T, s *running) string {
	t.Helper()
	ctx := context.Background()
	g, err := service.Open(ctx, s.Config, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	conf := g.CA.Config
	conf.Issuers = nil
	for _, i := range g.CA.Issuers {
		i.Signer = lostKey{i.Signer}
		conf.Issuers = append(conf.Issuers, i)
	}
	broken, err := ca.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	der, err := csrFor(newHolderKey(t))
	if err != nil {
		t.Fatal(err)
	}
	csr, err := ca.ParseCSR(der)
	if err != nil {
		t.Fatal(err)
	}
	order := ca.Order{Request: "pulled", CSR: csr, Service: ca.Service{Profile: ca.ServerAuth, CommonName: "shop.test", DNSNames: []string{"shop.test"}, Business: "14003456780"}}
	if _, err := broken.Issue(ctx, order); !errors.Is(err, errLost) {
		t.Fatalf("issued without a key: %v", err)
	}
	c, err := g.CA.ByRequest(ctx, "pulled")
	if err != nil || c.State != ca.Pending {
		t.Fatalf("the record is %s, %v; want it pending", c.State, err)
	}
	return c.Serial
}

// TestACertificateThatIsStillBeingIssuedIsUnknown to relying parties, and
// nobody can revoke it yet.
func TestACertificateThatIsStillBeingIssuedIsUnknown(t *testing.T) {
	t.Parallel()
	before := startService(t, "")
	h := before.apply(t, davood, "").certify(t)
	before.stop()
	serial := leavePending(t, before)
	s := startService(t, before.data)
	var row ca.Entry
	s.operator.done(t, get("/api/v1/certificates/"+serial, ""), http.StatusOK, &row)
	if row.State != "pending" {
		t.Fatalf("the certificate is %s", row.State)
	}
	issuer, err := x509.ParseCertificate(s.plain().done(t, get("/ca/"+string(row.Issuer)+".cer", ""), http.StatusOK, nil).body)
	if err != nil {
		t.Fatal(err)
	}
	octets, err := hex.DecodeString("0"[:len(serial)%2] + serial)
	if err != nil {
		t.Fatal(err)
	}
	number := new(big.Int).SetBytes(octets)
	unknown := func() {
		t.Helper()
		if res := s.ocspOf(t, issuer, ca.IssuerID(row.Issuer), number); res.Status != ocsp.Unknown {
			t.Errorf("status %d of a certificate that is still being issued, want unknown", res.Status)
		}
	}
	unknown()
	s.operator.refuses(t, post("/api/v1/certificates/"+serial+"/revoke", "", map[string]string{"reason": "keyCompromise"}), http.StatusConflict, "certificate_pending")
	unknown()
	// What was issued before the restart is as it was.
	if res := s.ocspOf(t, h.Chain[0], ca.SignIssuer, h.Certificate.SerialNumber); res.Status != ocsp.Good {
		t.Errorf("status %d of a good certificate after the restart", res.Status)
	}
}
