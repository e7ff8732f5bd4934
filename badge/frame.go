package badge

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"

	"mohr/internal/i18n"
)

//go:embed frame.html
var frameHTML string

// frameView is what the frame page shows: the picture, leading to the record.
type frameView struct {
	Lang, Dir, Title, Page, Image string
	Width, Height                 int
}

// Frame returns the page for a shop's frame and the origins that may show it:
// the registered domain and its "www", by HTTPS. The browser itself keeps
// every other site from showing it, with a Referer or without. A badge that
// there is not may be framed by anybody, and says so: origins is nil.
func (d *Desk) Frame(ctx context.Context, id ID, lang string) (page []byte, origins []string, err error) {
	m := d.imageOf(ctx, id, "")
	m.unseen = false // browsers see to it that it stands on the shop's page
	heading, status := m.words(d.texts, lang)
	v := frameView{
		Lang: lang, Dir: "ltr", Title: clean(heading+" · "+m.domain.ASCII+" · "+status, 400),
		Page: "/badge/" + string(id), Image: "/badge/" + string(id) + ".svg?lang=" + lang, Width: imageWidth, Height: imageHeight,
	}
	if lang == i18n.Persian {
		v.Dir = "rtl"
	}
	if m.domain.ASCII != "" {
		origins = []string{"https://" + m.domain.ASCII, "https://www." + m.domain.ASCII}
	}
	var b bytes.Buffer
	if err := d.frame.Execute(&b, v); err != nil {
		return nil, nil, fmt.Errorf("frame of %s: %w", id, err)
	}
	return b.Bytes(), origins, nil
}

func parseFrame() (*template.Template, error) { return template.New("frame").Parse(frameHTML) }
