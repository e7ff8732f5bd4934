package main

import (
	"path/filepath"
	"strings"
	"testing"

	"mohr/internal/browser"
)

// command runs the program and returns what it printed.
func command(t *testing.T, args ...string) string {
	t.Helper()
	var out strings.Builder
	c := newRoot()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("mohr %s: %v\n%s", strings.Join(args, " "), err, &out)
	}
	return strings.TrimSpace(out.String())
}

// keyArgs are the flags that name a holder's key, with what sign-in needs.
func (s *running) keyArgs(certFile, keyFile string) []string {
	return []string{"sign-in", "--server", s.Config.Portal, "--root", filepath.Join(s.data, "root.pem"), "--cert", certFile, "--key", keyFile}
}

// TestAPersonSignsInInABrowser: by a statement of the command, without
// scripts too; then with a passkey that was added after another proof.
func TestAPersonSignsInInABrowser(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	chromium := browser.Shared(t)
	for i, l := range []browser.Look{{Lang: "fa"}, {Lang: "en", Phone: true, NoScript: true}, {Lang: "fa", Phone: true}, {Lang: "en", Dark: true}} {
		t.Run(l.String(), func(t *testing.T) {
			who := []applicant{zahra, davood, mina, narges}[i]
			c := s.apply(t, who, "").certify(t)
			key := s.keyArgs(c.certFile, c.keyFile)
			tab := chromium.Tab(t, l)
			tab.Go(s.Config.Portal + "/my/devices?x=1")
			seen(t, tab, "signin")
			paste := func(statement, form string) {
				tab.Open("details")
				tab.Fill("#statement", statement)
				tab.Follow(form + " button")
			}
			paste("nothing", "form[action='/signin/statement']")
			seen(t, tab, "signin-error")
			paste(command(t, key...), "form[action='/signin/statement']")
			seen(t, tab, "devices")
			tab.Follow("a[href='/my/passkeys/new']")
			seen(t, tab, "confirm")
			tab.Open("details")
			f := strings.Fields(tab.Text("pre"))
			paste(command(t, append(key, f[len(f)-4:]...)...), "form[action='/signin/confirm/statement']")
			seen(t, tab, "passkey-new")
			if l.NoScript {
				s.revokesByCommand(t, tab, key, paste)
				return
			}
			device := tab.Authenticator()
			tab.Fill("#name", "گوشی")
			tab.Follow("#new-passkey")
			seen(t, tab, "devices-passkey")
			if device.Passkeys() != 1 || !tab.Has("form[action='/my/passkeys/remove']") {
				t.Fatal("no passkey was added")
			}
			s.signsInByPasskey(t, tab, device)
		})
	}
}

// revokesByCommand suspends a certificate without scripts: the proof is pasted.
func (s *running) revokesByCommand(t *testing.T, tab *browser.Tab, key []string, paste func(statement, form string)) {
	t.Helper()
	tab.Go(s.Config.Portal + "/my")
	seen(t, tab, "my")
	tab.Follow(".held h2 a")
	tab.Follow("a[href^='/renew/']")
	seen(t, tab, "renew-here")
	tab.Follow("main > .wrap > p:last-child a")
	tab.Follow("a[href$='/revoke']")
	seen(t, tab, "revoke-why")
	tab.Click("#r-certificateHold")
	tab.Follow("main form button")
	tab.Open("details")
	f := strings.Fields(tab.Text("pre"))
	paste(command(t, append(key, f[len(f)-4:]...)...), "form[action='/signin/confirm/statement']")
	seen(t, tab, "revoke-last")
	tab.Follow("button.danger")
	seen(t, tab, "revoke-done")
}

// signsInByPasskey signs out and in again, confirms, and takes the passkey away.
func (s *running) signsInByPasskey(t *testing.T, tab *browser.Tab, device *browser.Authenticator) {
	t.Helper()
	out := func() {
		tab.Go(s.Config.Portal + "/my/devices")
		tab.Follow("form[action='/signin/out'] button:first-child")
		tab.Go(s.Config.Portal + "/my/devices")
		tab.Wait("#passkey")
	}
	out()
	device.Verifies(false)
	tab.Click("#passkey")
	tab.Wait("#told")
	seen(t, tab, "signin-told")
	device.Verifies(true)
	tab.Follow("#passkey")
	seen(t, tab, "devices-by-passkey")
	tab.Follow("form[action='/my/passkeys/remove'] button")
	seen(t, tab, "passkey-sure")
	tab.Follow("button.danger")
	if !strings.Contains(tab.URL(), "/signin?") {
		t.Error("the session lives on without its passkey:", tab.URL())
	}
	tab.Go(s.Config.Portal + "/signin")
	tab.Wait("#passkey")
	tab.Click("#passkey")
	tab.Wait("#told")
}
