package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/cmd/mohr/service"
	"mohr/complaints"
)

// desk runs mohr complaints as the operator.
func (s *running) desk(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := complaintsCommand()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs(append(args,
		"--server", fmt.Sprintf("https://localhost:%d", service.PortOf(s.MTLS)), "--root", filepath.Join(s.data, "root.pem"),
		"--cert", filepath.Join(s.data, "operator.pem"), "--key", filepath.Join(s.data, "operator.key")))
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// says lets the consumer say something of a complaint.
func (s *running) says(t *testing.T, ticket complaints.Ticket, step string, in any) (c complaints.Complaint) {
	t.Helper()
	s.anyone.done(t, post("/api/v1/complaints/"+ticket.ID+"/"+step, ticket.Token, in), http.StatusOK, &c)
	return c
}

func TestAnOfficerRulesByCommand(t *testing.T) {
	s := startService(t, "")
	merchant := s.apply(t, zahra, zahraCompany).certify(t)
	ticket, other := s.complain(t, zahraCompany, "T-1"), s.complain(t, zahraCompany, "T-2")
	s.anyone.done(t, sendAnswer(ticket.ID, s.answerJWS(t, merchant.holder, ticket.ID)), http.StatusOK, nil)
	s.says(t, ticket, "escalate", map[string]string{"text": "پول پس داده نشد."})
	if out, err := s.desk(t, "queue", "--task", "escalated"); err != nil || !strings.Contains(out, ticket.ID) || strings.Contains(out, other.ID) {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := s.desk(t, "show", ticket.ID); err != nil || !strings.Contains(out, "پول پس داده نشد.") || !strings.Contains(out, "decided") {
		t.Errorf("%v: %s", err, out)
	}
	decide := []string{"decide", ticket.ID, "--outcome", "for_consumer", "--reason", "answer_insufficient", "--text", "The money is to be paid back."}
	if out, err := s.desk(t, decide...); err == nil || !strings.Contains(out, "would be decided for_consumer") || s.follow(t, ticket).State != complaints.StateEscalated {
		t.Errorf("dry run: %v: %s", err, out)
	}
	if out, err := s.desk(t, append(decide, "--yes", "--json")...); err != nil || !json.Valid([]byte(out)) || s.follow(t, ticket).State != complaints.StateDecided {
		t.Errorf("%v: %s", err, out)
	}
	s.says(t, ticket, "appeal", map[string]string{"text": "کافی نیست."})
	if out, err := s.desk(t, "appeal", ticket.ID, "--text", "It stays.", "--yes"); err == nil || !strings.Contains(err.Error(), "complaint_own_decision") {
		t.Errorf("an officer decided of his own decision: %v: %s", err, out)
	}
	for _, args := range [][]string{
		{"merge", other.ID, "--into", ticket.ID, "--yes"}, // another consumer's
		{"move", other.ID, "--to", zahraCompany, "--yes"},
		{"set-aside", other.ID, "--reason", "boring", "--yes"},
		{"test-order", other.ID, "--yes"},
		{"admit", other.ID, "--yes"},
	} {
		if out, err := s.desk(t, args...); err == nil || s.follow(t, other).State != complaints.StatePending {
			t.Errorf("%v: %s", args, out)
		}
	}
	if out, err := s.desk(t, "set-aside", other.ID, "--reason", "abusive", "--yes"); err != nil || s.follow(t, other).State != complaints.StateInadmissible {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAnOutageIsRecordedByCommand(t *testing.T) {
	s := startService(t, "")
	s.apply(t, zahra, zahraCompany).certify(t)
	ticket := s.complain(t, zahraCompany, "T-1")
	time.Sleep(2100 * time.Millisecond) // whole seconds, and an outage is over when it is recorded
	from, to := ticket.Served.Format(time.RFC3339), ticket.Served.Add(2*time.Second).Format(time.RFC3339)
	out, err := s.desk(t, "outage", "plan", "--from", from, "--to", to, "--reason", "power", "--json")
	var o complaints.Outage
	if err != nil || json.Unmarshal([]byte(out), &o) != nil || o.Plan.Clocks != 1 || o.Plan.Needs != 0 {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := s.desk(t, "outage", "record", o.Plan.ID); err == nil || !strings.Contains(out, "planned") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := s.desk(t, "outage", "approve", o.Plan.ID, "--yes"); err != nil || !strings.Contains(out, "approved by 1 of 0") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := s.desk(t, "outage", "record", o.Plan.ID, "--yes"); err != nil || !strings.Contains(out, "done") {
		t.Errorf("%v: %s", err, out)
	}
	if c := s.follow(t, ticket); !c.Deadlines[0].Equal(ticket.Deadlines[0].Add(2 * time.Second)) {
		t.Errorf("%v, before %v", c.Deadlines, ticket.Deadlines)
	}
	if out, err := s.desk(t, "outage", "list"); err != nil || !strings.Contains(out, o.Plan.ID) {
		t.Errorf("%v: %s", err, out)
	}
}
