package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

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
		"portal": false, "jobs": false, "portal,jobs,status": false, "status,jobs": false, "registry": false, "": false,
	} {
		if err := ParseRoles(list).Validate(); (err == nil) != good {
			t.Errorf("%q: %v", list, err)
		}
	}
	if err := (Roles)(nil).Validate(); err != nil {
		t.Errorf("none said: %v", err)
	}
}
