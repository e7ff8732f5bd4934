package chart_test

import (
	"encoding/xml"
	"html/template"
	"strconv"
	"strings"
	"testing"

	"mohr/internal/chart"
)

// drawing is what a picture says, read as XML: what is not well formed is none.
type drawing struct {
	Class   string `xml:"class,attr"`
	Role    string `xml:"role,attr"`
	Named   string `xml:"aria-labelledby,attr"`
	ViewBox string `xml:"viewBox,attr"`
	Title   struct {
		ID   string `xml:"id,attr"`
		Text string `xml:",chardata"`
	} `xml:"title"`
	Desc struct {
		ID   string `xml:"id,attr"`
		Text string `xml:",chardata"`
	} `xml:"desc"`
	Texts []struct {
		Class  string  `xml:"class,attr"`
		X      float64 `xml:"x,attr"`
		Y      float64 `xml:"y,attr"`
		Anchor string  `xml:"text-anchor,attr"`
		Dir    string  `xml:"direction,attr"`
		Text   string  `xml:",chardata"`
	} `xml:"text"`
	Rects []struct {
		Class  string  `xml:"class,attr"`
		X      float64 `xml:"x,attr"`
		Y      float64 `xml:"y,attr"`
		Width  float64 `xml:"width,attr"`
		Height float64 `xml:"height,attr"`
	} `xml:"rect"`
	Lines []struct {
		Class string `xml:"class,attr"`
	} `xml:"line"`
	Circles []struct {
		Y float64 `xml:"cy,attr"`
	} `xml:"circle"`
}

func read(t *testing.T, picture template.HTML) (d drawing) {
	t.Helper()
	if err := xml.Unmarshal([]byte(picture), &d); err != nil {
		t.Fatalf("%v in %s", err, picture)
	}
	size := strings.Fields(d.ViewBox)
	wide, _ := strconv.ParseFloat(size[2], 64)
	high, _ := strconv.ParseFloat(size[3], 64)
	for _, r := range d.Rects {
		if r.X < 0 || r.Y < 0 || r.X+r.Width > wide || r.Y+r.Height > high || r.Width < 0 || r.Height < 0 {
			t.Errorf("a bar is outside the picture: %+v", r)
		}
	}
	for _, x := range d.Texts {
		if x.Dir != "ltr" && x.Dir != "rtl" || x.X < 0 || x.X > wide {
			t.Errorf("a text has no direction or no place: %+v", x)
		}
	}
	if strings.Contains(string(picture), "style=") {
		t.Error("the picture has a style of its own, which the policy forbids")
	}
	return d
}

func frame(rtl bool) chart.Frame {
	return chart.Frame{ID: "c", Title: `A "title" <b>`, About: "What it shows & why", RTL: rtl}
}

func months(n int) (list []chart.Column) {
	for i := range n {
		list = append(list, chart.Column{Label: "m" + strconv.Itoa(i), Text: strconv.Itoa(i), Parts: []chart.Part{{"c1", float64(i)}, {"c3", 1}}, Faint: i == n-1})
	}
	return list
}

func TestAPictureHasANameAndADescription(t *testing.T) {
	for name, picture := range map[string]template.HTML{
		"columns": chart.Columns(frame(false), months(3)),
		"rows":    chart.Rows(frame(true), []chart.Row{{Label: "a", Value: 1, Before: -1}}),
		"course":  chart.Course(frame(true), []chart.Point{{Label: "a", Value: .5, Low: .2, High: .8}}),
	} {
		t.Run(name, func(t *testing.T) {
			d := read(t, picture)
			if d.Role != "img" || d.Title.Text != `A "title" <b>` || d.Desc.Text != "What it shows & why" || d.Named != d.Title.ID+" "+d.Desc.ID {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestNothingToShowIsNoPicture(t *testing.T) {
	if chart.Columns(frame(false), nil)+chart.Rows(frame(false), nil)+chart.Course(frame(false), nil) != "" {
		t.Error("an empty picture was drawn")
	}
}

func TestTimeRunsInTheReadersDirection(t *testing.T) {
	for _, rtl := range []bool{false, true} {
		d := read(t, chart.Columns(frame(rtl), months(4)))
		var first, last float64
		for _, x := range d.Texts {
			switch x.Text {
			case "m0":
				first = x.X
			case "m3":
				last = x.X
			}
		}
		if (first > last) != rtl {
			t.Errorf("right to left %v: the first month is at %v, the last at %v", rtl, first, last)
		}
	}
}

func TestBarsGrowFromWhereReadingBegins(t *testing.T) {
	rows := []chart.Row{{Label: "all", Value: 10, Before: 5}, {Label: "half", Value: 5, Before: -1}, {Label: "none", Before: -1}}
	for _, rtl := range []bool{false, true} {
		d := read(t, chart.Rows(frame(rtl), rows))
		var bars []float64
		edge := 0.0
		for _, r := range d.Rects {
			if r.Class != "c1" {
				continue
			}
			bars = append(bars, r.Width)
			if edge = r.X; rtl {
				edge = r.X + r.Width - 480
			}
			if edge != 0 {
				t.Errorf("right to left %v: a bar begins %v from the edge", rtl, edge)
			}
		}
		if len(bars) != 3 || bars[0] != 2*bars[1] || bars[2] != 0 {
			t.Errorf("lengths %v", bars)
		}
	}
}

func TestColumnsAreAsHighAsTheyCount(t *testing.T) {
	d := read(t, chart.Columns(frame(false), []chart.Column{{Label: "a", Parts: []chart.Part{{"c1", 6}, {"c2", 3}, {"c3", -1}, {"c4", 0}}}, {Label: "b", Parts: []chart.Part{{"c1", 9}}, Faint: true}}))
	if len(d.Rects) != 3 {
		t.Fatalf("%d parts, want 3: what is nothing is not drawn", len(d.Rects))
	}
	if d.Rects[0].Height != 2*d.Rects[1].Height || d.Rects[1].Y+d.Rects[1].Height != d.Rects[0].Y || d.Rects[2].Class != "c1 faint" || d.Rects[2].Y != d.Rects[1].Y {
		t.Errorf("%+v", d.Rects)
	}
}

func TestAShareThatIsMissingBreaksTheLine(t *testing.T) {
	point := chart.Point{Value: .5, Low: .4, High: .6}
	d := read(t, chart.Course(frame(false), []chart.Point{point, point, {Missing: true}, point}))
	paths := 0
	for _, l := range d.Lines {
		if l.Class == "path" {
			paths++
		}
	}
	if paths != 1 || len(d.Circles) != 3 {
		t.Errorf("%d lines and %d points, want 1 and 3", paths, len(d.Circles))
	}
}

func TestScalesHaveRoundSteps(t *testing.T) {
	for most, want := range map[float64]float64{0: 1, 3: 1, 5: 1, 6: 2, 10: 2, 11: 5, 25: 5, 26: 10, 700: 200, 17675: 5000, 1e9: 2e8} {
		if got := chart.Step(most); got != want {
			t.Errorf("to %v: steps of %v, want %v", most, got, want)
		}
	}
}

func TestLongNamesStandOnTwoLines(t *testing.T) {
	for name, long := range map[string]string{"Mehr": "", "Ordibehesht": "twelve of these are too wide"} {
		var columns []chart.Column
		for range 12 {
			columns = append(columns, chart.Column{Label: name, Parts: []chart.Part{{Class: "c1", Value: 1}}})
		}
		lines := map[float64]int{}
		for _, text := range read(t, chart.Columns(chart.Frame{ID: "a"}, columns)).Texts {
			if text.Text == name {
				lines[text.Y]++
			}
		}
		if want := 1 + min(len(long), 1); len(lines) != want {
			t.Errorf("%s: %d lines, want %d", name, len(lines), want)
		}
	}
}
