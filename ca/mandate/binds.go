package mandate

import (
	"slices"

	"mohr/ca"
)

// signatory is a person whom the register lets bind the legal person.
type signatory struct {
	Holder ca.HolderID
	Alone  bool
}

// verdict is what signatures come to.
type verdict struct {
	Binds bool
	Needs int // more who sign jointly, where it does not bind
}

// leastJointly is how many sign jointly at least: one alone is not joint.
const leastJointly = 2

// judge says whether the persons who signed bind the legal person by what its
// register says: one who may alone, or as many different ones who may jointly
// as it asks for, where it does not say so, all of them. It is pure. A register
// that asks for more than it lists is bound by nobody jointly.
func judge(list []signatory, jointly int, signed []ca.HolderID) verdict {
	var joint []ca.HolderID
	seen := map[ca.HolderID]bool{}
	for _, s := range list {
		if seen[s.Holder] {
			continue // the first entry of a person counts
		}
		seen[s.Holder] = true
		if s.Alone && slices.Contains(signed, s.Holder) {
			return verdict{Binds: true}
		}
		if !s.Alone {
			joint = append(joint, s.Holder)
		}
	}
	asked := jointly
	if asked == 0 {
		asked = len(joint)
	}
	asked = max(asked, leastJointly)
	given := 0
	for _, h := range joint {
		if slices.Contains(signed, h) {
			given++
		}
	}
	if given >= asked {
		return verdict{Binds: true}
	}
	return verdict{Needs: asked - given}
}

// isSignatory reports whether the register lists the person at all.
func isSignatory(list []signatory, h ca.HolderID) bool {
	return slices.ContainsFunc(list, func(s signatory) bool { return s.Holder == h })
}
