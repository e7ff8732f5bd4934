package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"mohr/ca"
)

// scripted is the service that a script started.
type scripted struct {
	cmd *exec.Cmd
	ops string // address
}

// services keeps one a script.
var services sync.Map // *testscript.TestScript -> *scripted

// serveScript starts a development service on free ports: serve DIR. HTTPS,
// MTLS and HTTP are its base URLs from then on.
func serveScript(ts *testscript.TestScript, _ bool, args []string) {
	out, in, err := os.Pipe()
	ts.Check(err)
	cmd := exec.Command("mohr", "serve", "--dev", "--data", ts.MkAbs(args[0]), "--https", "127.0.0.1:0", "--mtls", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ops", "127.0.0.1:0")
	cmd.Stdout = in
	ts.Check(cmd.Start())
	in.Close()
	s := &scripted{cmd: cmd}
	services.Store(ts, s)
	ts.Defer(func() { stopScript(ts, false, nil) })
	ready := regexp.MustCompile(`(?s)https=\S+:(\d+) mtls=\S+:(\d+) http=(\S+) ops=(\S+)\n.*registry +(\S+)`)
	seen, buffer := "", make([]byte, 4096)
	for {
		n, err := out.Read(buffer)
		seen += string(buffer[:n])
		if m := ready.FindStringSubmatch(seen); m != nil {
			ts.Setenv("HTTPS", "https://localhost:"+m[1])
			ts.Setenv("MTLS", "https://localhost:"+m[2])
			ts.Setenv("HTTP", "http://"+m[3])
			ts.Setenv("REGISTRY", m[5])
			s.ops = m[4]
			go io.Copy(io.Discard, out) // the rest is for people
			return
		}
		if err != nil {
			ts.Fatalf("the service ended before it was ready: %s", seen)
		}
	}
}

// stopScript ends the service: it must go quietly.
func stopScript(ts *testscript.TestScript, _ bool, _ []string) {
	v, ok := services.LoadAndDelete(ts)
	if !ok {
		return
	}
	s := v.(*scripted)
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		ts.Logf("the service ended with %v", err)
	}
}

// applyWithCode runs mohr apply and answers its question, first wrongly, then
// with the code that arrived: apply-with-code ARGS...
func applyWithCode(ts *testscript.TestScript, _ bool, args []string) {
	v, _ := services.Load(ts)
	s := v.(*scripted)
	cmd := exec.Command("mohr", append([]string{"apply"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	answers, err := cmd.StdinPipe()
	ts.Check(err)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	ts.Check(cmd.Start())
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer answers.Close()
		code := s.code(ctx)
		wrong := "000000"
		if code == wrong {
			wrong = "000001"
		}
		io.WriteString(answers, wrong+"\n"+code+"\n")
	}()
	err = cmd.Wait()
	cancel()
	io.WriteString(ts.Stdout(), said.String())
	if err != nil {
		ts.Fatalf("apply: %v\n%s", err, said.String())
	}
	chain, err := parseChain([]byte(ts.ReadFile("holder.pem")))
	ts.Check(err)
	ts.Setenv("SERIAL", ca.SerialText(chain[0].SerialNumber))
}

// code waits for the code on the simulated phone until ctx ends.
func (s *scripted) code(ctx context.Context) string {
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if code, err := outboxCode(ctx, &client{base: "http://" + s.ops, http: http.DefaultClient}, devOutbox, tourist.Mobile); err == nil {
			return code
		}
	}
	return ""
}

// putProof puts the proof that the last badge request asked for on the
// simulated shop, and names the badge in BADGE.
func putProof(ts *testscript.TestScript, _ bool, _ []string) {
	out := ts.ReadFile("stdout")
	m := regexp.MustCompile(`Badge (b-[0-9a-f]+)[^P]*Put this line at https?://([^:/]+)(?::\d+)?(/\S+) and run[^\n]*\n(\S+)`).FindStringSubmatch(out)
	if m == nil {
		ts.Fatalf("no proof is asked for in %q", out)
	}
	req, err := http.NewRequest(http.MethodPut, ts.Getenv("REGISTRY")+"/v1/shop/"+m[2]+m[3], strings.NewReader(m[4]))
	ts.Check(err)
	res, err := http.DefaultClient.Do(req)
	ts.Check(err)
	res.Body.Close()
	if res.StatusCode >= 300 {
		ts.Fatalf("shop: %s", res.Status)
	}
	ts.Setenv("BADGE", m[1])
}
