package held_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/held"
	"mohr/ca/signin"
)

// TestTheListShowsItsHoldersKeys: to who is signed in, each by its page.
func TestTheListShowsItsHoldersKeys(t *testing.T) {
	b := newBench(t, nil)
	w := b.browser(t)
	if status, page := w.send("GET", "/my/keys", "", nil); status != http.StatusOK || !strings.Contains(page, "make-held") {
		t.Fatalf("%d\n%s", status, page)
	}
	fresh := b.make(t, true)
	k, _ := b.certified(t, false)
	signsIn, _ := b.certifiedFor(t, false, ca.NaturalAuth)
	_, page := w.send("GET", "/my/keys", "", nil)
	for _, id := range []string{fresh.ID, k.ID, signsIn.ID} {
		status, own := w.send("GET", "/my/keys/"+id, "", nil)
		if !strings.Contains(page, "/my/keys/"+id) || status != http.StatusOK || !strings.Contains(own, id) {
			t.Errorf("%s: %d", id, status)
		}
		if certified := strings.Contains(own, "/my/sign"); certified != (id == k.ID) {
			t.Errorf("%s offers to sign documents: %v", id, certified)
		}
		if told := strings.Contains(own, "and no documents"); told != (id == signsIn.ID) {
			t.Errorf("%s is for signing in: %v", id, told)
		}
	}
	status, list := w.send("GET", "/my/keys.json", "", nil)
	if status != http.StatusOK || strings.Count(list, "BEGIN CERTIFICATE") < 3 || strings.Count(list, `"id"`) != 3 {
		t.Errorf("%d %s", status, list)
	}
	nobody := &browser{t: t, b: b, cookies: map[string]string{}}
	if status, list := nobody.send("GET", "/my/keys.json", "", nil); status != http.StatusOK || strings.TrimSpace(list) != `{"keys":[]}` {
		t.Errorf("nobody sees %d %s", status, list)
	}
	if status, _ := nobody.send("GET", "/my/keys/"+k.ID, "", nil); status != http.StatusSeeOther {
		t.Errorf("nobody sees a key: %d", status)
	}
}

// TestAPagesScriptSignsAsItsHolder: in two requests, strictly read; not for
// other software, and not without a session.
func TestAPagesScriptSignsAsItsHolder(t *testing.T) {
	b := newBench(t, nil)
	w := b.browser(t)
	k, _ := b.certified(t, false)
	wanted := document(k, "one")
	ask := map[string]any{"purpose": "document", "hashes": wanted.Hashes}
	var c struct {
		Nonce   string         `json:"nonce"`
		Options signin.Options `json:"options"`
	}
	w.json("/my/keys/"+k.ID+"/sign/options", ask, &c)
	ask["nonce"], ask["assertion"] = c.Nonce, json.RawMessage(b.passkey.Answer(t, c.Options))
	var out struct {
		Signatures [][]byte `json:"signatures"`
	}
	w.json("/my/keys/"+k.ID+"/sign", ask, &out)
	if !(signer{t, b, k, held.Document}).holds(wanted, out.Signatures) {
		t.Error("the signature does not hold")
	}
	sent := func(w *browser, media, body string) int {
		status, _ := w.send("POST", "/my/keys/"+k.ID+"/sign/options", media, strings.NewReader(body))
		return status
	}
	good, err := json.Marshal(map[string]any{"purpose": "document", "hashes": wanted.Hashes})
	must(t, err)
	for name, got := range map[string]int{
		"as a form":          sent(w, "text/plain", string(good)),
		"with a strange key": sent(w, "application/json", `{"x":1,`+string(good[1:])),
		"for other software": sent(w, "application/json", strings.Replace(string(good), "document", "remote", 1)),
		"too long":           sent(w, "application/json", `{"x":"`+strings.Repeat("x", 64<<10)+`"}`),
		"cut short":          sent(w, "application/json", string(good[:9])),
	} {
		if got != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := sent(&browser{t: t, b: b, cookies: map[string]string{}}, "application/json", string(good)); got != http.StatusForbidden && got != http.StatusUnauthorized {
		t.Errorf("without a session: %d", got)
	}
}
