package pdf_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"mohr/ca/document/pdf"
)

func TestASignatureThatDoesNotCoverTheFileIsFaulty(t *testing.T) {
	raw := certified(2)
	if s := signatures(t, raw)[0]; s.Fault != nil || s.Certifies != 2 || s.Later != pdf.Unchanged {
		t.Fatalf("%+v", s)
	}
	begin := bytes.Index(raw, []byte("/ByteRange"))
	end := begin + bytes.IndexByte(raw[begin:], ']') + 1
	contents := bytes.Index(raw, []byte("<30000000>"))
	after := contents + len("<30000000>")
	for _, tc := range []struct {
		name  string
		parts []int
	}{
		{"not from the beginning", []int{1, contents - 1, after, len(raw) - after}},
		{"not to the end", []int{0, contents, after, len(raw) - after - 10}},
		{"beyond the end", []int{0, contents, after, len(raw) - after + 1}},
		{"a gap before", []int{0, contents - 1, after, len(raw) - after}},
		{"a gap behind", []int{0, contents, after + 1, len(raw) - after - 1}},
		{"its content too", []int{0, after, after, len(raw) - after}},
		{"five numbers", []int{0, contents, after, len(raw) - after, 0}},
		{"three numbers", []int{0, contents, after}},
		{"a negative number", []int{0, contents, after, -1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			by := "/ByteRange " + strings.ReplaceAll(fmt.Sprint(tc.parts), ",", " ")
			if len(by) > end-begin {
				t.Fatal("the range is too long for its place")
			}
			bad := bytes.Clone(raw)
			copy(bad[begin:end], by+strings.Repeat(" ", end-begin-len(by)))
			s := signatures(t, bad)[0]
			wantCode(t, s.Fault, "pdf_signature_form")
		})
	}
	t.Run("no range", func(t *testing.T) {
		s := signatures(t, edit(t, raw, "/ByteRange", "/ByteWrong"))[0]
		wantCode(t, s.Fault, "pdf_signature_form")
	})
	t.Run("content that is no DER", func(t *testing.T) {
		s := signatures(t, edit(t, raw, "<30000000>", "<30010000>"))[0]
		if s.Fault != nil {
			t.Error(s.Fault) // a value of one octet, and one of padding
		}
		s = signatures(t, edit(t, raw, "<30000000>", "<30000001>"))[0]
		wantCode(t, s.Fault, "pdf_signature_form")
	})
	t.Run("content as a literal string", func(t *testing.T) {
		s := signatures(t, edit(t, raw, "<30000000>", "(00000000)"))[0]
		wantCode(t, s.Fault, "pdf_signature_form")
	})
	t.Run("the signature moved by a later revision", func(t *testing.T) {
		moved := update(raw, objects{8: object(t, raw, 8)}, "")
		s := signatures(t, moved)[0]
		wantCode(t, s.Fault, "pdf_signature_form")
	})
}

func TestOctetsThatNoRevisionHoldsAlter(t *testing.T) {
	raw := certified(2)
	start := startxref.FindSubmatch(raw)[1]
	for _, tc := range []struct {
		name, more, code string
		want             pdf.Change
	}{
		{"white space", "\r\n \n", "", pdf.Unchanged},
		{"an object, and the old cross-reference", "4 0 obj (x) endobj\nstartxref\n" + string(start) + "\n%%EOF\n", "", pdf.Altered},
		{"an object, and no cross-reference", "4 0 obj (x) endobj\n", "pdf_malformed", ""},
		{"a second end", "%%EOF\n", "pdf_malformed", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, err := pdf.Open(append(bytes.Clone(raw), tc.more...))
			wantCode(t, err, tc.code)
			if err != nil {
				return
			}
			all, err := f.Signatures()
			must(t, err)
			if all[0].Later != tc.want {
				t.Errorf("%s; want %s", all[0].Later, tc.want)
			}
		})
	}
}

// What other readers mend or guess at is refused, with a reason.
func TestBrokenFilesAreRefused(t *testing.T) {
	with := func(num int, o string) []byte {
		all := contract()
		all[num] = o
		return file(all)
	}
	good := file(contract())
	for _, tc := range []struct {
		name, says string
		raw        []byte
	}{
		{"a key twice", "a key twice", with(1, "<< /Type /Catalog /Pages 2 0 R /Pages 9 0 R >>")},
		{"a key without a slash", "a key of a dictionary", with(1, "<< Type /Catalog >>")},
		{"too deep", "too deep", with(1, strings.Repeat("[", 100)+strings.Repeat("]", 100))},
		{"no catalog", "catalog is missing", with(1, "null")},
		{"a catalog that is a list", "dictionary is missing", with(1, "[ ]")},
		{"a page tree in a circle", "first page is missing", with(2, "<< /Type /Pages /Kids [2 0 R] >>")},
		{"a page tree without pages", "first page is missing", with(2, "<< /Type /Pages /Kids [ ] >>")},
		{"references in a circle", "circle", with(1, "1 0 R")},
		{"a string without end", "does not end", with(1, "(x")},
		{"a hexadecimal string with a letter", "digit", with(1, "<0G>")},
		{"a name with half an escape", "escape", with(1, "/A#2")},
		{"a word that means nothing", "no object", with(1, "nil")},
		{"an object that does not end", "endobj", with(1, "<< >> << >>")},
		{"an earlier cross-reference in a circle", "circle", circle(good)},
		{"an entry of 19 octets", "entry", bytes.Replace(good, []byte("65535 f \n"), []byte("65535 f\n"), 1)},
		{"another object at the place", "another object", edit(t, good, "\n1 0 obj", "\n9 0 obj")},
		{"no trailer", "missing", edit(t, good, "trailer\n<<", "trailir\n<<")},
		{"something before the end mark", "end mark", bytes.Replace(good, []byte("%%EOF"), []byte("% %%EOF"), 1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := pdf.Prepare(tc.raw, pdf.Options{Time: signedAt})
			wantCode(t, err, "pdf_malformed")
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v does not say %q", err, tc.says)
			}
		})
	}
}

// circle is a PDF whose last cross-reference calls itself the earlier one.
func circle(raw []byte) []byte {
	out := update(raw, objects{}, "")
	places := startxref.FindAllSubmatch(out, -1)
	earlier, own := places[0][1], places[1][1]
	return bytes.Replace(out, append([]byte("/Prev "), earlier...), append([]byte("/Prev "), own...), 1)
}

// Few octets must not cost much: each of these would.
func TestWhatWouldCostTooMuchIsRefused(t *testing.T) {
	t.Run("a stream that becomes much more", func(t *testing.T) {
		_, err := pdf.Open(bomb(t))
		wantCode(t, err, "pdf_too_large")
	})
	t.Run("fields that are their own", func(t *testing.T) {
		all := contract()
		all[1] = "<< /Pages 2 0 R /AcroForm << /Fields [7 0 R 7 0 R] >> >>"
		f, err := pdf.Open(file(all))
		must(t, err)
		_, err = f.Signatures()
		wantCode(t, err, "pdf_malformed")
	})
	t.Run("a stream whose length is within itself", func(t *testing.T) {
		all := contract()
		all[1] = "<< /Length 1 0 R >>\nstream\n\nendstream"
		_, err := pdf.Prepare(file(all), pdf.Options{Time: signedAt})
		wantCode(t, err, "pdf_malformed")
	})
}
