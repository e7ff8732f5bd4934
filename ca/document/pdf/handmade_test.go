package pdf_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// objects are written by hand, by number.
type objects map[int]string

// contract is a document with a page, its content, a font, and what an attacker
// would want to have there: a reference to nothing.
func contract() objects {
	return objects{
		1: "<< /Type /Catalog /Pages 2 0 R >>",
		2: "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		3: "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612.5 792] /Contents [4 0 R 99 0 R] /Resources << /Font << /F1 5 0 R >> >> >>",
		4: streamOf("BT /F1 12 Tf 72 720 Td (Ali sells one hundred boxes.) Tj ET"),
		5: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
		6: "<< /Title (Contract) /ModDate (D:20261101000000Z) >>",
	}
}

func streamOf(content string) string {
	return fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content)
}

// file returns a PDF of the objects.
func file(all objects) []byte {
	return update([]byte("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"), all, "/Root 1 0 R /Info 6 0 R /Size 100")
}

// update adds an incremental update to a PDF; trailer is what it says beside
// Prev, "" for what file says.
func update(raw []byte, all objects, trailer string) []byte {
	if trailer == "" {
		trailer = "/Root 1 0 R /Info 6 0 R /Size 300"
	}
	if prev := startxref.FindAllSubmatch(raw, -1); len(prev) > 0 {
		trailer += " /Prev " + string(prev[len(prev)-1][1])
	}
	b := string(raw)
	table := "xref\n0 1\n0000000000 65535 f \n"
	for _, num := range slices.Sorted(maps.Keys(all)) {
		table += fmt.Sprintf("%d 1\n%010d 00000 n \n", num, len(b))
		b += fmt.Sprintf("%d 0 obj\n%s\nendobj\n", num, all[num])
	}
	return []byte(b + table + fmt.Sprintf("trailer\n<< %s >>\nstartxref\n%d\n%%%%EOF\n", trailer, len(b)))
}

var startxref = regexp.MustCompile(`startxref\n(\d+)`)

// object returns what the newest object of a number is, between its keywords.
func object(t testing.TB, raw []byte, num int) string {
	t.Helper()
	s := string(raw)
	begin := strings.LastIndex(s, fmt.Sprintf("\n%d 0 obj\n", num))
	if begin < 0 {
		t.Fatalf("there is no object %d", num)
	}
	_, s, _ = strings.Cut(s[begin:], "obj\n")
	s, _, _ = strings.Cut(s, "\nendobj")
	return s
}

// replaced returns s with one part replaced.
func replaced(t testing.TB, s, old, by string) string {
	t.Helper()
	if strings.Count(s, old) != 1 {
		t.Fatalf("%q is in %q %d times", old, s, strings.Count(s, old))
	}
	return strings.Replace(s, old, by, 1)
}

// bomb is a PDF whose cross-reference stream becomes larger than any may.
func bomb(t testing.TB) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	zeros := make([]byte, 1<<20)
	for range 33 {
		_, err := w.Write(zeros)
		must(t, err)
	}
	must(t, w.Close())
	return crossStreamFile("/Filter /FlateDecode /W [1 2 1] /Size 16777216", packed.Bytes())
}

// crossStreamFile is a PDF that is nothing but a cross-reference stream.
func crossStreamFile(keys string, content []byte) []byte {
	head := "%PDF-1.7\n"
	return fmt.Appendf(nil, "%s1 0 obj\n<< /Type /XRef %s /Length %d >>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", head, keys, len(content), content, len(head))
}
