package opendata_test

import (
	"fmt"
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/complaints"
	"mohr/complaints/opendata"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/store"
	"mohr/internal/web"
)

// look notes what was found at the business on the first days of 2026.
func (b *bench) look(t testing.TB, business ca.BusinessID, m complaints.Measure, days int, good func(day int) bool) {
	t.Helper()
	err := b.ca.Store.Update(t.Context(), func(tx store.Tx) error {
		for day := range days {
			if err := complaints.Found(tx, business, m, good(day), time.Date(2026, 1, 1+day, 9, 0, 0, 0, time.UTC)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// lines are those of a file, without the header.
func lines(t testing.TB, src opendata.Source, day, file string) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(content(t, src, day, file)), "\n")[1:]
}

func TestLooksGiveWhatTheyMeasure(t *testing.T) {
	b := newBench(t)
	b.public(t, shop)
	b.rows(t, "1,"+shop+",2026-02-01,2026-02-03,refund")
	always := func(int) bool { return true }
	b.look(t, shop, complaints.MeasureTLS, 62, func(day int) bool { return day%4 != 0 }) // to March 3rd
	b.look(t, other, complaints.MeasureTLS, 62, always)
	b.look(t, shop, complaints.MeasureLicence, 29, always)
	b.publish(t, march(2, 5)) // as of March 1st, 20:30: that day is not over
	b.publish(t, march(3, 5))
	b.public(t, other)
	b.publish(t, march(4, 5))
	src := b.Source()
	for _, c := range []struct {
		day   string
		looks int
		says  string
	}{
		{"2026-03-01", 59 + 29, "[" + shop + ",security,tls_valid_days,0.745762712,59]"},
		{"2026-03-02", 1, "[" + shop + ",security,tls_valid_days,0.75,60]"},
		{"2026-03-03", 1 + 61, "[" + other + ",security,tls_valid_days,1,61 " + shop + ",security,tls_valid_days,0.737704918,61]"},
	} {
		if n := len(lines(t, src, c.day, opendata.LooksFile)); n != c.looks {
			t.Errorf("%s: %d looks, want %d", c.day, n, c.looks)
		}
		if says := fmt.Sprint(lines(t, src, c.day, opendata.MeasuresFile)); says != c.says {
			t.Errorf("%s: %s, want %s", c.day, says, c.says)
		}
		if r := b.recompute(t, src, opendata.Check{Day: c.day, Signature: b.signature}); len(r.Differences) != 0 || r.Looks == 0 {
			t.Errorf("%s: %+v", c.day, r)
		}
	}
	if r := b.recompute(t, src, opendata.Check{Business: other, Signature: b.signature}); len(r.Differences) != 0 || r.Looks != 61 {
		t.Errorf("one business: %+v", r)
	}
	dir := t.TempDir()
	if _, err := opendata.Download(t.Context(), src, dir); err != nil {
		t.Fatal(err)
	}
	if r := b.recompute(t, opendata.Directory(dir), opendata.Check{Signature: b.signature}); len(r.Differences) != 0 || r.Looks != 62+29-1+61 {
		t.Errorf("of what was fetched: %+v", r)
	}
}

// A service whose looks do not give what it says they measure is found out.
func TestAMeasureThatLooksDoNotGiveIsNamed(t *testing.T) {
	figures := "all," + shop + ",1,1,0,0,1,1,1,0.206549314,1,1,1,1,1,1,1,1\n"
	var looks strings.Builder
	for day := range 30 {
		fmt.Fprintf(&looks, "%s,tls_valid_days,%s,true\n", shop, time.Date(2026, 1, 1+day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	}
	for _, c := range []struct {
		name   string
		chunks map[string]string // told before the edition is bound
		finds  string
	}{
		{"a measure without looks", map[string]string{"measures.csv": shop + ",security,tls_valid_days,0.99,40\n"}, "tls_valid_days 0.99 40"},
		{"looks without their measure", map[string]string{"figures.csv": figures, "looks.csv": looks.String()}, "not all that they measure"},
		{"another share", map[string]string{"figures.csv": figures, "looks.csv": looks.String(), "measures.csv": shop + ",security,tls_valid_days,0.5,30\n"}, "tls_valid_days 0.5 30"},
		{"the right one", map[string]string{"figures.csv": figures, "looks.csv": looks.String(), "measures.csv": shop + ",security,tls_valid_days,1,30\n"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.public(t, shop)
			err := b.Register.Store.Update(t.Context(), func(tx store.Tx) error {
				for file, csv := range c.chunks {
					if err := store.Save(tx, "complaints_edition_chunks", "2026-03-01/"+file+"/"+shop, map[string]any{"lines": strings.Count(csv, "\n"), "csv": csv}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			b.publish(t, march(2, 5))
			r := b.recompute(t, b.Source(), opendata.Check{Signature: b.signature})
			// The figures of these tests are a lie of their own.
			found := strings.Join(r.Differences, "\n")
			if c.finds != "" && !strings.Contains(found, c.finds) || c.finds == "" && (strings.Contains(found, "tls") || strings.Contains(found, "measure")) {
				t.Errorf("%s", found)
			}
		})
	}
}

func TestALookThatIsNoneIsRefused(t *testing.T) {
	for _, line := range []string{"tls_valid_days,2026-02-30,true", "TLS,2026-02-03,true", "tls_valid_days,2026-02-03,yes", ",2026-02-03,true"} {
		b := newBench(t)
		b.public(t, shop)
		err := b.Register.Store.Update(t.Context(), func(tx store.Tx) error {
			return store.Save(tx, "complaints_edition_chunks", "2026-03-01/looks.csv/"+shop, map[string]any{"lines": 1, "csv": shop + "," + line + "\n"})
		})
		if err != nil {
			t.Fatal(err)
		}
		b.publish(t, march(2, 5))
		if _, err := opendata.Recompute(t.Context(), b.Source(), opendata.Check{Signature: b.signature}, nil); fault.Code(err) != "open_data_line" {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestThePageDescribesEveryFile in both languages: no column lacks its meaning.
func TestThePageDescribesEveryFile(t *testing.T) {
	b := newBench(t)
	texts, err := i18n.Parse(web.Texts, opendata.Texts, []byte(`{statistics.title: {en: "Statistics", fa: "آمار"}, log.title: {en: "Log", fa: "دفتر"}}`))
	if err != nil {
		t.Fatal(err)
	}
	s, err := web.New(web.Config{Store: b.ca.Store, Texts: texts, Pages: []fs.FS{opendata.Pages}, Portal: catest.Portal, Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	b.Page(s, catest.Portal)
	columns := len(opendata.LineColumns()) + len(opendata.FigureColumns()) + len(opendata.LookColumns()) + len(opendata.MeasureColumns())
	for _, lang := range []string{"fa", "en"} {
		r := httptest.NewRequest("GET", "/open", nil)
		r.Header.Set("Accept-Language", lang)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		page := w.Body.String()
		if w.Code != 200 || strings.Contains(page, "open_") || strings.Contains(page, ">open.") || strings.Contains(page, "%!") {
			t.Errorf("%s: %d %s", lang, w.Code, page)
		}
		if n := strings.Count(page, `<th scope="row"><bdi`); n != columns {
			t.Errorf("%s: %d columns, want %d", lang, n, columns)
		}
	}
}
