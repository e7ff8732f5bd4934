package anyform_test

import (
	"errors"
	"os"
	"testing"

	"mohr/ca/document"
	"mohr/ca/document/anyform"
	"mohr/internal/fault"
)

// A PDF's signatures are of the PDF: beside another document they prove
// nothing, and no verdict on them is given out for it.
func TestAPDFIsNoSignatureOfAnotherDocument(t *testing.T) {
	raw, err := os.ReadFile("../pdf/testdata/chromium.pdf")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := anyform.Read(raw, document.Bytes([]byte("another document"))); !errors.Is(err, fault.Invalid) {
		t.Errorf("beside another document: %v", err)
	}
}
