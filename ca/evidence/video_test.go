package evidence_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca/evidence"
	"mohr/internal/gateway"
)

// byVideo is the delivered policy with a film of document and face as another way.
func byVideo(t *testing.T) *evidence.Policy {
	t.Helper()
	p, err := evidence.ParsePolicy(policyWith(t, "otp_sms, face_match]", "otp_sms, face_match]\n        - [civil_registry, mobile_ownership, otp_sms, document_video]",
		"        face_match: 24h\n", "        face_match: 24h\n        document_video: 24h\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// filmed is the minimal set of a natural person who was filmed.
func filmed(f func(*evidence.Record)) []evidence.Record {
	r := record(evidence.DocumentVideo, evidence.Claims{NationalCode: code, LastName: "کریمی", BirthDate: "1990-03-21", ScorePercent: 91, Certificates: []string{"ISO/IEC 30107-3 7"}})
	if f != nil {
		f(&r)
	}
	return append(natural()[:3:3], r)
}

// TestAFilmOfDocumentAndFaceBindsR5, if the face is alike and all agrees.
func TestAFilmOfDocumentAndFaceBindsR5(t *testing.T) {
	for _, tt := range []struct {
		name          string
		edit          func(*evidence.Record)
		want          evidence.Outcome
		rule, outcome string
	}{
		{"all agrees", nil, evidence.Approved, "document_video.result", "pass"},
		{"another's document", func(r *evidence.Record) { r.Claims.NationalCode = "1719730695" }, evidence.Rejected, "person.one", "fail"},
		{"a document of nobody", func(r *evidence.Record) { r.Claims.NationalCode = "" }, evidence.Rejected, "person.one", "fail"},
		{"another name on the document", func(r *evidence.Record) { r.Claims.LastName = "رضایی" }, evidence.Review, "person.names_agree", "review"},
		{"another date of birth", func(r *evidence.Record) { r.Claims.BirthDate = "1990-03-22" }, evidence.Review, "person.names_agree", "review"},
		{"a face less alike than the policy asks", func(r *evidence.Record) { r.Claims.ScorePercent = 70 }, evidence.Review, "document_video.score", "review"},
		{"no face at all", func(r *evidence.Record) { r.Claims.ScorePercent = 0 }, evidence.Review, "document_video.score", "review"},
		{"not sure", func(r *evidence.Record) { r.Result = evidence.Inconclusive }, evidence.Review, "document_video.result", "review"},
		{"a mismatch", func(r *evidence.Record) { r.Result = evidence.Mismatch }, evidence.Rejected, "document_video.result", "fail"},
		{"of yesterday", func(r *evidence.Record) { r.CheckedAt = now.Add(-25 * time.Hour) }, evidence.Waiting, "set.complete", "wait"},
		{"a document whose last day is over", func(r *evidence.Record) { r.ValidTo = now }, evidence.Waiting, "set.complete", "wait"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := byVideo(t).Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Software, Records: filmed(tt.edit)}, now)
			if d.Outcome() != tt.want || stepOf(d, tt.rule) != tt.outcome {
				t.Errorf("got %s, %s %q: %+v", d.Outcome(), tt.rule, stepOf(d, tt.rule), d.Trace())
			}
		})
	}
	if d := defaultPolicy(t).Evaluate(evidence.Case{Profile: "natural-auth", Home: evidence.Software, Records: filmed(nil)[:3]}, now); d.Outcome() != evidence.Waiting {
		t.Errorf("without it: %s", d.Outcome())
	}
}

// TestOfficersAnswerForAFilmAsForAFace, while it is as alike as they saw it.
func TestOfficersAnswerForAFilmAsForAFace(t *testing.T) {
	p := byVideo(t)
	judge := func(records []evidence.Record) evidence.Decision {
		return p.Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Software, Records: records}, now)
	}
	score := func(n int) []evidence.Record {
		return filmed(func(r *evidence.Record) { r.Claims.ScorePercent = n })
	}
	c := evidence.Reviewed(judge(score(70)), score(70))
	c.Officers = 2
	review := record(evidence.OfficerReview, c)
	for n, want := range map[int]evidence.Outcome{70: evidence.Approved, 75: evidence.Approved, 69: evidence.Review} {
		if d := judge(append(score(n), review)); d.Outcome() == evidence.Approved != (want == evidence.Approved) {
			t.Errorf("%d percent: %s %+v", n, d.Outcome(), d.Trace())
		}
	}
	face := edit(natural(), evidence.FaceMatch, func(r *evidence.Record) { r.Claims.ScorePercent = 75 })
	if d := judge(append(face, review)); d.Outcome() == evidence.Approved {
		t.Error("officers who saw a film answered for a face")
	}
}

// TestOfficersWhoSawTwoFacesAnswerForEachAsTheySawIt: the lower score of one is
// no leave for the other.
func TestOfficersWhoSawTwoFacesAnswerForEachAsTheySawIt(t *testing.T) {
	p := byVideo(t)
	judge := func(records []evidence.Record) evidence.Decision {
		return p.Evaluate(evidence.Case{Profile: "natural-sign", Home: evidence.Software, Records: records}, now)
	}
	both := func(face, film int) []evidence.Record {
		list := filmed(func(r *evidence.Record) { r.Claims.ScorePercent = film })
		return append(list, edit(natural(), evidence.FaceMatch, func(r *evidence.Record) { r.Claims.ScorePercent = face })[3])
	}
	for _, test := range []struct {
		name               string
		face, film         int // as seen
		thenFace, thenFilm int
		want               bool
		older              bool // a review of before scores were kept by type
	}{
		{"as they saw it", 70, 40, 70, 40, true, false},
		{"the film's score is none of the face's", 70, 40, 45, 40, false, false},
		{"each less alike than it was", 40, 70, 39, 45, false, false},
		{"a review of before they were kept apart, of two faces", 70, 40, 70, 40, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := both(test.face, test.film)
			c := evidence.Reviewed(judge(seen), seen)
			c.Officers = 2
			if test.older {
				c.Scores, c.ScorePercent = nil, min(test.face, test.film)
			}
			d := judge(append(both(test.thenFace, test.thenFilm), record(evidence.OfficerReview, c)))
			if got := d.Outcome() == evidence.Approved; got != test.want {
				t.Errorf("%s: %+v", d.Outcome(), d.Trace())
			}
		})
	}
	one := filmed(func(r *evidence.Record) { r.Claims.ScorePercent = 70 })
	c := evidence.Reviewed(judge(one), one)
	c.Officers, c.Scores, c.ScorePercent = 2, nil, 70
	if d := judge(append(one, record(evidence.OfficerReview, c))); d.Outcome() != evidence.Approved {
		t.Errorf("an older review of one face: %+v", d.Trace())
	}
}

func TestARecordOfASessionSaysNoMoreThanTheVendor(t *testing.T) {
	session := gateway.Session{Result: gateway.Match, NationalCode: code, FirstName: "زهرا", LastName: "محمدی", BirthDate: "1990-05-14", ValidTo: "2030-01-31", ScorePercent: 93, Live: true, Certified: true, Certificates: []string{"X 1"}}
	claims := evidence.Claims{NationalCode: code, FirstName: "زهرا", LastName: "محمدی", BirthDate: "1990-05-14", ScorePercent: 93, Certificates: []string{"X 1"}}
	for _, tt := range []struct {
		name        string
		edit        func(*gateway.Session)
		contradicts bool
		want        evidence.Result
		claims      evidence.Claims
		validTo     time.Time
	}{
		{"a match", func(*gateway.Session) {}, false, evidence.Match, claims, time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC)},
		{"a match of a vendor for whom nobody vouches (R1)", func(s *gateway.Session) { s.Certified = false }, false, evidence.Inconclusive, claims, time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC)},
		{"a match that contradicts", func(*gateway.Session) {}, true, evidence.Inconclusive, claims, time.Date(2030, 2, 1, 0, 0, 0, 0, time.UTC)},
		{"a mismatch claims nothing", func(s *gateway.Session) { s.Result = gateway.Mismatch }, false, evidence.Mismatch, evidence.Claims{}, time.Time{}},
		{"a mismatch of a vendor for whom nobody vouches", func(s *gateway.Session) { s.Result, s.Certified = gateway.Mismatch, false }, false, evidence.Inconclusive, evidence.Claims{}, time.Time{}},
		{"a document without a last day", func(s *gateway.Session) { s.ValidTo = "" }, false, evidence.Match, claims, time.Time{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := session
			tt.edit(&s)
			got := evidence.SessionRecord(evidence.DocumentVideo, gateway.Answer[gateway.Session]{Value: s, Source: "filmer@1", Environment: "simulated", At: now, Contradicts: tt.contradicts})
			if diff := cmp.Diff(tt.claims, got.Claims); diff != "" || got.Result != tt.want || !got.ValidTo.Equal(tt.validTo) || got.Type != evidence.DocumentVideo {
				t.Errorf("%s until %v (-want +got):\n%s", got.Result, got.ValidTo, diff)
			}
		})
	}
}
