package badge

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	"mohr/internal/i18n"
)

func catalog(t testing.TB) *i18n.Catalog {
	t.Helper()
	c, err := i18n.Parse(Texts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// inspect parses a picture strictly and reports what no picture may have.
func inspect(t testing.TB, svg []byte) (texts []string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(svg))
	var in string
	for {
		token, err := d.Token()
		if err == io.EOF {
			return texts
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, svg)
		}
		switch token := token.(type) {
		case xml.StartElement:
			in = token.Name.Local
			if in != "svg" && in != "title" && in != "rect" && in != "text" {
				t.Fatalf("element <%s>", in)
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || a.Name.Local == "style" {
					t.Fatalf("attribute %s", a.Name.Local)
				}
			}
		case xml.CharData:
			texts = append(texts, string(token))
		}
	}
}

func TestPicturesSayTheTruth(t *testing.T) {
	name := image{
		state: Active, domain: Domain{ASCII: "shop.example", Unicode: "shop.example"}, name: "فروشگاه نمونه",
		validTo: time.Date(2027, 11, 23, 0, 0, 0, 0, time.UTC), level: 1,
	}
	with := func(change func(*image)) image { m := name; change(&m); return m }
	for _, test := range []struct {
		name   string
		image  image
		lang   string
		says   []string
		not    []string
		colour string
	}{
		{"an active badge is good", name, "en", []string{"shop.example", "valid until", "★", "فروشگاه نمونه"}, []string{"test"}, colourGood},
		{"in Persian with a Persian date", name, "fa", []string{"shop.example", "معتبر تا", "۱۴۰۶"}, []string{"valid"}, colourGood},
		{"a simulated one says test", with(func(m *image) { m.simulated = true }), "en", []string{"test"}, nil, colourGood},
		{"a revoked one is red", with(func(m *image) { m.state = Revoked }), "en", []string{"Revoked", "shop.example"}, []string{"valid until", "★"}, colourBad},
		{"an expired one", with(func(m *image) { m.state = Expired }), "en", []string{"Expired"}, []string{"valid until", "★"}, colourWaiting},
		{"a suspended one", with(func(m *image) { m.state = Suspended }), "en", []string{"Suspended"}, []string{"valid until", "★"}, colourWaiting},
		{"one seen from nowhere says whose it is and not that it is valid", with(func(m *image) { m.unseen = true }), "en", []string{"Compare it", "shop.example"}, []string{"valid", "★"}, colourNeutral},
		{"a revoked one seen from nowhere", with(func(m *image) { m.unseen, m.state = true, Revoked }), "en", []string{"Revoked", "shop.example"}, []string{"valid until", "★"}, colourBad},
		{"one seen elsewhere", with(func(m *image) { m.elsewhere = true }), "en", []string{"belongs to", "shop.example"}, []string{"valid until", "★"}, colourBad},
		{"none", image{}, "en", []string{"no such badge"}, []string{"valid"}, colourNeutral},
		{"one that cannot be read", image{unsure: true}, "en", []string{"cannot be confirmed"}, []string{"valid"}, colourNeutral},
		{"an IDN in both forms", with(func(m *image) { m.domain = Domain{ASCII: "xn--mgbayh7gpa.example", Unicode: "الاردن.example"} }), "en",
			[]string{"xn--mgbayh7gpa.example", "الاردن.example"}, nil, colourGood},
		{"a long domain by its end", with(func(m *image) { m.domain.ASCII = "bank.example." + strings.Repeat("a", 60) + ".evil.example" }), "en",
			[]string{"aaa.evil.example"}, nil, colourGood},
	} {
		t.Run(test.name, func(t *testing.T) {
			svg := test.image.svg(catalog(t), test.lang)
			texts := strings.Join(inspect(t, svg), "\n")
			for _, s := range test.says {
				if !strings.Contains(texts, s) {
					t.Errorf("does not say %q:\n%s", s, texts)
				}
			}
			for _, s := range test.not {
				if strings.Contains(texts, s) {
					t.Errorf("says %q:\n%s", s, texts)
				}
			}
			if !bytes.Contains(svg, []byte(test.colour)) || !bytes.Contains(svg, []byte(`width="260" height="112"`)) || !bytes.Contains(svg, []byte("<title")) {
				t.Errorf("colour, size or title is missing:\n%s", svg)
			}
		})
	}
}

func FuzzPicture(f *testing.F) {
	f.Add("فروشگاه نمونه", "shop.example")
	f.Add(`</text><script>alert(1)</script>`, "a.example")
	f.Add("\" onload=\"x", "a.example")
	f.Add("\u202egnp.exe\x00\ufffe", "xn--a.example")
	f.Add("\xff\xfe", strings.Repeat("a", 300))
	texts, err := i18n.Parse(Texts)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, domain string) {
		m := image{state: Active, name: name, domain: Domain{ASCII: domain, Unicode: name}, validTo: time.Unix(0, 0), level: 1}
		svg := m.svg(texts, "fa")
		for _, s := range inspect(t, svg) {
			for _, r := range s {
				if unicode.Is(unicode.Bidi_Control, r) {
					t.Fatalf("bidi control %U in %q", r, s)
				}
			}
		}
		if len(svg) > 16<<10 {
			t.Fatalf("%d octets", len(svg))
		}
	})
}

func TestEveryReasonHasItsWords(t *testing.T) {
	texts := catalog(t)
	for _, lang := range []string{i18n.English, i18n.Persian} {
		for _, key := range reasons() {
			if !texts.Has(lang, "badge_why_"+string(key)) {
				t.Errorf("%s has no words for %s", lang, key)
			}
		}
		for _, s := range []State{Checking, Waiting, Refused, Active, Suspended, Revoked, Expired} {
			if !texts.Has(lang, "badge_state_"+string(s)) {
				t.Errorf("%s has no words for state %s", lang, s)
			}
		}
	}
}

// reasons judges facts of every kind and returns the reasons that came out,
// and those that states have besides.
func reasons() []Why {
	list := []Why{
		"received", "withdrawn", "badge_expired", "domain_taken_over", "all_checks_hold", "not_checked", "level_unknown", "level_raised", "level_lowered",
		"suspended_too_long", "renewal_received", "renewal_refused", "renewed", "appeal_received", "appeal_" + Why(Upheld), "appeal_" + Why(Rejected),
	}
	for _, g := range []Ground{Fraud, Misuse, CourtOrder, Resolved} {
		list = append(list, g.why())
	}
	r := DefaultRules()
	r.Apply = append(r.Apply, "company.active@1", "signer.authority@1", "licence.valid@1", "domain.control@1", "no.such@1")
	add := func(r Rules, f Facts) {
		if f.Licence != (LicenceAnswer{}) {
			f.Licences = []LicenceAnswer{f.Licence}
		}
		for _, finding := range r.Judge(f) {
			list = append(list, finding.Why)
		}
	}
	yes := Source{Answered: true}
	views := func(s ...Sight) DomainViews {
		v := DomainViews{}
		for _, s := range s {
			v.Views = append(v.Views, View{Sight: s})
		}
		return v
	}
	add(r, Facts{})
	narrow := r
	narrow.LicenceTypes = []string{"medical"}
	add(narrow, Facts{Granted: true})
	for _, life := range []Life{lifeGood, lifeRevoked, lifeExpired, lifeHeld} {
		add(r, Facts{Signer: Signer{Life: life}, Company: Company{Source: yes}, Licence: LicenceAnswer{Source: yes}})
	}
	for _, signs := range []string{signsAlone, signsJointly, signsNot} {
		add(r, Facts{Company: Company{Source: yes, Found: true, Status: "dissolved", Signs: signs}, At: time.Unix(1<<31, 0), Duties: Duties{Answered: true, Unanswered: 1}})
	}
	add(r, Facts{Company: Company{Source: yes, Found: true, Status: "active"}, Duties: Duties{Answered: true}, Licence: LicenceAnswer{Source: yes, Found: true}})
	add(r, Facts{Licence: LicenceAnswer{Source: yes, Found: true, ValidTo: "2000-01-01"}, At: time.Unix(1<<31, 0)})
	add(r, Facts{Licence: LicenceAnswer{Source: yes, Found: true, ValidTo: "2000-01-01"}})
	add(r, Facts{Licence: LicenceAnswer{Source: yes, Found: true, Asked: Licence{Number: "2"}, Number: "1"}})
	for _, s := range []Sight{SightMatch, SightMissing, SightWrong, SightRedirected, SightPrivate, SightFailing, SightUnreachable, SightBlind} {
		add(r, Facts{Domain: views(s, s)})
	}
	for _, m := range append(methods(), byName) {
		for _, s := range []Sight{SightMatch, SightMissing, SightWrong, SightPrivate, SightBlind} {
			for _, granted := range []bool{true, false} {
				add(r, Facts{Granted: granted, Domain: DomainViews{Views: []View{{1, m, s}, {2, m, s}}}})
			}
		}
	}
	for _, p := range []Person{{Nobody: true}, {Undated: true}, {Source: yes}, {Source: yes, Found: true}, {Source: yes, Found: true, Alive: true}} {
		add(r, Facts{Person: p})
	}
	for _, t := range []TLS{"", tlsValid, tlsExpired, tlsOtherName, tlsUntrusted, tlsUnreachable} {
		add(r, Facts{Site: Site{TLS: t, NotAfter: time.Unix(1<<31, 0)}, Company: Company{Sole: true}})
	}
	for _, s := range []Sight{SightMatch, SightMissing, SightFailing} {
		add(r, Facts{Site: Site{Contact: s}})
	}
	add(r, Facts{Domain: views(SightMatch, SightMissing)})
	add(r, Facts{Domain: views(SightMissing, SightMissing), At: time.Unix(1<<31, 0)})
	return list
}
