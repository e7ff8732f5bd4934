package opendata

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"mohr/complaints"
	"mohr/internal/web"
)

// shownDays is how many days of editions the page lists; all are in the API.
const shownDays = 31

// openPage is the Data of the page of the open data.
type openPage struct {
	Editions []Edition // newest first
	Rules    string
	Portal   string // base URL
}

// Key names the Persian meaning of a column among the texts.
func (openPage) Key(file, column string) string { return "open_" + file + "_" + column }

// KB writes a size in thousands of octets, at least one.
func (openPage) KB(octets int64) int64 { return max(1, (octets+500)/1000) }

// Day returns the day of an edition as a time that the page can write.
func (openPage) Day(e Edition) time.Time { return e.Manifest.At.Add(-time.Second) }

// Page hangs the page of the open data on s. portal is what the commands on it
// name.
func (p *Publisher) Page(s *web.Server, portal string) {
	s.Echo.GET("/open", func(c echo.Context) error {
		after := complaints.DayStart(p.now()).AddDate(0, 0, -shownDays-1).Format(time.DateOnly)
		list, _, err := p.Editions(c.Request().Context(), after, maxEditions)
		if err != nil {
			return err
		}
		slices.Reverse(list)
		return web.Page(c, http.StatusOK, "open-data", openPage{list, Rules, strings.TrimSuffix(portal, "/")})
	})
}

// columnTable is what the table of a file's columns is made from.
type columnTable struct {
	V       web.View
	File    string
	Name    string
	Columns []Column
}

// Table returns the columns of a file: "complaints", "figures", "looks" or
// "measures".
func (openPage) Table(v web.View, file string) columnTable {
	name := file + ".csv"
	return columnTable{v, file, name, files()[name]}
}
