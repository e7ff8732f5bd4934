package badge

import (
	"context"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxFront bounds what is read of a front page, octets.
const maxFront = 256 << 10

// meta looks for the proof in the head of the front page.
func (e eye) meta(ctx context.Context, c Challenge) Sight {
	res, sight, err := fetch(ctx, e.client, c.Front)
	if err != nil {
		return sight
	}
	defer res.Body.Close()
	if sight != SightMatch {
		return sight
	}
	switch found := metaContents(io.LimitReader(res.Body, maxFront)); {
	case len(found) == 0:
		return SightMissing
	case len(found) == 1 && found[0] == c.Content:
		return SightMatch
	}
	return SightWrong
}

// metaContents returns the contents of the challenge's meta elements in the
// head of a page, at most two. It stops where the head ends (HTML, section
// 13.2.6.4.4): what visitors may write on a page stands in its body, and
// proves nothing.
func metaContents(page io.Reader) (found []string) {
	z := html.NewTokenizer(page)
	z.SetMaxBuf(64 << 10)
	for len(found) < 2 {
		switch z.Next() {
		case html.ErrorToken:
			return found
		case html.EndTagToken:
			if t := z.Token(); t.DataAtom == atom.Head || t.DataAtom == atom.Html || t.DataAtom == atom.Body {
				return found
			}
		case html.TextToken:
			if strings.TrimSpace(string(z.Text())) != "" {
				return found // text ends a head
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			if !inHead(t.DataAtom) {
				return found
			}
			if t.DataAtom == atom.Meta && attribute(t, "name") == challengeMeta {
				found = append(found, attribute(t, "content"))
			}
			if !passRaw(z, t.DataAtom) {
				return found
			}
		}
	}
	return found
}

// inHead reports whether the element may stand in a head, or around it.
func inHead(a atom.Atom) bool {
	switch a {
	case atom.Html, atom.Head, atom.Base, atom.Link, atom.Meta, atom.Noscript, atom.Script, atom.Style, atom.Template, atom.Title:
		return true
	}
	return false
}

// passRaw skips what stands inside an element of the head; a template's
// content is not the page's. It is false where the page ends first.
func passRaw(z *html.Tokenizer, a atom.Atom) bool {
	switch a {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Noscript:
	default:
		return true
	}
	for {
		switch z.Next() {
		case html.ErrorToken:
			return false
		case html.EndTagToken:
			if z.Token().DataAtom == a {
				return true
			}
		}
	}
}

func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
