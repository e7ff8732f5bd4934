package gateway_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// TestWithoutItsLaboratoriesAVendorIsNotAsked (R1).
func TestWithoutItsLaboratoriesAVendorIsNotAsked(t *testing.T) {
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	f := newForeign(t, 200, always(`{}`))
	n := vendorOf(t, vendorFile(t, "document_video", f.URL))
	for _, tt := range []struct {
		at     string
		holds  bool
		ending int
	}{
		{"2027-10-24", true, 0}, {"2027-10-25", true, 2}, {"2027-11-23", true, 2}, {"2027-11-24", false, 0}, {"2030-01-01", false, 0},
	} {
		if err := n.Certified(day(tt.at)); (err == nil) != tt.holds || len(n.Ending(day(tt.at))) != tt.ending {
			t.Errorf("on %s: %v, %d end soon", tt.at, err, len(n.Ending(day(tt.at))))
		}
	}
	for name, edit := range map[string][]string{
		"liveness alone has ended": {`number: SIM-PAD-1, valid_to: 2027-11-23`, `number: SIM-PAD-1, valid_to: 2026-11-22`},
		"no liveness":              {"  - {covers: liveness", "  - {covers: identification"},
		"none at all":              {"certificates:", "# certificates:", "  - {covers", "#  - {covers"},
	} {
		v := vendorOf(t, vendorFile(t, "document_video", f.URL, edit...))
		if _, err := v.Start(t.Context(), visitor); fault.Code(err) != "vendor_uncertified" || !errors.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f.asked.Load() != 0 {
		t.Errorf("it was asked %d times", f.asked.Load())
	}
	if err := vendorOf(t, vendorFile(t, "face_match", f.URL)).Certified(visitTime); err != nil {
		t.Errorf("a face needs no certificate of identification: %v", err)
	}
}

func TestVendorFilesThatAreRefused(t *testing.T) {
	for name, edit := range map[string][]string{
		"no webhook":                  {"webhook:", "# webhook:"},
		"no secret":                   {"secrets: [", "secrets: []} # ["},
		"no place to go":              {"link:", "# link:"},
		"a link anywhere":             {`hosts: ["vendor.example"]`, `hosts: []`},
		"a host that is an address":   {`hosts: ["vendor.example"]`, `hosts: ["https://vendor.example/"]`},
		"an answer about anything":    {"about:", "# about:"},
		"nothing to fetch":            {"poll:", "# poll:", "  until:", "#", "  ref: body.id", "#", "  method:", "#", "  url: https://vendor.example/v1/sessions/{ref}", "#", "  every:", "#", "  for:", "#"},
		"a fetch over plain http":     {"url: https://vendor.example/v1/sessions/{ref}", "url: http://vendor.example/v1/sessions/{ref}"},
		"the reference as a host":     {"url: https://vendor.example/v1/sessions/{ref}", "url: https://{ref}/v1"},
		"the reference in the query":  {"sessions/{ref}", "sessions?id={ref}"},
		"a GET without the reference": {"sessions/{ref}", "sessions"},
		"a GET with a body":           {"  method: GET", "  method: GET\n  body: '{\"id\": ref}'"},
		"a fetch by DELETE":           {"method: GET", "method: DELETE"},
		"a wait of days":              {"for: 30m", "for: 72h"},
		"a fetch without pause":       {"every: 10s", "every: 1ms"},
		"a certificate for ever":      {"valid_to: 2027-11-23}", "valid_to: never}"},
		"a certificate of nobody":     {"lab: simulated", `lab: ""`},
		"a certificate of something":  {"covers: liveness", "covers: beauty"},
		"a claim that is none":        {"  live: body.face.live", "  live: body.face.live\n  colour: body.face.colour"},
		"a vendor of licences":        {"asks: document_video", "asks: licence"},
	} {
		t.Run(name, func(t *testing.T) {
			b, before := vendorFile(t, "document_video", "https://vendor.example", edit...), vendorFile(t, "document_video", "https://vendor.example")
			if len(b) == len(before) && name != "a fetch by DELETE" && strings.Contains(string(b), edit[0]) {
				t.Fatal("the edit changes nothing")
			}
			if _, err := gateway.NewConnector(b, gateway.ConnectorConfig{}); err == nil {
				t.Errorf("it was taken:\n%s", b)
			}
		})
	}
	for _, kind := range []string{"document_video", "face_match"} {
		if _, err := gateway.NewConnector(vendorFile(t, kind, "https://vendor.example"), gateway.ConnectorConfig{}); err != nil {
			t.Error(err)
		}
	}
}
