package badge

import (
	"mohr/ca/document/pdf"
)

// RequestFile is what the request is called that a PDF carries.
const RequestFile = "badge-request.json"

// RequestPDF returns a PDF, not signed yet, that carries the payload of a
// request and says on its page, in English, what it asks for. It becomes a
// request by pades.Sign with States; signed otherwise it is none.
func RequestPDF(a Ask, payload []byte) []byte {
	who := a.LegalID
	if who == "" {
		who = "a sole trader, who signs"
	}
	return pdf.Carry([]string{
		"Request for a trust badge",
		"",
		"To: " + a.Audience,
		"Asked for: " + string(a.Action),
		"Domain: " + a.Domain,
		"Business: " + who,
		"",
		"The request itself is the attached file " + RequestFile + ".",
		"The signature of this PDF is made for it, and serves for nothing else.",
	}, RequestFile, "application/json", payload)
}
