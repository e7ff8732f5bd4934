package pkitest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a program that listens on a UNIX socket. It has a process group of
// its own and is ended with the test.
type server struct {
	t      testing.TB
	argv   []string
	socket string

	mu   sync.Mutex // guards cmd
	cmd  *exec.Cmd  // nil: not running
	said bytes.Buffer
}

func newServer(t testing.TB, socket string, argv ...string) *server {
	s := &server{t: t, argv: argv, socket: socket}
	t.Cleanup(s.Kill)
	return s
}

// Start starts the program and returns when it listens. It must not run.
func (s *server) Start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		s.t.Fatalf("%s runs already", s.argv[0])
	}
	os.Remove(s.socket) // of a server that was killed
	cmd := exec.Command(s.argv[0], s.argv[1:]...)
	cmd.Stdout, cmd.Stderr = &s.said, &s.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.cmd = cmd
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("unix", s.socket)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s does not listen: %v", s.argv[0], err)
		}
	}
}

// Kill ends the program at once, without a chance to say goodbye.
func (s *server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	s.signal(syscall.SIGKILL)
	s.cmd.Wait()
	s.cmd = nil
}

// Freeze makes the program hang: it keeps its connections and answers nothing.
func (s *server) Freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signal(syscall.SIGSTOP)
}

// Thaw ends Freeze.
func (s *server) Thaw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signal(syscall.SIGCONT)
}

// signal reaches the program and what it forked.
func (s *server) signal(sig syscall.Signal) {
	if s.cmd != nil {
		syscall.Kill(-s.cmd.Process.Pid, sig)
	}
}

// longestSocketDir leaves room for a name in the 107 octets that a UNIX socket's
// path may have (unix(7)).
const longestSocketDir = 80

// SocketDir is an empty directory whose name is short enough for UNIX sockets
// in it, wherever TMPDIR is. It goes with the test.
func SocketDir(t testing.TB) string {
	t.Helper()
	parent := os.TempDir()
	if len(parent)+len("/mohr0123456789") > longestSocketDir {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "mohr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
