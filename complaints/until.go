package complaints

// Until returns the row as it was known at t: without what happened after it.
// At t and before it counts as r does. It is false for one that had not been
// served.
func (r Row) Until(t int64) (Row, bool) {
	if r.Served > t {
		return Row{}, false
	}
	known := func(at *int64) {
		if *at > t {
			*at = 0
		}
	}
	for _, at := range []*int64{&r.Answered, &r.Ended, &r.Out, &r.Accepted, &r.Rejected, &r.Settled, &r.Escalated, &r.Decided, &r.Closed} {
		known(at)
	}
	if known(&r.Reacted); r.Answered == 0 {
		r.Reacted = 0
	}
	r.Void, r.Gone, r.Rest = r.voidUntil(t), r.goneUntil(t), r.restUntil(t)
	return r, true
}

// voidUntil returns the answers that were found to be none by t; one that
// still stood then becomes the row's answer again.
func (r *Row) voidUntil(t int64) (kept []Span) {
	for _, s := range r.Void {
		switch {
		case s.To <= t:
			kept = append(kept, s)
		case s.From <= t:
			r.Answered, r.Reacted = s.From, 0
			if s.Reacted <= t {
				r.Reacted = s.Reacted
			}
		}
	}
	return kept
}

func (r *Row) goneUntil(t int64) (kept []Gone) {
	for _, g := range r.Gone {
		switch {
		case g.To <= t:
			kept = append(kept, g)
		case g.From <= t && g.Ended:
			r.Ended = g.From
		case g.From <= t:
			r.Out = g.From
		}
	}
	return kept
}

func (r *Row) restUntil(t int64) (kept []Rest) {
	for _, s := range r.Rest {
		if s.At <= t {
			kept = append(kept, s)
		}
	}
	return kept
}

// WindowOf returns the window that the row is judged by.
func (t Terms) WindowOf(r Row) Window { return t.window(r) }
