package refregistry_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"mohr/internal/refregistry"
)

const person = `{"national_code":"0012345679","birth_date":"1990-05-14"}`

func serve(t *testing.T, c refregistry.Config) (*refregistry.Server, string) {
	t.Helper()
	s, err := refregistry.New(c)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(h.Close)
	return s, h.URL
}

// ask puts a question as a gateway would.
func ask(t *testing.T, url, body string) (int, map[string]any, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	r.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
	r.Header.Set("Inquiry-Nonce", "0123456789abcdef")
	return do(t, r)
}

func do(t *testing.T, r *http.Request) (int, map[string]any, http.Header) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if len(b) > 0 && json.Unmarshal(b, &v) != nil {
		v = map[string]any{"text": string(b)}
	}
	return resp.StatusCode, v, resp.Header
}

func send(t *testing.T, method, url, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	status, v, _ := do(t, r)
	return status, v
}

func TestDefaultPeopleHold(t *testing.T) {
	b, err := os.ReadFile("people.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := refregistry.ParsePeople(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Persons) < 12 || len(p.LegalPersons) < 5 {
		t.Errorf("%d persons, %d legal persons", len(p.Persons), len(p.LegalPersons))
	}
	known := map[string]bool{}
	for _, q := range p.Persons {
		known[q.NationalCode] = true
		sum := 0
		for i, c := range q.NationalCode[:9] {
			sum += int(c-'0') * (10 - i)
		}
		want := sum % 11
		if want >= 2 {
			want = 11 - want
		}
		if int(q.NationalCode[9]-'0') != want {
			t.Errorf("the code %s does not hold", q.NationalCode)
		}
		if len(q.Mobile) != 13 || !strings.HasPrefix(q.Mobile, "+989") {
			t.Errorf("%s has the mobile %s", q.NationalCode, q.Mobile)
		}
	}
	for _, l := range p.LegalPersons {
		d := int(l.LegalID[9]-'0') + 2
		sum := 0
		for i, weight := range []int{29, 27, 23, 19, 17, 29, 27, 23, 19, 17} {
			sum += (d + int(l.LegalID[i]-'0')) * weight
		}
		if sum%11%10 != int(l.LegalID[10]-'0') {
			t.Errorf("the legal id %s does not hold", l.LegalID)
		}
		for _, s := range l.Signatories {
			if !known[s.NationalCode] {
				t.Errorf("%s has an unknown signatory", l.LegalID)
			}
		}
		for _, domain := range l.Domains {
			if !strings.HasSuffix(domain, ".test") && !strings.HasSuffix(domain, ".example") {
				t.Errorf("%s could be somebody's domain", domain)
			}
		}
	}
}

func TestParsePeopleRefuses(t *testing.T) {
	const good = `{"national_code":"0012345679","first_name":"a","last_name":"b","father_name":"c","birth_date":"1990-05-14","gender":"F","alive":true,"mobile":"+989121234567","sim_changed_days":1}`
	const firm = `{"legal_id":"14003456780","name":"n","status":"active","signatories":[],"domains":["a.test"],"licences":[]}`
	for _, tt := range []struct{ name, file string }{
		{"nothing", ``},
		{"an unknown key", `{"persons":[],"legal_persons":[],"animals":[]}`},
		{"something behind it", `{"persons":[],"legal_persons":[]} {}`},
		{"one person twice", `{"persons":[` + good + `,` + good + `]}`},
		{"a code of nine digits", `{"persons":[` + strings.Replace(good, "0012345679", "012345679", 1) + `]}`},
		{"no date of birth", `{"persons":[` + strings.Replace(good, "1990-05-14", "14 May", 1) + `]}`},
		{"a SIM from the future", `{"persons":[` + strings.Replace(good, `days":1`, `days":-1`, 1) + `]}`},
		{"a likeness of 101 percent", `{"persons":[` + strings.Replace(good, `days":1`, `days":1,"face_score":101`, 1) + `]}`},
		{"one firm twice", `{"legal_persons":[` + firm + `,` + firm + `]}`},
		{"one domain of two firms", `{"legal_persons":[` + firm + `,` + strings.Replace(firm, "14003456780", "10569780018", 1) + `]}`},
		{"a domain in capitals", `{"legal_persons":[` + strings.Replace(firm, "a.test", "A.test", 1) + `]}`},
		{"a signatory who signs somehow", `{"legal_persons":[` + strings.Replace(firm, `"signatories":[]`, `"signatories":[{"national_code":"1","role":"r","mode":"maybe"}]`, 1) + `]}`},
		{"a licence without a last day", `{"legal_persons":[` + strings.Replace(firm, `"licences":[]`, `"licences":[{"type":"a","number":"1","valid_to":""}]`, 1) + `]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := refregistry.New(refregistry.Config{People: []byte(tt.file)}); err == nil && tt.file != "" {
				t.Error("taken")
			}
			if _, err := refregistry.ParsePeople([]byte(tt.file)); err == nil {
				t.Error("parsed")
			}
		})
	}
}

func FuzzParsePeople(f *testing.F) {
	b, err := os.ReadFile("people.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"persons":[{"national_code":"0012345679","birth_date":"1990-05-14"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := refregistry.ParsePeople(b); err == nil {
			again, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := refregistry.ParsePeople(again); err != nil {
				t.Errorf("written again it is refused: %v", err)
			}
		}
	})
}

func TestQuestionsRefused(t *testing.T) {
	_, url := serve(t, refregistry.Config{})
	for _, tt := range []struct {
		name, body string
		digest     string // "": right
		nonce      string
		status     int
	}{
		{"no JSON", `x`, "", "0123456789abcdef", 400},
		{"an unknown key", `{"national_code":"1","birth_date":"2","extra":3}`, "", "0123456789abcdef", 400},
		{"a key twice", `{"national_code":"1","national_code":"2","birth_date":"2"}`, "", "0123456789abcdef", 400},
		{"another digest", person, "sha-256=:AAAA:", "0123456789abcdef", 400},
		{"a short nonce", person, "", "0123", 400},
		{"a nonce with a line of its own", person, "", "0123456789abcdef;x", 400},
		{"too long a question", `{"national_code":"` + strings.Repeat("1", 65<<10) + `"}`, "", "0123456789abcdef", 413},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/person/inquiry", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(tt.body))
			r.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
			if tt.digest != "" {
				r.Header.Set("Content-Digest", tt.digest)
			}
			r.Header.Set("Inquiry-Nonce", tt.nonce)
			if status, v, h := do(t, r); status != tt.status || h.Get("Signature") != "" {
				t.Errorf("got %d, %v", status, v)
			}
		})
	}
}

func TestFaultsAreSpreadEvenly(t *testing.T) {
	_, url := serve(t, refregistry.Config{})
	for _, tt := range []struct{ fault, want string }{
		{`{"route":"/v1/person/inquiry","mode":"down"}`, "xxxxxx"},
		{`{"route":"/v1/person/inquiry","mode":"flap"}`, "x.x.x."},
		{`{"route":"*","mode":"down","rate":0.25}`, "x...x."},
		{`{"route":"/v1/mobile/match","mode":"down"}`, "......"},
		{`{"route":"/v1/person/inquiry","mode":"lie"}`, "l.l.l."},
		{`{"route":"/v1/person/inquiry","mode":"lie","rate":1}`, "llllll"},
	} {
		if status, v := send(t, "POST", url+"/v1/faults", tt.fault); status != 204 {
			t.Fatal(tt.fault, status, v)
		}
		got := ""
		for range 6 {
			status, v, _ := ask(t, url+"/v1/person/inquiry", person)
			switch {
			case status == 503:
				got += "x"
			case v["person"].(map[string]any)["alive"] == false:
				got += "l"
			default:
				got += "."
			}
		}
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.fault, got, tt.want)
		}
		send(t, "POST", url+"/v1/faults", `{"route":"*","mode":"none"}`)
	}
	if _, v := send(t, "GET", url+"/v1/faults", ""); len(v["faults"].([]any)) != 0 {
		t.Errorf("faults are left: %v", v)
	}
}

func TestFaultsRefused(t *testing.T) {
	_, url := serve(t, refregistry.Config{})
	for _, f := range []string{
		`{}`, `{"route":"*"}`, `{"route":"*","mode":"burn"}`, `{"route":"person","mode":"down"}`,
		`{"route":"*","mode":"down","rate":0}`, `{"route":"*","mode":"down","rate":1.5}`,
		`{"route":"*","mode":"slow","delay":"an hour"}`, `{"route":"*","mode":"slow","delay":"1h"}`, `{"route":"*","mode":"down","why":1}`,
	} {
		if status, _ := send(t, "POST", url+"/v1/faults", f); status != 400 {
			t.Errorf("%s: %d", f, status)
		}
	}
}

func TestKeyIsShown(t *testing.T) {
	s, url := serve(t, refregistry.Config{})
	_, v := send(t, "GET", url+"/v1/key", "")
	if text, _ := v["text"].(string); !strings.Contains(text, "BEGIN PUBLIC KEY") || len(s.PublicKey()) != 32 {
		t.Errorf("got %v", v)
	}
}
