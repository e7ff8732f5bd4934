package gateway

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzConnectorAnswer has any body read: it is an answer of the closed set or
// none.
func FuzzConnectorAnswer(f *testing.F) {
	for _, s := range []string{`{"isMatched":true}`, `{"found":true,"name":1}`, `[]`, `null`, `{"result":{"isValid":true},"status":"DONE"}`, "\xff", `{"isMatched":1e999}`} {
		f.Add([]byte(s))
	}
	var plans []plan
	for _, name := range []string{"mobile-status-done", "mobile-response-body", "civil", "company", "licence", "sms"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
		if err != nil {
			f.Fatal(err)
		}
		file, err := parseConnector(b)
		if err != nil {
			f.Fatal(err)
		}
		p, err := file.compile()
		if err != nil {
			f.Fatal(err)
		}
		plans = append(plans, p)
	}
	q := map[string]string{"national_code": "0012345679", "birth_date": "1990-05-14", "mobile": "+989121234567", "to": "", "text": "", "legal_id": "14003456780", "type": "enamad"}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range plans {
			a, err := p.read(q, "", 200, b)
			if err == nil && a.result != Match && a.result != Mismatch && a.result != Inconclusive {
				t.Errorf("result %q", a.result)
			}
			if err == nil && a.result != Match && len(a.claims) > 0 {
				t.Error("claims without a match")
			}
		}
	})
}
