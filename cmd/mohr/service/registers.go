package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// registers are the registries as the rooms see them: a connector where the
// configuration names one for the question, else the registry.
type registers struct {
	*gateway.Client
	connectors map[gateway.Kind]*gateway.Connector
	messages   []*gateway.Connector          // tried in this order; none: the registry's
	licences   map[string]*gateway.Connector // by kind of licence
}

// vendors are the connectors to whose pages people go.
func (r *registers) vendors() map[evidence.Type]*gateway.Connector {
	list := map[evidence.Type]*gateway.Connector{}
	for _, k := range []gateway.Kind{gateway.AskVideo, gateway.AskFace} {
		if n := r.connectors[k]; n != nil {
			list[evidence.Type(k)] = n
		}
	}
	return list
}

// health tells how the registry and every gateway go.
func (r *registers) health() []gateway.Health {
	list := r.Client.Health()
	add := func(n *gateway.Connector) { list = append(list, n.Health()) }
	for _, kind := range slices.Sorted(maps.Keys(r.connectors)) {
		add(r.connectors[kind])
	}
	for _, n := range r.messages {
		add(n)
	}
	for _, kind := range slices.Sorted(maps.Keys(r.licences)) {
		add(r.licences[kind])
	}
	return list
}

// openRegisters reads the connectors that c names.
func openRegisters(registry *gateway.Client, c Config, log *slog.Logger, now func() time.Time) (*registers, error) {
	r := &registers{Client: registry, connectors: map[gateway.Kind]*gateway.Connector{}}
	for _, file := range c.Connectors {
		n, err := ReadConnector(file, log, now)
		if err != nil {
			return nil, fmt.Errorf("connectors: %w", err)
		}
		switch {
		case c.Production && n.Environment() != "production":
			return nil, fmt.Errorf("connectors: %s is simulated, but production is set", n.Name())
		case n.Asks() == gateway.SendingSMS:
			r.messages = append(r.messages, n)
			continue
		case r.connectors[n.Asks()] != nil:
			return nil, fmt.Errorf("connectors: both %s and %s are for %s; name one", r.connectors[n.Asks()].Name(), n.Name(), n.Asks())
		}
		r.connectors[n.Asks()] = n
	}
	return r, r.openLicences(c, log, now)
}

// openLicences reads the connectors for single kinds of licences.
func (r *registers) openLicences(c Config, log *slog.Logger, now func() time.Time) error {
	r.licences = map[string]*gateway.Connector{}
	for kind, file := range c.LicenceRegistries {
		n, err := ReadConnector(file, log, now)
		switch {
		case err != nil:
			return fmt.Errorf("licence_registries: %w", err)
		case n.Asks() != gateway.AskLicence:
			return fmt.Errorf("licence_registries: %s asks for %s, not for a licence", n.Name(), n.Asks())
		case c.Production && n.Environment() != "production":
			return fmt.Errorf("licence_registries: %s is simulated, but production is set", n.Name())
		}
		r.licences[kind] = n
	}
	return nil
}

// ReadConnector reads a connector file. log may be nil; now, too: time.Now.
func ReadConnector(file string, log *slog.Logger, now func() time.Time) (*gateway.Connector, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	n, err := gateway.NewConnector(b, gateway.ConnectorConfig{Now: now, Log: log})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return n, nil
}

func (r *registers) Person(ctx context.Context, nationalCode, birthDate string) (gateway.Answer[gateway.Person], error) {
	if n := r.connectors[gateway.AskPerson]; n != nil {
		return n.Person(ctx, nationalCode, birthDate)
	}
	return r.Client.Person(ctx, nationalCode, birthDate)
}

func (r *registers) Mobile(ctx context.Context, nationalCode, mobile string) (gateway.Answer[gateway.Mobile], error) {
	if n := r.connectors[gateway.AskMobile]; n != nil {
		return n.Mobile(ctx, nationalCode, mobile)
	}
	return r.Client.Mobile(ctx, nationalCode, mobile)
}

func (r *registers) Legal(ctx context.Context, legalID string) (gateway.Answer[gateway.Legal], error) {
	if n := r.connectors[gateway.AskLegal]; n != nil {
		return n.Legal(ctx, legalID)
	}
	return r.Client.Legal(ctx, legalID)
}

func (r *registers) Licence(ctx context.Context, legalID, licenceType string) (gateway.Answer[gateway.Licence], error) {
	if n := r.licences[licenceType]; n != nil {
		return n.Licence(ctx, legalID, licenceType)
	}
	if n := r.connectors[gateway.AskLicence]; n != nil {
		return n.Licence(ctx, legalID, licenceType)
	}
	return r.Client.Licence(ctx, legalID, licenceType)
}

// SMS hands a message to the first gateway that takes it. One that broke off
// may have sent it all the same: a person then has it twice.
func (r *registers) SMS(ctx context.Context, to, text string) (a gateway.Answer[gateway.SMS], err error) {
	if len(r.messages) == 0 {
		return r.Client.SMS(ctx, to, text)
	}
	for _, n := range r.messages {
		if a, err = n.SMS(ctx, to, text); !errors.Is(err, fault.Unavailable) {
			break
		}
	}
	return a, err
}
