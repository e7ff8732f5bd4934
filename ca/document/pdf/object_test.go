package pdf

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func parse(b []byte) (object, int, error) {
	values := maxValues
	l := &lexer{b: b, values: &values}
	o, err := l.object(0)
	return o, l.pos, err
}

func TestObjectsAreReadAsTheStandardSays(t *testing.T) {
	text := func(s string) str { return str{octets: []byte(s)} }
	for _, tc := range []struct {
		in   string
		want object
	}{
		{"true", true}, {"false", false}, {"null", nil},
		{"+17", int64(17)}, {"-98", int64(-98)}, {"34.5", decimal("34.5")}, {"-.002", decimal("-.002")}, {"4.", decimal("4.")},
		{"12 0 R", ref{12, 0}}, {"12 0 Rx", int64(12)}, {"12 0", int64(12)}, {"0 0 R", int64(0)},
		{"/A;Name_With-Various***Characters?", name("A;Name_With-Various***Characters?")},
		{"/A#42", name("AB")}, {"/", name("")},
		{"(Strings may contain balanced parentheses ( ) and\nnewlines)", text("Strings may contain balanced parentheses ( ) and\nnewlines")},
		{`(a\
b\)\(\\\n\053\53\0053\q)`, text("ab)(\\\n++\x053q")},
		{"(a\r\nb\rc)", text("a\nb\nc")},
		{"<48 65\n6C6C6F2>", text("Hello ")},
		{"[1 /A (b) [] 2 0 R]", array{int64(1), name("A"), text("b"), array{}, ref{2, 0}}},
		{"<</A<</B 1>>/C[3]%x >>\n/D/E>>", dict{"A": dict{"B": int64(1)}, "C": array{int64(3)}, "D": name("E")}},
		{"% a comment\r 7", int64(7)},
	} {
		got, _, err := parse([]byte(tc.in))
		if diff := cmp.Diff(tc.want, got, compared); diff != "" || err != nil {
			t.Errorf("%q: %v %s", tc.in, err, diff)
		}
	}
	for _, in := range []string{"", "]", ">>", "1e5", "--1", "1.2.3", "R", "obj", "/A#4", "/A#GG", "/A#00", "(", "<", "<4", "<<", "<</A>>", "<</A 1/A 1>>", "[", "9223372036854775808", "{}"} {
		if got, _, err := parse([]byte(in)); err == nil {
			t.Errorf("%q is taken for %#v", in, got)
		}
	}
}

var compared = cmp.Options{cmp.AllowUnexported(str{}, ref{}), cmpopts.EquateEmpty()}

// FuzzObject shows that what is read, written and read again is the same.
func FuzzObject(f *testing.F) {
	for _, in := range []string{"[1 -2 3.5 /A#20 (b\\(c) <4A> true null 4 0 R <</B [<</C/D>>]>>]", "(\\377\\r\\\n)", "<</A<</B 1>>>>"} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		first, _, err := parse(in)
		if err != nil {
			return
		}
		out := appendObject(nil, first)
		second, end, err := parse(out)
		if diff := cmp.Diff(first, second, compared); diff != "" || err != nil || end != len(out) {
			t.Errorf("%q became %q: %v %s", in, out, err, diff)
		}
		if again := appendObject(nil, second); !bytes.Equal(again, out) {
			t.Errorf("%q became %q", out, again)
		}
	})
}

func TestPredictorsOfPNGAreUndone(t *testing.T) {
	parms := dict{"Predictor": int64(15), "Columns": int64(3)}
	packed := []byte{
		0, 1, 2, 3,
		1, 1, 2, 3,
		2, 1, 2, 3,
		3, 1, 2, 3,
		4, 1, 2, 3,
	}
	want := []byte{
		1, 2, 3,
		1, 3, 6,
		2, 5, 9,
		2, 5, 10,
		3, 7, 13,
	}
	got, err := unpredict(packed, parms)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []dict{
		{"Predictor": int64(2)}, {"Predictor": int64(12), "Columns": int64(4)}, {"Predictor": int64(12), "Columns": int64(0)},
		{"Predictor": int64(12), "Columns": int64(3), "Colors": int64(3)}, {"Predictor": int64(12), "Columns": int64(3), "BitsPerComponent": int64(1)},
	} {
		if _, err := unpredict(packed, bad); err == nil {
			t.Errorf("%v is undone", bad)
		}
	}
	if _, err := unpredict([]byte{9, 1, 2, 3}, parms); err == nil {
		t.Error("a filter that is none is undone")
	}
}
