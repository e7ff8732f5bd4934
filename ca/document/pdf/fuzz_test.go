package pdf_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"mohr/ca/document/pdf"
	"mohr/internal/fault"
)

// FuzzOpen shows that no bytes crash the reader or keep it long, that errors
// are ones a caller may read, and that what it can read it can sign: the
// signature covers the whole file, which stays as it was.
func FuzzOpen(f *testing.F) {
	files, err := filepath.Glob("testdata/*.pdf")
	must(f, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		must(f, err)
		f.Add(raw)
	}
	f.Add(file(contract()))
	f.Add(certified(1))
	f.Add(pdf.Carry([]string{"a"}, "a.json", "application/json", []byte("{}")))
	f.Add(update(certified(2), objects{4: streamOf("(x) Tj")}, ""))
	f.Add(crossStreamFile("/W [1 2 1] /Index [1 1] /Root 1 0 R", []byte{1, 0, 9, 0}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := readable(t, raw)
		p, err := pdf.Prepare(raw, pdf.Options{Time: signedAt, Room: 8})
		if err != nil {
			known(t, err)
			return
		}
		signed, err := p.Complete([]byte{0x30, 0})
		must(t, err)
		if !bytes.HasPrefix(signed, raw) {
			t.Fatal("octets that were there changed")
		}
		proven, err := pdf.AddEvidence(signed, pdf.Evidence{Certs: [][]byte{{1}}})
		if err != nil {
			known(t, err)
			return
		}
		if after := readable(t, proven); before != nil && len(after) != 0 && len(after) != len(before)+1 {
			t.Errorf("%d signatures, and %d before", len(after), len(before))
		}
	})
}

// readable returns the signatures of a file, nil if it cannot be read.
func readable(t *testing.T, raw []byte) []pdf.Signature {
	f, err := pdf.Open(raw)
	if err != nil {
		known(t, err)
		return nil
	}
	if _, _, err := f.Attached(); err != nil {
		known(t, err)
	}
	if _, err := f.Pages(); err != nil {
		known(t, err)
	}
	all, err := f.Signatures()
	if err != nil {
		known(t, err)
		return nil
	}
	for _, s := range all {
		if s.Fault != nil {
			known(t, s.Fault)
		} else if len(s.Covered()) > len(raw) {
			t.Errorf("more is covered than there is")
		}
	}
	return all
}

func known(t *testing.T, err error) {
	if fault.Code(err) == "" {
		t.Errorf("an error without a code: %v", err)
	}
}
