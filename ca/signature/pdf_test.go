package signature_test

import (
	"context"
	"errors"
	"testing"

	"mohr/ca/signature"
	"mohr/internal/fault"
)

// TestAStatementAsAPDFIsReadWhereThereIsAPlace, which it gives back whatever
// comes of it.
func TestAStatementAsAPDFIsReadWhereThereIsAPlace(t *testing.T) {
	taken := 0
	full := errors.New("full")
	v := &signature.Verifier{Place: func(context.Context) (func(), error) {
		if taken > 0 {
			return nil, full
		}
		taken++
		return func() { taken-- }, nil
	}}
	if _, err := v.PDF(t.Context(), []byte("no PDF")); fault.Code(err) != "pdf_header" || taken != 0 {
		t.Errorf("%v, %d places taken", err, taken)
	}
	taken = 1
	if _, err := v.PDF(t.Context(), []byte("no PDF")); !errors.Is(err, full) {
		t.Errorf("without a place: %v", err)
	}
}
