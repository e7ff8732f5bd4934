package complaints

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"time"

	"gopkg.in/yaml.v3"

	"mohr/complaints/score"
	"mohr/internal/fault"
)

// Dimension is one of the five things that are surveyed of a business.
type Dimension string

// Dimensions returns the five, those that weigh most first.
func Dimensions() []Dimension {
	return []Dimension{"track_record", "capability", "security", "service_quality", "consumer_satisfaction"}
}

// Weights are the dimensions' weights in percent, as of a day.
type Weights struct {
	Version string            `yaml:"version" json:"version"`
	From    time.Time         `yaml:"from" json:"from,omitzero"`
	Weights map[Dimension]int `yaml:"weights" json:"weights"`
}

// WeightsList are the weights over time, oldest first.
type WeightsList []Weights

// At returns the weights in force at t: the past is never weighed by later
// ones. The list is not empty.
func (l WeightsList) At(t time.Time) Weights {
	in := l[0]
	for _, w := range l[1:] {
		if !w.From.After(t) {
			in = w
		}
	}
	return in
}

//go:embed weights/default.yaml
var defaultWeights []byte

// DefaultWeights returns the weights that come with the program.
func DefaultWeights() (WeightsList, error) { return ParseWeights(defaultWeights) }

// ParseWeights reads a YAML list of {version, from, weights}, oldest first, the
// first without from. Weights are whole percents of all five dimensions that
// come to a hundred, the first two the largest. Anything else is Invalid.
func ParseWeights(b []byte) (WeightsList, error) {
	bad := func(why string) error {
		return fault.New(fault.Invalid, "rating_weights_invalid", "the weights cannot be used: %s; mend the file", why)
	}
	if len(b) > maxPolicyFile {
		return nil, bad("the file is too large")
	}
	var list WeightsList
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&list); err != nil {
		return nil, bad(err.Error())
	}
	if err := dec.Decode(new(any)); !errors.Is(err, io.EOF) || len(list) == 0 {
		return nil, bad("there are no weights, or more than one document, in it")
	}
	seen := map[string]bool{}
	for i, w := range list {
		switch {
		case w.Version == "" || seen[w.Version]:
			return nil, bad(fmt.Sprintf("entry %d has no version of its own", i+1))
		case i == 0 && !w.From.IsZero(), i > 0 && !w.From.After(list[i-1].From):
			return nil, bad(fmt.Sprintf("entry %d is out of order", i+1))
		}
		seen[w.Version] = true
		if why := w.fault(); why != "" {
			return nil, bad(fmt.Sprintf("entry %d: %s", i+1, why))
		}
	}
	return list, nil
}

func (w Weights) fault() string {
	sum, most := 0, 0
	for i, d := range Dimensions() {
		n, ok := w.Weights[d]
		if !ok || n < 0 {
			return "there is no weight of " + string(d)
		}
		sum += n
		if i > 1 {
			most = max(most, n)
		}
	}
	switch {
	case len(w.Weights) != len(Dimensions()):
		return "there is a dimension too many"
	case sum != 100:
		return "the weights do not come to a hundred"
	case min(w.Weights["track_record"], w.Weights["capability"]) < most:
		return "track record and capability weigh most"
	}
	return ""
}

// Input is what a dimension is measured by: a share, of so many.
type Input struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // 0 to 1, 1 the best
	Of    int     `json:"of"`
}

// Rated is one dimension of a Rating.
type Rated struct {
	Dimension Dimension `json:"dimension"`
	Weight    int       `json:"weight"`
	Measured  bool      `json:"measured"` // false: not measured, there is no input
	Value     *float64  `json:"value"`    // mean of the inputs
	Inputs    []Input   `json:"inputs"`
}

// Rating is the score in five dimensions. It never stands alone: the inputs
// are beside it, and the two headline figures raw beside those.
type Rating struct {
	Version    string   `json:"version"`          // of the weights
	Score      *float64 `json:"score"`            // of what is measured, 0 to 1; nil if nothing is
	Measured   int      `json:"measured_percent"` // weight of what is measured
	Dimensions []Rated  `json:"dimensions"`
	Unanswered int      `json:"unanswered"`
	Due        int      `json:"due"`
	Answered   *float64 `json:"share_on_time" doc:"nothing below 5 complaints"`
	MedianDays *float64 `json:"km_p50_days" doc:"nothing below 5 complaints"`
}

// Rate weighs what the figures of a business measure, and what others measured
// of it: its capability and its security are not to be read from complaints.
// How many complaints there were does not enter; of so few that nothing can be
// ranked, they measure nothing, and the score may rest on what others measured
// alone, two dimensions of the five: Measured says of how much it is. The
// figures beside it are those of f.Shown(), whatever f is.
func Rate(f Figures, others map[Dimension][]Input, w Weights) Rating {
	f = f.Shown()
	r := Rating{
		Version: w.Version, Unanswered: f.Scorecard.Unanswered, Due: f.Aside.Due,
		Answered: f.Scorecard.ShareOnTime, MedianDays: f.Scorecard.KMP50Days,
	}
	inputs := f.inputs()
	sum := 0.0
	for _, d := range Dimensions() {
		rated := Rated{Dimension: d, Weight: w.Weights[d], Inputs: append(inputs[d], others[d]...)}
		if n := len(rated.Inputs); n > 0 {
			mean := 0.0
			for _, in := range rated.Inputs {
				mean += in.Share / float64(n)
			}
			rated.Measured, rated.Value = true, figure(mean)
			sum += mean * float64(rated.Weight)
			r.Measured += rated.Weight
		}
		r.Dimensions = append(r.Dimensions, rated)
	}
	if r.Measured > 0 {
		r.Score = figure(sum / float64(r.Measured))
	}
	return r
}

// inputs are what complaints measure, each of at least as many as a ranking needs.
func (f Figures) inputs() map[Dimension][]Input {
	m := map[Dimension][]Input{}
	add := func(d Dimension, name string, k, n int) {
		if n >= enoughForAll {
			m[d] = append(m[d], Input{Name: name, Share: score.Rounded(float64(k) / float64(n)), Of: n})
		}
	}
	add("track_record", "never_unanswered", f.Aside.Due-min(f.Aside.EverUnanswered, f.Aside.Due), f.Aside.Due)
	add("service_quality", "answered_on_time", f.Scorecard.MaturedOnTime, f.Scorecard.Matured)
	add("consumer_satisfaction", "settled_directly", f.Settlement.Direct, f.Settlement.Closed)
	return m
}
