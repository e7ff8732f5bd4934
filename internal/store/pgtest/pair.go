package pgtest

import (
	"os"
	"strings"
	"testing"
	"time"

	"mohr/internal/pkitest"
)

// Pair is a server with a standby that has every commit before its client
// hears of it (synchronous_commit with synchronous_standby_names): what was
// told survives the loss of either.
type Pair struct {
	t                testing.TB
	primary, standby *Server // standby: nil while there is none
	dirs             [2]string
	old              *Server // nil: the pair was never split
}

// StartPair starts both, which end with the test.
func StartPair(t testing.TB) *Pair {
	t.Helper()
	p := &Pair{t: t, primary: Start(t)}
	spare := At(t, pkitest.SocketDir(t))
	if spare.as = p.primary.as; spare.as != nil {
		unprivileged(t, spare.dir)
	}
	p.dirs = [2]string{p.primary.dir, spare.dir}
	p.primary.Query("ALTER SYSTEM SET synchronous_standby_names = '*'")
	p.primary.Query("ALTER SYSTEM SET wal_retrieve_retry_interval = '100ms'")
	p.primary.Query("SELECT pg_reload_conf()")
	p.follow(spare)
	t.Cleanup(func() {
		for _, s := range []*Server{p.standby, p.primary, p.old} {
			if s != nil {
				s.Kill()
			}
		}
	})
	return p
}

// follow makes s a standby of the primary, from nothing.
func (p *Pair) follow(s *Server) {
	p.t.Helper()
	if err := os.RemoveAll(s.data()); err != nil {
		p.t.Fatal(err)
	}
	s.run("pg_basebackup", "-h", p.primary.dir, "-U", "mohr", "-D", s.data(), "-R", "-c", "fast")
	s.Up()
	p.standby = s
	p.attached()
}

// attached waits until the standby gets all commits.
func (p *Pair) attached() {
	p.t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if p.primary.Query("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1" {
			return
		}
	}
	p.t.Fatal("the standby does not follow")
}

// Failover ends the primary at once and makes the standby, which was attached,
// the primary. Its commits wait until Up brings a standby.
func (p *Pair) Failover() {
	p.t.Helper()
	p.attached()
	old := p.primary
	old.Kill()
	p.primary, p.standby = p.standby, nil
	p.primary.run("pg_ctl", "promote", "-w", "-D", p.primary.data())
}

// Split makes the standby, which was attached, the primary and leaves the old
// one running, as it is when the network between them parts. Commits wait on
// both, but for those of a session with synchronous_commit=local.
func (p *Pair) Split() {
	p.t.Helper()
	p.attached()
	p.old, p.primary, p.standby = p.primary, p.standby, nil
	p.primary.run("pg_ctl", "promote", "-w", "-D", p.primary.data())
}

// Primary returns a URL of the database on the primary of now, wherever that
// role goes later.
func (p *Pair) Primary(name string) string { p.t.Helper(); return p.primary.Database(name) }

// Up starts the primary, if it does not run, and makes a standby, if there is
// none; it returns when the pair is whole.
func (p *Pair) Up() {
	p.t.Helper()
	if p.primary.cmd == nil {
		p.primary.Up()
	}
	if p.standby != nil {
		p.attached()
		return
	}
	spare := At(p.t, p.dirs[0])
	if p.primary.dir == p.dirs[0] {
		spare = At(p.t, p.dirs[1])
	}
	spare.as = p.primary.as
	p.follow(spare)
}

// Kill ends the primary as Server.Kill does; the standby stays one.
func (p *Pair) Kill() { p.primary.Kill() }

// Stop ends the primary as Server.Stop does; the standby stays one.
func (p *Pair) Stop() { p.primary.Stop() }

// Query asks the primary.
func (p *Pair) Query(query string) string { p.t.Helper(); return p.primary.Query(query) }

// Database makes an empty database, if it is not there, and returns a URL that
// finds it on whichever of the two is the primary.
func (p *Pair) Database(name string) string {
	p.t.Helper()
	p.primary.Database(name)
	return "postgres://mohr@/" + name + "?host=" + strings.Join(p.dirs[:], ",") + "&target_session_attrs=read-write"
}
