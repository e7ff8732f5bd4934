package pgtest

import (
	"fmt"
	"net/url"
)

// Standby returns a URL of the database on the standby, for who only reads.
func (p *Pair) Standby(name string) string {
	return fmt.Sprintf("postgres://mohr@/%s?host=%s", name, url.QueryEscape(p.standby.dir))
}
