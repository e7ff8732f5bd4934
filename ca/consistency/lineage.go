package consistency

import (
	"context"
	"maps"
	"slices"

	"mohr/ca"
)

// link is a certificate's place in its line.
type link struct {
	state                ca.State
	revoked              bool
	lineage              string
	replaces, replacedBy string
}

// line remembers a record that is not alone in its line.
func (r *run) line(c ca.Certificate) {
	if c.Replaces == "" && c.ReplacedBy == "" {
		if c.Lineage != "" && c.Lineage != c.Serial {
			r.report.add("lineage_broken", c.Serial, "it replaces nothing, and its line begins with %s", c.Lineage)
		}
		return
	}
	r.lines[c.Serial] = link{state: c.State, revoked: c.Revoked != nil, lineage: c.Lineage, replaces: c.Replaces, replacedBy: c.ReplacedBy}
}

// compareLines wants that who replaces and who is replaced know each other.
// A void certificate replaces nothing any more.
func (r *run) compareLines(context.Context) error {
	for _, serial := range slices.Sorted(maps.Keys(r.lines)) {
		l := r.lines[serial]
		if l.replaces != "" && l.state != ca.Void {
			old, ok := r.lines[l.replaces]
			switch {
			case !ok:
				r.report.add("lineage_broken", serial, "it replaces %s, which is not there or not replaced", l.replaces)
			case old.replacedBy != serial:
				r.report.add("lineage_broken", serial, "it replaces %s, which says that %s does", l.replaces, old.replacedBy)
			case old.lineage != l.lineage:
				r.report.add("lineage_broken", serial, "it replaces %s of another line", l.replaces)
			}
		}
		if l.replacedBy == "" {
			continue
		}
		switch next, ok := r.lines[l.replacedBy]; {
		case !ok || next.replaces != serial:
			r.report.add("lineage_broken", serial, "%s is to replace it, which is not there or does not say so", l.replacedBy)
		case next.state == ca.Void:
			r.report.add("lineage_broken", serial, "%s is to replace it, which is void", l.replacedBy)
		}
	}
	return nil
}
