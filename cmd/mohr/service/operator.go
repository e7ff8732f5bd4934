package service

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"mohr/ca"
	"mohr/hsm"
)

// devOperator makes the operator's certificate of a development service, with
// all roles, and leaves it with its key beside the data.
func (g *Ground) devOperator(ctx context.Context) error {
	const name = "operator"
	signer, err := openOrCreate(ctx, g.Ring, hsm.FileURI(filepath.Join(g.Config.Data, name+".key")))
	if err != nil {
		return fmt.Errorf("operator's key: %w", err)
	}
	k, err := g.CA.SigningKey(ctx, signer, ca.Service{Profile: ca.OperatorAuth, CommonName: name})
	if err != nil {
		return err
	}
	if err := g.CA.GrantRoles(ctx, name, ca.RoleRegistrar, ca.RoleRevocation, ca.RoleOfficer, ca.RoleCustodian); err != nil {
		return fmt.Errorf("operator's roles: %w", err)
	}
	chain := append([]*x509.Certificate{k.Certificate}, k.Chain...)
	return os.WriteFile(filepath.Join(g.Config.Data, name+".pem"), ca.ChainPEM(chain...), 0o644)
}

// OpenStopped opens the ground of a service that has served and is stopped.
func OpenStopped(ctx context.Context, c Config) (*Ground, error) {
	c, err := c.stopped()
	if err != nil {
		return nil, err
	}
	return Open(ctx, c, slog.New(slog.DiscardHandler))
}

// stopped completes the configuration of a service that has served, by the
// addresses that it left.
func (c Config) stopped() (Config, error) {
	c.Defaults()
	if err := errors.Join(c.hasStore(), c.hasKeys()); err != nil {
		return c, err
	}
	addresses, err := os.ReadFile(filepath.Join(c.Data, addressFile))
	publish, portal, ok := strings.Cut(strings.TrimSpace(string(addresses)), " ")
	if err != nil || !ok {
		return c, errors.Join(fmt.Errorf("%s has never Served", c.Data), err)
	}
	c.fillAddresses(publish, portal, "")
	return c, nil
}
