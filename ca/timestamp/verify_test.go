package timestamp_test

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"mohr/ca/timestamp"
	"mohr/internal/fault"
)

func TestATamperedStampIsRefused(t *testing.T) {
	b := open(t)
	sum := sha256.Sum256([]byte("data"))
	stamp, err := b.Stamp(t.Context(), sum[:])
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, tsr, digest []byte) {
		t.Helper()
		if _, err := timestamp.Verify(tsr, digest, b.Root); fault.Code(err) != "timestamp_invalid" {
			t.Errorf("Verify: %v, want timestamp_invalid", err)
		}
	}
	t.Run("over other data", func(t *testing.T) {
		other := sha256.Sum256([]byte("other"))
		check(t, stamp, other[:])
	})
	t.Run("no digest", func(t *testing.T) { check(t, stamp, nil) })
	t.Run("trailing bytes", func(t *testing.T) { check(t, append(bytes.Clone(stamp), 0), sum[:]) })
	t.Run("a refusal", func(t *testing.T) { check(t, b.Respond(nil), sum[:]) })
	t.Run("without certificates", func(t *testing.T) {
		q := good()
		q.certReq = false
		check(t, b.Respond(q.der()), q.digest)
	})
	t.Run("another root", func(t *testing.T) {
		if _, err := timestamp.Verify(stamp, sum[:], open(t).Root); fault.Code(err) != "timestamp_invalid" {
			t.Errorf("Verify: %v", err)
		}
	})
	t.Run("before the certificate", func(t *testing.T) {
		at := b.at
		b.at = b.key.Certificate.NotBefore.AddDate(-1, 0, 0)
		defer func() { b.at = at }()
		if _, err := b.Stamp(t.Context(), sum[:]); err == nil {
			t.Error("the unit stamped before its certificate began")
		}
	})
	// Whatever bit is turned: refused, or it was in what nothing rests on (the
	// list of digest algorithms, the chain beyond the unit's certificate where
	// that still parses), and the time is the same.
	want, err := timestamp.Verify(stamp, sum[:], b.Root)
	if err != nil {
		t.Fatal(err)
	}
	free := 0
	for n := range len(stamp) * 8 {
		bad := bytes.Clone(stamp)
		bad[n/8] ^= 1 << (n % 8)
		if at, err := timestamp.Verify(bad, sum[:], b.Root); err == nil {
			if free++; !at.Equal(want) {
				t.Fatalf("bit %d turned changes the time to %v", n, at)
			}
		}
	}
	if free > len(stamp)*8/50 {
		t.Errorf("%d of %d bits can be turned unseen", free, len(stamp)*8)
	}
}

func FuzzRespond(f *testing.F) {
	b := open(f)
	q := good()
	f.Add(q.der())
	q.nonce, q.policy = []byte{2, 1, 5}, testPolicy
	f.Add(q.der())
	q.extensions = []byte{0x30, 0}
	f.Add(q.der())
	f.Add([]byte{0x30, 0x80, 0, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		response := b.Respond(der)
		status, failure := statusOf(t, response)
		if status == 0 && !bytes.Contains(der, q.digest) && len(der) < 32 {
			t.Fatalf("%x was granted", der)
		}
		if status != 0 && (status != 2 || failure.BitLength == 0) {
			t.Fatalf("status %d without a failure", status)
		}
	})
}

func FuzzVerify(f *testing.F) {
	b := open(f)
	sum := sha256.Sum256([]byte("data"))
	stamp, err := b.Stamp(f.Context(), sum[:])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stamp)
	f.Add(b.Respond(nil))
	f.Add(stamp[:len(stamp)/2])
	f.Fuzz(func(t *testing.T, tsr []byte) {
		at, err := timestamp.Verify(tsr, sum[:], b.Root)
		if err == nil && !at.Equal(b.at) {
			t.Fatalf("a stamp of another time holds: %v", at)
		}
		if err != nil && fault.Code(err) != "timestamp_invalid" {
			t.Fatalf("Verify: %v", err)
		}
	})
}
