package eid

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"mohr/internal/gateway"
)

// Config is what a Provider needs.
type Config struct {
	File
	Redirect string           // where the provider sends browsers back to, exactly
	Key      []byte           // 32 octets that all nodes share: verifiers and nonces come from it
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: discard
}

// keySize is the length of Config.Key, octets.
const keySize = 32

// Provider is one eID provider. It is safe for concurrent use, and several
// nodes may share a login: nothing is kept between its two halves.
//
// Its methods return faults of this package. Discovery and keys are fetched
// when needed and again after an hour, through a gateway.Dialer: addresses
// that are not public are refused unless File.Allow has them.
type Provider struct {
	Config
	client *http.Client
	signer crypto.Signer // of client assertions; nil: a secret
	claims map[string]gateway.Expression

	mu    sync.Mutex
	found *found // guarded by mu; nil: nothing yet
}

// found is what discovery came to.
type found struct {
	provider *oidc.Provider
	keys     oidc.KeySet
	names    bool // answers carry the issuer (RFC 9207, section 3)
	at       time.Time
}

// foundFor is how long discovery and keys are believed: a key that the
// provider takes back serves no longer than that.
const foundFor = time.Hour

// New returns a Provider, or all that is wrong with c. It asks nobody.
func New(c Config) (*Provider, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	errs := []error{c.Check()}
	if len(c.Key) != keySize {
		errs = append(errs, fmt.Errorf("eid: the key is not of %d octets", keySize))
	}
	p := &Provider{Config: c, claims: map[string]gateway.Expression{}}
	for name, source := range c.Claims {
		e, err := gateway.NewExpression(source, tokenVariable)
		if err != nil {
			errs = append(errs, fmt.Errorf("eid: claims.%s: %w", name, err))
		}
		p.claims[name] = e
	}
	var err error
	if p.signer, err = c.credential(); err != nil {
		errs = append(errs, fmt.Errorf("eid: %w", err))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.client, err = c.dial()
	return p, err
}

// dial returns the client of all that is asked of the provider. It follows no
// redirect: each of its addresses is the one that discovery gives.
func (c *Config) dial() (*http.Client, error) {
	var allow []netip.Prefix
	for _, s := range c.Allow {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("eid: allow: %w", err)
		}
		allow = append(allow, p)
	}
	d, err := gateway.NewDialer(gateway.DialConfig{Allow: allow, Timeout: c.timeout()})
	if err != nil {
		return nil, err
	}
	t := d.Transport()
	if c.RootFile != "" {
		b, err := os.ReadFile(c.RootFile)
		if err != nil {
			return nil, fmt.Errorf("eid: root_file: %w", err)
		}
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("eid: root_file: %s holds no certificate", c.RootFile)
		}
	}
	return &http.Client{
		Transport:     gateway.Spare(t, c.Name, c.timeout(), c.Log),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// discover returns what the provider says of itself (OpenID Connect Discovery
// 1.0). Two at once may both ask.
func (p *Provider) discover(ctx context.Context) (*found, error) {
	now := p.Now()
	p.mu.Lock()
	f := p.found
	p.mu.Unlock()
	if f != nil && now.Sub(f.at) < foundFor && !now.Before(f.at) {
		return f, nil
	}
	ctx = oidc.ClientContext(ctx, p.client)
	provider, err := oidc.NewProvider(ctx, p.Issuer) // the issuer must be the one asked (section 4.3)
	if err != nil {
		return nil, p.unavailable(ctx, "discover", err)
	}
	var more struct {
		Keys  string `json:"jwks_uri"`
		Names bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, p.unavailable(ctx, "discover", err)
	}
	e := provider.Endpoint()
	for _, address := range []string{e.AuthURL, e.TokenURL, more.Keys} {
		if !gateway.Reaches(address) {
			return nil, p.unavailable(ctx, "discover", errors.New("an address in the provider's metadata is not https"))
		}
	}
	f = &found{provider, oidc.NewRemoteKeySet(oidc.ClientContext(context.WithoutCancel(ctx), p.client), more.Keys), more.Names, now}
	p.mu.Lock()
	p.found = f
	p.mu.Unlock()
	return f, nil
}

// unavailable is what a provider's silence is to the caller; a caller that
// gave up itself hears that.
func (p *Provider) unavailable(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", what, p.Name, ctx.Err())
	}
	return fmt.Errorf("%w: %s %s: %w", ErrUnavailable, what, p.Name, err)
}

// Begin returns the address at which the browser logs in. state comes back
// with it; it must be unguessable and serve once. Locale is that of the
// provider's pages, if it has them.
func (p *Provider) Begin(ctx context.Context, state, locale string) (string, error) {
	f, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	c := p.oauth(f)
	return c.AuthCodeURL(state,
		oidc.Nonce(p.derive("nonce", state)),
		oauth2.S256ChallengeOption(p.derive("verifier", state)), // RFC 7636
		oauth2.SetAuthURLParam("prompt", "login"),               // a session at the provider is not enough
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(p.maxAge().Seconds()))),
		oauth2.SetAuthURLParam("acr_values", strings.Join(p.wantedACR(), " ")),
		oauth2.SetAuthURLParam("ui_locales", locale),
	), nil
}

func (p *Provider) oauth(f *found) oauth2.Config {
	e := f.provider.Endpoint()
	e.AuthStyle = oauth2.AuthStyleInHeader
	if p.signer != nil {
		e.AuthStyle = oauth2.AuthStyleInParams
	}
	return oauth2.Config{ClientID: p.ClientID, Endpoint: e, RedirectURL: p.Redirect, Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
}

// derive returns the nonce or the verifier of a login, 256 bits that only who
// holds the key can tell: 43 characters, as RFC 7636, section 4.1 asks.
func (p *Provider) derive(what, state string) string {
	h := hmac.New(sha256.New, p.Key)
	h.Write([]byte("mohr eid\x00" + what + "\x00" + state))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
