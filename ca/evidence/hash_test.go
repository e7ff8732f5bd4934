package evidence_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca/evidence"
)

// TestAHashIsThatOfCanonicalJSON as the standard library writes it: hashes in
// certificates' records and bundles outlive the program that made them.
func TestAHashIsThatOfCanonicalJSON(t *testing.T) {
	yes, days := true, 0
	for name, r := range map[string]evidence.Record{
		"the zero record": {},
		"an ordinary one": {
			ID: "e-1", Type: evidence.CivilRegistry, Result: evidence.Match, CheckedAt: time.Unix(1e9, 0),
			Claims: evidence.Claims{NationalCode: "0012345678", FirstName: "زهرا", Alive: &yes, SIMChangedDays: &days},
		},
		"letters that are written otherwise": {Claims: evidence.Claims{FirstName: "<&>\u2028\"\\\x01\x7f\xff😀"}},
		"a time with a fraction, elsewhere":  {CheckedAt: time.Unix(1e9, 5e8).In(time.FixedZone("", 12600)), ValidTo: time.Unix(2e9, 1)},
	} {
		utc := r
		utc.CheckedAt, utc.ValidTo = r.CheckedAt.UTC(), r.ValidTo.UTC()
		b, err := json.Marshal(utc)
		if err != nil {
			t.Fatal(err)
		}
		v := jsontext.Value(b)
		if err := v.Canonicalize(); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(v)
		if want := hex.EncodeToString(sum[:]); r.Hash() != want {
			t.Errorf("%s: %s, not %s", name, r.Hash(), want)
		}
	}
}
