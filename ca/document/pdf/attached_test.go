package pdf_test

import (
	"maps"
	"strings"
	"testing"

	"mohr/ca/document/pdf"
)

// attached reads the attached file of a PDF.
func attached(t testing.TB, raw []byte) (string, []byte, error) {
	t.Helper()
	f, err := pdf.Open(raw)
	must(t, err)
	return f.Attached()
}

func TestWhatAPDFCarriesIsFoundByOurReaderAndByOthers(t *testing.T) {
	const content = "{\"a\":1}\n"
	raw := pdf.Carry([]string{"A request (of ten)", "به فارسی"}, "request.json", "application/json", []byte(content))
	title, got, err := attached(t, raw)
	if title != "request.json" || string(got) != content || err != nil {
		t.Errorf("%q: %q, %v", title, got, err)
	}
	if out, err := tool(t, "pdfdetach", "poppler-utils", raw, "-list"); err != nil || !strings.Contains(out, "1: request.json") {
		t.Errorf("pdfdetach: %v\n%s", err, out)
	}
	if out, err := tool(t, "qpdf", "qpdf", raw, "--check"); err != nil || !strings.Contains(out, "No syntax or stream encoding errors") {
		t.Errorf("qpdf: %v\n%s", err, out)
	}
	b := newBench(t)
	signed := b.sign(t, raw, pdf.Options{})
	f, err := pdf.Open(signed)
	must(t, err)
	if s := signatures(t, signed); len(s) != 1 || !f.Whole(s[0]) {
		t.Error("the signature is not over the whole file")
	}
	for name, more := range map[string][]byte{
		"an octet of white space": append(signed[:len(signed):len(signed)], '\n'),
		"an update":               update(signed, objects{200: "null"}, "/Root 1 0 R /Size 300"),
		"another signature":       b.sign(t, signed, pdf.Options{}),
	} {
		if f, err = pdf.Open(more); err != nil {
			t.Fatal(err)
		}
		if s := signatures(t, more); f.Whole(s[0]) {
			t.Errorf("%s came after the signature, and it is over the whole file", name)
		}
	}
}

func TestAPDFWithAnythingButOneAttachedFileIsRefused(t *testing.T) {
	carrying := func(names string, change objects) []byte {
		all := contract()
		all[1] = "<< /Type /Catalog /Pages 2 0 R /Names << /EmbeddedFiles " + names + " >> >>"
		all[7] = "<< /Type /Filespec /F (a.json) /EF << /F 8 0 R >> >>"
		all[8] = streamOf("{}")
		maps.Copy(all, change)
		return file(all)
	}
	const one = "<< /Names [(a.json) 7 0 R] >>"
	if _, content, err := attached(t, carrying(one, nil)); string(content) != "{}" || err != nil {
		t.Fatalf("%q, %v", content, err)
	}
	for _, tc := range []struct {
		name string
		raw  []byte
		code string
	}{
		{"none", file(contract()), "pdf_attached"},
		{"two", carrying("<< /Names [(a.json) 7 0 R (b.json) 7 0 R] >>", nil), "pdf_attached"},
		{"one and a branch", carrying("<< /Names [(a.json) 7 0 R] /Kids [9 0 R] >>", objects{9: "<< /Names [(b.json) 7 0 R] >>"}), "pdf_attached"},
		{"a branch", carrying("<< /Kids [9 0 R] >>", objects{9: "<< /Names [(b.json) 7 0 R] >>"}), "pdf_attached"},
		{"two versions", carrying(one, objects{7: "<< /F (a.json) /EF << /F 8 0 R /UF 4 0 R >> >>"}), "pdf_attached"},
		{"no version", carrying(one, objects{7: "<< /F (a.json) >>"}), "pdf_attached"},
		{"no stream", carrying(one, objects{8: "(x)"}), "pdf_attached"},
		{"no dictionary", carrying(one, objects{7: "(x)"}), "pdf_malformed"},
		{"a filter that is not read", carrying(one, objects{8: "<< /Length 2 /Filter /LZWDecode >>\nstream\n{}\nendstream"}), "pdf_malformed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := attached(t, tc.raw)
			wantCode(t, err, tc.code)
		})
	}
}
