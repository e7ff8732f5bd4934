package chip

import (
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"mohr/internal/fault"
)

// Seeds are in testdata/fuzz; testdata/README.md says how they were made. Each
// target fails when its parser panics, takes what it should not, or returns an
// error that a caller may not read.

var fuzzNow = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

func readable(t *testing.T, err error) {
	t.Helper()
	if err != nil && fault.Code(err) == "" {
		t.Errorf("an error without a code: %v", err)
	}
}

func FuzzSOD(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := group(b, tagSOD, "EF.SOD", maxSOD)
		if err != nil {
			readable(t, err)
			return
		}
		s, err := sodKind.open(body)
		readable(t, err)
		if err != nil {
			return
		}
		_, err = readSecurityObject(s.content)
		readable(t, err)
	})
}

func FuzzBER(f *testing.F) {
	f.Add([]byte{0x24, 0x80, 4, 1, 1, 4, 1, 2, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := normalise(b, "BER")
		readable(t, err)
		if err != nil {
			return
		}
		// What comes out is a fixed point, and hardly longer than what went in.
		again, err := normalise(out, "BER")
		if err != nil || string(again) != string(out) || len(out) > 2*len(b) {
			t.Errorf("%x gives %x, which gives %x, %v", b, out, again, err)
		}
	})
}

func FuzzCertificate(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readCertificate(b, "certificate")
		readable(t, err)
		if err == nil {
			c.key.verify(c.algorithm, c.tbs, c.signature)
			_, _ = c.Subject(), c.Country()
		}
	})
}

func FuzzKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		s := cryptobyte.String(b)
		k, err := readKey(&s, "key", minChipRSA)
		readable(t, err)
		if err == nil && k.curve != nil && !k.curve.on(k.point) {
			t.Error("a key is not on its curve")
		}
	})
}

func FuzzSecurityObject(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := readSecurityObject(b)
		readable(t, err)
	})
}

func FuzzMRZ(f *testing.F) {
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMRZ(s, fuzzNow)
		readable(t, err)
		if err == nil && (m.State == "" || m.Number == "" || m.LastName == "" || m.Expires == "") {
			t.Errorf("%q gives %+v", s, m)
		}
	})
}

func FuzzDataGroups(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := readDG1(b, fuzzNow)
		readable(t, err)
		p, err := ReadPicture(b)
		readable(t, err)
		if err == nil && (len(p.Data) == 0 || p.Type == "") {
			t.Error("a picture without content")
		}
		_, err = readDG11(b)
		readable(t, err)
		_, err = readDG14(b)
		readable(t, err)
		_, err = readDG15(b)
		readable(t, err)
	})
}

func FuzzMasterList(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := new(Trust).openMasterList(b, fuzzNow)
		readable(t, err)
		if err == nil {
			t.Error("a list that nobody vouches for was taken")
		}
	})
}

func FuzzCRL(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := readCRL(b, nil); err == nil {
			t.Errorf("a CRL under no authority was taken: %+v", c)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, file, answer []byte) {
		k, err := readDG15(file)
		if err != nil {
			return
		}
		d := &Document{listsKey: true, key: &k}
		err = d.Prove([ChallengeSize]byte{1}, answer)
		readable(t, err)
		if err == nil && k.curve != nil {
			t.Error("a key proved itself with no hash said")
		}
	})
}
