package enroll_test

import (
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/enroll"
	"mohr/internal/fault"
)

func TestAPolicyIsTriedOverWhatWasDecided(t *testing.T) {
	d := newDesk(t, nil)
	sara := person(1)
	d.regs.know(sara)
	good := d.approved(sara, ca.NaturalSign)
	good.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	doubtful := d.swapped(2)
	undecided := d.waitsForCode(person(3))
	stricter := policy(t, func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, `"2026-5"`, `"stricter"`), "sim_quiet: 7d", "sim_quiet: 90d")
	})
	looser := policy(t, func(s string) string { return strings.ReplaceAll(s, "sim_quiet: 7d", "sim_quiet: 1d") })
	count := func(p *evidence.Policy) map[string]int {
		trial, err := d.Try(t.Context(), p, "")
		d.must(err)
		got := map[string]int{"skipped": trial.Skipped}
		for _, m := range trial.Moves {
			got[string(m.From+">"+m.To)] = m.Count
			if m.From != m.To && (len(m.Applications) != m.Count || m.Applications[0] != doubtful.id) {
				t.Errorf("the move %s to %s names %v", m.From, m.To, m.Applications)
			}
		}
		return got
	}
	if got := count(stricter); got["approved>approved"] != 1 || got["review>review"] != 1 || got["skipped"] != 1 {
		t.Errorf("stricter: %v", got)
	}
	if got := count(looser); got["approved>approved"] != 1 || got["review>approved"] != 1 {
		t.Errorf("looser: %v", got)
	}
	doubtful.state().want(t, enroll.Review) // a trial changes nothing
	e, err := d.Explain(t.Context(), doubtful.id)
	if err != nil || e.Outcome != evidence.Review || len(e.Trace) == 0 {
		t.Errorf("%v %+v", err, e)
	}
	if _, err := d.Explain(t.Context(), undecided.id); fault.Code(err) != "application_undecided" {
		t.Errorf("got %v", err)
	}
	d.call("GET", doubtful.path("/decision"), doubtful.token, nil).refused(t, 403, "operator_required")
	d.call("POST", "/policies/trial", "", map[string]string{"policy": "x"}).refused(t, 403, "operator_required")
}
