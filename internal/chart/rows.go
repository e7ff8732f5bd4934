package chart

import "html/template"

// Row is one of several things that are compared.
type Row struct {
	Label string
	Text  string // of the value, behind the bar
	Value float64
	// Before is drawn as a mark: what it was. Below zero: none.
	Before float64
}

// Size of a row: its name above its bar, so that long names fit a telephone.
const (
	rowWidth, rowHeight = 480, 64
	rowValue            = 76 // for the number behind the bar
)

// Rows draws bars under their names, in the order given. None are nothing: "".
func Rows(f Frame, rows []Row) template.HTML {
	if len(rows) == 0 {
		return ""
	}
	most := 0.0
	for _, r := range rows {
		most = max(most, r.Value, r.Before)
	}
	c := f.begin("rows", rowWidth, rowHeight*len(rows))
	for i, r := range rows {
		y := float64(rowHeight * i)
		long := func(v float64) float64 {
			if most == 0 {
				return 0
			}
			return (rowWidth - rowValue) * v / most
		}
		c.write("label", c.from(0), y+20, "start", c.RTL, r.Label)
		c.bar("track", y+28, 0, rowWidth-rowValue)
		c.bar("c1", y+28, 0, long(r.Value))
		if r.Before >= 0 {
			c.bar("mark", y+28, long(r.Before)-1.5, 3)
		}
		c.write("value", c.from(rowWidth-rowValue+8), y+43, "start", c.RTL, r.Text)
	}
	return c.end()
}

// from is the place so far from the edge where reading begins.
func (c *canvas) from(x float64) float64 {
	if c.RTL {
		return rowWidth - x
	}
	return x
}

// bar draws a bar from a place on, in reading direction.
func (c *canvas) bar(class string, y, x, long float64) {
	left := c.from(x)
	if c.RTL {
		left -= long
	}
	c.rect(class, left, y, long, 20)
}
