package store

import "testing"

func TestCanonicalFormsOfNumbers(t *testing.T) {
	for _, tc := range []struct {
		name, a, b string
		same       bool
	}{
		{"an exponent is its number", `[1e3]`, `[1000]`, true},
		{"a fraction's form does not count", `[1E-7]`, `[0.0000001]`, true},
		{"trailing zeros do not count", `{"a":1.50}`, `{"a": 1.5}`, true},
		{"the order of members does not count", `{"b":1,"a":2}`, `{"a":2,"b":1}`, true},
		{"all digits count", `[9007199254740993]`, `[9007199254740992]`, false},
		{"a string is no number", `["n1"]`, `[1]`, false},
		{"the order of elements counts", `[1,2]`, `[2,1]`, false},
		{"null is not nothing", `{"a":null}`, `{}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err1 := canonical([]byte(tc.a))
			b, err2 := canonical([]byte(tc.b))
			if err1 != nil || err2 != nil || (string(a) == string(b)) != tc.same {
				t.Errorf("%s and %s, errors %v, %v", a, b, err1, err2)
			}
		})
	}
	for _, bad := range []string{``, `{`, `1 2`, `1e999999999`, `[1e-1000]`} {
		if c, err := canonical([]byte(bad)); err == nil {
			t.Errorf("%s is taken as %s", bad, c)
		}
	}
}
