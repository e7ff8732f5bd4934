package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

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
}

// startNode starts one more process of the service.
func (w *World) startNode(ctx context.Context) (*node, error) {
	name := "data"
	if n := len(w.nodes); n > 0 {
		name = fmt.Sprintf("data-%d", n+1)
	}
	n := &node{config: w.file(name + ".yaml"), data: w.file(name)}
	if err := os.WriteFile(n.config, w.configOf(n.data), 0o600); err != nil {
		return nil, err
	}
	if err := w.run(ctx, n); err != nil {
		return nil, err
	}
	w.nodes = append(w.nodes, n)
	return n, nil
}

// configOf is the configuration of the next node, in data.
func (w *World) configOf(data string) []byte {
	conf := fmt.Appendf(nil, `data: %q
https: 127.0.0.1:0
mtls: 127.0.0.1:0
http: 127.0.0.1:0
ops: 127.0.0.1:0
policy: %q
registry: {url: "http://%s", public_key: %q, environment: simulated}
domains: {resolvers: ["127.0.0.1:1", "127.0.0.1:2"]}
`, data, w.file("policy.yaml"), w.registry, w.file("registry.pem"))
	if w.Store == "" {
		return conf
	}
	keys := w.file(filepath.Join("data", "keys"))
	return fmt.Appendf(conf, `store: %q
keys: "file:%s"
secret: "file:%s/secret"
serial_prefix: %d
portal: https://localhost:8443
publish: http://127.0.0.1:8080
`, w.Store, keys, keys, len(w.nodes)+1)
}

// run starts the node's process, for the first time or again: each time on
// other ports.
func (w *World) run(ctx context.Context, n *node) (err error) {
	name := "service"
	if len(w.nodes) > 0 {
		name = filepath.Base(n.data)
	}
	if n.process, err = load.Start(ctx, w.Program, w.dir, name, nil, "serve", "--log", "error", "--config", n.config); err != nil {
		return err
	}
	w.children = append(w.children, n.process)
	trust, err := readPool(filepath.Join(n.data, "root.pem"))
	if err != nil {
		return err
	}
	n.portal = load.Door{Address: n.process.Addresses["https"], Trust: trust, Usual: w.Usual}
	n.plain = load.Door{Address: n.process.Addresses["http"], Usual: w.Usual}
	n.ops = n.process.Addresses["ops"]
	return nil
}
