package evidence_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
)

// TestARecordHoldsByItsRegistersSignatureAlone asks a registry and shows the
// answers to somebody who only has the registry's key.
func TestARecordHoldsByItsRegistersSignatureAlone(t *testing.T) {
	r, err := refregistry.New(refregistry.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(r.Handler())
	defer server.Close()
	conf := gateway.Config{BaseURL: server.URL, PublicKey: r.PublicKey(), Environment: "simulated", Transport: http.DefaultTransport}
	g, err := gateway.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	person, err := g.Person(t.Context(), "0012345679", "1990-05-14")
	if err != nil {
		t.Fatal(err)
	}
	mobile, err := g.Mobile(t.Context(), "0012345679", "+989121234567")
	if err != nil {
		t.Fatal(err)
	}
	face, err := g.Face(t.Context(), "0012345679", "session")
	if err != nil {
		t.Fatal(err)
	}
	conf.BaseURL = "http://192.0.2.1"
	far, err := gateway.New(conf) // asks nobody
	if err != nil {
		t.Fatal(err)
	}
	good := evidence.PersonRecord(person)
	for _, one := range []struct {
		record evidence.Record
		raw    []byte
	}{{good, person.Raw}, {evidence.MobileRecord(mobile), mobile.Raw}, {evidence.FaceRecord(face), face.Raw}} {
		if err := evidence.Proven(far, one.record, one.raw); err != nil {
			t.Errorf("%s: %v", one.record.Type, err)
		}
	}
	repeated := good
	repeated.ID, repeated.Earlier = evidence.NewID(), good.Hash()
	if err := evidence.Proven(far, repeated, person.Raw); err != nil {
		t.Errorf("a record of an earlier application: %v", err)
	}
	for name, change := range map[string]func(*evidence.Record){
		"another name":          func(r *evidence.Record) { r.Claims.LastName = "شاهی" },
		"another person":        func(r *evidence.Record) { r.Claims.NationalCode = "0618471561" },
		"one claim more":        func(r *evidence.Record) { r.Claims.Mobile = "+989121234567" },
		"another source":        func(r *evidence.Record) { r.Source = "other@1" },
		"another environment":   func(r *evidence.Record) { r.Environment = evidence.Production },
		"a longer life":         func(r *evidence.Record) { r.ValidTo = time.Now().AddDate(1, 0, 0) },
		"another kind":          func(r *evidence.Record) { r.Type = evidence.MobileOwnership },
		"a later time":          func(r *evidence.Record) { r.CheckedAt = r.CheckedAt.Add(2 * time.Minute) },
		"another hash":          func(r *evidence.Record) { r.RawSHA256 = "ab" },
		"another signature":     func(r *evidence.Record) { r.Signed = evidence.MobileRecord(mobile).Signed },
		"another nonce":         func(r *evidence.Record) { s := *r.Signed; s.Nonce = "n"; r.Signed = &s },
		"a signature cut short": func(r *evidence.Record) { s := *r.Signed; s.Signature = s.Signature[:63]; r.Signed = &s },
	} {
		record := good
		change(&record)
		if err := evidence.Proven(far, record, person.Raw); err == nil {
			t.Errorf("%s holds", name)
		}
	}
	if err := evidence.Proven(far, good, bytes.Replace(person.Raw, []byte("1990"), []byte("1991"), 1)); err == nil {
		t.Error("another answer holds")
	}
	unsigned := good
	unsigned.Signed = nil
	if err := evidence.Proven(far, unsigned, person.Raw); !errors.Is(err, evidence.ErrUnsigned) {
		t.Errorf("without a signature: %v", err)
	}
	code := evidence.Record{Type: evidence.OTPSMS, Result: evidence.Match, Signed: good.Signed}
	if err := evidence.Proven(far, code, person.Raw); !errors.Is(err, evidence.ErrUnsigned) {
		t.Errorf("a code with a register's signature: %v", err)
	}
}
