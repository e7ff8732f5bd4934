package chart

import (
	"fmt"
	"html/template"
)

// Point is a share of 1 at one place in time, with the interval in which it
// is likely to be.
type Point struct {
	Label            string
	Text             string
	Value, Low, High float64
	Missing          bool // nothing was there to have a share
}

// Course draws how a share went: points with their intervals, and a line
// between neighbours. None are nothing: "".
func Course(f Frame, points []Point) template.HTML {
	if len(points) == 0 {
		return ""
	}
	c := f.begin("course", width, height)
	for _, p := range points {
		c.fit(len(points), p.Label)
	}
	c.shares()
	for i, p := range points {
		x, _ := c.slot(i, len(points))
		c.below(i, len(points), x, p.Label)
		if p.Missing {
			continue
		}
		c.line("interval", x, c.y(p.Low), x, c.y(p.High))
		if i+1 < len(points) && !points[i+1].Missing {
			next, _ := c.slot(i+1, len(points))
			c.line("path", x, c.y(p.Value), next, c.y(points[i+1].Value))
		}
	}
	for i, p := range points { // above all lines
		if p.Missing {
			continue
		}
		x, _ := c.slot(i, len(points))
		fmt.Fprintf(c, `<circle class="c1" cx="%s" cy="%s" r="6"/>`, at(x), at(c.y(p.Value)))
		c.write("value", x, c.y(p.High)-8, "middle", false, p.Text)
	}
	return c.end()
}

// shares draws the scale of a share of 1, in quarters.
func (c *canvas) shares() {
	c.high = 1
	left, right := c.plot()
	x, anchor := left-8, "end"
	if c.RTL {
		x, anchor = right+8, "start"
	}
	for _, v := range []float64{0, .25, .5, .75, 1} {
		class := "grid"
		if v == 0 {
			class = "ground"
		}
		c.line(class, left, c.y(v), right, c.y(v))
		c.write("tick", x, c.y(v)+5, anchor, false, c.number(v))
	}
}
