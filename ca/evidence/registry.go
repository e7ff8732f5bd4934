package evidence

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"mohr/internal/gateway"
)

// NewID returns the id of a record, 128 random bits. It also salts the record's
// hash, which bundles show and certificates' records keep: without it, who has
// the hash could try national codes until one fits.
func NewID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails (crypto/rand)
	return "e-" + hex.EncodeToString(b)
}

// PersonRecord is what the civil registry's answer proves. Like all records
// of answers it gets an id of its own.
func PersonRecord(a gateway.Answer[gateway.Person]) Record {
	r, v := recordOf(CivilRegistry, a, a.Value.Result), a.Value
	if v.Result == gateway.Match {
		r.Claims = Claims{NationalCode: v.NationalCode, FirstName: v.FirstName, LastName: v.LastName, BirthDate: v.BirthDate, Alive: &v.Alive}
	}
	return r
}

// MobileRecord is what the mobile register's answer proves.
func MobileRecord(a gateway.Answer[gateway.Mobile]) Record {
	r, v := recordOf(MobileOwnership, a, a.Value.Result), a.Value
	if v.Result == gateway.Match {
		r.Claims = Claims{NationalCode: v.NationalCode, Mobile: v.Mobile}
		if !v.SIMUnknown {
			r.Claims.SIMChangedDays = &v.SIMChangedDays
		}
	}
	return r
}

// LegalRecord is what the company register's answer proves of the person with
// the national code. Who is no signatory has no role: the policy draws the
// conclusion.
func LegalRecord(a gateway.Answer[gateway.Legal], nationalCode string) Record {
	r, v := recordOf(LegalRegistry, a, a.Value.Result), a.Value
	if v.Result == gateway.Match {
		s, _ := v.Signatory(nationalCode)
		r.Claims = Claims{NationalCode: nationalCode, LegalID: v.LegalID, LegalName: v.Name, LegalStatus: v.Status, Role: s.Role, SignsAlone: s.Alone}
	}
	return r
}

// FaceRecord is what the comparison with the register's picture proves. That
// a living person was before the camera is not in it: the caller asks.
func FaceRecord(a gateway.Answer[gateway.Face]) Record {
	r := recordOf(FaceMatch, a, a.Value.Result)
	if a.Value.Result == gateway.Match {
		r.Claims = Claims{NationalCode: a.Value.NationalCode, ScorePercent: a.Value.ScorePercent}
	}
	return r
}

// SessionRecord is what a session at a vendor proves; t is FaceMatch or
// DocumentVideo. That a living person was before the camera is not in it: the
// caller asks. While no laboratory vouches for the vendor its word decides
// nothing (ETSI TS 119 461, 8.4; R1). A document counts to its last day.
func SessionRecord(t Type, a gateway.Answer[gateway.Session]) Record {
	r, v := recordOf(t, a, a.Value.Result), a.Value
	if v.Result == gateway.Match {
		r.Claims = Claims{NationalCode: v.NationalCode, FirstName: v.FirstName, LastName: v.LastName, BirthDate: v.BirthDate, ScorePercent: v.ScorePercent, Certificates: v.Certificates}
		if last, err := time.Parse(time.DateOnly, v.ValidTo); err == nil {
			r.ValidTo = last.AddDate(0, 0, 1)
		}
	}
	if !v.Certified {
		r.Result = Inconclusive
	}
	return r
}

// recordOf takes over what all answers have. A registry that contradicts an
// earlier answer of its own to the same question, or whose result is none of
// ours, has said nothing clear.
func recordOf[T any](t Type, a gateway.Answer[T], said gateway.Result) Record {
	result := Result(said)
	if a.Contradicts || result != Match && result != Mismatch {
		result = Inconclusive
	}
	return Record{
		ID: NewID(), Type: t, Source: a.Source, Environment: Environment(a.Environment), Result: result,
		RawSHA256: a.SHA256, CheckedAt: a.At.UTC().Truncate(time.Second), Signed: a.Signed,
	}
}
