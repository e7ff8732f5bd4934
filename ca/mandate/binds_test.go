package mandate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
)

func TestWhoMayBind(t *testing.T) {
	type people = []signatory
	alone := func(h ca.HolderID) signatory { return signatory{h, true} }
	joint := func(h ca.HolderID) signatory { return signatory{h, false} }
	for _, test := range []struct {
		name    string
		list    people
		jointly int
		signed  []ca.HolderID
		want    verdict
	}{
		{"one who may alone", people{alone("a")}, 0, []ca.HolderID{"a"}, verdict{Binds: true}},
		{"one who may alone beside joint ones", people{joint("b"), joint("c"), alone("a")}, 2, []ca.HolderID{"a"}, verdict{Binds: true}},
		{"nobody", people{alone("a")}, 0, nil, verdict{Needs: 2}},
		{"a stranger", people{alone("a"), joint("b"), joint("c")}, 0, []ca.HolderID{"x"}, verdict{Needs: 2}},
		{"one of two joint ones", people{joint("b"), joint("c")}, 0, []ca.HolderID{"b"}, verdict{Needs: 1}},
		{"two of two joint ones", people{joint("b"), joint("c")}, 0, []ca.HolderID{"c", "b"}, verdict{Binds: true}},
		{"the same joint one twice", people{joint("b"), joint("c")}, 0, []ca.HolderID{"b", "b"}, verdict{Needs: 1}},
		{"a joint one and a stranger", people{joint("b"), joint("c")}, 0, []ca.HolderID{"b", "x"}, verdict{Needs: 1}},
		{"two of three where the register does not say how many", people{joint("b"), joint("c"), joint("d")}, 0, []ca.HolderID{"b", "c"}, verdict{Needs: 1}},
		{"two of three where the register says two", people{joint("b"), joint("c"), joint("d")}, 2, []ca.HolderID{"b", "d"}, verdict{Binds: true}},
		{"one where the register says one jointly", people{joint("b"), joint("c")}, 1, []ca.HolderID{"b"}, verdict{Needs: 1}},
		{"the only joint one", people{joint("b")}, 0, []ca.HolderID{"b"}, verdict{Needs: 1}},
		{"all where the register asks for more than it lists", people{joint("b"), joint("c")}, 3, []ca.HolderID{"b", "c"}, verdict{Needs: 1}},
		{"one listed twice, first as joint", people{joint("b"), alone("b"), joint("c")}, 0, []ca.HolderID{"b"}, verdict{Needs: 1}},
		{"one listed twice as joint", people{joint("b"), joint("b"), joint("c")}, 0, []ca.HolderID{"b"}, verdict{Needs: 1}},
		{"anybody where the register lists nobody", nil, 0, []ca.HolderID{"b", "c"}, verdict{Needs: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, judge(test.list, test.jointly, test.signed)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
