package chip_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"testing"

	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
	"mohr/internal/fault"
)

func challenge() (c [chip.ChallengeSize]byte) {
	rand.Read(c[:])
	return c
}

func TestAChipProvesThatItIsNoCopy(t *testing.T) {
	for _, kind := range []chipsim.KeyKind{chipsim.ECKey, chipsim.RSAKey} {
		w := newWorld(t, kind)
		d, err := w.trust.Read(w.chip.Files, now)
		w.must(err)
		c := challenge()
		answer, err := w.chip.Answer(c[:])
		w.must(err)
		if err := d.Prove(c, answer); err != nil {
			t.Errorf("kind %d: %v", kind, err)
		}
		for bit := range 8 * len(answer) {
			changed := bytes.Clone(answer)
			changed[bit/8] ^= 1 << (bit % 8)
			if err := d.Prove(c, changed); fault.Code(err) != "chip_copied" {
				t.Fatalf("kind %d, bit %d of the answer changed: %v", kind, bit, err)
			}
		}
		for bit := range 64 {
			other := c
			other[bit/8] ^= 1 << (bit % 8)
			if err := d.Prove(other, answer); fault.Code(err) != "chip_copied" {
				t.Errorf("kind %d: an answer to another challenge: %v", kind, err)
			}
		}
	}
}

// TestACopiedChipProvesNothing: all files of a genuine document, on a chip
// that has not its key.
func TestACopiedChipProvesNothing(t *testing.T) {
	for _, kind := range []chipsim.KeyKind{chipsim.ECKey, chipsim.RSAKey} {
		w, another := newWorld(t, kind), newWorld(t, kind)
		read := func(f chip.Files) *chip.Document {
			d, err := w.trust.Read(f, now)
			w.must(err)
			return d
		}
		c := challenge()
		answer, err := another.chip.Answer(c[:])
		w.must(err)
		whole := w.chip.Files
		withoutKey := whole
		withoutKey.DG14, withoutKey.DG15 = nil, nil
		for name, tc := range map[string]struct {
			files  chip.Files
			answer []byte
			code   string
		}{
			"another key's answer": {whole, answer, "chip_copied"},
			"no answer":            {whole, nil, "chip_copied"},
			"a long answer":        {whole, make([]byte, 10_000), "chip_copied"},
			"an answer of zeros":   {whole, make([]byte, len(answer)), "chip_copied"},
			"an answer of ones":    {whole, bytes.Repeat([]byte{0xff}, len(answer)), "chip_copied"},
			"DG15 left out":        {withoutKey, answer, "chip_key_withheld"},
		} {
			if err := read(tc.files).Prove(c, tc.answer); fault.Code(err) != tc.code {
				t.Errorf("kind %d, %s: %v", kind, name, err)
			}
		}
		swapped := whole
		swapped.DG15 = another.chip.Files.DG15
		w.refuses(swapped, "chip_dg_mismatch")
	}
	w := newWorld(t, chipsim.ECKey)
	f := w.chip.Files
	f.DG14 = nil // says with which hash the key signs
	d, err := w.trust.Read(f, now)
	w.must(err)
	c := challenge()
	answer, _ := w.chip.Answer(c[:])
	if err := d.Prove(c, answer); fault.Code(err) != "chip_key_withheld" {
		t.Errorf("without DG14: %v", err)
	}
}

func TestAChipWithoutAKeyAnswersNothing(t *testing.T) {
	w := newWorld(t, chipsim.NoKey)
	d, err := w.trust.Read(w.chip.Files, now)
	w.must(err)
	if d.HasKey() || fault.Code(d.Prove(challenge(), []byte{1})) != "chip_no_key" {
		t.Error("a chip without a key proved something")
	}
}

func TestAnswersByISO9796(t *testing.T) {
	w := newWorld(t, chipsim.RSAKey)
	d, err := w.trust.Read(w.chip.Files, now)
	w.must(err)
	key := w.chip.Key.(*rsa.PrivateKey)
	c := challenge()
	for name, tc := range map[string]struct {
		hash    crypto.Hash
		trailer []byte
		code    string
	}{
		"SHA-256":                       {crypto.SHA256, []byte{0x34, 0xcc}, ""},
		"SHA-384":                       {crypto.SHA384, []byte{0x36, 0xcc}, ""},
		"SHA-512":                       {crypto.SHA512, []byte{0x35, 0xcc}, ""},
		"SHA-224":                       {crypto.SHA224, []byte{0x38, 0xcc}, ""},
		"SHA-1 by its identifier":       {crypto.SHA1, []byte{0x33, 0xcc}, "chip_weak_hash"},
		"SHA-1, the short trailer":      {crypto.SHA1, []byte{0xbc}, "chip_weak_hash"},
		"another hash, SHA-1's trailer": {crypto.SHA256, []byte{0xbc}, "chip_copied"},
		"another hash than it says":     {crypto.SHA256, []byte{0x36, 0xcc}, "chip_copied"},
		"an identifier that is unknown": {crypto.SHA256, []byte{0x39, 0xcc}, "chip_copied"},
	} {
		if err := d.Prove(c, chipsim.Recoverable(key, tc.hash, tc.trailer, c[:])); fault.Code(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAChipWhoseKeySignsOverSHA1ProvesNothing(t *testing.T) {
	w := newWorld(t, chipsim.ECKey)
	for name, tc := range map[string]struct {
		algorithm asn1.ObjectIdentifier
		code      string
	}{
		"ecdsa-plain-SHA1":     {asn1.ObjectIdentifier{0, 4, 0, 127, 0, 7, 1, 1, 4, 1, 1}, "chip_weak_hash"},
		"something unknown":    {asn1.ObjectIdentifier{1, 2, 3}, "chip_algorithm"},
		"ecdsa-with-SHA256":    {asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, "chip_algorithm"},
		"ecdsa-plain-SHA256":   {asn1.ObjectIdentifier{0, 4, 0, 127, 0, 7, 1, 1, 4, 1, 3}, ""},
		"another hash, SHA512": {asn1.ObjectIdentifier{0, 4, 0, 127, 0, 7, 1, 1, 4, 1, 5}, "chip_copied"},
	} {
		g := w.groups()
		g[14] = chipsim.DG14(tc.algorithm)
		d, err := w.trust.Read(w.resigned(g, crypto.SHA256, now, w.signer), now)
		w.must(err)
		c := challenge()
		answer, err := w.chip.Answer(c[:])
		w.must(err)
		if err := d.Prove(c, answer); fault.Code(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
