package attest

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

func FuzzParseArea(f *testing.F) {
	key := newEC(f, elliptic.P256())
	f.Add(eccArea(f, &key.PublicKey, nil))
	f.Add([]byte{0, 0x23, 0, 0x0b, 0, 5, 0, 0x72})
	f.Add([]byte{0, 1, 0, 0x0b, 0, 5, 0, 0x72, 0, 0, 0, 0x10, 0, 0x14, 0, 0x0b, 8, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var err error
		func() {
			defer survive(&err)
			var a area
			if a, err = parseArea(b, "the key"); err != nil {
				return
			}
			if !bytes.Equal(tpm2.Marshal(*a.TPMTPublic), b) || a.public == nil || len(a.name) < 34 {
				t.Errorf("%x read as %x", b, tpm2.Marshal(*a.TPMTPublic))
			}
		}()
	})
}

func FuzzParseCertified(f *testing.F) {
	f.Add(tpm2.Marshal(tpm2.TPMSAttest{Magic: tpm2.TPMGeneratedValue, Type: tpm2.TPMSTAttestCertify,
		Attested: tpm2.NewTPMUAttest(tpm2.TPMSTAttestCertify, &tpm2.TPMSCertifyInfo{Name: tpm2.TPM2BName{Buffer: []byte("name")}})}))
	f.Add([]byte{0xff, 'T', 'C', 'G', 0x80, 0x17})
	f.Fuzz(func(t *testing.T, b []byte) {
		var err error
		defer survive(&err)
		parseCertified(b)
	})
}

// FuzzParseYubico reads what a certificate could carry in the extensions.
func FuzzParseYubico(f *testing.F) {
	f.Add([]byte{5, 4, 3}, []byte{2, 2, 0x12, 0x34}, []byte{2, 2})
	f.Add([]byte{}, []byte{2, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []byte{1})
	f.Fuzz(func(t *testing.T, firmware, serial, policy []byte) {
		y, err := parseYubico(&x509.Certificate{Extensions: []pkix.Extension{
			{Id: oidFirmware, Value: firmware}, {Id: oidSerial, Value: serial}, {Id: oidPolicy, Value: policy},
		}})
		if err == nil && (y.pin == "" || y.touch == "" || y.serial < 0) {
			t.Errorf("%+v", y)
		}
	})
}
