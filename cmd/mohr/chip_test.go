package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mohr/cmd/mohr/service"
)

// said runs a command line and returns what it printed.
func said(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// withChips makes the service ask for chip and face.
func withChips(t *testing.T) func(*service.Config) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	text := strings.NewReplacer("[[civil_registry, mobile_ownership, otp_sms, face_match]]", "[[civil_registry, mobile_ownership, otp_sms, emrtd_chip, face_match]]",
		"face_match: 1h, cert", "face_match: 1h, emrtd_chip: 1h, cert").Replace(tourPolicy)
	if text == tourPolicy {
		t.Fatal("the policy is as it was")
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(c *service.Config) { c.Policy = file }
}

// TestAPersonShowsAPassportAndGetsACertificate is the journey on a development
// service, with a passport of its simulated country; then the same passport
// as a copy.
func TestAPersonShowsAPassportAndGetsACertificate(t *testing.T) {
	t.Parallel()
	s := startService(t, "", withChips(t))
	upto := func(need string) *application {
		a := s.apply(t, davood, "")
		for state := a.state(t); state.Needs[0] != need; state = a.state(t) {
			if err := a.step(t.Context(), state.Needs[0], state.Terms); err != nil {
				t.Fatal(err)
			}
		}
		return a
	}
	passport := func(a *application, more ...string) []byte {
		out, err := said(t, append([]string{"chip", "simulate", "--data", s.data, "--national-code", davood.NationalCode, "--birth-date", davood.BirthDate,
			"--first-name", "داوود", "--last-name", "طاهری"}, more...)...)
		if err != nil {
			t.Fatal(err)
		}
		return []byte(out)
	}
	path := func(a *application, rest string) string { return a.path("/evidence/emrtd_chip" + rest) }
	copied := upto("emrtd_chip")
	refused := copied.api.done(t, postAs(path(copied, ""), copied.token, "application/json", passport(copied)), http.StatusForbidden, nil)
	if !bytes.Contains(refused.body, []byte(`"chip_unanswered"`)) {
		t.Errorf("a copy: %s", refused.body)
	}
	a := upto("emrtd_chip")
	var c struct{ Challenge, RND string }
	a.api.done(t, get(path(a, "/challenge"), a.token), http.StatusOK, &c)
	a.api.done(t, postAs(path(a, ""), a.token, "application/json", passport(a, "--challenge", c.Challenge, "--rnd", c.RND)), http.StatusOK, nil)
	a.certify(t)
}

func TestChipTrustSaysWhatWouldBeTrusted(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	dir := service.SimulatedChips(s.data)
	if err := os.WriteFile(filepath.Join(dir, "csca", "noise"), []byte("noise"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := said(t, "chip", "trust", filepath.Join(dir, "csca"), "--crls", filepath.Join(dir, "crls"))
	if err != nil || !strings.Contains(out, "Trusted: 1 authorities, 0 master lists, 1 CRLs; 0 of them are over. Refused: 1.") || !strings.Contains(out, "C=IR, O=Simulated, CN=Simulated CSCA") {
		t.Errorf("%v: %s", err, out)
	}
	out, err = said(t, "chip", "trust", "--json", filepath.Join(dir, "crls"))
	var e struct{ Kind, Refused string }
	if err == nil || json.Unmarshal([]byte(out), &e) != nil || e.Kind != "csca" || e.Refused == "" {
		t.Errorf("a directory without authorities: %v: %s", err, out)
	}
}
