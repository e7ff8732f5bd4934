package bench

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"mohr/cmd/mohr/bench/load"
)

// node is a process of the service. Where there are several, they share a
// database and the directory of the keys.
type node struct {
	process       *load.Process
	portal, plain load.Door
	ops           string // host:port
	config        string // file
	data          string // directory
	clock         string // file by which its clock is set; "": it cannot be
}

// startNode starts one more process of the service, with the role; "": all.
// Those with a role do not count among the nodes.
func (w *World) startNode(ctx context.Context, role string) (*node, error) {
	name := "data"
	if n := len(w.children); n > 1 {
		name = fmt.Sprintf("data-%d", n)
	}
	n := &node{config: w.file(name + ".yaml"), data: w.file(name)}
	conf := w.configOf(n.data)
	if role != "" {
		conf = fmt.Appendf(conf, "roles: [%s]\n", role)
	}
	if err := os.WriteFile(n.config, conf, 0o600); err != nil {
		return nil, err
	}
	if err := w.run(ctx, n); err != nil {
		return nil, err
	}
	if role == "" {
		w.nodes = append(w.nodes, n)
	}
	return n, nil
}

// configOf is the configuration of the next node, in data.
func (w *World) configOf(data string) []byte {
	at := w.children[0].Addresses // of the registry
	_, shops, _ := strings.Cut(at["shops"], ":")
	conf := fmt.Appendf(nil, `data: %q
https: 127.0.0.1:0
mtls: 127.0.0.1:0
http: 127.0.0.1:0
ops: 127.0.0.1:0
policy: %q
registry: {url: "http://%s", public_key: %q, environment: simulated}
domains: {resolvers: [%q, %q], port: %s, allow: ["127.0.0.1/32"]}
`, data, w.file("policy.yaml"), w.registry, w.file("registry.pem"), at["dns"], at["dns2"], shops)
	if w.TimeReference != "" {
		conf = fmt.Appendf(conf, "time_references: [%q]\n", w.TimeReference)
	}
	if w.Store == "" {
		return conf
	}
	keys := w.file(filepath.Join("data", "keys"))
	return fmt.Appendf(conf, `store: %q
keys: %q
secret: "file:%s/secret"
serial_prefix: %d
portal: https://localhost:8443
publish: http://127.0.0.1:8080
`, w.Store, cmp.Or(w.Keys, "file:"+keys), keys, len(w.nodes)+1)
}

// run starts the node's process, for the first time or again: each time on
// other ports.
func (w *World) run(ctx context.Context, n *node) (err error) {
	name := "service"
	if len(w.nodes) > 0 {
		name = filepath.Base(n.data)
	}
	command := []string{w.Program, "serve", "--log", "error", "--config", n.config}
	if w.Clock != "" {
		if n.clock == "" {
			n.clock = n.data + ".clock"
			if err := SetClock(n.clock, 0); err != nil {
				return err
			}
		}
		command = append([]string{"env", w.Clock + "=" + n.clock}, command...)
	}
	if n.process, err = load.Start(ctx, command[0], w.dir, name, nil, command[1:]...); err != nil {
		return err
	}
	w.children = append(w.children, n.process)
	if address := n.process.Addresses["https"]; address != "" {
		trust, err := readPool(filepath.Join(n.data, "root.pem"))
		if err != nil {
			return err
		}
		n.portal = load.Door{Address: address, Trust: trust, Usual: w.Usual}
	}
	n.plain = load.Door{Address: n.process.Addresses["http"], Usual: w.Usual}
	n.ops = n.process.Addresses["ops"]
	return nil
}
