package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"mohr/cmd/mohr/service"
)

// foreignGateways are gateways with shapes of their own: two for messages, of
// which the first is down, and one that knows whose a mobile is.
type foreignGateways struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
	texts []string
}

func newForeignGateways(t *testing.T) *foreignGateways {
	t.Helper()
	f := &foreignGateways{asked: map[string]int{}}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked[r.URL.Path]++
		switch r.URL.Path {
		case "/match":
			var q struct{ Request struct{ ID, Number string } }
			ok := json.Unmarshal(body, &q) == nil && q.Request.ID == davood.NationalCode && q.Request.Number == davood.Mobile
			fmt.Fprintf(w, `{"response_body":{"data":{"matched":%v,"sim_days":400}}}`, ok)
		case "/send":
			f.texts = append(f.texts, string(body))
			io.WriteString(w, `{"status":200,"id":1}`)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// files writes the three connector files.
func (f *foreignGateways) files(t *testing.T) []string {
	t.Helper()
	message := "connector: %s@1\nasks: sms\nenvironment: simulated\nurl: " + f.URL + "%s\nbody: '{\"receptor\": q.to, \"message\": q.text}'\nresult: 'body.status == 200 ? \"match\" : \"inconclusive\"'\n"
	var files []string
	for i, text := range []string{
		"connector: phones@7\nasks: mobile_ownership\nenvironment: simulated\nurl: " + f.URL + "/match\nbody: '{\"request\": {\"id\": q.national_code, \"number\": q.mobile}}'\n" +
			"result: 'body.response_body.data.matched ? \"match\" : \"mismatch\"'\nclaims: {sim_changed_days: int(body.response_body.data.sim_days)}\n",
		fmt.Sprintf(message, "down", "/down"), fmt.Sprintf(message, "second", "/send"),
	} {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("connector%d.yaml", i))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

func (f *foreignGateways) wasAsked(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path] > 0
}

// code is the code in the newest message.
func (f *foreignGateways) code(string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := len(f.texts) - 1; i >= 0; i-- {
		if code := regexp.MustCompile(`\b[0-9]{6}\b`).FindString(f.texts[i]); code != "" {
			return code, nil
		}
	}
	return "", errors.New("no code was sent")
}

// TestANewGatewayIsConfigurationAlone brings a person to a certificate over
// gateways of somebody else's making, the first of which for messages is down.
func TestANewGatewayIsConfigurationAlone(t *testing.T) {
	f := newForeignGateways(t)
	s := startService(t, "", func(c *service.Config) { c.Connectors = f.files(t) })
	a := s.apply(t, davood, "")
	a.applying.ask = f.code
	a.certify(t)
	export := a.api.done(t, get(a.path("/export"), a.token), http.StatusOK, nil).body
	if !strings.Contains(string(export), `"source":"phones@7"`) {
		t.Errorf("the evidence does not name the gateway: %s", export)
	}
	for _, path := range []string{"/match", "/down", "/send"} {
		if !f.wasAsked(path) {
			t.Errorf("%s was never asked", path)
		}
	}
	// Another person's phone: the gateway's no is heard.
	other := s.apply(t, mina, "")
	other.applying.ask = f.code
	for state := other.state(t); len(state.Needs) > 0; state = other.state(t) {
		if err := other.step(t.Context(), state.Needs[0], state.Terms); err != nil {
			t.Fatal(err)
		}
	}
	if got := other.state(t).Stage; got != "rejected" {
		t.Errorf("mina's application is %s", got)
	}
}

func TestConnectorsAreCheckedAndTriedByCommand(t *testing.T) {
	f := newForeignGateways(t)
	files := f.files(t)
	config := filepath.Join(t.TempDir(), "mohr.yaml")
	if err := os.WriteFile(config, []byte("connectors: ["+strings.Join(files, ", ")+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	question := fmt.Sprintf(`{"national_code":%q,"mobile":%q}`, davood.NationalCode, davood.Mobile)
	for _, tt := range []struct {
		name string
		args []string
		in   string
		want string // "": refused
	}{
		{"files that hold", append([]string{"check"}, files...), "", "phones@7 asks mobile_ownership (simulated)"},
		{"a file that is no connector", []string{"check", config}, "", ""},
		{"a name of the configuration", []string{"test", "--config", config, "phones"}, question, "phones@7: match (status 200"},
		{"a file, its claims hidden", []string{"test", files[0]}, question, "sim_changed_days: given"},
		{"a file, its claims shown", []string{"test", files[0], "--show"}, question, "sim_changed_days: 400"},
		{"as JSON", []string{"test", files[0], "--json"}, question, `"result":"match"`},
		{"another's phone", []string{"test", files[0]}, strings.ReplaceAll(question, davood.Mobile, mina.Mobile), "phones@7: mismatch"},
		{"a name that the configuration has not", []string{"test", "--config", config, "horoscope"}, question, ""},
		{"a question without its fields", []string{"test", files[0]}, `{"mobile":"x"}`, ""},
		{"no question", []string{"test", files[0]}, "", ""},
		{"a gateway that is down", []string{"test", files[1]}, `{"to":"+989901112233","text":"x"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := runConnector(t, tt.in, tt.args...)
			if (err == nil) != (tt.want != "") || !strings.Contains(out, tt.want) || strings.Contains(out, davood.NationalCode) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// runConnector runs mohr connector and returns what it printed.
func runConnector(t *testing.T, in string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := connectorCommand()
	c.SetIn(strings.NewReader(in))
	c.SetOut(&out)
	c.SetErr(&out)
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestConnectorsThatCannotServe(t *testing.T) {
	files := newForeignGateways(t).files(t)
	for name, c := range map[string]service.Config{
		"two for one question":     {Connectors: []string{files[0], files[0]}},
		"a file that is not there": {Connectors: []string{files[0] + ".none"}},
	} {
		c.Data, c.HTTPS, c.MTLS, c.HTTP, c.Ops = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		c.Defaults()
		err := service.Serve(t.Context(), c, service.Dev{On: true}, nil, func(*service.Served) { t.Errorf("%s: it serves", name) })
		if err == nil || !strings.Contains(err.Error(), "connectors: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
