package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"mohr/internal/fault"
)

func TestFaultIsSeenThroughWrapping(t *testing.T) {
	inner := fault.New(fault.Denied, "nonce_used", "nonce %s of %d was used", "x", 3)
	tests := []struct {
		name string
		err  error
		kind fault.Kind
		code string
	}{
		{"itself", inner, fault.Denied, "nonce_used"},
		{"wrapped", fmt.Errorf("renew: %w", inner), fault.Denied, "nonce_used"},
		{"with a cause beside it", fmt.Errorf("%w: %w", inner, io.EOF), fault.Denied, "nonce_used"},
		{"joined with another error", errors.Join(io.EOF, inner), fault.Denied, "nonce_used"},
		{"another error", io.EOF, "", ""},
		{"a kind alone is no fault", fmt.Errorf("x: %w", fault.Denied), fault.Denied, ""},
		{"nil", nil, "", ""},
	}
	kinds := []fault.Kind{fault.Invalid, fault.Denied, fault.NotFound, fault.Conflict, fault.Limited, fault.Unavailable}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			for _, k := range kinds {
				if got := errors.Is(tc.err, k); got != (k == tc.kind) {
					t.Errorf("is %s: %v", k, got)
				}
			}
			f, ok := fault.Of(tc.err)
			if ok != (tc.code != "") || fault.Code(tc.err) != tc.code {
				t.Fatalf("fault %v, code %q", ok, fault.Code(tc.err))
			}
			if !ok {
				return
			}
			if f.Error() != "nonce x of 3 was used" || f.Kind() != tc.kind || f.Code() != tc.code {
				t.Errorf("text %q, kind %s, code %s", f, f.Kind(), f.Code())
			}
			if diff := cmp.Diff([]any{"x", 3}, f.Args()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEachFaultIsFoundAtItsPart(t *testing.T) {
	bad := func(code string) error { return fault.New(fault.Invalid, code, "bad") }
	var got []string
	err := errors.Join(bad("a"), io.EOF, fault.At("x", fmt.Errorf("more: %w", errors.Join(bad("b"), fault.At("y", bad("c"))))), fault.At("z", nil))
	fault.Each(err, func(part string, f *fault.Fault) { got = append(got, part+"="+f.Code()) })
	if diff := cmp.Diff([]string{"=a", "x=b", "y=c"}, got); diff != "" {
		t.Error(diff)
	}
	if fault.Code(err) != "a" || fault.Code(fault.At("x", bad("b"))) != "b" || !errors.Is(fault.At("x", bad("b")), fault.Invalid) || fault.At("x", nil) != nil {
		t.Error("a part hides the fault")
	}
	fault.Each(nil, func(string, *fault.Fault) { t.Error("nothing has a fault") })
}
