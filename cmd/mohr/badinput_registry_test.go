package main

import (
	"net/http"
	"slices"
	"testing"

	"mohr/badge"
	"mohr/ca"
)

// Routes of the registry.
const (
	personRoute  = "/v1/person/inquiry"
	legalRoute   = "/v1/legal/inquiry"
	licenceRoute = "/v1/licence/inquiry"
	faceRoute    = "/v1/face/match"
	smsRoute     = "/v1/sms"
)

// TestAnApplicationWaitsForARegistryThatIsDownAndGoesOnWhenItIsBack loses
// nothing of what the applicant gave meanwhile.
func TestAnApplicationWaitsForARegistryThatIsDownAndGoesOnWhenItIsBack(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	s.fault(t, personRoute, "down")
	a := s.apply(t, mina, "")
	a.until(t, "refresh") // consent, code and face were given
	waits := func() {
		t.Helper()
		if state := a.state(t); state.Stage != "waiting_external" || !slices.Equal(state.Needs, []string{"refresh"}) {
			t.Errorf("the application is %s and needs %v, want it to wait for the register", state.Stage, state.Needs)
		}
		if n := s.issued(t); n != 0 {
			t.Errorf("%d certificates of people", n)
		}
	}
	waits()
	s.anyone.refuses(t, a.submit(a.csr), http.StatusConflict, "application_unapproved")
	s.anyone.refuses(t, get(a.path("/certificate"), a.token), http.StatusConflict, "application_not_issued")
	waits()
	s.fault(t, personRoute, "none")
	var state applicationState
	s.anyone.done(t, post(a.path("/evidence/refresh"), a.token, map[string]any{}), http.StatusOK, &state)
	if state.Stage != "approved" {
		t.Errorf("the application is %s after the register is back, want it approved", state.Stage)
	}
	a.certify(t)
	if n := s.issued(t); n != 1 {
		t.Errorf("%d certificates of people, want 1", n)
	}
}

// TestAStepThatNeedsARegistryThatIsDownCanBeTakenLater is about the steps
// that the applicant takes themselves.
func TestAStepThatNeedsARegistryThatIsDownCanBeTakenLater(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	s.fault(t, smsRoute, "down")
	s.fault(t, faceRoute, "down")
	a := s.apply(t, davood, "")
	// One sending: a failed one may have arrived, so it counts as one of the
	// three that a quarter of an hour allows.
	later := func(need string, r ask, code string) {
		t.Helper()
		a.until(t, need)
		before := a.state(t)
		r.lang = "fa"
		down := s.anyone.send(t, r)
		if p := problemOf(t, down, "fa"); down.status != http.StatusServiceUnavailable || p.Code != code || !persian(p.Detail) {
			t.Errorf("%s gave %d %s, want %s", r.path, down.status, down.body, code)
		}
		if state := a.state(t); state.Stage != before.Stage || !slices.Equal(state.Needs, before.Needs) {
			t.Errorf("the application is %s and needs %v, was %s and needed %v", state.Stage, state.Needs, before.Stage, before.Needs)
		}
	}
	later("otp_sms", post(a.path("/otp"), a.token, map[string]any{}), "registry_unavailable")
	s.fault(t, smsRoute, "none")
	s.anyone.done(t, post(a.path("/otp"), a.token, map[string]any{}), http.StatusOK, nil)
	later("face_match", post(a.path("/evidence/face_match"), a.token, map[string]any{"session": "x"}), "face_unavailable")
	s.fault(t, "*", "none")
	a.certify(t)
}

// TestABadgeWaitsForARegistryThatIsDown and is granted by the same request
// when the registry is back.
func TestABadgeWaitsForARegistryThatIsDown(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, route, mode, rule, why string }{
		{"the licence registry is down", licenceRoute, "down", "licence.valid@2", "licence_registry_silent"},
		{"the company registry is down", legalRoute, "down", "company.active@2", "company_registry_silent"},
		{"the licence registry contradicts itself", licenceRoute, "lie", "licence.valid@2", "licence_registry_silent"},
		{"the company registry contradicts itself", legalRoute, "lie", "company.active@2", "company_registry_silent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startService(t, "")
			merchant := s.apply(t, zahra, zahraCompany).certify(t)
			s.fault(t, c.route, c.mode)
			var r badge.Record
			s.anyone.done(t, sendBadge(s.badgeJWS(t, merchant.holder, zahraCompany, zahraShop)), http.StatusCreated, &r)
			found := slices.ContainsFunc(r.Findings, func(f badge.Finding) bool {
				return f.Rule == c.rule && f.Result == badge.Unknown && string(f.Why) == c.why && f.WaitingFor == badge.ForRegistry
			})
			if r.State != badge.Waiting || !found || !slices.Contains(r.WaitingFor, badge.ForRegistry) {
				t.Errorf("the badge is %s, waits for %v and has the findings %+v", r.State, r.WaitingFor, r.Findings)
			}
			s.anyone.refuses(t, get("/badge/"+string(r.ID)+".jwt", ""), http.StatusConflict, "badge_not_active")
			s.prove(t, r)
			s.fault(t, c.route, "none")
			if r = s.check(t, r.ID); r.State != badge.Active {
				t.Errorf("the badge is %s when the registry is back: %+v", r.State, r.Findings)
			}
		})
	}
}

// TestARenewalThatARegistryStopsUsesNothingUp sends the same statement again
// when the registry is back, and then gets its certificate.
func TestARenewalThatARegistryStopsUsesNothingUp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	before, noDeeds := s.look(t), s.noDeeds(t)
	r := s.renewal(t, s.merchant.holder, nil)
	// One route after the other: five failures in a row would close one for
	// half a minute, and each question is three.
	for lang, route := range map[string]string{"fa": personRoute, "en": legalRoute} {
		t.Run("the registry at "+route+" is down", func(t *testing.T) {
			s.fault(t, route, "down")
			defer s.fault(t, route, "none")
			again := r.ask()
			again.lang = lang
			a := s.anyone.send(t, again)
			p := problemOf(t, a, lang)
			if a.status != http.StatusServiceUnavailable || p.Code != "renewal_registry_unavailable" || persian(p.Detail) != (lang == "fa") {
				t.Errorf("the renewal gave %d %s", a.status, a.body)
			}
			s.unchanged(t, before)
		})
	}
	for _, route := range []string{personRoute, legalRoute} {
		t.Run("the registry at "+route+" contradicts itself", func(t *testing.T) {
			s.fault(t, route, "lie")
			defer s.fault(t, route, "none")
			s.anyone.refuses(t, r.ask(), http.StatusForbidden, "renewal_review")
			s.unchanged(t, before)
		})
	}
	noDeeds()
	renewed := r.holder(t, s.replay(t, r.ask(), http.StatusOK))
	if renewed.profile() != ca.OrganisationSign {
		t.Errorf("the renewed certificate is one of %s", renewed.profile())
	}
}

// TestAContradictionOfTheRegistryIsForAPersonToLookAt issues nothing.
func TestAContradictionOfTheRegistryIsForAPersonToLookAt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, route, company string }{
		{"the civil registry", personRoute, ""},
		{"the register of mobile numbers", "/v1/mobile/match", ""},
		{"the company registry", legalRoute, zahraCompany},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startService(t, "")
			s.fault(t, c.route, "lie")
			a := s.apply(t, zahra, c.company)
			for need := a.state(t).Needs; len(need) > 0; need = a.state(t).Needs {
				if need[0] == "csr" {
					t.Fatal("the application is approved")
				}
				if err := a.step(t.Context(), need[0], a.state(t).Terms); err != nil {
					t.Fatal(err)
				}
			}
			stays := func() {
				t.Helper()
				if state := a.state(t); state.Stage != "review" || s.issued(t) != 0 {
					t.Errorf("the application is %s, want it in review, and %d certificates of people", state.Stage, s.issued(t))
				}
			}
			stays()
			s.fault(t, c.route, "none")
			s.anyone.refuses(t, a.submit(a.csr), http.StatusConflict, "application_unapproved")
			s.anyone.done(t, post(a.path("/evidence/refresh"), a.token, map[string]any{}), http.StatusOK, nil)
			stays()
			s.apply(t, zahra, c.company).certify(t)
		})
	}
}
