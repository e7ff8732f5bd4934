package status_test

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"slices"
	"testing"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
)

func TestRequestsAreReadStrictly(t *testing.T) {
	s := serve(t, newClock())
	cert, _ := s.issue(t, "application-1")
	single := singleOf(t, request(t, cert, s.issuer, crypto.SHA1))
	good := build([][]byte{single})
	foreign := singleOf(t, request(t, cert, s.Root, crypto.SHA1))
	sha384 := bytes.Replace(singleOf(t, request(t, cert, s.issuer, crypto.SHA256)), []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01}, []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02}, 1)
	unknown := extension{oid: asn1.ObjectIdentifier{1, 2, 3, 4}, value: []byte{5, 0}}
	critical := extension{oid: asn1.ObjectIdentifier{1, 2, 3, 4}, critical: true, value: []byte{5, 0}}
	raw := extension{oid: oidNonce, value: []byte("not an OCTET STRING")}
	trailing := extension{oid: oidNonce, value: append(octets([]byte("n")), 0)}
	tests := []struct {
		name string
		der  []byte
		want []byte // nil: a response
	}{
		{"one certificate", good, nil},
		{"version 1, spelled out", versioned(single, 0), nil},
		{"a nonce of 1 octet", build([][]byte{single}, nonce(1)), nil},
		{"a nonce of 128 octets", build([][]byte{single}, nonce(128)), nil},
		{"a nonce that is critical", build([][]byte{single}, extension{oidNonce, true, octets([]byte("nonce"))}), nil},
		{"an unknown extension", build([][]byte{single}, unknown), nil},
		{"nothing", nil, ocsp.MalformedRequestErrorResponse},
		{"noise", []byte("GET / HTTP/1.1"), ocsp.MalformedRequestErrorResponse},
		{"a request cut short", good[:len(good)-1], ocsp.MalformedRequestErrorResponse},
		{"trailing bytes", append(slices.Clone(good), 0), ocsp.MalformedRequestErrorResponse},
		{"no certificate", build(nil), ocsp.MalformedRequestErrorResponse},
		{"an empty nonce", build([][]byte{single}, nonce(0)), ocsp.MalformedRequestErrorResponse},
		{"a nonce of 129 octets", build([][]byte{single}, nonce(129)), ocsp.MalformedRequestErrorResponse},
		{"a nonce that is no OCTET STRING", build([][]byte{single}, raw), ocsp.MalformedRequestErrorResponse},
		{"a nonce with trailing bytes", build([][]byte{single}, trailing), ocsp.MalformedRequestErrorResponse},
		{"two nonces", build([][]byte{single}, nonce(8), nonce(8)), ocsp.MalformedRequestErrorResponse},
		{"an unknown critical extension", build([][]byte{single}, critical), ocsp.MalformedRequestErrorResponse},
		{"more certificates than are answered at once", build(slices.Repeat([][]byte{single}, 33)), ocsp.MalformedRequestErrorResponse},
		{"too long a request", build(slices.Repeat([][]byte{single}, 400)), ocsp.MalformedRequestErrorResponse},
		{"another version", versioned(single, 1), ocsp.MalformedRequestErrorResponse},
		{"a foreign issuer", build([][]byte{foreign}), ocsp.UnauthorizedErrorResponse},
		{"a foreign issuer beside ours", build([][]byte{single, foreign}), ocsp.UnauthorizedErrorResponse},
		{"a hash we do not know", build([][]byte{sha384}), ocsp.UnauthorizedErrorResponse},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := s.askRaw(t, test.der)
			if test.want == nil {
				take(t, got)
			} else if !bytes.Equal(got, test.want) {
				t.Errorf("the answer is %x, want %x", got, test.want)
			}
		})
	}
	if _, err := s.OCSP(t.Context(), "nobody", good); err == nil {
		t.Error("an issuer that is not there answers")
	}
	if a, _ := s.OCSP(t.Context(), ca.AuthIssuer, good); !bytes.Equal(a.DER, ocsp.UnauthorizedErrorResponse) {
		t.Errorf("the neighbour's address answers %x, want unauthorized", a.DER)
	}
}

func TestCertIDsAndNonceAreEchoed(t *testing.T) {
	s := serve(t, newClock())
	one, _ := s.issue(t, "application-1")
	two, record := s.issue(t, "application-2")
	s.revoke(t, record.Serial, ca.Superseded)
	singles := [][]byte{
		singleOf(t, request(t, one, s.issuer, crypto.SHA1)),
		singleOf(t, request(t, two, s.issuer, crypto.SHA256)),
		singleOf(t, request(t, withSerial(one, "7f"), s.issuer, crypto.SHA256)),
	}
	n := nonce(32)
	got := take(t, s.askRaw(t, build(singles, n)))
	if !slices.Equal(got.statuses, []int{0, 1, 2}) {
		t.Errorf("the statuses are %v, want good, revoked, unknown", got.statuses)
	}
	for i, single := range singles {
		if !bytes.Contains(single, got.certIDs[i]) {
			t.Errorf("CertID %d is not echoed as asked", i)
		}
	}
	if !bytes.Equal(got.extensions[oidNonce.String()], n.value) || len(got.extensions) != 1 {
		t.Errorf("the response's extensions are %x, want the nonce alone", got.extensions)
	}
	want, err := asn1.MarshalWithParams(s.issuer.NotBefore, "generalized")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.single[oidCutoff.String()], want) || len(got.single) != 1 {
		t.Errorf("the single response's extensions are %x, want archiveCutoff of the issuer's start", got.single)
	}
	if again := take(t, s.askRaw(t, build(singles[:1]))); len(again.extensions) != 0 {
		t.Errorf("without a nonce the response has the extensions %x", again.extensions)
	}
}
