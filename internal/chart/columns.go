package chart

import "html/template"

// Column is one place in time.
type Column struct {
	Label string // under it
	Text  string // above it
	Parts []Part // from the ground up
	Faint bool   // the time is not over
}

// Part is a share of a column. Class is how the style sheet knows it: "c1" to
// "c4".
type Part struct {
	Class string
	Value float64
}

func (c Column) sum() (sum float64) {
	for _, p := range c.Parts {
		sum += max(p.Value, 0)
	}
	return sum
}

// Columns draws columns of parts, one beside the other in reading order. None
// are nothing: "".
func Columns(f Frame, columns []Column) template.HTML {
	if len(columns) == 0 {
		return ""
	}
	most := 0.0
	for _, col := range columns {
		most = max(most, col.sum())
	}
	c := f.begin("columns", width, height)
	for _, col := range columns {
		c.fit(len(columns), col.Label)
	}
	c.scale(most)
	for i, col := range columns {
		middle, wide := c.slot(i, len(columns))
		bar := min(wide*.64, 72)
		class, from := "", 0.0
		if col.Faint {
			class = " faint"
		}
		for _, p := range col.Parts {
			if p.Value <= 0 {
				continue
			}
			c.rect(p.Class+class, middle-bar/2, c.y(from+p.Value), bar, c.y(from)-c.y(from+p.Value))
			from += p.Value
		}
		c.write("value", middle, c.y(from)-7, "middle", false, col.Text)
		c.below(i, len(columns), middle, col.Label)
	}
	return c.end()
}
