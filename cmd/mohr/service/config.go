package service

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"mohr/ca"
	"mohr/ca/csc"
	"mohr/complaints"
	"mohr/internal/door"
	"mohr/internal/eid"
	"mohr/internal/trace"
)

// Config is the configuration file: YAML, unknown keys refused. Flags win
// over it. Every field has a default but those of the registry, without which
// only --dev can serve.
type Config struct {
	Data string `yaml:"data"` // directory of store, development keys and the root certificate; default "mohr-data"
	// Store is the URL of a PostgreSQL database that several nodes may share;
	// its password comes from passfile= in it or from the environment. Default
	// the embedded store in Data, or the database that Data belongs to.
	Store  string `yaml:"store"`
	HTTPS  string `yaml:"https"`  // listen address; default 127.0.0.1:8443
	MTLS   string `yaml:"mtls"`   // default 127.0.0.1:8444
	HTTP   string `yaml:"http"`   // default 127.0.0.1:8080
	Ops    string `yaml:"ops"`    // default 127.0.0.1:9090
	Portal string `yaml:"portal"` // base URL that browsers use; default https://localhost:PORT
	// PortalMTLS is the base URL at which browsers reach the listener that asks
	// for client certificates; default the host of portal with the port of mtls.
	// Behind a proxy that gives it another port or name, say so here.
	PortalMTLS string `yaml:"portal_mtls"`
	Publish    string `yaml:"publish"` // base URL in certificates; default http://ADDRESS of the plain listener
	Name       string `yaml:"name"`    // of the operator, in the authorities' names; default "Mohr"
	Keys       string `yaml:"keys"`    // where the service's keys live: "file:DIR" or a pkcs11: URI; default file:DATA/keys
	// FormerKeys are places where the service's keys were made before Keys;
	// keys that are not in Keys are looked for there.
	FormerKeys []string `yaml:"former_keys"`
	Secret     string   `yaml:"secret"` // URI of the 32-byte service secret; default file:DATA/keys/secret
	Policy     string   `yaml:"policy"` // assurance policy file; default the built-in one

	// SerialPrefix is the first octet of this node's serials, 1 to 127; no two
	// nodes share one. Default 1.
	SerialPrefix byte `yaml:"serial_prefix"`
	// IssuerOf chooses another issuing authority for a profile than the
	// built-in one, of the same kind: organisation-seal: sign-rsa3072.
	IssuerOf map[string]ca.IssuerID `yaml:"issuer_of"`
	// TimeReferences are NTP servers, host:port; while they say that the clock
	// is off by more than 5 s nothing is signed.
	TimeReferences []string `yaml:"time_references"`
	// Witness is a file for the log's newest checkpoint, outside the store; it
	// tells a restored store that lacks entries. Default DATA/witness/checkpoint.
	Witness string `yaml:"witness"`

	// Repository is a directory with practice-fa.md, practice-en.md, pds-..., and
	// terms-... in place of the built-in documents; an earlier version of one is
	// beside it as terms-en.v1.md.
	Repository string `yaml:"repository"`

	StampPolicy string `yaml:"stamp_policy"` // policy OID in time stamps; default 2.999.7.3, a test policy

	Registry RegistryConfig `yaml:"registry"`
	// Connectors are files that say how other gateways are asked in place of
	// Registry (docs/connectors.md): one a kind of question, and several for
	// messages, in the order in which they are tried.
	Connectors []string     `yaml:"connectors"`
	Domains    DomainConfig `yaml:"domains"`
	// EID is the provider at which applicants log in with their eID
	// (docs/eid.md); default none.
	EID  *eid.File  `yaml:"eid"`
	Chip ChipConfig `yaml:"chip"`
	// Attestation says which devices may keep holders' keys; default none.
	Attestation AttestationConfig `yaml:"attestation"`
	// Held says where the keys are wrapped that the service holds for holders,
	// as Keys does: "file:DIR", for trials, or a pkcs11: or tpmkms: URI
	// (docs/held-keys.md). Default none are held; with --dev where Keys are.
	Held string `yaml:"held"`
	// CSC says which other software may ask holders for signatures by keys that
	// are held (docs/csc.md); default none.
	CSC csc.File `yaml:"csc"`
	// BadgeRules is a file of rules in place of the built-in ones.
	BadgeRules string `yaml:"badge_rules"`
	// LicenceRegistries are connector files for kinds of licences that another
	// registry answers for: cosmetics: fda.yaml.
	LicenceRegistries map[string]string `yaml:"licence_registries"`

	// ComplaintPolicy names the answer windows: "default" is single(96h),
	// "centre" the staged windows of the national centre; or a YAML file of
	// versions, oldest first. What was published once stays in it unchanged, and
	// a new version begins on a day that is ahead.
	ComplaintPolicy string `yaml:"complaint_policy"`
	// ComplaintFlags and ComplaintPlaceholders are files of rules in place of
	// those that come with the program: which complaints an officer sees before
	// they are served, and which answers are marked as placeholders.
	ComplaintFlags        string `yaml:"complaint_flags"`
	ComplaintPlaceholders string `yaml:"complaint_placeholders"`
	// ComplaintWeights is a file of the weights of the five dimensions over time,
	// oldest first. As with windows, what was published once stays in it
	// unchanged, and a new entry begins on a day that is ahead.
	ComplaintWeights string `yaml:"complaint_weights"`
	// PublicationObjection is how long an invited business may object before its
	// record is made public; default 240h, in a development service 0s.
	PublicationObjection *time.Duration `yaml:"publication_objection"`
	// ACMEOrders is how many certificates a business may order by ACME in an
	// hour; default 100.
	ACMEOrders int `yaml:"acme_orders_per_hour"`
	// SCEP says that clients may enroll and renew by SCEP, too (docs/scep.md);
	// default false.
	SCEP bool `yaml:"scep"`
	// Roles are what this node does: portal, ca, status, jobs; default all
	// (docs/roles.md).
	Roles Roles `yaml:"roles"`
	// Issuing divides portal and ca (docs/roles.md).
	Issuing IssuingConfig `yaml:"issuing"`
	// Notice is how long a node that is told to stop goes on while /readyz
	// says that it is not ready, so that balancers send nothing any more; default
	// 0s.
	Notice time.Duration `yaml:"notice"`
	// Limits bound what each listener takes on at once (docs/overload.md).
	Limits door.Limits `yaml:"limits"`
	// Traces says where spans of requests are sent (docs/traces.md); default
	// nowhere.
	Traces trace.Config `yaml:"traces"`
	// Version of the program, for its metrics; no key of the file.
	Version string `yaml:"-"`
	// Production says that no development key and no simulated evidence is used.
	Production bool `yaml:"production"`
}

// RegistryConfig says where the registries are.
type RegistryConfig struct {
	URL         string        `yaml:"url"`
	PublicKey   string        `yaml:"public_key"`  // file with the PEM key that signs answers
	Environment string        `yaml:"environment"` // "simulated" or "production"
	Timeout     time.Duration `yaml:"timeout"`     // default 5s
}

// DomainConfig says how domains are looked at.
type DomainConfig struct {
	Resolvers []string `yaml:"resolvers"` // host:port, two at least
	Allow     []string `yaml:"allow"`     // prefixes that are dialled although they are private
	Port      int      `yaml:"port"`      // of the challenge; default 80
	TLSPort   int      `yaml:"tls_port"`  // of the shops' sites; default 443
	Roots     string   `yaml:"roots"`     // PEM file of the CAs whose certificates shops may have; default the system's
}

// LoadConfig reads the file; "" is an empty one.
func LoadConfig(file string) (Config, error) {
	var c Config
	if file == "" {
		return c, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("configuration %s: %w", file, err)
	}
	return c, nil
}

// defaults fills in what was left out.
func (c *Config) Defaults() {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.Data, "mohr-data")
	set(&c.HTTPS, "127.0.0.1:8443")
	set(&c.MTLS, "127.0.0.1:8444")
	set(&c.HTTP, "127.0.0.1:8080")
	set(&c.Ops, "127.0.0.1:9090")
	set(&c.Name, "Mohr")
	set(&c.StampPolicy, "2.999.7.3")
	set(&c.ComplaintPolicy, complaints.DefaultPolicies)
	set(&c.Registry.Environment, "simulated")
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	if c.Roles.statusOnly() {
		need(c.Publish != "" && c.Portal != "", "a status node needs publish and portal, as the other nodes have them")
		return errors.Join(append(errs, c.Limits.Validate())...)
	}
	need(c.Registry.URL != "", "registry.url is missing; for a trial run use serve --dev")
	need(c.Registry.PublicKey != "", "registry.public_key is missing")
	need(c.Registry.Environment == "simulated" || c.Registry.Environment == "production", "registry.environment is neither simulated nor production")
	need(!c.Production || c.Registry.Environment == "production", "production is set, but the registry is simulated")
	need(!c.Production || c.Policy != "", "production is set, but no policy file is")
	need(!c.Production || c.EID == nil || c.EID.Environment == "production", "production is set, but eid is simulated")
	need(c.ACMEOrders >= 0, "acme_orders_per_hour is below 0")
	need(!c.Production || !strings.HasPrefix(c.Held, "file:"), "production is set, but held keys are in files")
	need(len(c.CSC.Clients) == 0 || c.Held != "", "csc has clients, but no keys are held: held is missing")
	need(len(c.Domains.Resolvers) >= 2, "domains.resolvers needs two resolvers at least")
	return errors.Join(append(errs, c.CSC.Validate(), c.Chip.Validate(c.Production), c.Attestation.Validate(c.Production), c.Roles.Validate(), c.validateIssuing(), c.Limits.Validate(), c.Traces.Validate())...)
}

// objection is how long an invited business may object.
func (c *Config) objection() time.Duration {
	if c.PublicationObjection == nil {
		return 10 * 24 * time.Hour
	}
	return *c.PublicationObjection
}
