package gateway_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
)

// signedCall is a vendor's call signed with the secrets.
func signedCall(t *testing.T, id string, at time.Time, body string, secrets ...string) gateway.Call {
	t.Helper()
	c := gateway.Call{ID: id, Timestamp: fmt.Sprint(at.Unix()), Body: []byte(body)}
	for _, s := range secrets {
		key, err := standardwebhooks.NewWebhook(s)
		if err != nil {
			t.Fatal(err)
		}
		one, err := key.Sign(id, at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		c.Signature = strings.TrimSpace(c.Signature + " " + one)
	}
	return c
}

func TestOnlyTheVendorsOwnCallsAreTaken(t *testing.T) {
	const body = `{"type":"session.done","data":{"session":"vs_1","state":"done"}}`
	other := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 32)))
	edit := func(c gateway.Call, f func(*gateway.Call)) gateway.Call { f(&c); return c }
	good := signedCall(t, "msg_1", visitTime, body, firstSecret)
	for _, tt := range []struct {
		name string
		call gateway.Call
		ref  string
		ok   bool
	}{
		{"signed with the first secret", good, "vs_1", true},
		{"signed with the second secret, after the first was replaced", signedCall(t, "msg_1", visitTime, body, secondSecret), "vs_1", true},
		{"signed with a secret that we lack, and one that we have", signedCall(t, "msg_1", visitTime, body, other, secondSecret), "vs_1", true},
		{"at the edge of the window", signedCall(t, "msg_1", visitTime.Add(-5*time.Minute), body, firstSecret), "vs_1", true},
		{"a call that names no session", signedCall(t, "msg_1", visitTime, `{"type":"hello"}`, firstSecret), "", true},
		{"a call that names a session that cannot be", signedCall(t, "msg_1", visitTime, `{"data":{"session":"../x"}}`, firstSecret), "", true},
		{"a body that is no JSON", signedCall(t, "msg_1", visitTime, `vs_1`, firstSecret), "", true},
		{"a forged signature", signedCall(t, "msg_1", visitTime, body, other), "", false},
		{"another body", edit(good, func(c *gateway.Call) { c.Body = []byte(strings.Replace(body, "vs_1", "vs_2", 1)) }), "", false},
		{"another id", edit(good, func(c *gateway.Call) { c.ID = "msg_2" }), "", false},
		{"another time", edit(good, func(c *gateway.Call) { c.Timestamp = fmt.Sprint(visitTime.Unix() + 1) }), "", false},
		{"an old call", signedCall(t, "msg_1", visitTime.Add(-5*time.Minute-time.Second), body, firstSecret), "", false},
		{"a call from the future", signedCall(t, "msg_1", visitTime.Add(5*time.Minute+time.Second), body, firstSecret), "", false},
		{"a time with a sign", edit(good, func(c *gateway.Call) { c.Timestamp = "+" + c.Timestamp }), "", false},
		{"no signature", edit(good, func(c *gateway.Call) { c.Signature = "" }), "", false},
		{"no id", edit(good, func(c *gateway.Call) { c.ID = "" }), "", false},
		{"no time", edit(good, func(c *gateway.Call) { c.Timestamp = "" }), "", false},
		{"an id that reaches into the time", signedCall(t, "msg_1.1", visitTime, body, firstSecret), "", false},
		{"another version of signature", edit(good, func(c *gateway.Call) { c.Signature = strings.Replace(c.Signature, "v1,", "v0,", 1) }), "", false},
		{"a thousand signatures", edit(good, func(c *gateway.Call) { c.Signature = strings.Repeat("v1,AAAA ", 1000) + c.Signature }), "", false},
		{"a body longer than any", signedCall(t, "msg_1", visitTime, `"`+strings.Repeat("x", gateway.MaxCall)+`"`, firstSecret), "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ref, err := vendorOf(t, vendorFile(t, "document_video", "http://127.0.0.1:1")).Receive(tt.call)
			if ref != tt.ref || (err == nil) != tt.ok || err != nil && fault.Code(err) != "webhook_refused" {
				t.Errorf("got %q, %v", ref, err)
			}
		})
	}
}

func TestASecretOfCallsThatIsNoneTakesNoCall(t *testing.T) {
	for name, secret := range map[string]string{
		"empty": "whsec_", "short": "whsec_c2hvcnQ=", "without its prefix": strings.TrimPrefix(firstSecret, "whsec_"), "no base64": "whsec_!!!", "not there": "",
	} {
		b := vendorFile(t, "document_video", "http://127.0.0.1:1")
		file := filepath.Join(t.TempDir(), "secret")
		if secret != "" {
			if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		i := strings.Index(string(b), "secrets: [")
		j := i + strings.Index(string(b[i:]), "]")
		n := vendorOf(t, []byte(string(b[:i])+"secrets: ["+file+string(b[j:])))
		c := signedCall(t, "msg_1", visitTime, `{"data":{"session":"vs_1"}}`, "whsec_"+strings.TrimSuffix(strings.TrimPrefix(secret, "whsec_"), "!!!"))
		if _, err := n.Receive(c); fault.Code(err) != "webhook_refused" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReceive(f *testing.F) {
	dir := f.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte(firstSecret), 0o600); err != nil {
		f.Fatal(err)
	}
	file := refregistry.VendorFile{Name: "filmer", Kind: "face_match", BaseURL: "http://127.0.0.1:1", Token: secret, Secrets: []string{secret}, Every: "10s"}
	n, err := gateway.NewConnector(file.Connector(), gateway.ConnectorConfig{Now: func() time.Time { return visitTime }})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("msg_1", "1795428000", "v1,AAAA v1,", []byte(`{"data":{"session":"vs_1"}}`), false)
	f.Add("msg_1", "1795428000", "", []byte(`{"data":{"session":"vs_1"}}`), true)
	f.Fuzz(func(t *testing.T, id, at, signature string, body []byte, sign bool) {
		c := gateway.Call{ID: id, Timestamp: at, Signature: signature, Body: body}
		if sign {
			key, _ := standardwebhooks.NewWebhook(firstSecret)
			c.Timestamp = fmt.Sprint(visitTime.Unix())
			c.Signature, _ = key.Sign(id, visitTime, body)
		}
		ref, err := n.Receive(c)
		if err == nil && !sign || err != nil && ref != "" || strings.ContainsAny(ref, "/.? ") {
			t.Errorf("%q, %v", ref, err)
		}
	})
}
