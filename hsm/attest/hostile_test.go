package attest_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"mohr/hsm/attest"
	"mohr/internal/fault"
)

// kept is a statement of a TPM that was made once, with the roots of then.
type kept struct {
	Statement attest.Statement `json:"statement"`
	Roots     [][]byte         `json:"roots"`
	At        time.Time        `json:"at"`
}

const keptFile = "testdata/tpm2.json"

func readKept(t testing.TB) (kept, *attest.Verifier) {
	t.Helper()
	b, err := os.ReadFile(keptFile)
	if err != nil {
		t.Fatal(err)
	}
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		t.Fatal(err)
	}
	roots := fstest.MapFS{}
	for i, der := range k.Roots {
		roots[string(rune('a'+i))] = &fstest.MapFile{Data: der}
	}
	return k, verifier(t, attest.Config{TPM: roots, PIV: os.DirFS("testdata/yubikey/roots")})
}

// TestKeptStatement holds the format still: a statement that was made once
// goes on holding. -update makes another.
func TestKeptStatement(t *testing.T) {
	if *update {
		w, maker := newWorldOf(t)
		k := kept{Statement: w.attested(t, w.first, binding), At: time.Now().UTC().Truncate(time.Second)}
		files, err := filepath.Glob(filepath.Join(maker.Roots, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			k.Roots = append(k.Roots, pemFile(t, f))
		}
		b, err := json.MarshalIndent(k, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(keptFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	k, v := readKept(t)
	if _, err := v.Verify(k.Statement, binding, k.At); err != nil {
		t.Errorf("it no longer holds: %v", err)
	}
}

// judge verifies a statement that nobody made: whatever comes of it, it is a
// refusal, and not of an internal kind.
func judge(t testing.TB, v *attest.Verifier, s attest.Statement, at time.Time) {
	t.Helper()
	k, err := v.Verify(s, binding, at)
	switch {
	case err == nil:
		t.Fatalf("it holds: %+v", s)
	case fault.Code(err) == "" || k.SPKISHA256() != "":
		t.Fatalf("error %v, key %q", err, k.SPKISHA256())
	}
	if _, err := v.Challenge(s.Certificates, s.AK, binding, at); err != nil && fault.Code(err) == "" {
		t.Fatalf("challenge: %v", err)
	}
}

// TestTwoHundredMutationsAreRefused cuts, doubles, swaps and flips parts of a
// statement.
func TestTwoHundredMutationsAreRefused(t *testing.T) {
	k, v := readKept(t)
	r := rand.New(rand.NewPCG(7, 200))
	for n := range 200 {
		s := clone(k.Statement)
		parts := []*[]byte{&s.AK, &s.Secret, &s.Key, &s.Info, &s.Signature, &s.Certificates[0]}
		p, q := parts[r.IntN(len(parts))], parts[r.IntN(len(parts))]
		at := r.IntN(len(*p))
		switch n % 6 {
		case 0:
			(*p)[at] ^= byte(1 + r.IntN(255))
		case 1:
			*p = (*p)[:at]
		case 2:
			*p = append(*p, *p...)
		case 3:
			if p == q {
				q = parts[(n+1)%len(parts)]
			}
			if bytes.Equal(*p, *q) {
				continue
			}
			*p, *q = *q, *p
		case 4:
			*p = append((*p)[:at:at], 0xff, 0xff)
		case 5:
			copy((*p)[at:], bytes.Repeat([]byte{0xff}, 8))
			(*p)[at] = 0xfe
		}
		if same(s, k.Statement) {
			continue
		}
		judge(t, v, s, k.At)
	}
}

func same(a, b attest.Statement) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func FuzzVerify(f *testing.F) {
	k, v := readKept(f)
	s := k.Statement
	sound, err := v.Verify(s, binding, k.At)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(true, s.Certificates[0], []byte{}, s.AK, s.Secret, s.Key, s.Info, s.Signature)
	f.Add(false, der(f, "key.pem"), der(f, "device.pem"), []byte{}, []byte{}, []byte{}, []byte{}, []byte{1})
	f.Add(false, der(f, "key-2018.pem"), der(f, "device-2018.pem"), []byte{}, []byte{}, []byte{}, []byte{}, []byte{0x30, 0})
	f.Add(true, s.Certificates[0], der(f, "device.pem"), s.Key, s.Secret, s.AK, s.Info, []byte{0, 0x18, 0, 0x0b, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, tpm bool, first, second, ak, secret, key, info, sig []byte) {
		in := attest.Statement{Format: attest.PIV, Nonce: binding.Nonce, Certificates: [][]byte{first}, AK: ak, Secret: secret, Key: key, Info: info, Signature: sig}
		if tpm {
			in.Format = attest.TPM
		}
		if len(second) > 0 {
			in.Certificates = append(in.Certificates, second)
		}
		// A signature on a curve can be written in several ways.
		if got, err := v.Verify(in, binding, k.At); err == nil && got.SPKISHA256() == sound.SPKISHA256() {
			return
		}
		judge(t, v, in, k.At)
	})
}
