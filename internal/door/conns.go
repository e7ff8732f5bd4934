package door

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// Listen returns l within the door's limits of connections. When all are
// taken, a new one takes the place of the one that has been idle the longest;
// when none is idle, it is closed at once.
func (d *Door) Listen(l net.Listener) net.Listener { return &listener{l, d} }

type listener struct {
	net.Listener
	door *Door
}

// Accept returns the next connection that is let in.
func (l *listener) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.door.admit(inner); c != nil {
			return c, nil
		}
		inner.Close()
	}
}

// conn gives its place back when it closes.
type conn struct {
	net.Conn
	network netip.Prefix
	counted bool   // among those of its network
	leave   func() // once
}

// Close closes the connection.
func (c *conn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// admit counts the connection, nil if there is no place for it.
func (d *Door) admit(inner net.Conn) *conn {
	from := addressOf(inner.RemoteAddr())
	c := &conn{Conn: inner, network: Network(from), counted: from.IsValid() && !d.spared(from)}
	c.leave = sync.OnceFunc(func() { d.left(c) })
	d.mu.Lock()
	if c.counted && !d.connections.take(c.network) {
		d.mu.Unlock()
		d.turned.Add(1)
		return nil
	}
	d.open++
	var oldest *conn
	if d.open > d.Connections {
		if first := d.idle.Front(); first != nil {
			oldest = first.Value.(*conn)
			d.busy(oldest) // nobody else chooses it
		}
	}
	over := d.open > d.Connections && oldest == nil
	d.mu.Unlock()
	switch {
	case oldest != nil:
		d.ended.Add(1)
		oldest.Close()
	case over:
		d.turned.Add(1)
		c.leave()
		return nil
	}
	return c
}

func (d *Door) left(c *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	d.busy(c)
	if c.counted {
		d.connections.give(c.network)
	}
}

// busy takes the connection out of the idle ones. mu is held.
func (d *Door) busy(c *conn) {
	if e := d.place[c]; e != nil {
		d.idle.Remove(e)
		delete(d.place, c)
	}
}

// follow is told by the server what its connections do.
func (d *Door) follow(nc net.Conn, state http.ConnState) {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch state {
	case http.StateIdle:
		d.busy(c)
		d.place[c] = d.idle.PushBack(c)
	default:
		d.busy(c)
	}
}
