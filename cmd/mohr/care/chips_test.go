package care

import (
	"errors"
	"testing"
	"time"

	"mohr/enroll/chip"
)

func TestTheDoctorLooksAtPassports(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	csca := chip.Entry{Kind: chip.KindAuthority, Until: now.AddDate(5, 0, 0)}
	crl := func(days int) chip.Entry { return chip.Entry{Kind: chip.KindCRL, Until: now.AddDate(0, 0, days)} }
	for name, tc := range map[string]struct {
		entries []chip.Entry
		err     error
		want    State
	}{
		"all is well":                   {[]chip.Entry{csca, crl(20)}, nil, OK},
		"an authority's key is retired": {[]chip.Entry{csca, {Kind: chip.KindAuthority, Until: now.AddDate(-1, 0, 0)}, crl(20)}, nil, OK},
		"a CRL that ends tomorrow":      {[]chip.Entry{csca, crl(1), crl(20)}, nil, Warn},
		"a CRL that is over":            {[]chip.Entry{csca, crl(-1)}, nil, Warn},
		"a file that is refused":        {[]chip.Entry{csca, crl(20), {Kind: chip.KindAuthority, Refused: "noise"}}, nil, Warn},
		"nothing that can be trusted":   {nil, errors.New("no authority"), Fail},
	} {
		p := Patient{Now: func() time.Time { return now }, Chips: func() ([]chip.Entry, error) { return tc.entries, tc.err }}
		if got := p.chips(t.Context()); len(got) != 1 || got[0].State != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := (Patient{}).chips(t.Context()); got != nil {
		t.Errorf("without chips: %+v", got)
	}
}
