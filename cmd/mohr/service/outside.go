package service

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"mohr/ca/timestamp"
	"mohr/internal/gateway"
)

// openOutside prepares all that leaves this machine: registries and shops.
func (r *rooms) openOutside(context.Context) error {
	key, err := readEd25519(r.Config.Registry.PublicKey)
	if err != nil {
		return fmt.Errorf("registry.public_key: %w", err)
	}
	var allow []netip.Prefix
	for _, s := range r.Config.Domains.Allow {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return fmt.Errorf("domains.allow: %w", err)
		}
		allow = append(allow, p)
	}
	roots, err := readRoots(r.Config.Domains.Roots)
	if err != nil {
		return fmt.Errorf("domains.roots: %w", err)
	}
	r.dialer, err = gateway.NewDialer(gateway.DialConfig{Resolvers: r.Config.Domains.Resolvers, Allow: allow, Roots: roots, MaxBody: maxShopPage})
	if err != nil {
		return err
	}
	registry, err := gateway.New(gateway.Config{
		Now: r.Clock.Time, BaseURL: r.Config.Registry.URL, PublicKey: key, Environment: r.Config.Registry.Environment,
		Timeout: r.Config.Registry.Timeout, Log: r.Log, Transport: registryTransport(),
	})
	if err != nil {
		return err
	}
	r.registry, err = openRegisters(registry, r.Config, r.Log, r.Clock.Time)
	return err
}

// maxShopPage bounds an answer of a shop, octets: its front page may be long.
const maxShopPage = 1 << 20

// readRoots reads certificates of CAs; nil, for the system's, if there is no file.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// registryTransport reaches the registry where the configuration says it is:
// a configured address is not one that somebody else chose.
func registryTransport() http.RoundTripper {
	return &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, ResponseHeaderTimeout: 30 * time.Second}
}

func readEd25519(file string) (ed25519.PublicKey, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM", file)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	k, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, not an Ed25519 key", file, key)
	}
	return k, nil
}

// maxClockError is how far the clock may be off, or step, before stamping stops.
const maxClockError = time.Second

func (r *rooms) openStamps() error {
	policy, err := parseOID(r.Config.StampPolicy)
	if err != nil {
		return fmt.Errorf("stamp_policy: %w", err)
	}
	steady := timestamp.Steady(maxClockError)
	if r.Config.Production {
		steady = timestamp.Kernel(maxClockError)
	}
	r.unit, err = timestamp.New(timestamp.Config{Now: r.Clock.Time, Key: r.stamps, Policy: policy, Clock: func() error { return errors.Join(steady(), r.Clock.Check()) }, Log: r.Log})
	return err
}

// renewStampKey is a job: the unit signs with a current certificate.
func (r *rooms) renewStampKey(ctx context.Context) error {
	k, err := r.stampKey(ctx)
	if err != nil {
		return err
	}
	return r.unit.Use(k)
}

// parseOID reads an object identifier in dots.
func parseOID(s string) (asn1.ObjectIdentifier, error) {
	var oid asn1.ObjectIdentifier
	for _, arc := range strings.Split(s, ".") {
		n, err := strconv.ParseUint(arc, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%q is no object identifier", s)
		}
		oid = append(oid, int(n))
	}
	return oid, nil
}
