package pdf

import (
	"bytes"
	"fmt"

	"mohr/internal/fault"
)

// Attached returns the one file that the PDF carries, and its name: that of the
// only entry of EmbeddedFiles in the catalog (ISO 32000-1 sections 7.7.4 and
// 7.11.4). None, several, or one in two versions are Invalid: of which the
// sender spoke could not be told.
func (f *File) Attached() (title string, content []byte, err error) {
	_, catalog, err := f.catalog()
	if err != nil {
		return "", nil, err
	}
	names, err := f.dictAt(catalog["Names"])
	if err != nil {
		return "", nil, err
	}
	tree, err := f.dictAt(names["EmbeddedFiles"])
	if err != nil {
		return "", nil, err
	}
	list, err := f.arrayAt(tree["Names"])
	if err != nil {
		return "", nil, err
	}
	if len(list) != 2 || tree["Kids"] != nil {
		return "", nil, errAttached()
	}
	spec, err := f.dictAt(list[1])
	if err != nil {
		return "", nil, err
	}
	versions, err := f.dictAt(spec["EF"])
	if err != nil {
		return "", nil, err
	}
	o, err := f.get(versions["F"])
	if err != nil {
		return "", nil, err
	}
	s, ok := o.(*stream)
	if !ok || len(versions) != 1 {
		return "", nil, errAttached()
	}
	content, err = s.inflate(&f.budget.inflated)
	return text(spec["F"]), content, err
}

func errAttached() error {
	return fault.New(fault.Invalid, "pdf_attached", "the PDF does not carry exactly one attached file; send one with the file that it is about and no other")
}

// Carry returns a PDF of one page with lines of text, and a file attached to it.
// Of the lines only ASCII is shown, "?" in place of all else. The same arguments
// make the same octets.
func Carry(lines []string, title, kind string, content []byte) []byte {
	const top, left, height = 780, 56, 22
	var page bytes.Buffer
	for n, line := range lines {
		fmt.Fprintf(&page, "BT /F1 12 Tf %d %d Td %s Tj ET\n", left, top-n*height, appendObject(nil, str{octets: shown(line)}))
	}
	attached := ref{num: 6}
	all := []object{
		dict{
			"Type": name("Catalog"), "Pages": ref{num: 2}, "AF": array{attached}, "PageMode": name("UseAttachments"),
			"Names": dict{"EmbeddedFiles": dict{"Names": array{ofText(title), attached}}},
		},
		dict{"Type": name("Pages"), "Kids": array{ref{num: 3}}, "Count": int64(1)},
		dict{
			"Type": name("Page"), "Parent": ref{num: 2}, "MediaBox": array{int64(0), int64(0), int64(595), int64(842)}, "Contents": ref{num: 4},
			"Resources": dict{"Font": dict{"F1": ref{num: 5}}},
		},
		&stream{dict{}, page.Bytes()},
		dict{"Type": name("Font"), "Subtype": name("Type1"), "BaseFont": name("Helvetica")}, // every reader has it (ISO 32000-1 section 9.6.2.2)
		dict{"Type": name("Filespec"), "F": ofText(title), "UF": ofText(title), "AFRelationship": name("Data"), "EF": dict{"F": ref{num: 7}}},
		&stream{dict{"Type": name("EmbeddedFile"), "Subtype": name(kind), "Params": dict{"Size": int64(len(content))}}, content},
	}
	u := &update{out: []byte("%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"), at: map[int]entry{}}
	for n, o := range all {
		u.replace(ref{num: n + 1}, o)
	}
	at := len(u.out)
	out := append(u.out, "xref\n0 1\n0000000000 65535 f \n"...)
	out = append(out, bytes.TrimPrefix(u.appendTable(nil), []byte("xref\n"))...)
	out = append(appendObject(append(out, "trailer\n"...), dict{"Root": ref{num: 1}, "Size": int64(len(all) + 1)}), '\n')
	return fmt.Appendf(out, "startxref\n%d\n%%%%EOF\n", at)
}

// shown is a line as the font has it.
func shown(line string) (out []byte) {
	for _, r := range line {
		if r < ' ' || r > '~' {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return out
}
