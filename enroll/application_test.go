package enroll

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

func TestANewProofVoidsWhatRestedOnTheOldOnes(t *testing.T) {
	tests := []struct {
		stage Stage
		taken bool
	}{
		{Created, false}, {Consented, true}, {Collecting, true}, {Waiting, true}, {Evaluated, true}, {Review, false},
		{Approved, true}, {KeyBound, true}, {Agreed, true}, {Issuing, false}, {Issued, false},
		{Rejected, false}, {FailedAttempts, false}, {Expired, false}, {Cancelled, false}, {Erased, false},
	}
	for _, tc := range tests {
		t.Run(string(tc.stage), func(t *testing.T) {
			old := []Proof{{ID: "e-1", Type: evidence.FaceMatch, Result: evidence.Match}}
			a := Application{Stage: tc.stage, Evidence: old, Decision: &Verdict{}, Key: &Key{}, Agreement: &Agreement{}}
			err := a.attach(Proof{ID: "e-2", Type: evidence.CivilRegistry, Result: evidence.Match})
			if !tc.taken {
				if !errors.Is(err, fault.Conflict) || a.Stage != tc.stage || len(a.Evidence) != 1 || a.Key == nil {
					t.Errorf("error %v, stage %s, %d proofs", err, a.Stage, len(a.Evidence))
				}
				return
			}
			if err != nil || a.Stage != Collecting || len(a.Evidence) != 2 || a.Decision != nil || a.Key != nil || a.Agreement != nil {
				t.Errorf("error %v, stage %s, decision %v, key %v, agreement %v", err, a.Stage, a.Decision, a.Key, a.Agreement)
			}
		})
	}
}

func TestNoStageLeadsAroundTheApproval(t *testing.T) {
	// Walk all ways that do not pass through approved: none may reach issuing.
	seen := map[Stage]bool{}
	var walk func(Stage)
	walk = func(s Stage) {
		if seen[s] || s == Approved {
			return
		}
		seen[s] = true
		for to := range next {
			if s.mayBecome(to) {
				walk(to)
			}
		}
	}
	walk(Created)
	for _, s := range []Stage{KeyBound, Agreed, Issuing, Issued} {
		if seen[s] {
			t.Errorf("%s is reached without an approval", s)
		}
	}
	for _, s := range []Stage{Issuing, Issued, Rejected, FailedAttempts, Cancelled, Erased} {
		if s.mayBecome(Cancelled) || s != Issuing && s.mayBecome(Expired) {
			t.Errorf("%s may still be cancelled or expire", s)
		}
	}
}

func TestTheGuardRefusesAnApplicationThatMoved(t *testing.T) {
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	a := Application{ID: "a-1", Version: 7, Stage: Issuing}
	err = s.Update(t.Context(), func(tx store.Tx) error { return store.Save(tx, applicationBucket, a.ID, a) })
	if err != nil {
		t.Fatal(err)
	}
	earlier, approved, unknown := a, a, a
	earlier.Version, approved.Stage, unknown.ID = 6, Approved, "a-2"
	for _, tc := range []struct {
		name string
		a    Application
		want error
	}{
		{"as it was ordered", a, nil},
		{"saved by somebody since", earlier, fault.Conflict},
		{"not ordered at all", approved, fault.Conflict},
		{"unknown", unknown, fault.NotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := s.Update(t.Context(), guard(tc.a)); !errors.Is(err, tc.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzPersonIsBroughtToOneForm(f *testing.F) {
	f.Add("0012345679", "1990-05-14", "09121234567", "Zahra Mohammadi", "14003456780")
	f.Add("۰۰۱۲۳۴۵۶۷۹", "۱۳۶۹/۲/۲۴", "٠٩١٢١٢٣٤٥٦٧", "O'Neil-Smith", "")
	f.Add("1111111111", "1300-13-40", "+98", " ", "x")
	now := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, code, born, mobile, latin, legal string) {
		p := Person{NationalCode: code, BirthDate: born, Mobile: mobile, NamesLatin: latin, LegalID: legal}
		once, err := p.normalised(now)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		if twice, err := once.normalised(now); err != nil || twice != once {
			t.Fatalf("%+v becomes %+v, %v", once, twice, err)
		}
		if len(once.NationalCode) != 10 || len(once.BirthDate) != 10 || len(once.Mobile) != 13 || len(once.NamesLatin) > latinMax {
			t.Fatalf("%+v", once)
		}
	})
}
