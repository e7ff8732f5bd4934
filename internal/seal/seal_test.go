package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/seal"
)

func box(t testing.TB, fill byte) *seal.Box {
	t.Helper()
	b, err := seal.New(bytes.Repeat([]byte{fill}, seal.SecretSize))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSealedOpensThroughJSON(t *testing.T) {
	b := box(t, 1)
	for _, plain := range []string{"", "0012345679", strings.Repeat("م", 1<<16)} {
		sealed, err := b.Seal("applications", "a-1", "person", []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(sealed)
		if err != nil {
			t.Fatal(err)
		}
		if plain != "" && bytes.Contains(doc, []byte(plain)) {
			t.Fatal("the plain text is in the record")
		}
		var back seal.Sealed
		if err := json.Unmarshal(doc, &back); err != nil {
			t.Fatal(err)
		}
		got, err := box(t, 1).Open("applications", "a-1", "person", back)
		if err != nil || string(got) != plain {
			t.Fatalf("%d octets back of %d, error %v", len(got), len(plain), err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	b := box(t, 1)
	sealed, err := b.Seal("applications", "a-1", "person", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := b.Seal("applications", "a-1", "person", []byte("other"))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte, i int) []byte {
		c := bytes.Clone(b)
		c[(i+len(c))%len(c)] ^= 1
		return c
	}
	tests := []struct {
		name                  string
		box                   *seal.Box
		collection, id, field string
		sealed                seal.Sealed
	}{
		{"another secret", box(t, 2), "applications", "a-1", "person", sealed},
		{"another collection", b, "renewals", "a-1", "person", sealed},
		{"another record", b, "applications", "a-2", "person", sealed},
		{"another field", b, "applications", "a-1", "mobile", sealed},
		{"parts cut elsewhere", b, "application", "sa-1", "person", sealed},
		{"a changed nonce", b, "applications", "a-1", "person", seal.Sealed{Version: 1, Key: sealed.Key, Data: flip(sealed.Data, 0)}},
		{"changed data", b, "applications", "a-1", "person", seal.Sealed{Version: 1, Key: sealed.Key, Data: flip(sealed.Data, -1)}},
		{"a changed key", b, "applications", "a-1", "person", seal.Sealed{Version: 1, Key: flip(sealed.Key, -1), Data: sealed.Data}},
		{"the key of another value", b, "applications", "a-1", "person", seal.Sealed{Version: 1, Key: other.Key, Data: sealed.Data}},
		{"data cut short", b, "applications", "a-1", "person", seal.Sealed{Version: 1, Key: sealed.Key, Data: sealed.Data[:5]}},
		{"no data", b, "applications", "a-1", "person", seal.Sealed{Version: 1, Key: sealed.Key}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.box.Open(tc.collection, tc.id, tc.field, tc.sealed)
			if !errors.Is(err, seal.ErrBroken) {
				t.Errorf("opened as %q, error %v", got, err)
			}
		})
	}
	t.Run("another version", func(t *testing.T) {
		s := sealed
		s.Version = 2
		if _, err := b.Open("applications", "a-1", "person", s); err == nil || errors.Is(err, seal.ErrBroken) {
			t.Errorf("error %v", err)
		}
	})
}

func TestErasedStaysErased(t *testing.T) {
	b := box(t, 1)
	sealed, err := b.Seal("applications", "a-1", "person", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	sealed.Erase()
	doc, err := json.Marshal(sealed)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(doc, []byte(`"key"`)) {
		t.Errorf("a key is left: %s", doc)
	}
	for _, s := range []seal.Sealed{sealed, {}} {
		_, err = b.Open("applications", "a-1", "person", s)
		if !s.Erased() || !errors.Is(err, fault.NotFound) || fault.Code(err) != "sealed_erased" {
			t.Errorf("error %v", err)
		}
	}
}

func TestSameValueIsSealedAnewEachTime(t *testing.T) {
	b := box(t, 1)
	one, err1 := b.Seal("c", "1", "f", []byte("same"))
	two, err2 := b.Seal("c", "1", "f", []byte("same"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(one.Data, two.Data) || bytes.Equal(one.Key, two.Key) {
		t.Error("equal plain texts can be seen")
	}
}

func TestIndexAndDeriveAreKeyedAndApart(t *testing.T) {
	b, other := box(t, 1), box(t, 2)
	values := map[string]string{
		"the index":                b.Index("people", "code", "0012345679"),
		"of another value":         b.Index("people", "code", "0012345678"),
		"of another field":         b.Index("people", "mobile", "0012345679"),
		"of another collection":    b.Index("persons", "code", "0012345679"),
		"under another secret":     other.Index("people", "code", "0012345679"),
		"of parts cut elsewhere":   b.Index("peoplecode", "", "0012345679"),
		"a derived key":            string(b.Derive("nonce")),
		"for another purpose":      string(b.Derive("holder")),
		"derived of other secret":  string(other.Derive("nonce")),
		"for the index's own name": string(b.Derive("index")),
	}
	seen := map[string]string{}
	for name, v := range values {
		if again, ok := seen[v]; ok {
			t.Errorf("%s is the same as %s", name, again)
		}
		seen[v] = name
	}
	if b.Index("people", "code", "0012345679") != box(t, 1).Index("people", "code", "0012345679") || !bytes.Equal(b.Derive("nonce"), box(t, 1).Derive("nonce")) {
		t.Error("not the same each time")
	}
	if len(b.Index("", "", "")) != 32 || len(b.Derive("")) != 32 {
		t.Error("lengths")
	}
}

func TestNewRefusesAnotherLength(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := seal.New(make([]byte, n)); err == nil {
			t.Errorf("took a secret of %d octets", n)
		}
	}
}

// TestDerivedValuesStay pins what records on disk rest on; the values were
// made by the first version of this package.
func TestDerivedValuesStay(t *testing.T) {
	b := box(t, 7)
	if got, want := b.Index("people", "code", "0012345679"), "3fbb9a17392fd03a75df22d29c5b53c0"; got != want {
		t.Errorf("index %s, want %s", got, want)
	}
	var s seal.Sealed
	if err := json.Unmarshal([]byte(`{"v":1,"key":"G0nyy/iZJgnDl9j71D8MZMFvLR+CMMjD4DxLXgF5tU2oYeQ/0CN3AYYLoTCsHeSOBZlPkuz+E2UIShRj","data":"LDihPnqJff8ngUvnVghmspUlm8IZe6lB7VsiG1x5Dng="}`), &s); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Open("people", "p-1", "name", s); err != nil || string(got) != "Sara" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzOpen(f *testing.F) {
	b := box(f, 1)
	good, err := b.Seal("c", "1", "f", []byte("plain"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good.Key, good.Data)
	f.Add([]byte{1}, []byte{})
	f.Fuzz(func(t *testing.T, key, data []byte) {
		plain, err := b.Open("c", "1", "f", seal.Sealed{Version: 1, Key: key, Data: data})
		if err == nil && string(plain) != "plain" {
			t.Errorf("a forgery opened as %q", plain)
		}
	})
}
