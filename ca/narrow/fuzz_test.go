package narrow

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"mohr/internal/fault"
)

// FuzzParse: what is read is within its bounds and is written as it was read;
// all else is Invalid.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"serial":"2a","papers":{"csr":"MA==","records":[],"answers":[]}}`,
		`{"serial":"2a","papers":{"form":"crmf","csr":"MA==","records":[{"id":"e-1","type":"civil_registry","source":"rest-registry@1","environment":"simulated","result":"match","claims":{"national_code":"0012345679","alive":true},"checked_at":"2026-11-29T10:00:00Z","signed":{"path":"/v1/person/inquiry","question":"q","nonce":"n","input":"i","signature":"AA=="}}],"answers":["e30="],"statement":"MA==","document":"e30="}}`,
		`{"serial":"2A","papers":{"csr":"MA==","records":[],"answers":[]}}`,
		`{"serial":"2a","papers":{"csr":"","records":[],"answers":[]}}`,
		`{"serial":"2a","serial":"2b","papers":{"csr":"MA==","records":[],"answers":[]}}`,
		`{"serial":"2a","papers":{"csr":"MA==","records":[],"answers":["MA=="]}}`,
		`{"serial":"2a","papers":{"csr":"MA==","records":[],"answers":[],"more":1}}`,
		`{"serial":"2a","papers":{"csr":"MA==","records":[],"answers":[]}} {}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		once, err := m.bytes()
		if err != nil {
			t.Skip() // a time that JSON cannot say
		}
		again, err := parse(once)
		if err != nil {
			t.Fatalf("not read again: %v", err)
		}
		twice, err := again.bytes()
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("written in two ways: %v", err)
		}
	})
}

func TestAMessageIsBounded(t *testing.T) {
	whole := `{"serial":"2a","papers":{"csr":"MA==","records":[],"answers":[]}}`
	if _, err := parse([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("QUFB", 30_000)
	for name, s := range map[string]string{
		"a member that is not known":      strings.Replace(whole, `"csr"`, `"extra":1,"csr"`, 1),
		"a member twice":                  strings.Replace(whole, `"serial"`, `"serial":"2a","serial"`, 1),
		"something behind it":             whole + "{}",
		"a serial in another form":        strings.Replace(whole, "2a", "002a", 1),
		"no request":                      strings.Replace(whole, "MA==", "", 1),
		"a request that is too long":      strings.Replace(whole, "MA==", long, 1),
		"a form that is not known":        strings.Replace(whole, `"csr"`, `"form":"cmc","csr"`, 1),
		"an answer without a record":      strings.Replace(whole, `"answers":[]`, `"answers":["MA=="]`, 1),
		"too many records":                strings.NewReplacer(`"records":[]`, `"records":[`+strings.Repeat(`{},`, 64)+`{}]`, `"answers":[]`, `"answers":[`+strings.Repeat(`"",`, 64)+`""]`).Replace(whole),
		"a record's answer that is long":  strings.NewReplacer(`"records":[]`, `"records":[{}]`, `"answers":[]`, `"answers":["`+long+`"]`).Replace(whole),
		"a statement that is too long":    strings.Replace(whole, `"csr"`, `"statement":"`+long+`","csr"`, 1),
		"a document that is too long":     strings.Replace(whole, `"csr"`, `"document":"`+long+`","csr"`, 1),
		"a message that is too long":      whole + strings.Repeat(" ", maxMessage),
		"nothing":                         "",
		"text that is cut off in a value": whole[:20],
	} {
		if _, err := parse([]byte(s)); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
