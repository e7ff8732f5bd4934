package chart

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Frame is what every picture has.
type Frame struct {
	ID    string // unique on the page
	Title string // accessible name
	About string // accessible description: what the picture shows, in a sentence
	RTL   bool   // the reader's direction
	// Number writes a value of the scale; nil: as Go does.
	Number func(float64) string
}

// Size of what has a scale beside it and time below it.
const (
	width, height = 720, 340
	axis          = 64 // for the numbers of the scale
	edge          = 10
	top, bottom   = 22, 48
)

// canvas is a picture being drawn.
type canvas struct {
	Frame
	strings.Builder
	high    float64 // top of the scale
	crowded bool    // names of places are too long to stand side by side
}

// begin opens a picture w wide and h high.
func (f Frame) begin(kind string, w, h int) *canvas {
	c := &canvas{Frame: f}
	fmt.Fprintf(c, `<svg class="chart %s" viewBox="0 0 %d %d" role="img" aria-labelledby="%s-title %s-about"><title id="%s-title">%s</title><desc id="%s-about">%s</desc>`,
		kind, w, h, esc(f.ID), esc(f.ID), esc(f.ID), esc(f.Title), esc(f.ID), esc(f.About))
	return c
}

func (c *canvas) end() template.HTML {
	c.WriteString("</svg>")
	return template.HTML(c.String()) // all text in it is escaped where it is written
}

func esc(s string) string { return template.HTMLEscapeString(s) }

// write puts a text. text-anchor follows the direction of the text, so that
// each says its own: "start" is the right edge of a Persian word.
func (c *canvas) write(class string, x, y float64, anchor string, rtl bool, text string) {
	if text == "" {
		return
	}
	fmt.Fprintf(c, `<text class="%s" x="%s" y="%s" text-anchor="%s" direction="%s">%s</text>`, class, at(x), at(y), anchor, direction(rtl), esc(text))
}

func direction(rtl bool) string {
	if rtl {
		return "rtl"
	}
	return "ltr"
}

func (c *canvas) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(c, `<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, esc(class), at(x), at(y), at(w), at(h))
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, at(x1), at(y1), at(x2), at(y2))
}

// at writes a coordinate, with one decimal at most.
func at(v float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") }

func (f Frame) number(v float64) string {
	if f.Number == nil {
		return fmt.Sprint(v)
	}
	return f.Number(v)
}

// scale draws the lines of the scale from 0 to a round number not below most,
// and their numbers on the side where reading begins.
func (c *canvas) scale(most float64) {
	step := Step(most)
	c.high = math.Max(step, step*math.Ceil(most/step))
	left, right := c.plot()
	x, anchor := left-8, "end"
	if c.RTL {
		x, anchor = right+8, "start" // the numbers are ltr: start is their left edge
	}
	for v := 0.0; v <= c.high+step/2; v += step {
		class := "grid"
		if v == 0 {
			class = "ground"
		}
		c.line(class, left, c.y(v), right, c.y(v))
		c.write("tick", x, c.y(v)+5, anchor, false, c.number(v))
	}
}

// Step returns the distance between two lines of a scale up to most: 1, 2 or 5
// times a power of ten, at least 1, so that there are five lines or so.
func Step(most float64) float64 {
	if !(most > 5) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, m := range []float64{1, 2, 5} {
		if m*power*5 >= most {
			return m * power
		}
	}
	return 10 * power
}

// plot returns the edges of the part that is drawn upon.
func (c *canvas) plot() (left, right float64) {
	if c.RTL {
		return edge, width - axis
	}
	return axis, width - edge
}

// y is where a value is.
func (c *canvas) y(v float64) float64 { return height - bottom - (height-top-bottom)*v/c.high }

// slot returns the middle of the i-th of n places, in reading order, and how
// wide each is.
func (c *canvas) slot(i, n int) (middle, wide float64) {
	left, right := c.plot()
	wide = (right - left) / float64(n)
	if c.RTL {
		i = n - 1 - i
	}
	return left + wide*(float64(i)+.5), wide
}

// letter is about how wide a letter under a place is.
const letter = 7

// fit looks whether the name of one of n places is too long for its place.
func (c *canvas) fit(n int, label string) {
	if _, wide := c.slot(0, n); float64(letter*len([]rune(label))) > wide {
		c.crowded = true
	}
}

// below writes what a place is, under it; every second one lower where they are
// too long. On a small screen every third is kept, counted from the last, which
// is the newest.
func (c *canvas) below(i, n int, middle float64, label string) {
	class, y := "label", height-bottom+24.0
	if (n-1-i)%3 != 0 {
		class = "label minor"
	}
	if c.crowded && (n-1-i)%2 != 0 {
		y += 17
	}
	c.write(class, middle, y, "middle", c.RTL, label)
}
