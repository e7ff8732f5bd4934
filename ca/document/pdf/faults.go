package pdf

import "mohr/internal/fault"

// errMalformed is about the octet at of the file, or of an object stream in it.
func errMalformed(at int, what string) error {
	return fault.New(fault.Invalid, "pdf_malformed", "the PDF is damaged at octet %d: %s; save it again with a PDF program and take that file", at, what)
}

func errTooLarge() error {
	return fault.New(fault.Invalid, "pdf_too_large", "the PDF is larger than %d MB, or holds more than can be looked through; split it", maxFile>>20)
}
