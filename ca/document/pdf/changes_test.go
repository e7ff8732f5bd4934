package pdf_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"mohr/ca/document/pdf"
)

// In a contract that is signed, what was there are objects 1 to 6; 100 is the
// signature, 101 its field, 102 the form.
const (
	signatureAt = 100
	fieldAt     = 101
	formAt      = 102
)

func TestWhatHappensAfterASignatureIsSeen(t *testing.T) {
	b := newBench(t)
	signed := b.sign(t, file(contract()), pdf.Options{})
	now := func(num int) string { return object(t, signed, num) }
	page, catalog := now(3), now(1)
	for _, tc := range []struct {
		name    string
		later   objects
		trailer string
		want    pdf.Change
	}{
		{"nothing but an update that says nothing", objects{}, "", pdf.Extended},
		{"an object that nothing leads to", objects{200: "(x)"}, "", pdf.Extended},
		{"the same page written again", objects{3: page}, "", pdf.Extended},
		{"the same page under another number", objects{2: "<< /Type /Pages /Kids [203 0 R] /Count 1 >>", 203: page}, "", pdf.Extended},
		{"another date of change", objects{6: "<< /Title (Contract) /ModDate (D:20261129000000Z) >>"}, "", pdf.Extended},
		{"another title", objects{6: "<< /Title (Gift) /ModDate (D:20261101000000Z) >>"}, "", pdf.Altered},
		{"other content", objects{4: streamOf("BT /F1 12 Tf 72 720 Td (Ali sells two hundred boxes.) Tj ET")}, "", pdf.Altered},
		{"another font", objects{5: "<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>"}, "", pdf.Altered},
		{"content where a reference led to nothing", objects{99: streamOf("(x) Tj")}, "", pdf.Altered},
		{"content that was taken away", objects{3: replaced(t, page, "99 0 R", "")}, "", pdf.Altered},
		{"a note on the page", objects{3: replaced(t, page, "101 0 R", "101 0 R 200 0 R"), 200: "<< /Type /Annot /Subtype /FreeText /Rect [0 0 600 700] /Contents (No.) >>"}, "", pdf.Altered},
		{"the field's place taken away", objects{3: replaced(t, page, "101 0 R", "")}, "", pdf.Altered},
		{"another page tree", objects{1: replaced(t, catalog, "/Pages 2 0 R", "/Pages 202 0 R"), 202: "<< /Type /Pages /Kids [203 0 R] /Count 1 >>", 203: "<< /Type /Page /Parent 202 0 R >>"}, "", pdf.Altered},
		{"another catalog", objects{201: "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert) >> /AcroForm 102 0 R >>"}, "/Root 201 0 R /Info 6 0 R /Size 300", pdf.Altered},
		{"what happens when it is opened", objects{1: replaced(t, catalog, "/Pages", "/OpenAction << /S /JavaScript /JS (app.alert) >> /Pages")}, "", pdf.Altered},
		{"the same catalog under another number", objects{201: catalog}, "/Root 201 0 R /Info 6 0 R /Size 300", pdf.Extended},
		{"evidence by hand", objects{1: replaced(t, catalog, "/Pages", "/DSS << /Certs [200 0 R] >> /Pages"), 200: streamOf("x")}, "", pdf.Extended},
		{"another value of the form", objects{formAt: replaced(t, now(formAt), "/Fields", "/NeedAppearances true /Fields")}, "", pdf.Altered},
		{"a new field for text", objects{formAt: replaced(t, now(formAt), "101 0 R", "101 0 R 200 0 R"), 200: "<< /FT /Tx /T (Price) /V (1) >>"}, "", pdf.Altered},
		{"a new field for a signature that is not there", objects{formAt: replaced(t, now(formAt), "101 0 R", "101 0 R 200 0 R"), 200: "<< /FT /Sig /T (B) /Rect [0 0 0 0] >>"}, "", pdf.Altered},
		{"a new field with the old signature", objects{formAt: replaced(t, now(formAt), "101 0 R", "101 0 R 200 0 R"), 200: "<< /FT /Sig /T (B) /Rect [0 0 0 0] /V 100 0 R >>"}, "", pdf.Altered},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := signatures(t, update(signed, tc.later, tc.trailer))[0]
			if s.Later != tc.want || s.Fault != nil {
				t.Errorf("%s, %v; want %s", s.Later, s.Fault, tc.want)
			}
		})
	}
}

// later is a signature on signed, with its field mended by hand before it is
// made; the signature need not hold, as only its form counts here.
func later(t testing.TB, b *bench, signed []byte, change func(string) string) []byte {
	t.Helper()
	p, err := pdf.Prepare(signed, pdf.Options{Time: signedAt})
	must(t, err)
	out, err := p.Complete([]byte{0x30, 0})
	must(t, err)
	added := string(out[len(signed):])
	i := strings.Index(added, "/Subtype /Widget")
	field := strings.LastIndex(added[:i], "<<")
	num := 0
	_, err = fmt.Sscanf(added[strings.LastIndex(added[:field-5], "\n")+1:], "%d 0 obj", &num)
	must(t, err)
	return update(out, objects{num: change(object(t, out, num))}, "")
}

func TestASecondSignatureExtendsOnlyIfItShowsAndDoesNothing(t *testing.T) {
	b := newBench(t)
	signed := b.sign(t, file(contract()), pdf.Options{})
	for _, tc := range []struct {
		name, old, by string
		want          pdf.Change
	}{
		{"as we make it", "/Rect", "/Rect", pdf.Extended},
		{"over the page", "/Rect [ 0 0 0 0 ]", "/Rect [ 0 0 600 700 ]", pdf.Altered},
		{"with a script", "/Rect", "/AA << /U << /S /JavaScript /JS (x) >> >> /Rect", pdf.Altered},
		{"with fields below it", "/Rect", "/Kids [ ] /Rect", pdf.Altered},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := later(t, b, signed, func(field string) string { return replaced(t, field, tc.old, tc.by) })
			all := signatures(t, raw)
			if all[0].Later != tc.want || len(all) != 2 {
				t.Errorf("%d signatures, %s; want %s", len(all), all[0].Later, tc.want)
			}
		})
	}
}

func TestAPlaceThatTheSignerSawMayBeSigned(t *testing.T) {
	b := newBench(t)
	prepared := contract()
	prepared[1] = "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [7 0 R] >> >>"
	prepared[3] = replaced(t, prepared[3], "/MediaBox", "/Annots [7 0 R] /MediaBox")
	prepared[7] = "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Buyer) /Rect [72 72 200 100] /P 3 0 R >>"
	signed := b.sign(t, file(prepared), pdf.Options{})
	filled := "<< /Type /Annot /Subtype /Widget /FT /Sig /T (Buyer) /Rect [72 72 200 100] /P 3 0 R /V 200 0 R /AP << /N 201 0 R >> >>"
	raw := update(signed, objects{7: filled, 200: "<< /Type /Sig >>", 201: streamOf("")}, "")
	for _, s := range signatures(t, raw) {
		if s.Field == "Signature1" && s.Later != pdf.Extended {
			t.Error(s.Later)
		}
	}
	moved := strings.Replace(filled, "72 72 200 100", "72 72 600 700", 1)
	raw = update(signed, objects{7: moved, 200: "<< /Type /Sig >>", 201: streamOf("")}, "")
	for _, s := range signatures(t, raw) {
		if s.Field == "Signature1" && s.Later != pdf.Altered {
			t.Error(s.Later)
		}
	}
}

func TestACertificationAgainstAllChangeHolds(t *testing.T) {
	b := newBench(t)
	signed := b.sign(t, file(contract()), pdf.Options{})
	for level, want := range map[int]string{1: "pdf_certified", 2: ""} {
		// The certification is written first, the signature over it second: as
		// one writes it, both are in the file when it is signed.
		p, err := pdf.Prepare(certified(level), pdf.Options{Time: signedAt})
		wantCode(t, err, want)
		if want != "" {
			continue
		}
		out, err := p.Complete([]byte{0x30, 0})
		must(t, err)
		if n := len(signatures(t, out)); n != 2 {
			t.Errorf("%d signatures", n)
		}
	}
	stamped := b.sign(t, certified(1), pdf.Options{SubFilter: pdf.TimeStamp})
	for _, s := range signatures(t, stamped) {
		if s.Field == "Seller" && (s.Certifies != 1 || s.Later != pdf.Extended || s.Fault != nil) {
			t.Errorf("%+v", s)
		}
	}
	if bytes.Contains(signed, []byte("DocMDP")) {
		t.Error("what we sign certifies")
	}
}

// certified is a contract with a certification: a CMS that says nothing, in a
// place where it counts.
func certified(level int) []byte {
	all := contract()
	all[1] = "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [7 0 R] /SigFlags 3 >> /Perms << /DocMDP 8 0 R >> >>"
	all[7] = "<< /FT /Sig /T (Seller) /V 8 0 R /Rect [0 0 0 0] >>"
	all[8] = fmt.Sprintf("<< /Type /Sig /SubFilter /ETSI.CAdES.detached /ByteRange [0 AAAAA BBBBB CCCCC] /Contents <30000000> "+
		"/Reference [<< /Type /SigRef /TransformMethod /DocMDP /TransformParams << /P %d /V /1.2 >> >>] >>", level)
	return withRange(file(all), "<30000000>")
}

// withRange fills in the ByteRange around the first occurrence of contents.
func withRange(raw []byte, contents string) []byte {
	begin := bytes.Index(raw, []byte(contents))
	end := begin + len(contents)
	for mark, n := range map[string]int{"AAAAA": begin, "BBBBB": end, "CCCCC": len(raw) - end} {
		raw = bytes.Replace(raw, []byte(mark), fmt.Appendf(nil, "%5d", n), 1)
	}
	return raw
}
