package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"mohr/cmd/mohr/service"
)

// shirin's SIM was changed two days ago.
var shirin = applicant{NationalCode: "2405304198", BirthDate: "1988-09-08", Mobile: "+989186667788"}

// review runs mohr review as the operator.
func (s *running) review(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := reviewCommand()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs(append(args,
		"--server", fmt.Sprintf("https://localhost:%d", service.PortOf(s.MTLS)), "--root", filepath.Join(s.data, "root.pem"),
		"--cert", filepath.Join(s.data, "operator.pem"), "--key", filepath.Join(s.data, "operator.key")))
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAPolicyIsCheckedTriedAndExplainedByCommand(t *testing.T) {
	s := startService(t, "")
	s.apply(t, davood, "").certify(t)
	a := s.apply(t, davood, "")
	a.until(t, "csr")
	file := filepath.Join(s.data, "policy.yaml")
	flags := []string{
		"--server", fmt.Sprintf("https://localhost:%d", service.PortOf(s.MTLS)), "--root", filepath.Join(s.data, "root.pem"),
		"--cert", filepath.Join(s.data, "operator.pem"), "--key", filepath.Join(s.data, "operator.key"),
	}
	for _, tt := range []struct {
		args []string
		want string // "": refused
	}{
		{[]string{"check", file}, "it holds"},
		{[]string{"check", filepath.Join(s.data, "root.pem")}, ""},
		{append([]string{"try", file}, flags...), "approved  approved"},
		{append([]string{"try", filepath.Join(s.data, "root.pem")}, flags...), ""},
		{append([]string{"explain", a.id}, flags...), "civil_registry.alive"},
		{append([]string{"explain", "a-unknown"}, flags...), ""},
	} {
		var out bytes.Buffer
		c := policyCommand()
		c.SetOut(&out)
		c.SetErr(&out)
		c.SilenceUsage, c.SilenceErrors = true, true
		c.SetArgs(tt.args)
		err := c.ExecuteContext(t.Context())
		if (err == nil) != (tt.want != "") || !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), davood.NationalCode) {
			t.Errorf("%v: %v, %s", tt.args[:2], err, out.String())
		}
	}
}

func TestAnOfficerDecidesByCommand(t *testing.T) {
	s := startService(t, "")
	a := s.apply(t, shirin, "")
	for state := a.state(t); len(state.Needs) > 0; state = a.state(t) {
		if err := a.step(t.Context(), state.Needs[0], state.Terms); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.review(t, "list")
	if err != nil || !strings.Contains(list, a.id) || !strings.Contains(list, "mobile_ownership.sim") || strings.Contains(list, shirin.NationalCode) {
		t.Fatalf("%v: %s", err, list)
	}
	if shown, err := s.review(t, "show", a.id); err != nil || !strings.Contains(shown, shirin.NationalCode) || !strings.Contains(shown, "the SIM was changed a short time ago") {
		t.Errorf("%v: %s", err, shown)
	}
	if _, err := s.review(t, "propose", a.id, "--outcome", "rejected"); err == nil {
		t.Error("a proposal without reasons was taken")
	}
	proposed, err := s.review(t, "propose", a.id, "--outcome", "rejected", "--reasons", "the new SIM could not be explained")
	id := regexp.MustCompile(`rv-[0-9a-f]{32}`).FindString(proposed)
	if err != nil || id == "" {
		t.Fatalf("%v: %s", err, proposed)
	}
	if _, err := s.review(t, "sign", a.id, id); err == nil || a.state(t).Stage != "review" {
		t.Errorf("without --yes: %v, now at %s", err, a.state(t).Stage)
	}
	if _, err := s.review(t, "sign", a.id, "rv-unknown", "--yes"); err == nil {
		t.Error("a proposal that is not there was signed")
	}
	if said, err := s.review(t, "sign", a.id, id, "--yes"); err != nil || !strings.Contains(said, "rejected") {
		t.Errorf("%v: %s", err, said)
	}
	if state := a.state(t); state.Stage != "rejected" || len(state.Needs) != 1 || state.Needs[0] != "appeal" {
		t.Errorf("now at %s, needs %v", state.Stage, state.Needs)
	}
}
