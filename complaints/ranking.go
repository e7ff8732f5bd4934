package complaints

import (
	"cmp"
	"slices"

	"mohr/complaints/score"
)

// Ranked is a business's place among those with enough complaints to be
// ranked. How many complaints there were does not raise or lower it.
type Ranked struct {
	Place         int     `json:"place"` // from 1; equal shares share it
	Business      string  `json:"business"`
	Received      int     `json:"received"`
	Matured       int     `json:"matured"`
	MaturedOnTime int     `json:"matured_on_time"`
	ShareOnTime   float64 `json:"share_on_time"`
	WilsonLow     float64 `json:"wilson_low"`
	WilsonHigh    float64 `json:"wilson_high"`
	// Shrunk is what the place goes by: the share drawn towards the overall
	// one, (k + 7p) / (n + 7).
	Shrunk float64 `json:"shrunk"`
}

// Ranking is Ranked in order.
type Ranking struct {
	Overall float64  `json:"overall"` // share on time of all complaints of all businesses
	Ranked  []Ranked `json:"ranked"`
	TooFew  int      `json:"too_few"` // businesses with complaints, but fewer than 30
}

// Rank ranks the businesses of which there are complaints enough, the most
// timely first. Businesses of equal shares are in order of their names.
func Rank(cards []Scorecard) Ranking {
	var out Ranking
	matured, onTime := 0, 0
	for _, c := range cards {
		matured, onTime = matured+c.Matured, onTime+c.MaturedOnTime
	}
	if matured > 0 {
		out.Overall = score.Rounded(float64(onTime) / float64(matured))
	}
	for _, c := range cards {
		switch {
		case c.Received == 0:
		case LevelOf(c.Received) != LevelAll || c.Matured == 0:
			out.TooFew++
		default:
			low, high := score.Wilson(c.MaturedOnTime, c.Matured)
			out.Ranked = append(out.Ranked, Ranked{
				Business: c.Business, Received: c.Received, Matured: c.Matured, MaturedOnTime: c.MaturedOnTime,
				ShareOnTime: score.Rounded(float64(c.MaturedOnTime) / float64(c.Matured)),
				WilsonLow:   score.Rounded(low), WilsonHigh: score.Rounded(high),
				Shrunk: score.Rounded(score.Shrunk(c.MaturedOnTime, c.Matured, float64(onTime)/float64(matured))),
			})
		}
	}
	slices.SortFunc(out.Ranked, func(a, b Ranked) int {
		return cmp.Or(cmp.Compare(b.Shrunk, a.Shrunk), cmp.Compare(a.Business, b.Business))
	})
	for i := range out.Ranked {
		out.Ranked[i].Place = i + 1
		if i > 0 && out.Ranked[i].Shrunk == out.Ranked[i-1].Shrunk {
			out.Ranked[i].Place = out.Ranked[i-1].Place
		}
	}
	return out
}
