package attest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"mohr/internal/fault"
)

// eccArea is the public area of a key on P-256 that a TPM made for attesting.
func eccArea(t testing.TB, key *ecdsa.PublicKey, edit func(*tpm2.TPMTPublic, *tpm2.TPMSECCParms)) []byte {
	t.Helper()
	point, err := key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	parms := &tpm2.TPMSECCParms{
		Scheme: tpm2.TPMTECCScheme{
			Scheme: tpm2.TPMAlgECDSA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: tpm2.TPMAlgSHA256}),
		},
		CurveID: tpm2.TPMECCNistP256,
	}
	half := len(point) / 2
	a := tpm2.TPMTPublic{
		Type: tpm2.TPMAlgECC, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, SignEncrypt: true},
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgECC, &tpm2.TPMSECCPoint{
			X: tpm2.TPM2BECCParameter{Buffer: point[1 : 1+half]}, Y: tpm2.TPM2BECCParameter{Buffer: point[1+half:]},
		}),
	}
	if edit != nil {
		edit(&a, parms)
	}
	if a.Type == tpm2.TPMAlgECC {
		a.Parameters = tpm2.NewTPMUPublicParms(tpm2.TPMAlgECC, parms)
	}
	return tpm2.Marshal(a)
}

func newEC(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestWhatAHoldersKeyAndAnAttestationKeyMustBe(t *testing.T) {
	key := newEC(t, elliptic.P256())
	type edit = func(*tpm2.TPMTPublic, *tpm2.TPMSECCParms)
	hash := func(h tpm2.TPMIAlgHash) edit {
		return func(_ *tpm2.TPMTPublic, p *tpm2.TPMSECCParms) {
			p.Scheme.Details = tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDSA, &tpm2.TPMSSigSchemeECDSA{HashAlg: h})
		}
	}
	attr := func(fn func(*tpm2.TPMAObject)) edit {
		return func(a *tpm2.TPMTPublic, _ *tpm2.TPMSECCParms) { fn(&a.ObjectAttributes) }
	}
	for _, tt := range []struct {
		name       string
		edit       edit
		holds, aks string // codes; "": it is one
	}{
		{"a signing key fixed to its TPM", nil, "", "attestation_ak_refused"},
		{"the same, restricted", attr(func(o *tpm2.TPMAObject) { o.Restricted = true }), "attestation_key_refused", ""},
		{"one that may move to another TPM", attr(func(o *tpm2.TPMAObject) { o.FixedTPM = false }), "attestation_key_refused", "attestation_ak_refused"},
		{"one that may get another parent", attr(func(o *tpm2.TPMAObject) { o.FixedParent = false }), "attestation_key_refused", "attestation_ak_refused"},
		{"one that was made elsewhere", attr(func(o *tpm2.TPMAObject) { o.SensitiveDataOrigin = false }), "attestation_key_refused", "attestation_ak_refused"},
		{"one that may be duplicated", attr(func(o *tpm2.TPMAObject) { o.EncryptedDuplication = true }), "attestation_key_refused", "attestation_ak_refused"},
		{"one that decrypts too", attr(func(o *tpm2.TPMAObject) { o.Decrypt = true }), "attestation_key_refused", "attestation_ak_refused"},
		{"one that does not sign", attr(func(o *tpm2.TPMAObject) { o.SignEncrypt = false }), "attestation_key_refused", "attestation_ak_refused"},
		{"one that is certified by a policy", attr(func(o *tpm2.TPMAObject) { o.AdminWithPolicy = true }), "attestation_key_refused", "attestation_ak_refused"},
		{"one that signs with SHA-1", hash(tpm2.TPMAlgSHA1), "attestation_key_refused", "attestation_ak_refused"},
		{"one that signs with SHA-384", hash(tpm2.TPMAlgSHA384), "", "attestation_ak_refused"},
		{"one named by SHA-1", func(a *tpm2.TPMTPublic, _ *tpm2.TPMSECCParms) { a.NameAlg = tpm2.TPMAlgSHA1 }, "attestation_malformed", "attestation_malformed"},
		{"one without a scheme", func(_ *tpm2.TPMTPublic, p *tpm2.TPMSECCParms) {
			p.Scheme = tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgNull}
		}, "attestation_key_kind", "attestation_key_kind"},
		{"one of anonymous attestation", func(_ *tpm2.TPMTPublic, p *tpm2.TPMSECCParms) {
			p.Scheme = tpm2.TPMTECCScheme{Scheme: tpm2.TPMAlgECDAA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgECDAA, &tpm2.TPMSSchemeECDAA{HashAlg: tpm2.TPMAlgSHA256})}
		}, "attestation_key_kind", "attestation_key_kind"},
		{"one on P-521", func(_ *tpm2.TPMTPublic, p *tpm2.TPMSECCParms) { p.CurveID = tpm2.TPMECCNistP521 }, "attestation_key_kind", "attestation_key_kind"},
		{"a point that is on no curve", func(_ *tpm2.TPMTPublic, p *tpm2.TPMSECCParms) { p.CurveID = tpm2.TPMECCNistP384 }, "attestation_malformed", "attestation_malformed"},
		{"a secret that is sealed", func(a *tpm2.TPMTPublic, _ *tpm2.TPMSECCParms) {
			a.Type, a.Parameters = tpm2.TPMAlgKeyedHash, tpm2.NewTPMUPublicParms(tpm2.TPMAlgKeyedHash, &tpm2.TPMSKeyedHashParms{})
			a.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgKeyedHash, &tpm2.TPM2BDigest{Buffer: make([]byte, 32)})
		}, "attestation_key_kind", "attestation_key_kind"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := parseArea(eccArea(t, &key.PublicKey, tt.edit), "the key")
			holds, attests := err, err
			if err == nil {
				holds, attests = a.holds(), a.attests()
			}
			if fault.Code(holds) != tt.holds || fault.Code(attests) != tt.aks {
				t.Errorf("as a holder's %v, as an attestation key %v; want %q and %q", holds, attests, tt.holds, tt.aks)
			}
		})
	}
}

func rsaArea(t testing.TB, key *rsa.PublicKey, restricted bool) []byte {
	t.Helper()
	return tpm2.Marshal(tpm2.TPMTPublic{
		Type: tpm2.TPMAlgRSA, NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, SensitiveDataOrigin: true, UserWithAuth: true, SignEncrypt: true, Restricted: restricted},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{
			Scheme: tpm2.TPMTRSAScheme{
				Scheme: tpm2.TPMAlgRSASSA, Details: tpm2.NewTPMUAsymScheme(tpm2.TPMAlgRSASSA, &tpm2.TPMSSigSchemeRSASSA{HashAlg: tpm2.TPMAlgSHA256}),
			},
			KeyBits: 2048,
		}),
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: key.N.Bytes()}),
	})
}

// TestECDSATaggedGarbageIsRefused: a signature whose tag does not fit the
// attestation key has made another library panic.
func TestECDSATaggedGarbageIsRefused(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseArea(rsaArea(t, &key.PublicKey, true), "the attestation key")
	if err != nil || a.attests() != nil {
		t.Fatalf("%v, %v", err, a.attests())
	}
	info := []byte("what the TPM says")
	digest := sha256.Sum256(info)
	raw, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	by := func(alg tpm2.TPMAlgID, sig tpm2.TPMUSignature) []byte {
		return tpm2.Marshal(tpm2.TPMTSignature{SigAlg: alg, Signature: sig})
	}
	rsaSig := func(h tpm2.TPMIAlgHash) *tpm2.TPMSSignatureRSA {
		return &tpm2.TPMSSignatureRSA{Hash: h, Sig: tpm2.TPM2BPublicKeyRSA{Buffer: raw}}
	}
	ecSig := &tpm2.TPMSSignatureECC{Hash: tpm2.TPMAlgSHA256, SignatureR: tpm2.TPM2BECCParameter{Buffer: raw[:32]}, SignatureS: tpm2.TPM2BECCParameter{Buffer: raw[32:64]}}
	for _, tt := range []struct {
		name string
		sig  []byte
		code string
	}{
		{"the key's signature", by(tpm2.TPMAlgRSASSA, tpm2.NewTPMUSignature(tpm2.TPMAlgRSASSA, rsaSig(tpm2.TPMAlgSHA256))), ""},
		{"tagged ECDSA", by(tpm2.TPMAlgECDSA, tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, ecSig)), "attestation_signature"},
		{"tagged ECDSA, of zeros", by(tpm2.TPMAlgECDSA, tpm2.NewTPMUSignature(tpm2.TPMAlgECDSA, &tpm2.TPMSSignatureECC{Hash: tpm2.TPMAlgSHA256})), "attestation_signature"},
		{"tagged PSS", by(tpm2.TPMAlgRSAPSS, tpm2.NewTPMUSignature(tpm2.TPMAlgRSAPSS, rsaSig(tpm2.TPMAlgSHA256))), "attestation_signature"},
		{"tagged with another hash", by(tpm2.TPMAlgRSASSA, tpm2.NewTPMUSignature(tpm2.TPMAlgRSASSA, rsaSig(tpm2.TPMAlgSHA1))), "attestation_signature"},
		{"tagged as none", []byte{0, 0x10}, "attestation_signature"},
		{"a tag alone", []byte{0, 0x18}, "attestation_malformed"},
		{"nothing", nil, "attestation_malformed"},
		{"followed by an octet", append(by(tpm2.TPMAlgRSASSA, tpm2.NewTPMUSignature(tpm2.TPMAlgRSASSA, rsaSig(tpm2.TPMAlgSHA256))), 0), "attestation_malformed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := func() (err error) {
				defer survive(&err)
				return a.signed(info, tt.sig)
			}()
			if fault.Code(err) != tt.code || (err == nil) != (tt.code == "") {
				t.Errorf("got %v, want %q", err, tt.code)
			}
		})
	}
}

func TestRSAAreasThatAreRefused(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := parseArea(rsaArea(t, &key.PublicKey, false), "the key"); err != nil || fault.Code(a.holds()) != "attestation_key_kind" {
		t.Errorf("an RSA key as a holder's: %v, %v", err, a.holds())
	}
	short := &rsa.PublicKey{N: new(big.Int).Rsh(key.N, 1024), E: key.E}
	if _, err := parseArea(rsaArea(t, short, true), "the key"); fault.Code(err) != "attestation_key_kind" {
		t.Errorf("a short RSA key: %v", err)
	}
}

// TestKeysOfWeakChipsAreRefused: whoever factors such an endorsement or
// attestation key can say anything.
func TestKeysOfWeakChipsAreRefused(t *testing.T) {
	// 65537 and a multiple of all the primes in question: of 2048 bits.
	m := new(big.Int).MulRange(1, 167)
	n := new(big.Int).Lsh(big.NewInt(1), 2047)
	n.Add(n.Mul(n.Div(n, m), m), m)
	weak := &rsa.PublicKey{N: n.Add(n, big.NewInt(65537)), E: 65537}
	if _, err := parseArea(rsaArea(t, weak, true), "the attestation key"); fault.Code(err) != "attestation_key_weak" {
		t.Errorf("as an attestation key: %v", err)
	}
	if _, err := endorsementArea(&x509.Certificate{PublicKey: weak, KeyUsage: x509.KeyUsageKeyEncipherment}); fault.Code(err) != "attestation_key_weak" {
		t.Errorf("as an endorsement key: %v", err)
	}
}

// TestACertificationIsOfOneKind: what a TPM signs elsewhere, a quote for one,
// certifies nothing.
func TestACertificationIsOfOneKind(t *testing.T) {
	attested := func(magic tpm2.TPMGenerated, of tpm2.TPMST, what tpm2.TPMUAttest) []byte {
		return tpm2.Marshal(tpm2.TPMSAttest{Magic: magic, Type: of, Attested: what})
	}
	certify := tpm2.NewTPMUAttest(tpm2.TPMSTAttestCertify, &tpm2.TPMSCertifyInfo{Name: tpm2.TPM2BName{Buffer: []byte("name")}})
	for _, tt := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"a certification", attested(tpm2.TPMGeneratedValue, tpm2.TPMSTAttestCertify, certify), true},
		{"a quote", attested(tpm2.TPMGeneratedValue, tpm2.TPMSTAttestQuote, tpm2.NewTPMUAttest(tpm2.TPMSTAttestQuote, &tpm2.TPMSQuoteInfo{})), false},
		{"a time", attested(tpm2.TPMGeneratedValue, tpm2.TPMSTAttestTime, tpm2.NewTPMUAttest(tpm2.TPMSTAttestTime, &tpm2.TPMSTimeAttestInfo{})), false},
		{"what no TPM says", attested(0x01020304, tpm2.TPMSTAttestCertify, certify), false},
	} {
		if c, err := parseCertified(tt.b); (err == nil) != tt.ok || tt.ok && string(c.name) != "name" {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
