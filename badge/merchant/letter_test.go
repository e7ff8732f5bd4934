package merchant

import (
	"net/url"
	"strings"
	"testing"

	"mohr/internal/fault"
)

// TestALetterIsMadeOfABadgeRequestOnly: nobody has another statement signed by
// way of this desk, nor a file of their own.
func TestALetterIsMadeOfABadgeRequestOnly(t *testing.T) {
	for name, payload := range map[string]string{
		"a renewal":                      `{"type":"mohr-renew/1","aud":"https://localhost:8443"}`,
		"an answer":                      `{"type":"mohr-complaint-answer/1"}`,
		"both, for readers of two minds": `{"type":"mohr-renew/1","TYPE":"mohr-badge-request/1"}`,
		"no type":                        `{"domain":"shop.example"}`,
		"a PDF":                          "%PDF-1.7\n",
		"nothing":                        "",
		"a request, too long":            `{"type":"mohr-badge-request/1","domain":"` + strings.Repeat("a", maxPayload) + `"}`,
	} {
		_, err := (&Desk{}).letter(t.Context(), Visitor{Holder: "h"}, "1", []byte(payload))
		if fault.Code(err) != "merchant_letter" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := signedRequest(url.Values{"letter": {"%PDF"}}); fault.Code(err) != "merchant_letter" {
		t.Errorf("a letter that is not base64: %v", err)
	}
}
