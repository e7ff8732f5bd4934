package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mohr/cmd/mohr/service"

	"github.com/spf13/cobra"

	"mohr/hsm"
)

// tourPolicy is the policy of a tour: certificates of a few hours that may be
// renewed at once and are superseded at once. It is a policy file like any
// other.
const tourPolicy = `version: "tour-1"
environment: simulated
profiles:
  natural-sign: &natural
    level: substantial
    policy_oids: {software: 2.999.1.1.1}
    evidence: &evidence
      any_of: [[civil_registry, mobile_ownership, otp_sms, face_match]]
      max_age: {civil_registry: 1h, mobile_ownership: 1h, otp_sms: 1h, face_match: 1h, cert_signature: 1h}
      face_score: 80
      sim_quiet: 7d
    validity: 6h
    renewal: {opens_before: 6h, closes_after: 0s, overlap: 0s, max_depth: 3, max_age: 365d, evidence: [civil_registry]}
    approved_for: 30m
    terms_version: "1"
  organisation-sign:
    level: substantial
    policy_oids: {software: 2.999.1.2.1}
    evidence:
      any_of: [[civil_registry, mobile_ownership, otp_sms, face_match, legal_registry]]
      max_age: {civil_registry: 1h, mobile_ownership: 1h, otp_sms: 1h, face_match: 1h, legal_registry: 1h, cert_signature: 1h}
      face_score: 80
      sim_quiet: 7d
    validity: 6h
    renewal: {opens_before: 6h, closes_after: 0s, overlap: 0s, max_depth: 3, max_age: 365d, evidence: [civil_registry, legal_registry]}
    approved_for: 30m
    terms_version: "1"
`

type tourFlags struct {
	out, server, root, ops, registry, keys, vkey, data, store string
	keep                                                      bool
}

func tourCommand() *cobra.Command {
	var f tourFlags
	c := &cobra.Command{
		Use: "tour", Short: "Run every journey once and keep every artifact",
		Long: "Run enrollment, renewal, badge and complaint against a service of the tour's own, and leave every artifact\nin a directory for openssl and others to check.",
		Example: `  mohr tour --out tour
  mohr tour --out tour --keep        # leaves the service running
  mohr tour --out tour --keys 'pkcs11:token=mohr?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=pin.txt'`, Args: exactly(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.out == "" {
				return usageError{errors.New("--out is missing")}
			}
			return f.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&f.out, "out", "", "directory for the artifacts")
	c.Flags().BoolVar(&f.keep, "keep", false, "leave the service running, print its ready line")
	c.Flags().StringVar(&f.data, "data", "", "directory of the tour's service, which is kept; default a temporary one")
	storeFlag(c.Flags(), &f.store)
	c.Flags().StringVar(&f.keys, "keys", "", "where the service's keys live: file:DIR or a pkcs11: or tpmkms: URI")
	c.Flags().StringVar(&f.server, "server", "", "run against this development service (base URL of its portal) and not one of the tour's own")
	c.Flags().StringVar(&f.root, "root", "mohr-data/root.pem", "with --server: its root certificate")
	c.Flags().StringVar(&f.vkey, "log-key", "mohr-data/log.vkey", "with --server: its log's verifier key")
	c.Flags().StringVar(&f.ops, "ops", "http://127.0.0.1:9090", "with --server: base URL of its operators' door")
	c.Flags().StringVar(&f.registry, "registry", "", "with --server: base URL of its reference registry")
	return c
}

func (f *tourFlags) run(ctx context.Context, out, progress io.Writer) error {
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return err
	}
	if f.server != "" {
		if f.registry == "" {
			return usageError{errors.New("--server needs --registry: the shop of the tour is there")}
		}
		return f.visit(ctx, progress, sight{portal: f.server, ops: f.ops, registry: f.registry, rootFile: f.root, vkeyFile: f.vkey})
	}
	return f.own(ctx, out, progress)
}

// own runs the tour against a service of its own.
func (f *tourFlags) own(ctx context.Context, out, progress io.Writer) error {
	data := f.data
	if data == "" {
		var err error
		if data, err = os.MkdirTemp("", "mohr-tour-"); err != nil {
			return err
		}
		defer os.RemoveAll(data)
	} else if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	policy := filepath.Join(data, "tour-policy.yaml")
	if err := os.WriteFile(policy, []byte(tourPolicy), 0o600); err != nil {
		return err
	}
	conf := service.Config{Data: data, HTTPS: "127.0.0.1:0", MTLS: "127.0.0.1:0", HTTP: "127.0.0.1:0", Ops: "127.0.0.1:0", Policy: policy, Keys: f.keys, Store: f.store}
	conf.ACMEOrders = 1 << 30 // who keeps the service may measure it
	conf.Defaults()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	log, err := newLog(progress, "error")
	if err != nil {
		return err
	}
	ready := make(chan *service.Served, 1)
	ended := make(chan error, 1)
	begun := time.Now()
	go func() {
		ended <- service.Serve(ctx, conf, service.Dev{On: true}, log, func(s *service.Served) { ready <- s })
	}()
	select {
	case err := <-ended:
		return err
	case s := <-ready:
		if err := f.visitServed(ctx, progress, s, time.Since(begun)); err != nil || !f.keep {
			stop()
			return errors.Join(err, <-ended)
		}
		fmt.Fprintln(out, s.ReadyLine())
		return <-ended
	}
}

func (f *tourFlags) visitServed(ctx context.Context, progress io.Writer, s *service.Served, started time.Duration) error {
	if err := os.WriteFile(filepath.Join(f.out, "server.txt"), []byte(s.ReadyLine()+"\n"), 0o644); err != nil {
		return err
	}
	data := s.Config.Data
	operator := operatorFlags{
		serverFlags: serverFlags{server: fmt.Sprintf("https://localhost:%d", service.PortOf(s.MTLS)), root: filepath.Join(data, "root.pem")},
		cert:        filepath.Join(data, "operator.pem"), key: filepath.Join(data, "operator.key"),
	}
	return f.visit(ctx, progress, sight{
		operator: operator, portal: s.Config.Portal, ops: "http://" + s.Ops.Addr().String(), registry: s.RegistryURL(), started: started,
		rootFile: filepath.Join(data, "root.pem"), vkeyFile: filepath.Join(data, "log.vkey"),
	})
}

// sight is where the service under tour is found.
type sight struct {
	portal, ops, registry, rootFile, vkeyFile string
	operator                                  operatorFlags // cert is "" where there is no operator's key
	started                                   time.Duration // how long its start took, if it is our own
}

// tourStep is one line of tour.json.
type tourStep struct {
	Step    string  `json:"step"`
	Seconds float64 `json:"seconds"`
}

// tour is one run through all journeys.
type tour struct {
	sight
	dir      string
	api      *client
	ring     *hsm.Keyring
	steps    []tourStep
	progress io.Writer

	application     *applying
	holder, renewed *holder
	badge           string // id
	business        string
}

func (f *tourFlags) visit(ctx context.Context, progress io.Writer, at sight) error {
	api, err := serverFlags{server: at.portal, root: at.rootFile}.dial(nil)
	if err != nil {
		return err
	}
	t := &tour{sight: at, dir: f.out, api: api, ring: hsm.Open(hsm.Config{}), progress: progress}
	defer t.ring.Close()
	if at.started > 0 {
		t.note("service started", at.started)
	}
	for _, s := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"trust: root, issuer and log key", t.trust},
		{"enroll: evidence, approval, certificate", t.enrollStep},
		{"status: OCSP good", t.statusGood},
		{"evidence bundle", t.bundleStep},
		{"renew: statement of the old key, new key", t.renewStep},
		{"status: OCSP superseded, CRL", t.statusSuperseded},
		{"time stamp", t.stampStep},
		{"badge: signed request, domain, grant", t.badgeStep},
		{"complaint: filed, served, answered", t.complaintStep},
		{"record and picture of the badge", t.recordStep},
		{"log: checkpoint, tree recomputed", t.logStep},
	} {
		begun := time.Now()
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("tour, %s: %w", s.name, err)
		}
		t.note(s.name, time.Since(begun))
	}
	return t.finish()
}

// note records a step and shows it.
func (t *tour) note(name string, took time.Duration) {
	t.steps = append(t.steps, tourStep{Step: name, Seconds: took.Round(time.Millisecond).Seconds()})
	fmt.Fprintf(t.progress, "  done  %-44s %6d ms\n", name, took.Milliseconds())
}

func (t *tour) finish() error {
	var total float64
	for _, s := range t.steps {
		total += s.Seconds
	}
	if err := t.keepJSON("tour.json", map[string]any{"steps": t.steps, "seconds": total}); err != nil {
		return err
	}
	fmt.Fprintf(t.progress, "The tour took %.1f s. Its artifacts are in %s.\n", total, t.dir)
	return nil
}

func (t *tour) keep(name string, content []byte) error {
	mode := os.FileMode(0o644)
	if strings.HasSuffix(name, ".key") {
		mode = 0o600
	}
	return os.WriteFile(filepath.Join(t.dir, name), content, mode)
}

func (t *tour) keepJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return t.keep(name, append(b, '\n'))
}

// plain returns a client for the doors without TLS: those in certificates,
// operators' and the registry's.
func (t *tour) plain(base string) *client {
	u, err := url.Parse(base)
	if err != nil {
		return &client{base: base, http: t.api.http}
	}
	u.Path = ""
	return &client{base: u.String(), http: t.api.http}
}
