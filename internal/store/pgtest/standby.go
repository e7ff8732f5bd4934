package pgtest

import (
	"fmt"
	"net/url"
	"time"
)

// Standby returns a URL of the database on the standby, for who only reads,
// once that has everything the primary has now.
func (p *Pair) Standby(name string) string {
	p.t.Helper()
	now := p.primary.Query("SELECT pg_current_wal_lsn()")
	for end := time.Now().Add(time.Minute); p.standby.Query("SELECT pg_last_wal_replay_lsn() >= '"+now+"'") != "t"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatal("the standby does not catch up")
		}
	}
	return fmt.Sprintf("postgres://mohr@/%s?host=%s", name, url.QueryEscape(p.standby.dir))
}
