package complaints

// Forecast says what the record of a business comes to once the time of all
// complaints it has now is over: if it answers each open one while that still
// helps, and if it answers none. New complaints are not guessed.
type Forecast struct {
	Pending  int      `json:"pending" doc:"open inside the first window: an answer now is on time"`
	Overdue  int      `json:"overdue" doc:"open past the first window, not yet past the last"`
	Answered Prospect `json:"if_answered"`
	Silent   Prospect `json:"if_silent"`
}

// Prospect is one end of a Forecast.
type Prospect struct {
	Matured       int      `json:"matured"`
	MaturedOnTime int      `json:"matured_on_time"`
	Unanswered    int      `json:"unanswered"`
	ShareOnTime   *float64 `json:"share_on_time"`
	WilsonLow     *float64 `json:"wilson_low"`
	WilsonHigh    *float64 `json:"wilson_high"`
}

// Foresee returns the forecast of rows, the complaints of one business. The
// stretch of time counted stays that of t, ending now.
func Foresee(rows []Row, t Terms) Forecast {
	var f Forecast
	at := t.At.Unix()
	both := func(change func(*Prospect)) {
		change(&f.Answered)
		change(&f.Silent)
	}
	for _, r := range rows {
		v, ok := r.at(at)
		if !ok {
			continue
		}
		w := t.window(r)
		inFirst, inLast := v.open() && !v.past(w.First()), v.open() && !v.past(w.Total())
		if v.open() && !inLast {
			// Late as it is, an answer takes it off the headline.
			f.Silent.Unanswered++
		}
		if inLast {
			f.Silent.Unanswered++
			f.Overdue++
		}
		if inFirst {
			f.Overdue--
			f.Pending++
		}
		if !t.counts(r.Served) || v.ended && !v.past(w.First()) {
			continue
		}
		both(func(p *Prospect) { p.Matured++ })
		switch {
		case v.onTime(w):
			both(func(p *Prospect) { p.MaturedOnTime++ })
		case inFirst:
			f.Answered.MaturedOnTime++
		}
	}
	both(func(p *Prospect) { p.ShareOnTime, p.WilsonLow, p.WilsonHigh = share(p.MaturedOnTime, p.Matured) })
	return f
}
