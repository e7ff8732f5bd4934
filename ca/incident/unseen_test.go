package incident_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"testing"

	"mohr/ca"
	"mohr/ca/incident"
	"mohr/internal/store"
)

// padded is a proof with an attribute of size octets that says nothing.
func padded(t *testing.T, key crypto.Signer, size int) []byte {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:         pkix.Name{CommonName: incident.KeyProof},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, size)}},
	}, key)
	must(t, err)
	return der
}

// keptOctets is the size of the largest statement in the store.
func (b *bench) keptOctets() (most int) {
	b.t.Helper()
	must(b.t, b.f.Store.View(b.t.Context(), func(tx store.Tx) error {
		return tx.Scan("incident_statements", "", "", func(_ string, v []byte) error {
			most = max(most, len(v))
			return nil
		})
	}))
	return most
}

func TestKeysOfNobodyTakeLittleRoom(t *testing.T) {
	const most = 4 << 10 // a record: 2 KiB of proof in base64, with its frame
	small, _ := newKey(t)
	large, err := rsa.GenerateKey(rand.Reader, 4096)
	must(t, err)
	words := pkix.Name{CommonName: incident.KeyProof}
	armoured := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request(t, small, words)})
	for _, test := range []struct {
		name  string
		proof []byte
		code  string
	}{
		{"armour and blanks are not kept", slices.Concat(armoured, bytes.Repeat([]byte("\n"), 14<<10)), ""},
		{"the largest key that there is fits", request(t, large, words), ""},
		{"attributes that say nothing are refused", padded(t, small, 3<<10), "key_proof_large"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			r, err := b.ReportKey(t.Context(), test.proof)
			wantCode(t, test.name, err, test.code)
			if n := b.keptOctets(); n > most || (n > 0) != (test.code == "") {
				t.Errorf("%d octets are kept", n)
			}
			again, err := b.ReportKey(t.Context(), test.proof)
			wantCode(t, "again", err, test.code)
			if !again.BlockedAt.Equal(r.BlockedAt) {
				t.Errorf("blocked at %s, then at %s", r.BlockedAt, again.BlockedAt)
			}
		})
	}
	t.Run("a key that was certified is blocked whatever else its proof says", func(t *testing.T) {
		b := newBench(t)
		key, csr := newKey(t)
		_, err := b.f.Issue(t.Context(), ca.Order{Request: "one", CSR: csr, Decision: b.f.Decide(t, person(1), ca.NaturalSign)})
		must(t, err)
		if r, err := b.ReportKey(t.Context(), padded(t, key, 3<<10)); err != nil || len(r.Certificates) != 1 {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestKeysOfNobodyFillADayOnlySoFar(t *testing.T) {
	b := newBench(t) // at noon; 3 in an hour, five times that in a day
	_, csr := newKey(t)
	for h := range 5 {
		for range 3 {
			_, err := b.ReportKey(t.Context(), proofOf(t, csr))
			wantCode(t, "within the day", err, "")
		}
		_, err := b.ReportKey(t.Context(), proofOf(t, csr))
		want := "key_report_limit"
		if h == 4 {
			want = "key_report_limit_day"
		}
		wantCode(t, "one more in the hour", err, want)
		b.clock.move(hour)
	}
	_, err := b.ReportKey(t.Context(), proofOf(t, csr))
	wantCode(t, "in the sixth hour", err, "key_report_limit_day")
	b.clock.move(12 * hour)
	_, err = b.ReportKey(t.Context(), proofOf(t, csr))
	wantCode(t, "on the next day", err, "")
}
