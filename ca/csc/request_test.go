package csc

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest: whatever a query says, a browser is sent to a registered address
// or nowhere, and what is read is of its form.
func FuzzRequest(f *testing.F) {
	const back = "https://editor.example/back?at=1"
	d := &Desk{clients: map[string]Client{"editor": {ID: "editor", RedirectURIs: []string{back}}}}
	good := url.Values{
		"response_type": {"code"}, "client_id": {"editor"}, "redirect_uri": {back}, "scope": {"credential"}, "state": {"s"},
		"code_challenge": {strings.Repeat("x", 43)}, "code_challenge_method": {"S256"}, "credentialID": {strings.Repeat("0", 64)},
		"numSignatures": {"1"}, "hashes": {strings.Repeat("A", 43)}, "hashAlgorithmOID": {oidSHA256}, "description": {"قرارداد می‌شود"},
	}
	if r, err := d.readRequest(good.Encode()); err != nil || len(r.Hashes) != 1 || r.Description == "" {
		f.Fatal(r, err)
	}
	f.Add(good.Encode())
	f.Add("client_id=editor&redirect_uri=https://editor.example/back%3Fat=1&state=%00")
	f.Add("client_id=editor&client_id=editor")
	broken := good
	broken.Set("hashes", strings.Repeat("A", 42)+"\n") // which the decoder skips
	f.Add(broken.Encode())
	f.Add("%zz=1;2")
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := d.readRequest(raw)
		if r.Redirect == "" {
			if err == nil {
				t.Error("a request without an address is good")
			}
			return
		}
		u, parsed := url.Parse(r.back("https://localhost", url.Values{"code": {"c"}}))
		if parsed != nil || u.Scheme != "https" || u.Host != "editor.example" || u.Path != "/back" || u.Query().Get("state") != r.State {
			t.Errorf("the browser goes to %s: %v", u, parsed)
		}
		if err != nil {
			return
		}
		if !challengeForm.MatchString(r.Challenge) || !readable(r.Description) || (r.Scope == CredentialScope) != (len(r.Hashes) > 0) {
			t.Errorf("%+v", r)
		}
		for _, h := range r.Hashes {
			if len(h) != 32 {
				t.Errorf("a hash of %d octets", len(h))
			}
		}
	})
}

func TestClientsAreRegisteredStrictly(t *testing.T) {
	good := Client{ID: "editor", Name: Name{"ویرایشگر", "Editor"}, RedirectURIs: []string{"https://editor.example/back"}, SecretSHA256: strings.Repeat("0", 64)}
	if err := (File{[]Client{good}}).Validate(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(c *Client)
		why    string
	}{
		"no id":                    {func(c *Client) { c.ID = "" }, "id is not"},
		"an id with a space":       {func(c *Client) { c.ID = "an editor" }, "id is not"},
		"no Persian name":          {func(c *Client) { c.Name.Fa = "" }, "name.fa"},
		"a name that turns":        {func(c *Client) { c.Name.En = "\u202eEditor" }, "name.en"},
		"a long name":              {func(c *Client) { c.Name.En = strings.Repeat("x", 81) }, "name.en"},
		"no address":               {func(c *Client) { c.RedirectURIs = nil }, "redirect_uris"},
		"plain http":               {func(c *Client) { c.RedirectURIs = []string{"http://editor.example/"} }, "redirect_uris"},
		"a name for this machine":  {func(c *Client) { c.RedirectURIs = []string{"http://localhost/"} }, "redirect_uris"},
		"a script":                 {func(c *Client) { c.RedirectURIs = []string{"javascript:alert(1)"} }, "redirect_uris"},
		"a scheme of an app's own": {func(c *Client) { c.RedirectURIs = []string{"editor://back"} }, "redirect_uris"},
		"a fragment":               {func(c *Client) { c.RedirectURIs = []string{"https://editor.example/#x"} }, "redirect_uris"},
		"somebody's name in it":    {func(c *Client) { c.RedirectURIs = []string{"https://me@editor.example/"} }, "redirect_uris"},
		"a secret as it is":        {func(c *Client) { c.SecretSHA256 = "secret" }, "secret_sha256"},
	} {
		c := good
		tc.change(&c)
		if err := (File{[]Client{c}}).Validate(); err == nil || !strings.Contains(err.Error(), tc.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (File{[]Client{good, good}}).Validate(); err == nil {
		t.Error("the same client twice is good")
	}
}

// FuzzSignHash: what is read of a body are hashes of the right length, or a fault.
func FuzzSignHash(f *testing.F) {
	good := `{"credentialID":"x","hashes":["` + strings.Repeat("A", 43) + `="],"signAlgo":"` + oidECDSASHA256 + `"}`
	f.Add([]byte(good))
	f.Add([]byte(`{"hashes":["",null],"hashes":[]}`))
	f.Add([]byte(`{"SAD":"\u0000","signAlgo":"1.2.840.10045.4.3.2","hashes":["AA==\n"]}`))
	if _, err := readJSON[signHashIn]([]byte(good)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in, err := readJSON[signHashIn](b)
		if err != nil {
			return
		}
		hashes, err := in.check()
		if err != nil {
			return
		}
		if len(hashes) != len(in.Hashes) {
			t.Errorf("%d of %d hashes", len(hashes), len(in.Hashes))
		}
		for _, h := range hashes {
			if len(h) != 64 {
				t.Errorf("%q", h)
			}
		}
	})
}
