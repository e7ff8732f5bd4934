package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"mohr/internal/fault"
)

// unfolding is a small file whose one field, in an object stream, holds n
// empty arrays.
func unfolding(t *testing.T, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	var at []int
	deflated := func(dict string, data []byte) {
		var z bytes.Buffer
		w := zlib.NewWriter(&z)
		w.Write(data)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		at = append(at, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n<<%s/Filter/FlateDecode/Length %d>>stream\n%s\nendstream\nendobj\n", len(at)+4, dict, z.Len(), z.Bytes())
	}
	b.WriteString("%PDF-1.7\n")
	catalog, pages, page := "<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]/SigFlags 3>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
	field := "<</FT/Sig/T(a)/X[" + strings.Repeat("[]", n) + "]>>"
	head := fmt.Sprintf("1 0 2 %d 3 %d 4 %d ", len(catalog), len(catalog+pages), len(catalog+pages+page))
	deflated(fmt.Sprintf("/Type/ObjStm/N 4/First %d", len(head)), []byte(head+catalog+pages+page+field))
	var rows []byte
	row := func(kind byte, where uint32, index uint16) {
		rows = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(append(rows, kind), where), index)
	}
	row(0, 0, 65535)
	for n := range uint16(4) {
		row(2, 5, n)
	}
	row(1, uint32(at[0]), 0)
	row(1, uint32(b.Len()), 0)
	deflated("/Type/XRef/Size 7/W[1 4 2]/Root 1 0 R", rows)
	fmt.Fprintf(&b, "startxref\n%d\n%%%%EOF\n", at[1])
	return b.Bytes()
}

// TestASmallFileDoesNotUnfoldToMuch: whoever sends one need not be known.
func TestASmallFileDoesNotUnfoldToMuch(t *testing.T) {
	read := func(n int) error {
		f, err := Open(unfolding(t, n))
		if err == nil {
			_, err = f.Signatures()
		}
		return err
	}
	if err := read(1000); err != nil {
		t.Fatal(err)
	}
	raw := unfolding(t, 3<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := Open(raw)
	if err == nil {
		_, err = f.Signatures()
	}
	runtime.ReadMemStats(&after)
	if fault.Code(err) != "pdf_too_large" {
		t.Errorf("%d octets: %v", len(raw), err)
	}
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 150 {
		t.Errorf("%d octets took %d MB", len(raw), took)
	}
}
