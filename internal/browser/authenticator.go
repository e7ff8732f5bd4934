package browser

import (
	"context"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// Authenticator is a device with passkeys, built into the tab's machine. It
// answers by itself, as if its owner touched it each time.
type Authenticator struct {
	tab *Tab
	id  webauthn.AuthenticatorID
}

// Authenticator gives the tab a device that verifies its owner.
func (tab *Tab) Authenticator() *Authenticator {
	tab.t.Helper()
	return tab.plug(false)
}

// AuthenticatorPRF gives it one that knows the PRF extension, too. Once this
// one refused its owner it stays locked, as CTAP 2.1 has it.
func (tab *Tab) AuthenticatorPRF() *Authenticator {
	tab.t.Helper()
	return tab.plug(true)
}

func (tab *Tab) plug(prf bool) *Authenticator {
	tab.t.Helper()
	a := &Authenticator{tab: tab}
	tab.do("plug an authenticator in", webauthn.Enable(), chromedp.ActionFunc(func(ctx context.Context) (err error) {
		a.id, err = webauthn.AddVirtualAuthenticator(&webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, HasPrf: prf, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}).Do(ctx)
		return err
	}))
	return a
}

// Verifies sets whether the device recognises its owner from now on.
func (a *Authenticator) Verifies(yes bool) {
	a.tab.t.Helper()
	a.tab.do("change the owner", webauthn.SetUserVerified(a.id, yes))
}

// Passkeys returns how many passkeys the device holds.
func (a *Authenticator) Passkeys() (n int) {
	a.tab.t.Helper()
	a.tab.do("count passkeys", chromedp.ActionFunc(func(ctx context.Context) error {
		list, err := webauthn.GetCredentials(a.id).Do(ctx)
		n = len(list)
		return err
	}))
	return n
}
