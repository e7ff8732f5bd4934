package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAPortalWithoutKeysHasCertificatesSigned runs an applicant's way and a
// renewal over a node that has no issuing key.
func TestAPortalWithoutKeysHasCertificatesSigned(t *testing.T) {
	p := newParted(t)
	keys := p.startCA(t, "policy.yaml")
	node := p.startPortal(t, "portal", p.portal, p.status)
	for _, issuing := range []string{"sign-p256.pem", "service-p256.pem", "root.pem"} {
		if _, err := os.Stat(filepath.Join(node.data, "keys", issuing)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the portal has the key %s", issuing)
		}
	}
	a := p.approve(t, killPeople[0])
	cert, err := a.issue(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	p.oneEach(t, map[string]*x509.Certificate{a.id: cert})
	if again, err := a.issue(t.Context(), 1); err != nil || !again.Equal(cert) {
		t.Errorf("asked again: %v", err)
	}
	s, h := p.certify(t, killPeople[1])
	r := s.renewal(t, h, nil)
	renewed := r.holder(t, s.anyone.done(t, r.ask(), http.StatusOK, nil))
	if again := r.holder(t, s.anyone.done(t, r.ask(), http.StatusOK, nil)); !again.Certificate.Equal(renewed.Certificate) {
		t.Error("the same statement gives another certificate")
	}
	body := textAt(t, "http://"+node.ops()+"/metrics")
	if !strings.Contains(body, `mohr_issuing_node_well{node="`+p.nodes+`"} 1`) {
		t.Error("no figure says that the node with the keys answers")
	}
	for job, on := range map[string][2]bool{"refresh-crls": {true, false}, "sequence": {true, true}, "sweep": {false, true}, "pulse": {true, true}, "prune-csc": {false, true}} {
		name := `mohr_job_interval_seconds{job="` + job + `"}`
		if got := [2]bool{strings.Contains(textAt(t, "http://"+keys.ops()+"/metrics"), name), strings.Contains(body, name)}; got != on {
			t.Errorf("%s is done where the keys are, and where they are not: %v, want %v", job, got, on)
		}
	}
	_, help, _ := strings.Cut(body, "# HELP mohr_issuing_node_well ")
	help, _, _ = strings.Cut(help, "\n")
	if page, err := os.ReadFile(filepath.Join(docsDir, "metrics.md")); err != nil || !strings.Contains(string(page), portalsRow+" gauge | node | "+help+" |\n") {
		t.Errorf("metrics.md does not say what it is: %v", err)
	}
	if _, err := verifyStoredLog(t.Context(), filepath.Join(p.dir, "ca")); err != nil {
		t.Errorf("log: %v", err)
	}
	node.end(syscall.SIGTERM)
	for what, want := range map[string]string{
		"log verify --data": "a node with the role ca", "doctor --data": "a node with the role ca", "store inspect": "say its URL",
	} {
		if out, err := said(t, append(strings.Fields(what), node.data)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}

func textAt(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTheNodeWithTheKeysIsKilledInTheMiddle kills it, by the real signal, while
// a portal has certificates signed; each application has one in the end.
func TestTheNodeWithTheKeysIsKilledInTheMiddle(t *testing.T) {
	p := newParted(t)
	p.rough = true
	node := p.startCA(t, "policy.yaml")
	p.startPortal(t, "portal", p.portal, p.status)
	want := map[string]*x509.Certificate{}
	for round := range 4 {
		var open []*applying
		for _, who := range killPeople {
			open = append(open, p.approve(t, who))
		}
		results := make(chan error, len(open))
		certs := make([]*x509.Certificate, len(open))
		for i, a := range open {
			go func() {
				var err error
				certs[i], err = a.issue(t.Context(), 400)
				results <- err
			}()
		}
		time.Sleep(time.Duration(round*15) * time.Millisecond)
		node.end(syscall.SIGKILL)
		time.Sleep(300 * time.Millisecond)
		node = p.startCA(t, "policy.yaml")
		for range open {
			if err := <-results; err != nil {
				t.Fatalf("after the restart: %v", err)
			}
		}
		for i, a := range open {
			want[a.id] = certs[i]
		}
	}
	p.oneEach(t, want)
}

// TestASecondNodeWithTheKeysStandsIn: with a database of their own for what was
// signed, two such nodes are one to portals.
func TestASecondNodeWithTheKeysStandsIn(t *testing.T) {
	p := newParted(t)
	p.rough = true
	listening := func(at string) string {
		return fmt.Sprintf("roles: [ca]\nissuing: {listen: %q, callers: [localhost], word: [otp_sms], signed: %q}\n", at, p.signed)
	}
	first := p.start(t, "ca", p.config(t, "ca", "policy.yaml", listening(p.issuing)))
	other := freeAddress(t)
	p.copyKeys(t, "ca2", regexp.MustCompile("^$"))
	second := p.start(t, "ca2", p.config(t, "ca2", "policy.yaml", "serial_prefix: 3\n"+listening(other)))
	p.nodes += " https://" + other
	p.startPortal(t, "portal", p.portal, p.status)
	want, tries := map[string]*x509.Certificate{}, 1
	for _, end := range []func(){func() {}, func() { first.end(syscall.SIGKILL) }, func() {
		first = p.start(t, "ca", p.config(t, "ca", "policy.yaml", listening(p.issuing)))
		second.end(syscall.SIGKILL)
	}} {
		a := p.approve(t, killPeople[0])
		end()
		// Who stands in does so at once; one that was spared is asked again some
		// seconds after it came back.
		cert, err := a.issue(t.Context(), tries)
		if err != nil {
			t.Fatal(err)
		}
		want[a.id], tries = cert, 1
		if len(want) == 2 {
			tries = 600
		}
	}
	p.oneEach(t, want)
}
