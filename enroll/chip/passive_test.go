package chip_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
	"mohr/internal/fault"
)

func TestAGenuineDocumentIsRead(t *testing.T) {
	w := newWorld(t, chipsim.ECKey)
	d, err := w.trust.Read(w.chip.Files, now)
	w.must(err)
	h := holder()
	if d.State != "IRN" || d.Number != h.Number || d.LastName != h.LatinLast || d.FirstName != h.LatinFirst || d.Expires != h.Expires ||
		d.BirthDate != h.BirthDate || d.Personal != h.NationalCode || d.OwnFirstName != h.FirstName || d.OwnLastName != h.LastName {
		t.Errorf("got %+v", d)
	}
	if d.Picture == nil || d.Picture.Type != "image/jpeg" || !bytes.Equal(d.Picture.Data, chipsim.Face()) {
		t.Error("the picture is not the one on the chip")
	}
	if !d.HasKey() || !d.SignedAt.Equal(now.Add(-time.Hour)) || !strings.Contains(d.Signer, "Simulated Document Signer") || w.trust.Environment() != "simulated" {
		t.Errorf("got key %v, signed %v by %s", d.HasKey(), d.SignedAt, d.Signer)
	}
}

func TestWhatIsLeftOutIsNotMissed(t *testing.T) {
	w := newWorld(t, chipsim.ECKey)
	f := chip.Files{SOD: w.chip.Files.SOD, DG1: w.chip.Files.DG1}
	d, err := w.trust.Read(f, now)
	w.must(err)
	if d.Picture != nil || d.OwnLastName != "" || d.Personal != holder().NationalCode || d.BirthDate != "1990-05-14" {
		t.Errorf("got %+v", d)
	}
	if !d.HasKey() {
		t.Error("who leaves out DG15 hides that the chip has a key")
	}
}

func TestWithoutASigningTimeTheSignerIsJudgedNow(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	f := w.resigned(w.groups(), crypto.SHA256, time.Time{}, w.signer)
	d, err := w.trust.Read(f, now)
	w.must(err)
	if !d.SignedAt.IsZero() {
		t.Errorf("signed at %v", d.SignedAt)
	}
	if _, err := w.trust.Read(f, now.AddDate(12, 0, 0)); fault.Code(err) != "chip_dsc_expired" {
		t.Errorf("twelve years later: %v", err)
	}
}

func TestHashesThatCount(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if _, err := w.trust.Read(w.resigned(w.groups(), h, now, w.signer), now); err != nil {
			t.Errorf("%v: %v", h, err)
		}
	}
}

// TestForgeriesAreRefusedR4 has one row for each way in which a document may
// not be what it says (ETSI TS 119 461, VAL-8.3.2).
func TestForgeriesAreRefusedR4(t *testing.T) {
	at := now.Add(-time.Hour)
	rows := []struct {
		name, code string
		forge      func(w *world) chip.Files
	}{
		{"SHA-1 of the files", "chip_weak_hash", func(w *world) chip.Files {
			cms, err := chipsim.SignedData(chipsim.SecurityObjectType, chipsim.SecurityObject(crypto.SHA1, w.groups()), crypto.SHA256, at, w.signer)
			w.must(err)
			f := w.chip.Files
			f.SOD = chipsim.Element(0x77, cms)
			return f
		}},
		{"SHA-1 under the signature", "chip_weak_hash", func(w *world) chip.Files {
			cms, err := chipsim.SignedData(chipsim.SecurityObjectType, chipsim.SecurityObject(crypto.SHA256, w.groups()), crypto.SHA1, at, w.signer)
			w.must(err)
			f := w.chip.Files
			f.SOD = chipsim.Element(0x77, cms)
			return f
		}},
		{"a certificate signed over SHA-1", "chip_weak_hash", func(w *world) chip.Files {
			s := w.signer
			s.Certificate = renamed(w, s.Certificate, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1})
			return w.resigned(w.groups(), crypto.SHA256, at, s)
		}},
		{"an authority acts as document signer", "chip_dsc_is_ca", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, chipsim.Signer{Key: w.csca.Key, Certificate: w.csca.Certificate.Raw})
		}},
		{"an authority below the authority acts as document signer", "chip_dsc_is_ca", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, w.sign(func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }))
		}},
		{"a document signer that may sign certificates", "chip_dsc_is_ca", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, w.sign(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }))
		}},
		{"a certificate for something else", "chip_dsc_usage", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, w.sign(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }))
		}},
		{"a master list signer signs a document", "chip_dsc_usage", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, w.sign(func(c *x509.Certificate) {
				c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{2, 23, 136, 1, 1, 3}}
			}))
		}},
		{"two signers", "chip_signers", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, w.signer, w.signer)
		}},
		{"another content type", "chip_content_type", func(w *world) chip.Files {
			cms, err := chipsim.SignedData(chipsim.MasterListType, chipsim.SecurityObject(crypto.SHA256, w.groups()), crypto.SHA256, at, w.signer)
			w.must(err)
			f := w.chip.Files
			f.SOD = chipsim.Element(0x77, cms)
			return f
		}},
		{"signed after the signer's certificate expired", "chip_dsc_expired", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, w.sign(func(c *x509.Certificate) { c.NotAfter = at.Add(-time.Minute) }))
		}},
		{"signed before the signer's certificate began", "chip_dsc_not_yet_valid", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, w.sign(func(c *x509.Certificate) { c.NotBefore = at.Add(time.Minute) }))
		}},
		{"signed in the future", "chip_signed_in_future", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, now.AddDate(0, 1, 0), w.signer)
		}},
		{"a signer certified before its authority began", "chip_csca_validity", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, w.sign(func(c *x509.Certificate) { c.NotBefore = now.AddDate(-3, 0, 0) }))
		}},
		{"an authority that is not known", "chip_csca_unknown", func(w *world) chip.Files {
			other := newWorld(w.t, chipsim.NoKey)
			w.trust = w.trusting(foreign(w, "DE"))
			return other.chip.Files
		}},
		{"an authority of the same name with another key", "chip_csca_unknown", func(w *world) chip.Files {
			return newWorld(w.t, chipsim.NoKey).chip.Files
		}},
		{"an authority of the same name and key identifier with another key", "chip_dsc_signature", func(w *world) chip.Files {
			forger := foreign(w, "IR")
			forger.Certificate.SubjectKeyId = w.csca.Certificate.SubjectKeyId
			s, err := forger.Sign(forger.Template(now))
			w.must(err)
			return w.resigned(w.groups(), crypto.SHA256, at, s)
		}},
		{"a trusted authority of another country", "chip_foreign_signer", func(w *world) chip.Files {
			german := foreign(w, "DE")
			w.trust = w.trusting(w.csca, german)
			s, err := german.Sign(german.Template(now))
			w.must(err)
			return w.resigned(w.groups(), crypto.SHA256, at, s)
		}},
		{"a signer of one country under an authority of another", "chip_csca_unknown", func(w *world) chip.Files {
			german := foreign(w, "DE")
			w.trust = w.trusting(w.csca, german)
			c := german.Template(now)
			c.Subject.Country = []string{"IR"}
			s, err := german.Sign(c)
			w.must(err)
			return w.resigned(w.groups(), crypto.SHA256, at, s)
		}},
		{"a state whose documents are not read", "chip_state", func(w *world) chip.Files {
			g := w.groups()
			g[1] = chipsim.DG1(strings.ReplaceAll(chipsim.MRZ(holder()), "IRN", "UTO"))
			return w.resigned(g, crypto.SHA256, at, w.signer)
		}},
		{"a document that has expired", "chip_document_expired", func(w *world) chip.Files {
			g, h := w.groups(), holder()
			h.Expires = "2026-11-22"
			g[1] = chipsim.DG1(chipsim.MRZ(h))
			return w.resigned(g, crypto.SHA256, at, w.signer)
		}},
		{"a file that is not listed", "chip_dg_unlisted", func(w *world) chip.Files {
			g := w.groups()
			delete(g, 11)
			f := w.resigned(g, crypto.SHA256, at, w.signer)
			f.DG11 = w.chip.Files.DG11
			return f
		}},
		{"another person's face", "chip_dg_mismatch", func(w *world) chip.Files {
			f := w.chip.Files
			f.DG2 = chipsim.DG2(append(chipsim.Face(), 0))
			return f
		}},
		{"no DG1", "chip_dg_mismatch", func(w *world) chip.Files { f := w.chip.Files; f.DG1 = nil; return f }},
		{"another name in DG11 than was signed", "chip_dg_mismatch", func(w *world) chip.Files {
			f, h := w.chip.Files, holder()
			h.FirstName = "لیلا"
			f.DG11 = chipsim.DG11(h)
			return f
		}},
		{"files that contradict each other", "chip_data_differs", func(w *world) chip.Files {
			g, h := w.groups(), holder()
			h.NationalCode = "0012345687"
			g[11] = chipsim.DG11(h)
			return w.resigned(g, crypto.SHA256, at, w.signer)
		}},
		{"a wrong check digit", "chip_mrz_check_digit", func(w *world) chip.Files {
			g := w.groups()
			g[1] = chipsim.DG1(strings.Replace(chipsim.MRZ(holder()), "900514", "910514", 1))
			return w.resigned(g, crypto.SHA256, at, w.signer)
		}},
		{"octets after the EF.SOD", "chip_trailing_bytes", func(w *world) chip.Files {
			f := w.chip.Files
			f.SOD = append(bytes.Clone(f.SOD), 0)
			return f
		}},
		{"octets after a file, signed", "chip_trailing_bytes", func(w *world) chip.Files {
			g := w.groups()
			g[1] = append(bytes.Clone(g[1]), 0)
			return w.resigned(g, crypto.SHA256, at, w.signer)
		}},
		{"octets after the list of hashes, signed", "chip_trailing_bytes", func(w *world) chip.Files {
			cms, err := chipsim.SignedData(chipsim.SecurityObjectType, append(chipsim.SecurityObject(crypto.SHA256, w.groups()), 0), crypto.SHA256, at, w.signer)
			w.must(err)
			f := w.chip.Files
			f.SOD = chipsim.Element(0x77, cms)
			return f
		}},
		{"an EF.SOD of a megabyte", "chip_too_large", func(w *world) chip.Files {
			f := w.chip.Files
			f.SOD = chipsim.Element(0x77, make([]byte, 1<<20))
			return f
		}},
		{"a face of a megabyte, signed", "chip_too_large", func(w *world) chip.Files {
			g := w.groups()
			g[2] = chipsim.DG2(append(chipsim.Face(), make([]byte, 1<<20)...))
			return w.resigned(g, crypto.SHA256, at, w.signer)
		}},
		{"a thousand nested elements", "chip_too_deep", func(w *world) chip.Files {
			b := []byte{0x30, 0}
			for range 1000 {
				b = chipsim.Element(0x30, b)
			}
			f := w.chip.Files
			f.SOD = chipsim.Element(0x77, b)
			return f
		}},
		{"a picture that is none, signed", "chip_malformed", func(w *world) chip.Files {
			g := w.groups()
			g[2] = chipsim.DG2([]byte("<svg onload=alert(1)>"))
			return w.resigned(g, crypto.SHA256, at, w.signer)
		}},
		{"an RSA key of 1024 bits", "chip_weak_key", func(w *world) chip.Files {
			return w.resigned(w.groups(), crypto.SHA256, at, withKey(w, mustKey(rsa.GenerateKey(rand.Reader, 1024))))
		}},
		{"nothing", "chip_malformed", func(*world) chip.Files { return chip.Files{} }},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			w := newWorld(t, chipsim.NoKey)
			w.refuses(r.forge(w), r.code)
		})
	}
}

func foreign(w *world, country string) *chipsim.Authority {
	w.t.Helper()
	a, err := chipsim.NewAuthority(country, now)
	w.must(err)
	return a
}

func mustKey[K crypto.Signer](k K, err error) crypto.Signer {
	if err != nil {
		panic(err)
	}
	return k
}

// withKey is a document signer with this key.
func withKey(w *world, key crypto.Signer) chipsim.Signer {
	w.t.Helper()
	raw, err := w.csca.Certify(w.csca.Template(now), key.Public())
	w.must(err)
	return chipsim.Signer{Key: key, Certificate: raw}
}

// renamed replaces the signature algorithm, inside and outside, of a
// certificate by ecdsa-with-SHA1 and signs it again over SHA-1.
func renamed(w *world, raw, from, to []byte) []byte {
	w.t.Helper()
	var c struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	_, err := asn1.Unmarshal(raw, &c)
	w.must(err)
	alg := chipsim.Element(0x30, chipsim.Element(6, to))
	tbs := chipsim.Element(0x30, bytes.Replace(c.TBS.Bytes, chipsim.Element(0x30, chipsim.Element(6, from)), alg, 1))
	h := crypto.SHA1.New()
	h.Write(tbs)
	sig, err := ecdsa.SignASN1(rand.Reader, w.csca.Key, h.Sum(nil))
	w.must(err)
	return chipsim.Element(0x30, append(append(tbs, alg...), chipsim.Element(3, append([]byte{0}, sig...))...))
}

func TestAnRSADocumentSignerAndOneOnP384(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	for _, key := range []crypto.Signer{
		mustKey(rsa.GenerateKey(rand.Reader, 2048)), mustKey(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), mustKey(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
	} {
		if _, err := w.trust.Read(w.resigned(w.groups(), crypto.SHA512, now, withKey(w, key)), now); err != nil {
			t.Errorf("%T: %v", key, err)
		}
	}
}

// TestOneChangedBitAnywhereIsRefused turns each bit of each file but the face,
// of which it turns some.
func TestOneChangedBitAnywhereIsRefused(t *testing.T) {
	for _, kind := range []chipsim.KeyKind{chipsim.ECKey, chipsim.RSAKey} {
		w := newWorld(t, kind)
		files := w.chip.Files
		for _, part := range []struct {
			name string
			file *[]byte
			step int
		}{{"SOD", &files.SOD, 1}, {"DG1", &files.DG1, 1}, {"DG2", &files.DG2, 97}, {"DG11", &files.DG11, 1}, {"DG14", &files.DG14, 1}, {"DG15", &files.DG15, 5}} {
			whole := *part.file
			for bit := 0; bit < 8*len(whole); bit += part.step {
				changed := bytes.Clone(whole)
				changed[bit/8] ^= 1 << (bit % 8)
				*part.file = changed
				if _, err := w.trust.Read(files, now); err == nil || fault.Code(err) == "" {
					t.Errorf("%s with bit %d of octet %d changed: %v", part.name, bit%8, bit/8, err)
				}
			}
			*part.file = whole
		}
	}
}
