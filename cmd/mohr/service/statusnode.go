package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/ca/custody"
	"mohr/ca/status"
	"mohr/hsm"
	"mohr/internal/clock"
	"mohr/internal/fault"
	"mohr/internal/jobs"
	"mohr/internal/store"
	"mohr/internal/web"

	"github.com/prometheus/client_golang/prometheus"
)

// statusNode answers for certificates: OCSP, CRLs as they were signed
// elsewhere, and the authorities' certificates. Its keys are those of the OCSP
// responders; the service secret and every other key stay where they are.
type statusNode struct {
	config     Config
	store      store.Store // of all nodes; this one only reads
	own        store.Store // what this node remembers of its clock
	ring       *hsm.Keyring
	clock      *clock.Guard
	custody    *custody.Register
	ca         *ca.Authority
	status     *status.Responder
	responders responders
}

// serveStatus serves a node with the one role status until ctx ends.
func (s *Served) serveStatus(ctx context.Context, stop context.CancelFunc, log *slog.Logger, ready func(*Served)) error {
	n, err := openStatusNode(ctx, s.Config, log)
	if err != nil {
		return err
	}
	defer n.close()
	runner, err := jobs.Start(ctx, jobs.Config{Now: n.clock.Time, Clock: n.clock.Check, Store: n.own, Log: log, Node: "status"}, n.schedule()...)
	if err != nil {
		return err
	}
	defer runner.Wait()
	defer stop()
	texts, err := allTexts()
	if err != nil {
		return fmt.Errorf("texts: %w", err)
	}
	e := web.NewPlain(web.Config{Now: n.clock.Time, Texts: texts, Log: log, Portal: s.Config.Portal, Simulated: !s.Config.Production})
	d := s.Config.doors()
	h := handlers{plain: n.status.Before(e), plainBusy: web.Refuser(e), requests: requests()}
	h.left = ctx.Done()
	ctx, check := leaving(ctx, s.Config.Notice, n.ready)
	h.ops = opsHandler(check, []prometheus.Collector{&gauges{node: node{s.Config.Version, check, n.store, n.clock, n.ring, n.status, d, runner}}, h.requests}, nil)
	ready(s)
	return serveAll(ctx, s.listeners, d, nil, h, nil, nil, log)
}

func openStatusNode(ctx context.Context, c Config, log *slog.Logger) (_ *statusNode, err error) {
	if c.Store == "" {
		return nil, errors.New("a status node has no store of its own: say the database with store or --store")
	}
	n := &statusNode{config: c}
	n.ring = hsm.Open(hsm.Config{Log: log})
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.own, err = store.OpenBolt(filepath.Join(c.Data, statusFile)); err != nil {
		return nil, err
	}
	if n.store, err = store.OpenReader(ctx, c.Store); err != nil {
		return nil, err
	}
	if n.clock, err = clock.New(ctx, clock.Config{Store: n.own, References: c.TimeReferences, Log: log}); err != nil {
		return nil, err
	}
	n.custody = custody.New(custody.Config{Now: n.clock.Time, Store: n.store, Ring: n.ring, Home: c.Keys, Former: c.FormerKeys, Log: log})
	if err := n.openAuthority(ctx, log); err != nil {
		return nil, err
	}
	return n, n.openResponder(ctx, log)
}

func (n *statusNode) close() {
	if n.store != nil {
		n.store.Close()
	}
	if n.own != nil {
		n.own.Close()
	}
	n.ring.Close()
}

func (n *statusNode) openAuthority(ctx context.Context, log *slog.Logger) error {
	h, err := ceremony.Open(ctx, ceremony.Config{Store: n.store, Keyless: true, Publish: n.config.Publish, Name: n.config.Name, Production: n.config.Production})
	if err != nil {
		return fmt.Errorf("hierarchy: %w", err)
	}
	unused := make([]byte, 32) // no holder is named here
	rand.Read(unused)          // never fails (crypto/rand)
	n.ca, err = ca.New(ca.Config{
		Now: n.clock.Time, Store: n.store, Log: log, Root: h.Root, Roots: h.Roots, Issuers: h.Issuers, Retired: h.Retired, Keyless: true,
		Publish: n.config.Publish, Portal: n.config.Portal, Clock: n.clock.Check, HolderKey: unused, Simulated: !n.config.Production,
	})
	return err
}

func (n *statusNode) openResponder(ctx context.Context, log *slog.Logger) (err error) {
	n.responders = newResponders(n.ca)
	if err := n.renewResponders(ctx); err != nil {
		return err
	}
	n.status, err = status.New(status.Config{Now: n.clock.Time, Authority: n.ca, Store: n.store, Log: log, Clock: n.clock.Check, Responder: n.responders.of})
	return err
}

// renewResponders is a job: it takes up the responders' certificates that a
// node with the issuing keys has made.
func (n *statusNode) renewResponders(ctx context.Context) error {
	var errs []error
	for _, i := range n.ca.Answering() {
		signer, err := n.custody.Find(ctx, responderPurpose(i.ID))
		if err == nil {
			var k ca.SigningKey
			if k, err = n.ca.SigningKey(ctx, signer, responderService(i.ID)); err == nil {
				n.responders[i.ID].Store(&k)
			}
		}
		if errors.Is(err, fault.NotFound) {
			err = fmt.Errorf("%w; copy the responder's key to this node, or name its token in keys", err)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (n *statusNode) schedule() []jobs.Job {
	return []jobs.Job{
		{Name: "watch-clock", Every: 5 * time.Second, Run: n.clock.Watch, Everywhere: true},
		{Name: "follow-status", Every: 500 * time.Millisecond, Run: n.status.Follow, Everywhere: true},
		{Name: "presign-status", Every: time.Minute, Run: n.status.Presign, Everywhere: true},
		{Name: "renew-certificates", Every: time.Minute, Run: n.renewResponders, Everywhere: true},
	}
}

// ready says what is missing to answer for certificates.
func (n *statusNode) ready(ctx context.Context) error {
	return errors.Join(n.ring.Check(ctx), n.status.Ready(ctx))
}
