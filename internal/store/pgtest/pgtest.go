// Package pgtest runs a PostgreSQL server for a test.
package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mohr/internal/pkitest"
)

// Server is a server of the test's own, on a UNIX socket only: no port that
// another program may take. Its files are in a directory that goes with the
// test.
type Server struct {
	t   testing.TB
	bin string               // directory of the programs
	dir string               // has the socket, and the server's files
	as  *syscall.SysProcAttr // who runs it: it refuses to run as root
	cmd *exec.Cmd

	place  func(func()) // runs what starts the server where it is to run; nil: here
	listen string       // an address at which it listens beside its socket; "": none
}

// Start starts a server that ends with the test. Where PostgreSQL is not
// installed the test is skipped, in CI it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	return start(t, At(t, pkitest.SocketDir(t)))
}

// StartOn is Start for a server on another host: in runs the start there, where
// the server listens at address too and believes everybody in its network. Its
// socket is here.
func StartOn(t testing.TB, in func(func()), address string) *Server {
	t.Helper()
	s := At(t, pkitest.SocketDir(t))
	s.place, s.listen = in, address
	return start(t, s)
}

func start(t testing.TB, s *Server) *Server {
	t.Helper()
	if os.Getuid() == 0 {
		s.as = unprivileged(t, s.dir)
	}
	s.run("initdb", "-D", s.data(), "-U", "mohr", "-A", "trust", "--locale=C.UTF-8", "-E", "UTF8")
	if s.listen != "" {
		s.believe(s.listen + "/24")
	}
	s.Up()
	t.Cleanup(func() { s.end(syscall.SIGQUIT) })
	return s
}

// believe lets everybody in from a network, as whom they say.
func (s *Server) believe(network string) {
	s.t.Helper()
	f, err := os.OpenFile(filepath.Join(s.data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = fmt.Fprintf(f, "host all all %s trust\n", network)
	if err := errors.Join(err, f.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// At is a server that another process of the test runs, to make databases in;
// its Dir says where.
func At(t testing.TB, dir string) *Server {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		pkitest.Missing(t, "PostgreSQL is not installed (Debian: apt-get install postgresql)")
	}
	slices.Sort(found)
	return &Server{t: t, bin: filepath.Dir(found[len(found)-1]), dir: dir}
}

// Dir is the directory of the server's socket.
func (s *Server) Dir() string { return s.dir }

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// unprivileged hands dir to the account that Debian's package brings.
func unprivileged(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func (s *Server) run(name string, arg ...string) {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(s.bin, name), arg...)
	cmd.SysProcAttr, cmd.Dir = s.as, "/"
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Up starts the server again after Kill or Stop, and returns when it answers.
func (s *Server) Up() {
	s.t.Helper()
	var said bytes.Buffer
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-k", s.dir, "-c", "listen_addresses="+s.listen)
	s.cmd.SysProcAttr, s.cmd.Dir, s.cmd.Stderr = s.as, "/", &said
	var err error
	if s.place == nil {
		err = s.cmd.Start()
	} else {
		s.place(func() { err = s.cmd.Start() })
	}
	if err != nil {
		s.t.Fatal(err)
	}
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if exec.Command(filepath.Join(s.bin, "pg_isready"), "-q", "-h", s.dir).Run() == nil {
			return
		}
	}
	s.end(syscall.SIGQUIT)
	s.t.Fatalf("the server does not answer: %s", said.String())
}

// Kill ends the server at once, without a word to its clients' transactions,
// as a power cut would (its immediate shutdown).
func (s *Server) Kill() { s.end(syscall.SIGQUIT) }

// Stop ends the server as an operator would; open transactions are cut off.
func (s *Server) Stop() { s.end(syscall.SIGINT) }

func (s *Server) end(sig syscall.Signal) {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(sig)
	s.cmd.Wait() // an error: it was told to end
	s.cmd = nil
}

// Query runs a query as the server's owner and returns what psql prints.
func (s *Server) Query(query string) string {
	s.t.Helper()
	out, err := exec.Command(filepath.Join(s.bin, "psql"), "-h", s.dir, "-U", "mohr", "-d", "postgres", "-qtAc", query).Output()
	if err != nil {
		s.t.Fatalf("psql: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// Database makes an empty database, if it is not there, and returns its URL.
func (s *Server) Database(name string) string {
	s.t.Helper()
	if s.Query("SELECT 1 FROM pg_database WHERE datname = '"+name+"'") == "" {
		s.Query(`CREATE DATABASE "` + name + `"`)
	}
	return fmt.Sprintf("postgres://mohr@/%s?host=%s", name, url.QueryEscape(s.dir))
}
