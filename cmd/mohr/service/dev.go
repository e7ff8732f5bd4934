package service

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"mohr/ca/signin"
	"mohr/enroll"
	"mohr/internal/eid"
	"mohr/internal/refregistry"
)

// Dev says whether a service is for development, and with whom.
type Dev struct {
	On     bool
	People string // file; "" for the people that come with the program
}

// devWorld is what surrounds a development service: a reference registry, its
// phones, name servers and a web server for shops, each on a loopback port of
// its own and spoken to over the network.
type devWorld struct {
	registryURL string
	peopleHint  string
	servers     []*http.Server
	vendor      *refregistry.Vendor
}

// openDevWorld starts the world and points the configuration at it.
func openDevWorld(ctx context.Context, c *Config, o Dev, log *slog.Logger) (*devWorld, error) {
	if c.Production {
		return nil, errors.New("--dev and production exclude each other")
	}
	conf := refregistry.Config{Log: log}
	w := &devWorld{peopleHint: "national code 0012345679, born 1990-05-14, mobile +989121234567"}
	if o.People != "" {
		b, err := os.ReadFile(o.People)
		if err != nil {
			return nil, fmt.Errorf("people file: %w", err)
		}
		conf.People, w.peopleHint = b, o.People
	}
	registry, err := refregistry.New(conf)
	if err != nil {
		return nil, err
	}
	if err := w.start(ctx, c, registry); err != nil {
		w.close()
		return nil, err
	}
	if err := simulateChips(c, time.Now()); err != nil {
		w.close()
		return nil, err
	}
	if c.Held == "" {
		c.Held = c.Keys
	}
	if c.PublicationObjection == nil {
		c.PublicationObjection = new(time.Duration)
	}
	c.Registry.Environment = "simulated"
	c.Registry.PublicKey = filepath.Join(c.Data, "registry.pem")
	return w, writeEd25519(c.Registry.PublicKey, registry.PublicKey())
}

func (w *devWorld) start(ctx context.Context, c *Config, registry *refregistry.Server) error {
	api, err := w.serve(registry.Handler())
	if err != nil {
		return err
	}
	shop, err := w.serve(registry.Shop())
	if err != nil {
		return err
	}
	if err := w.openLogins(c, registry); err != nil {
		return err
	}
	w.registryURL = "http://" + api.String()
	c.Registry.URL = w.registryURL
	c.Domains = DomainConfig{Port: shop.(*net.TCPAddr).Port, Allow: []string{"127.0.0.1/32"}}
	for range 2 {
		resolver, err := registry.ServeDNS(ctx, "127.0.0.1:0")
		if err != nil {
			return err
		}
		c.Domains.Resolvers = append(c.Domains.Resolvers, resolver.String())
	}
	return w.openVendor(c, registry)
}

// openLogins starts an eID provider, unless the configuration names one.
func (w *devWorld) openLogins(c *Config, registry *refregistry.Server) error {
	if c.EID != nil {
		return nil
	}
	secret, file := rand.Text(), filepath.Join(c.Data, "eid.secret")
	provider, err := registry.EID(secret, enroll.LoginPath, signin.LoginPath)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		return err
	}
	at, err := w.serve(provider)
	if err != nil {
		return err
	}
	c.EID = &eid.File{
		Name: "reference-eid@1", Issuer: "http://" + at.String(), Environment: "simulated", ClientID: refregistry.EIDClient, SecretFile: file,
		ACR: map[string]string{}, Allow: []string{"127.0.0.1/32"},
		Claims: map[string]string{"national_code": "token.national_code", "first_name": "token.given_name", "last_name": "token.family_name", "birth_date": "token.birthdate"},
	}
	for _, level := range refregistry.EIDLevels {
		c.EID.ACR[level] = level
	}
	return nil
}

// serve serves h on a free loopback port.
func (w *devWorld) serve(h http.Handler) (net.Addr, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.serveOn(l, h)
	return l.Addr(), nil
}

func (w *devWorld) serveOn(l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout}
	w.servers = append(w.servers, s)
	go s.Serve(l) // ends with Close
}

func (w *devWorld) close() {
	if w.vendor != nil {
		w.vendor.Close()
	}
	for _, s := range w.servers {
		s.Close()
	}
}

// outbox shows the codes and messages that phones would have received, and
// pages the rest of what is below /dev/.
func (w *devWorld) outbox(pages http.Handler) http.Handler {
	client := &http.Client{Timeout: 5 * time.Second}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.HandleFunc("GET /dev/outbox", func(out http.ResponseWriter, r *http.Request) {
		res, err := client.Get(w.registryURL + "/v1/sms")
		if err != nil {
			http.Error(out, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		out.Header().Set("Content-Type", "application/json")
		out.WriteHeader(res.StatusCode)
		io.Copy(out, res.Body) // a reader who has gone needs no answer
	})
	return mux
}

func writeEd25519(file string, key ed25519.PublicKey) error {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o644)
}

// ServeRegistry serves the reference registry alone until ctx ends, and leaves
// the key that its answers verify under in the file keyOut.
func ServeRegistry(ctx context.Context, out io.Writer, people, listen, keyOut string, shops bool) error {
	var conf refregistry.Config
	var err error
	if people != "" {
		if conf.People, err = os.ReadFile(people); err != nil {
			return fmt.Errorf("people file: %w", err)
		}
	}
	if _, conf.Key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return err
	}
	registry, err := refregistry.New(conf)
	if err != nil {
		return err
	}
	if err := writeEd25519(keyOut, registry.PublicKey()); err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	line := fmt.Sprintf("mohr refregistry ready http=%s", l.Addr())
	if shops {
		more, err := serveShops(ctx, registry)
		if err != nil {
			return err
		}
		line += more
	}
	s := &http.Server{Handler: registry.Handler(), ReadHeaderTimeout: headerTimeout}
	context.AfterFunc(ctx, func() { s.Close() })
	fmt.Fprintln(out, line)
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// serveShops serves the simulated shops and two name servers for them until
// ctx ends, and returns where, for the ready line.
func serveShops(ctx context.Context, registry *refregistry.Server) (line string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: registry.Shop(), ReadHeaderTimeout: headerTimeout}
	context.AfterFunc(ctx, func() { s.Close() })
	go s.Serve(l) // ends with Close
	line = fmt.Sprintf(" shops=%s", l.Addr())
	for _, name := range []string{"dns", "dns2"} {
		resolver, err := registry.ServeDNS(ctx, "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		line += fmt.Sprintf(" %s=%s", name, resolver)
	}
	return line, nil
}
