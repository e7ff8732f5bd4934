package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/gateway"

	"github.com/google/go-cmp/cmp"
)

// foreign is a gateway of somebody else's making.
type foreign struct {
	*httptest.Server
	status int
	answer func(n int64) string // to the n-th question, from 1
	asked  atomic.Int64
	begun  atomic.Int64 // questions that are no polls
	last   atomic.Pointer[http.Request]
	body   atomic.Pointer[[]byte]
}

func newForeign(t *testing.T, status int, answer func(int64) string) *foreign {
	t.Helper()
	f := &foreign{status: status, answer: answer}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		f.body.Store(&b)
		f.last.Store(r)
		if r.URL.Path != "/result" {
			f.begun.Add(1)
		}
		w.WriteHeader(f.status)
		io.WriteString(w, f.answer(f.asked.Add(1)))
	}))
	t.Cleanup(f.Close)
	return f
}

func always(s string) func(int64) string { return func(int64) string { return s } }

// connector reads a file of testdata, with the address of the foreign gateway.
func (f *foreign) connector(t *testing.T, file string, edits ...string) *gateway.Connector {
	t.Helper()
	n, err := gateway.NewConnector(connectorFile(t, file, append([]string{"https://gateway.example", f.URL}, edits...)...), gateway.ConnectorConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func connectorFile(t *testing.T, file string, oldNew ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.NewReplacer(oldNew...).Replace(string(b)))
}

// TestANewGatewayIsAFile asks four shapes of mobile matching that are in use.
func TestANewGatewayIsAFile(t *testing.T) {
	for _, tt := range []struct {
		file   string
		status int
		answer string
		want   gateway.Result // "": no answer
		sent   string         // in the question
	}{
		{"mobile-ismatched", 200, `{"isMatched":true}`, gateway.Match, `"mobile":"09121234567"`},
		{"mobile-ismatched", 200, `{"isMatched":false}`, gateway.Mismatch, `"nationalCode":"0012345679"`},
		{"mobile-ismatched", 200, `{"isMatched":"yes"}`, "", ""},
		{"mobile-ismatched", 200, `{}`, "", ""},
		{"mobile-ismatched", 200, `<html>`, "", ""},
		{"mobile-ismatched", 404, `{"isMatched":false}`, "", ""},
		{"mobile-ismatched", 401, `{"isMatched":false}`, "", ""},
		{"mobile-ismatched", 500, `{"isMatched":true}`, "", ""},
		{"mobile-data-matched", 200, `{"result":1,"data":{"matched":true}}`, gateway.Match, `"mobile":"+989121234567"`},
		{"mobile-data-matched", 200, `{"result":1,"data":{"matched":false}}`, gateway.Mismatch, ""},
		{"mobile-data-matched", 200, `{"result":7,"data":{"matched":false}}`, "", ""},
		{"mobile-response-body", 200, `{"response_body":{"data":{"matched":true,"sim_days":400}}}`, gateway.Match, `"request":{"id":"0012345679","numbers":["+989121234567"]}`},
		{"mobile-response-body", 200, `{"response_body":{"data":{"matched":true,"sim_days":-1}}}`, "", ""},
		{"mobile-response-body", 200, `{"response_body":{"data":{"matched":true}}}`, "", ""},
		{"mobile-status-done", 200, `{"result":{"isValid":true},"status":"DONE"}`, gateway.Match, ""},
		{"mobile-status-done", 200, `{"result":{"isValid":false},"status":"DONE"}`, gateway.Mismatch, ""},
		{"mobile-status-done", 200, `{"result":{"isValid":true},"status":"FAILED"}`, gateway.Inconclusive, ""},
		{"mobile-status-done", 404, `{}`, gateway.Mismatch, ""},
	} {
		t.Run(tt.file+" "+tt.answer, func(t *testing.T) {
			f := newForeign(t, tt.status, always(tt.answer))
			n := f.connector(t, tt.file)
			a, err := n.Mobile(t.Context(), zahra, mobile)
			if tt.want == "" {
				if !errors.Is(err, fault.Unavailable) {
					t.Fatalf("got %+v, %v", a, err)
				}
				return
			}
			if err != nil || a.Value.Result != tt.want || a.Value.Mobile != mobile || a.Source != tt.file+"@1" || a.Environment != "production" || string(a.Raw) != tt.answer || a.Contradicts {
				t.Fatalf("got %+v, %v", a, err)
			}
			if known := tt.file == "mobile-response-body"; a.Value.SIMUnknown == known || known && a.Value.SIMChangedDays != 400 {
				t.Errorf("the SIM's age is %+v", a.Value)
			}
			if !strings.Contains(string(*f.body.Load()), tt.sent) {
				t.Errorf("asked with %s", *f.body.Load())
			}
			if want := map[bool]int64{true: 1, false: 2}[tt.want == gateway.Match]; f.asked.Load() != want {
				t.Errorf("asked %d times, want %d: no single answer is to somebody's disadvantage", f.asked.Load(), want)
			}
		})
	}
}

func TestACivilRegistryIsAFile(t *testing.T) {
	f := newForeign(t, 200, always(`{"found":true,"nin":"0012345679","name":"زهرا","family":"محمدی","father":"حسین","deathStatus":0}`))
	a, err := f.connector(t, "civil").Person(t.Context(), zahra, born)
	if err != nil || a.Value != (gateway.Person{Result: gateway.Match, NationalCode: zahra, FirstName: "زهرا", LastName: "محمدی", FatherName: "حسین", BirthDate: born, Alive: true}) {
		t.Fatalf("got %+v, %v", a, err)
	}
	var asked map[string]string
	if err := json.Unmarshal(*f.body.Load(), &asked); err != nil || asked["birthDate"] != "13690224" {
		t.Errorf("asked with %v, %v", asked, err)
	}
	other := newForeign(t, 200, always(`{"found":true,"nin":"1111111111","name":"زهرا","family":"محمدی","father":"حسین","deathStatus":0}`))
	if _, err := other.connector(t, "civil").Person(t.Context(), zahra, born); !errors.Is(err, fault.Unavailable) {
		t.Errorf("an answer about somebody else: %v", err)
	}
	if _, err := f.connector(t, "civil").Mobile(t.Context(), zahra, mobile); err == nil {
		t.Error("a civil registry was asked for a phone")
	}
}

func TestACompanyRegisterIsAFile(t *testing.T) {
	good := `{"ok":true,"company":{"title":"نمونه","state":"1","members":[{"nin":"0012345679","post":"مدیرعامل","sign":"single"},{"nin":"1200000021","post":"عضو","sign":"joint"}]}}`
	for _, tt := range []struct {
		name, answer string
		want         gateway.Legal // zero: no answer
	}{
		{"one that lives", good, gateway.Legal{Result: gateway.Match, LegalID: company, Name: "نمونه", Status: "active", Signatories: []gateway.Signatory{
			{NationalCode: zahra, Role: "مدیرعامل", Alone: true}, {NationalCode: "1200000021", Role: "عضو"}}}},
		{"one that is dissolved", strings.Replace(good, `"1"`, `"4"`, 1), gateway.Legal{Result: gateway.Match, LegalID: company, Name: "نمونه", Status: "dissolved", Signatories: []gateway.Signatory{
			{NationalCode: zahra, Role: "مدیرعامل", Alone: true}, {NationalCode: "1200000021", Role: "عضو"}}}},
		{"one that is not", `{"ok":false}`, gateway.Legal{Result: gateway.Mismatch, LegalID: company}},
		{"a member without a number", strings.Replace(good, `"nin":"0012345679",`, "", 1), gateway.Legal{}},
		{"a member with a number as a number", strings.Replace(good, `"0012345679"`, "12345679", 1), gateway.Legal{}},
		{"members that are none", strings.Replace(good, `"members":[`, `"members":7,"x":[`, 1), gateway.Legal{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newForeign(t, 200, always(tt.answer))
			a, err := f.connector(t, "company").Legal(t.Context(), company)
			if diff := cmp.Diff(tt.want, a.Value); diff != "" || (err == nil) != (tt.want.Result != "") {
				t.Errorf("%v, (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestALicenceRegisterIsAFile(t *testing.T) {
	for _, tt := range []struct {
		name, answer, number, validTo string // "": no answer
	}{
		{"a licence", `[{"kind":"enamad","no":"E-12","until":"14061229"}]`, "E-12", "2028-03-19"},
		{"a licence until no day", `[{"kind":"enamad","no":"E-12","until":"14061230"}]`, "", ""},
		{"a licence until nowhere", `[{"kind":"enamad","no":"E-12","until":"soon"}]`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newForeign(t, 200, always(tt.answer))
			a, err := f.connector(t, "licence").Licence(t.Context(), company, "enamad")
			if a.Value.Number != tt.number || a.Value.ValidTo != tt.validTo || (err == nil) != (tt.number != "") {
				t.Errorf("got %+v, %v", a.Value, err)
			}
		})
	}
	none := newForeign(t, 200, always(`[]`))
	if a, err := none.connector(t, "licence").Licence(t.Context(), company, "enamad"); err != nil || a.Value.Result != gateway.Mismatch {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestAGatewayThatAnswersLaterIsPolled(t *testing.T) {
	later := func(ready int64) func(int64) string {
		return func(n int64) string {
			if n < ready {
				return `{"state":"running","id":"r-7"}`
			}
			return `{"state":"done","matched":true}`
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(int64) string
		asked  int64 // 0: no answer
	}{
		{"at once", later(1), 1},
		{"the third time", later(3), 3},
		{"never", later(1 << 40), 0},
		{"without a name for the question", always(`{"state":"running"}`), 0},
		{"neither so nor so", always(`{"state":7}`), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newForeign(t, 200, tt.answer)
			edits := []string{}
			if tt.asked == 0 {
				edits = []string{"for: 20s", "for: 100ms"}
			}
			a, err := f.connector(t, "mobile-poll", edits...).Mobile(t.Context(), zahra, mobile)
			if tt.asked == 0 {
				if !errors.Is(err, fault.Unavailable) {
					t.Errorf("got %+v, %v", a, err)
				}
				return
			}
			if err != nil || a.Value.Result != gateway.Match || f.asked.Load() != tt.asked {
				t.Fatalf("got %+v, %v after %d questions", a, err, f.asked.Load())
			}
			if path, body := f.last.Load().URL.Path, string(*f.body.Load()); tt.asked > 1 && (path != "/result" || body != `{"ticket":"r-7"}`) {
				t.Errorf("the last question was %s %s", path, body)
			}
		})
	}
	never := newForeign(t, 200, later(1<<40))
	if _, err := never.connector(t, "mobile-poll", "for: 20s", "for: 100ms").Mobile(t.Context(), zahra, mobile); err == nil || never.begun.Load() != 1 {
		t.Errorf("%v after %d beginnings: what takes long is not begun again at once", err, never.begun.Load())
	}
}

func TestAQuestionIsSignedAsTheGatewayWants(t *testing.T) {
	f := newForeign(t, 200, always(`{"isMatched":true}`))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("k1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := f.connector(t, "mobile-ismatched", "headers:", "hmac: {header: X-Signature, secret_file: "+secret+"}\nheaders:")
	if _, err := n.Mobile(t.Context(), zahra, mobile); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte("k1"))
	mac.Write(*f.body.Load())
	if got := f.last.Load().Header.Get("X-Signature"); got != hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("signed with %q", got)
	}
	if err := os.Remove(secret); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Mobile(t.Context(), zahra, mobile); err == nil || f.asked.Load() != 1 {
		t.Errorf("%v after %d questions: without its secret none is sent", err, f.asked.Load())
	}
}

func TestAGatewayIsAskedNoFasterThanItsRate(t *testing.T) {
	f := newForeign(t, 200, always(`{"isMatched":true}`))
	n := f.connector(t, "mobile-ismatched", "headers:", "rate: 1\nheaders:")
	var asking sync.WaitGroup
	var refused atomic.Int64
	for range 20 {
		asking.Go(func() {
			if _, err := n.Mobile(t.Context(), zahra, mobile); errors.Is(err, fault.Unavailable) {
				refused.Add(1)
			}
		})
	}
	asking.Wait()
	if f.asked.Load()+refused.Load() != 20 || refused.Load() == 0 {
		t.Errorf("%d were asked and %d sent away", f.asked.Load(), refused.Load())
	}
}

func TestATrialTellsWhatAnAnswerComesTo(t *testing.T) {
	f := newForeign(t, 200, always(`{"response_body":{"data":{"matched":true,"sim_days":400}}}`))
	n := f.connector(t, "mobile-response-body")
	got, err := n.Try(t.Context(), map[string]string{"national_code": zahra, "mobile": mobile})
	if err != nil || got.Result != gateway.Match || got.Status != 200 || got.Claims["sim_changed_days"] != 400.0 || f.asked.Load() != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, q := range []map[string]string{nil, {"national_code": zahra}, {"national_code": zahra, "mobile": mobile, "name": "x"}} {
		if _, err := n.Try(t.Context(), q); err == nil {
			t.Errorf("%v was asked", q)
		}
	}
}

func TestAMessageGatewayIsAFile(t *testing.T) {
	f := newForeign(t, 200, always(`{"status":200,"id":8812}`))
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := f.connector(t, "sms", "asks: sms", "asks: sms\nbearer_file: "+token)
	a, err := n.SMS(t.Context(), mobile, "سلام «مُهر»")
	if err != nil || a.Value.ID != "8812" || f.last.Load().Header.Get("Authorization") != "Bearer s3cret" || !strings.Contains(string(*f.body.Load()), "سلام «مُهر»") {
		t.Fatalf("got %+v, %v, %v", a, err, f.last.Load().Header)
	}
	full := newForeign(t, 200, always(`{"status":418,"id":1}`))
	if _, err := full.connector(t, "sms").SMS(t.Context(), mobile, "x"); !errors.Is(err, fault.Unavailable) || full.asked.Load() != 1 {
		t.Errorf("%v after %d tries: a message is not sent twice", err, full.asked.Load())
	}
}

func TestAConnectorThatContradictsItself(t *testing.T) {
	f := newForeign(t, 200, func(n int64) string {
		if n == 1 {
			return `{"isMatched":false}`
		}
		return `{"isMatched":true}`
	})
	if a, err := f.connector(t, "mobile-ismatched").Mobile(t.Context(), zahra, mobile); err != nil || !a.Contradicts {
		t.Errorf("got %+v, %v", a, err)
	}
}

func TestASlowOrIllGatewayIsUnavailable(t *testing.T) {
	over := make(chan struct{})
	defer close(over)
	slow := newForeign(t, 200, func(int64) string { <-over; return `{"isMatched":true}` })
	if _, err := slow.connector(t, "mobile-ismatched", "asks:", "timeout: 20ms\nasks:").Mobile(t.Context(), zahra, mobile); !errors.Is(err, fault.Unavailable) {
		t.Errorf("slow: %v", err)
	}
	ill := newForeign(t, 503, always(`{}`))
	n := ill.connector(t, "mobile-ismatched")
	for range 4 {
		if _, err := n.Mobile(t.Context(), zahra, mobile); !errors.Is(err, fault.Unavailable) {
			t.Errorf("ill: %v", err)
		}
	}
	if got := ill.asked.Load(); got > 6 {
		t.Errorf("an ill gateway was asked %d times: the breaker does not open", got)
	}
}

func TestConnectorFilesThatAreRefused(t *testing.T) {
	for name, edit := range map[string][]string{
		"no name":               {"mobile-ismatched@1", "Mobile"},
		"an unknown kind":       {"asks: mobile_ownership", "asks: horoscope"},
		"no environment":        {"environment: production", "environment: test"},
		"plain http":            {"https://", "http://"},
		"a GET with the person": {"headers:", "method: GET\nheaders:"},
		"an unknown key":        {"headers:", "shell: rm\nheaders:"},
		"a broken expression":   {"body.isMatched ?", "body.isMatched ? ?"},
		"a result of a number":  {`? "match" : "mismatch"`, "? 1 : 2"},
		"an unknown variable":   {"q.national_code", "secret.national_code"},
		"the body as an answer": {"{\"nationalCode\": q.national_code", "{\"nationalCode\": body.x"},
		"half of a signature":   {"headers:", "hmac: {header: X}\nheaders:"},
		"a poll without a ref":  {"headers:", "poll: {until: 'true', url: https://gateway.example/, body: '{}'}\nheaders:"},
		"a poll over http":      {"headers:", "poll: {until: 'true', ref: '\"x\"', url: 'http://gateway.example/', body: '{}'}\nheaders:"},
		"a poll without end":    {"headers:", "poll: {until: 'true', ref: '\"x\"', url: https://gateway.example/, body: '{}', for: 1h}\nheaders:"},
		"a rate without end":    {"headers:", "rate: 20000\nheaders:"},
		"a foreign claim":       {"result:", "claims: {alive: 'true'}\nresult:"},
		"a status of failure":   {"result:", "statuses: [500]\nresult:"},
		"half of a key pair":    {"headers:", "certificate: c.pem\nheaders:"},
		"a root that is not":    {"headers:", "root_file: nowhere.pem\nheaders:"},
		"a second document":     {"headers:", "---\nheaders:"},
		"a long timeout":        {"headers:", "timeout: 1h\nheaders:"},
	} {
		t.Run(name, func(t *testing.T) {
			b := connectorFile(t, "mobile-ismatched", edit...)
			if string(b) == string(connectorFile(t, "mobile-ismatched")) {
				t.Fatal("the edit changes nothing")
			}
			if _, err := gateway.NewConnector(b, gateway.ConnectorConfig{}); err == nil {
				t.Error("it was taken")
			}
		})
	}
}
