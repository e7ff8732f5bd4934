package complaints

// Settlement counts how complaints ended. Silence of the consumer is counted
// on its own, and is never a settlement.
type Settlement struct {
	Closed     int      `json:"closed" doc:"settled, or decided and past appeal"`
	Direct     int      `json:"direct" doc:"of these, settled without a decision: the consumer confirmed it"`
	Decided    int      `json:"decided" doc:"an officer decided"`
	Silent     int      `json:"silent" doc:"answered, and the consumer said nothing to it in the time for it"`
	Share      *float64 `json:"direct_share" doc:"direct / closed"`
	WilsonLow  *float64 `json:"wilson_low"`
	WilsonHigh *float64 `json:"wilson_high"`
}

// add counts one complaint that counted at t.
func (s *Settlement) add(r Row, t int64) {
	happened := func(at int64) bool { return at != 0 && at <= t }
	if happened(r.Decided) {
		s.Decided++
	}
	if happened(r.Closed) {
		s.Closed++
		if happened(r.Settled) && !happened(r.Decided) {
			s.Direct++
		}
	}
	if r.Silent(t) {
		s.Silent++
	}
}

func (s Settlement) result() Settlement {
	s.Share, s.WilsonLow, s.WilsonHigh = share(s.Direct, s.Closed)
	return s
}
