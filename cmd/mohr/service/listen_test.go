package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/web"
)

// TestANodeThatStopsFinishesWhatItLetIn: first it says that it is not ready
// while it serves on, then it finishes what is under way, and health goes last.
func TestANodeThatStopsFinishesWhatItLetIn(t *testing.T) {
	c := Config{HTTP: "127.0.0.1:0", Ops: "127.0.0.1:0", Roles: Roles{RoleStatus}}
	l, err := openListeners(c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	began, release := make(chan struct{}), make(chan struct{})
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(began)
			<-release
		}
	})
	noticed, check := leaving(ctx, time.Second, func(context.Context) error { return nil })
	texts, err := allTexts()
	if err != nil {
		t.Fatal(err)
	}
	h := handlers{plain: plain, plainBusy: web.Refuser(web.NewPlain(web.Config{Texts: texts, Portal: "https://localhost"})), requests: requests(), ops: opsHandler(check, nil, nil)}
	ended := make(chan error, 1)
	go func() {
		ended <- serveAll(noticed, l, c.doors(), nil, h, nil, nil, slog.New(slog.DiscardHandler))
	}()
	ask := func(at net.Listener, path string) int {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get("http://" + at.Addr().String() + path)
		if err != nil {
			return 0
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	if got := ask(l.Ops, "/readyz"); got != http.StatusOK {
		t.Fatalf("/readyz: %d", got)
	}
	slow := make(chan int, 1)
	go func() { slow <- ask(l.HTTP, "/slow") }()
	<-began
	stop()
	if got := ask(l.Ops, "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz of a node that stops: %d", got)
	}
	for ask(l.HTTP, "/") != 0 { // serves on for its notice, then takes nothing new
		time.Sleep(5 * time.Millisecond)
	}
	if got := ask(l.Ops, "/healthz"); got != http.StatusOK {
		t.Errorf("health while a request is under way: %d", got)
	}
	close(release)
	if got := <-slow; got != http.StatusOK {
		t.Errorf("what was let in: %d", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRolesThatCannotServeAreRefused(t *testing.T) {
	for list, good := range map[string]bool{
		"portal,ca,status,jobs": true, "status": true, "portal,ca": true, "ca,jobs": true,
		"portal": true, "jobs": true, "portal,jobs,status": true, "status,jobs": true, "registry": false, "": false,
	} {
		if err := ParseRoles(list).Validate(); (err == nil) != good {
			t.Errorf("%q: %v", list, err)
		}
	}
	if err := (Roles)(nil).Validate(); err != nil {
		t.Errorf("none said: %v", err)
	}
}

// TestAPortalAndItsNodeWithTheKeysSayWhatTheyNeed: what cannot go over the call
// is refused at the start.
func TestAPortalAndItsNodeWithTheKeysSayWhatTheyNeed(t *testing.T) {
	portal := Config{Roles: Roles{RolePortal, RoleJobs}, Store: "postgres://", Portal: "https://p", Publish: "http://p", Issuing: IssuingConfig{Nodes: []string{"https://ca:8446"}}}
	keys := Config{Roles: Roles{RoleCA}, Portal: "https://p", Publish: "http://p", Issuing: IssuingConfig{Listen: "127.0.0.1:0", Callers: []string{"p"}, Word: []evidence.Type{evidence.OTPSMS}}}
	for _, test := range []struct {
		name   string
		config Config
		change func(*Config)
		good   bool
	}{
		{"a portal", portal, func(*Config) {}, true},
		{"a node with the keys", keys, func(*Config) {}, true},
		{"a node that signs for nobody", keys, func(c *Config) { c.Issuing = IssuingConfig{} }, true},
		{"a node of all roles", Config{}, func(*Config) {}, true},
		{"a portal that asks nobody", portal, func(c *Config) { c.Issuing.Nodes = nil }, false},
		{"a portal that asks without TLS", portal, func(c *Config) { c.Issuing.Nodes = []string{"http://ca:8446"} }, false},
		{"a portal that signs for others", portal, func(c *Config) { c.Issuing.Listen = "127.0.0.1:0" }, false},
		{"a portal with a store of its own", portal, func(c *Config) { c.Store = "" }, false},
		{"a portal that holds keys", portal, func(c *Config) { c.Held = "file:keys" }, false},
		{"a portal that believes devices", portal, func(c *Config) { c.Attestation.TPM = "tpm" }, false},
		{"a portal that counts orders by ACME", portal, func(c *Config) { c.ACMEOrders = 10 }, false},
		{"a node with the keys that nobody may call", keys, func(c *Config) { c.Issuing.Callers = nil }, false},
		{"a node with the keys without a listener", keys, func(c *Config) { c.Issuing.Listen = "" }, false},
		{"a node with the keys that asks another", keys, func(c *Config) { c.Issuing.Nodes = []string{"https://ca:8446"} }, false},
		{"a mandate on a portal's word", keys, func(c *Config) { c.Issuing.Word = []evidence.Type{evidence.Mandate} }, false},
		{"a kind of evidence that is none", keys, func(c *Config) { c.Issuing.Word = []evidence.Type{"rumour"} }, false},
		{"a node with the keys without addresses", keys, func(c *Config) { c.Portal = "" }, false},
	} {
		test.change(&test.config)
		if err := test.config.validateIssuing(); (err == nil) != test.good {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
