package main

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/hsm"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// intruder is who has all that a portal has: its keys, its secret, its account
// of the database.
type intruder struct {
	p    *parted
	http *http.Client
}

// intruder shows the certificate of a key of a node's: "tls" is the portal's.
func (p *parted) intruder(t *testing.T, key string) intruder {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "ca", "keys", key+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	conf := &tls.Config{InsecureSkipVerify: true} // whom it speaks to is another test's
	spki, err := x509.MarshalPKIXPublicKey(private.(crypto.Signer).Public())
	if err != nil {
		t.Fatal(err)
	}
	members := map[string][]byte{}
	p.records(t, func(tx store.Tx) error {
		list, err := ca.Members(tx)
		for _, m := range list {
			members[m.ID] = m.DER
		}
		if err != nil {
			return err
		}
		return store.Each(tx, "ca_certificates", "", "", func(_ string, c ca.Certificate) error {
			cert, err := x509.ParseCertificate(c.DER)
			if err == nil && bytes.Equal(cert.RawSubjectPublicKeyInfo, spki) {
				conf.Certificates = []tls.Certificate{{Certificate: [][]byte{c.DER, members[string(c.Issuer)]}, PrivateKey: private}}
			}
			return nil
		})
	})
	if len(conf.Certificates) == 0 {
		t.Fatalf("no certificate of the key %s", key)
	}
	return intruder{p, &http.Client{Transport: &http.Transport{TLSClientConfig: conf}}}
}

// sign puts an order and returns the code of the refusal, or the certificate.
func (i intruder) sign(t *testing.T, serial string, papers ca.Papers) (code string, der []byte) {
	t.Helper()
	b, err := json.Marshal(map[string]any{"serial": serial, "papers": papers})
	if err != nil {
		t.Fatal(err)
	}
	res, err := i.http.Post(i.p.nodes+"/sign", "application/json", bytes.NewReader(b))
	if err != nil {
		return "refused by TLS", nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode == http.StatusOK {
		return "", answer
	}
	var said struct{ Code string }
	if err := json.Unmarshal(answer, &said); err != nil {
		t.Fatalf("status %d: %s", res.StatusCode, answer)
	}
	// 403 is an alarm, which nobody sets off who sends what is no order.
	if want := map[bool]int{true: http.StatusBadRequest, false: http.StatusForbidden}[said.Code == "order_malformed"]; res.StatusCode != want {
		t.Errorf("%s: status %d, want %d", said.Code, res.StatusCode, want)
	}
	return said.Code, nil
}

// waiting are the intents of the requests, with the papers that were kept.
func (p *parted) waiting(t *testing.T, of ...string) (serials []string, papers []ca.Papers) {
	t.Helper()
	ring := hsm.Open(hsm.Config{})
	defer ring.Close()
	secret, err := ring.Secret(t.Context(), hsm.FileURI(filepath.Join(p.dir, "portal", "keys", "secret")))
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	p.records(t, func(tx store.Tx) error {
		serials, papers = nil, nil
		for _, a := range of {
			serial, err := store.Load[string](tx, "ca_requests", a)
			if err != nil {
				return err
			}
			kept, err := store.Load[struct{ Papers seal.Sealed }](tx, "ca_pending", serial)
			if err != nil {
				return err
			}
			b, err := box.Open("ca_pending", serial, "papers", kept.Papers)
			if err != nil {
				return err
			}
			var one ca.Papers
			if err := json.Unmarshal(b, &one); err != nil {
				return err
			}
			serials, papers = append(serials, serial), append(papers, one)
		}
		return nil
	})
	return serials, papers
}

// forge writes an intent like that of serial under another serial, in the
// store and in the bytes to be signed, and whatever else change bends.
func (p *parted) forge(t *testing.T, serial, as string, change func(certificate map[string]any)) {
	t.Helper()
	p.records(t, func(tx store.Tx) error {
		record, err := store.Load[map[string]any](tx, "ca_certificates", serial)
		if err != nil {
			return err
		}
		in, err := store.Load[map[string]any](tx, "ca_pending", serial)
		if err != nil {
			return err
		}
		before, _ := hex.DecodeString(evenly(serial))
		after, _ := hex.DecodeString(evenly(as))
		var tbs []byte
		b, _ := json.Marshal(in["tbs"])
		if err := json.Unmarshal(b, &tbs); err != nil {
			return err
		}
		in["tbs"] = bytes.Replace(tbs, before, after, 1)
		certificate := in["certificate"].(map[string]any)
		for _, c := range []map[string]any{certificate, record} {
			c["serial"], c["state"] = as, "pending"
			delete(c, "der")
			change(c)
		}
		if err := store.Save(tx, "ca_certificates", as, record); err != nil {
			return err
		}
		return store.Save(tx, "ca_pending", as, in)
	})
}

// evenly is a serial with an even number of digits.
func evenly(s string) string { return strings.Repeat("0", len(s)%2) + s }

// drop takes a forged intent away again.
func (p *parted) drop(t *testing.T, serial string) {
	p.records(t, func(tx store.Tx) error {
		return errors.Join(tx.Delete("ca_certificates", serial), tx.Delete("ca_pending", serial))
	})
}

// forgedSerial is one that no node has made.
const forgedSerial = "2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
