package service

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/narrow"
	"mohr/internal/store"
)

// IssuingConfig says how nodes with the issuing keys and nodes without them
// speak (docs/roles.md).
type IssuingConfig struct {
	// Listen is the address at which a node of the role ca signs for others;
	// default none does. With it the node signs nothing that it has not judged.
	Listen string `yaml:"listen"`
	// Callers are the common names of the certificates of those who may call.
	Callers []string `yaml:"callers"`
	// Word are the kinds of evidence that are taken on a caller's word, because
	// nobody signs them: otp_sms where the policy asks for it.
	Word []evidence.Type `yaml:"word"`
	// Signed is the URL of a database, apart from store, in which the nodes of
	// the role ca remember what they signed; default a file in Data, which is for
	// one such node.
	Signed string `yaml:"signed"`
	// Nodes are the base URLs of nodes of the role ca, for a node without it, in
	// the order in which they are asked.
	Nodes []string `yaml:"nodes"`
}

// keyless reports whether the node works without the issuing keys.
func (c *Config) keyless() bool { return !c.Roles.Has(RoleCA) }

// validateIssuing reports what is wrong with a division of the work.
func (c *Config) validateIssuing() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	i := c.Issuing
	for _, t := range i.Word {
		need(slices.Contains(wordable, t), fmt.Sprintf("issuing.word has %q, which is not taken on anybody's word", t))
	}
	if !c.keyless() {
		need(len(i.Nodes) == 0, "issuing.nodes is for a node without the role ca")
		need(i.Listen == "" || len(i.Callers) > 0, "issuing.listen without issuing.callers: nobody could call")
		need(i.Listen != "" || len(i.Callers)+len(i.Word) == 0 && i.Signed == "", "issuing.callers, word and signed say nothing without issuing.listen")
		need(c.Roles.Has(RolePortal) || c.Publish != "" && c.Portal != "", "a node without the role portal needs publish and portal, as the other nodes have them")
		return errors.Join(errs...)
	}
	need(i.Listen == "" && len(i.Callers)+len(i.Word) == 0 && i.Signed == "", "issuing.listen, callers, word and signed are for a node with the role ca")
	need(len(i.Nodes) > 0, "a node with the role portal or jobs and without ca needs issuing.nodes: who has the issuing keys")
	for _, n := range i.Nodes {
		u, err := url.Parse(n)
		need(err == nil && u.Scheme == "https" && u.Host != "" && u.Path == "", fmt.Sprintf("issuing.nodes has %q, which is no base URL like https://HOST:PORT", n))
	}
	need(c.Publish != "" && c.Portal != "", "a node without the role ca needs publish and portal, as the other nodes have them")
	need(c.Store != "", "a node without the role ca needs store, the database of all nodes")
	need(c.Held == "", "held is set, but keys of holders are certified only where the role ca is on the same node")
	need(c.Attestation.TPM == "", "attestation.tpm is set, but what a TPM has to open is no secret to a portal, so the node with the keys could not believe what comes of it; TPMs vouch where the role ca is on the same node, PIV devices (attestation.piv) on any")
	need(c.ACMEOrders == 0, "acme_orders_per_hour is set, but servers' certificates are issued only where the role ca is on the same node")
	return errors.Join(errs...)
}

// wordable are the kinds of evidence that may be taken on a word. A mandate and
// a device may not: who has one applies where the role ca is on the same node.
var wordable = []evidence.Type{
	evidence.CivilRegistry, evidence.MobileOwnership, evidence.OTPSMS, evidence.FaceMatch, evidence.DocumentVideo,
	evidence.EIDOIDC, evidence.LegalRegistry, evidence.EMRTDChip, evidence.OfficerReview, evidence.CertSignature,
}

// apart is who signs for whom on this node.
func (g *Ground) apart(ctx context.Context) (a ca.Apart, err error) {
	switch {
	case g.Config.keyless():
		a.Elsewhere, a.Seal = func(ctx context.Context, serial string, p ca.Papers) ([]byte, error) {
			c := g.asks.Load()
			if c == nil {
				return nil, errNotOpen
			}
			return c.Sign(ctx, serial, p)
		}, g.box
	case g.Config.Issuing.Listen != "":
		if g.signed, err = g.openSigned(ctx); err != nil {
			return a, fmt.Errorf("issuing.signed: %w", err)
		}
		a.Judge, a.Signed, a.Seal = func(ctx context.Context, c ca.Certificate, p ca.Papers) (ca.Order, []ca.Use, error) {
			j := g.judge.Load()
			if j == nil {
				return ca.Order{}, nil, errNotOpen
			}
			return j.Decide(ctx, c, p)
		}, g.signed, g.box
	}
	return a, nil
}

// errNotOpen is for who comes before the rooms are open.
var errNotOpen = errors.New("the rooms of this node are not open yet")

func (g *Ground) openSigned(ctx context.Context) (store.Store, error) {
	if url := g.Config.Issuing.Signed; url != "" {
		return store.OpenPostgres(ctx, url)
	}
	return store.OpenBolt(filepath.Join(g.Config.Data, "signed.db"))
}

// openIssuing gives the authority who judges, or whom it asks.
func (r *rooms) openIssuing(context.Context) error {
	switch {
	case r.Config.keyless():
		name, err := r.issuingName()
		if err != nil {
			return err
		}
		r.asks.Store(narrow.NewClient(r.Config.Issuing.Nodes, r.issuingTransport(name), r.Log))
	case r.Config.Issuing.Listen != "":
		r.judge.Store(&narrow.Judge{Now: r.Clock.Time, Policy: r.policy, Registry: r.registry.Client, Renewals: r.renew, Devices: r.attestation, Audience: r.Config.Portal, Word: r.Config.Issuing.Word})
	}
	return nil
}

// issuingName is the name in the certificate of every node that signs for others.
func (g *Ground) issuingName() (string, error) {
	portal, err := url.Parse(g.Config.Portal)
	if err != nil {
		return "", fmt.Errorf("portal address: %w", err)
	}
	return "issuing." + portal.Hostname(), nil
}

// renewIssuing is a job: the listener for callers shows a current certificate,
// of a key of its own: a caller's key opens no such door.
func (g *Ground) renewIssuing(ctx context.Context) error {
	if g.Config.Issuing.Listen == "" {
		return nil
	}
	name, err := g.issuingName()
	if err != nil {
		return err
	}
	k, err := g.serviceKey(ctx, "issuing", ca.Service{Profile: ca.ServiceTLS, CommonName: name, DNSNames: []string{name}})
	if err == nil {
		g.issuing.Store(chainOf(k))
	}
	return err
}

// issuingTransport shows the nodes with the keys the certificate of this node's
// listeners.
func (r *rooms) issuingTransport(name string) http.RoundTripper {
	roots := x509.NewCertPool()
	for _, root := range r.CA.Anchors() {
		roots.AddCert(root)
	}
	return &http.Transport{
		TLSClientConfig: &tls.Config{
			Time:       r.Clock.Time,
			MinVersion: tls.VersionTLS13, ServerName: name, RootCAs: roots,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return r.tls.Load(), nil },
		},
		TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
	}
}

// issuingTLS is that of the listener for callers: nobody comes in without a
// certificate of this hierarchy. Whose it is, narrow.Desk asks.
func (g *Ground) issuingTLS() *tls.Config {
	conf := g.tlsConfig(true)
	conf.MinVersion, conf.ClientAuth = tls.VersionTLS13, tls.RequireAndVerifyClientCert
	conf.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return g.issuing.Load(), nil }
	return conf
}
