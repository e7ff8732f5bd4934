package gateway

import (
	"testing"

	"mohr/internal/i18n"
)

func TestReadRefuses(t *testing.T) {
	q := personQuestion{"0012345679", "1990-05-14"}
	const person = `{"national_code":"0012345679","first_name":"a","last_name":"b","father_name":"c","birth_date":"1990-05-14","gender":"F","alive":true}`
	for _, tt := range []struct{ name, body string }{
		{"nothing", ``},
		{"no JSON", `environment`},
		{"an array", `[]`},
		{"a key twice", `{"environment":"simulated","result":"mismatch","result":"match"}`},
		{"an unknown key", `{"environment":"simulated","result":"mismatch","extra":1}`},
		{"a key in another case", `{"environment":"simulated","Result":"mismatch"}`},
		{"two documents", `{"environment":"simulated","result":"mismatch"}{}`},
		{"broken UTF-8", "{\"environment\":\"simulated\",\"result\":\"mismatch\xff\"}"},
		{"another environment", `{"environment":"production","result":"mismatch"}`},
		{"no environment", `{"result":"mismatch"}`},
		{"no result", `{"environment":"simulated"}`},
		{"a result that does not exist", `{"environment":"simulated","result":"perhaps"}`},
		{"a match with nobody", `{"environment":"simulated","result":"match"}`},
		{"a mismatch with somebody", `{"environment":"simulated","result":"mismatch","person":` + person + `}`},
		{"a match with somebody else", `{"environment":"simulated","result":"match","person":{"national_code":"0618471561","birth_date":"1990-05-14","alive":true}}`},
		{"a match with another date of birth", `{"environment":"simulated","result":"match","person":{"national_code":"0012345679","birth_date":"1990-05-15","alive":true}}`},
		{"a match that is neither alive nor dead", `{"environment":"simulated","result":"match","person":{"national_code":"0012345679","birth_date":"1990-05-14"}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if p, _, err := read([]byte(tt.body), "simulated", func(r personReply) (Person, bool) { return r.about(q) }); err == nil {
				t.Errorf("read as %+v", p)
			}
		})
	}
	if _, _, err := read([]byte(`{"environment":"simulated","result":"match","person":`+person+`}`), "simulated", func(r personReply) (Person, bool) { return r.about(q) }); err != nil {
		t.Errorf("a good answer: %v", err)
	}
}

func TestRepliesAboutSomethingElse(t *testing.T) {
	match := envelope{"simulated", Match}
	days := -1
	if _, ok := (mobileReply{envelope: match, NationalCode: "1", Mobile: "2"}).about(mobileQuestion{"1", "2"}); ok {
		t.Error("a mobile without the age of its SIM")
	}
	if _, ok := (mobileReply{envelope: match, NationalCode: "1", Mobile: "2", SIMChangedDays: &days}).about(mobileQuestion{"1", "2"}); ok {
		t.Error("a SIM from the future")
	}
	if _, ok := (mobileReply{envelope: envelope{"simulated", Mismatch}, NationalCode: "1", Mobile: "3"}).about(mobileQuestion{"1", "2"}); ok {
		t.Error("another mobile")
	}
	if _, ok := (licenceReply{envelope: match, LegalID: "1", Type: "a"}).about(licenceQuestion{"1", "a"}); ok {
		t.Error("a licence without number and last day")
	}
	if _, ok := (licenceReply{envelope: match, LegalID: "1", Type: "b", Number: "1", ValidTo: "2030-01-01"}).about(licenceQuestion{"1", "a"}); ok {
		t.Error("another licence")
	}
	if _, ok := (faceReply{envelope: match, NationalCode: "1", Session: "s", ScorePercent: 101}).about(faceQuestion{"1", "s"}); ok {
		t.Error("a likeness of 101 percent")
	}
	if _, ok := (faceReply{envelope: match, NationalCode: "1", Session: "t", ScorePercent: 90}).about(faceQuestion{"1", "s"}); ok {
		t.Error("a face of another session")
	}
	if _, ok := (smsReply{envelope: envelope{"simulated", Mismatch}, ID: "1"}).about(); ok {
		t.Error("a message that was not taken")
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"environment":"simulated","result":"match","person":{"national_code":"0012345679","first_name":"a","last_name":"b","father_name":"c","birth_date":"1990-05-14","gender":"F","alive":true}}`))
	f.Add([]byte(`{"environment":"simulated","result":"match","legal_person":{"legal_id":"1","name":"n","status":"active","signatories":[{"national_code":"1","role":"r","mode":"alone"}],"domains":["a.test"]}}`))
	f.Add([]byte(`{"environment":"simulated","result":"mismatch","legal_id":"1","type":"a"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, _, err := read(b, "simulated", func(r personReply) (Person, bool) { return r.about(personQuestion{"0012345679", "1990-05-14"}) })
		if err == nil && p.Result == Match && p.NationalCode != "0012345679" {
			t.Errorf("an answer about %q", p.NationalCode)
		}
		l, _, err := read(b, "simulated", func(r legalReply) (Legal, bool) { return r.about(legalQuestion{"1"}) })
		if err == nil && l.Result == Match && l.LegalID != "1" {
			t.Errorf("an answer about %q", l.LegalID)
		}
		read(b, "simulated", func(r licenceReply) (Licence, bool) { return r.about(licenceQuestion{"1", "a"}) })
		read(b, "simulated", func(r faceReply) (Face, bool) { return r.about(faceQuestion{"1", "s"}) })
	})
}

func FuzzCheckHost(f *testing.F) {
	for _, s := range []string{"example.com", "127.1", "0x7f", "a.", "xn--mgba", "-a.b", "１"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if checkHost(s) != nil {
			return
		}
		for _, r := range s {
			if r > 127 || r <= ' ' {
				t.Errorf("%q has %q", s, r)
			}
		}
	})
}

func TestTextsParse(t *testing.T) {
	if _, err := i18n.Parse(Texts); err != nil {
		t.Error(err)
	}
}
