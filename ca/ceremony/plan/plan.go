package plan

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"mohr/hsm"
	"mohr/internal/fault"
)

// Kind is the first line of every plan.
const Kind = "mohr-ceremony/1"

// maxPlan bounds a file, in octets: more than that nobody reviews.
const maxPlan = 64 << 10

// The environments. What is made for one is never opened in the other.
const (
	Development = "development"
	Production  = "production"
)

// Plan is a file that holds every rule. Only Parse makes one.
type Plan struct {
	Kind        string     `yaml:"kind"`
	Title       string     `yaml:"title"`
	Environment string     `yaml:"environment"` // Development or Production
	Date        time.Time  `yaml:"date"`        // of the ceremony: lives and CRLs begin here
	Publish     string     `yaml:"publish"`     // base URL of CRLs and CA certificates
	Subject     Subject    `yaml:"subject"`     // what all names begin with
	Keys        Homes      `yaml:"keys"`
	Custodians  Custodians `yaml:"custodians"`
	Roots       []Root     `yaml:"roots"`
	Issuers     []Issuer   `yaml:"issuers"`
	Cross       []Cross    `yaml:"cross"`
	Revoke      []Revoke   `yaml:"revoke"`
	CRLs        []Series   `yaml:"crls"`

	raw     []byte
	builtin bool
}

// Subject is what the names of all authorities share.
type Subject struct {
	Country        string `yaml:"country"`
	Organisation   string `yaml:"organisation"`
	OrganisationID string `yaml:"organisation_id"` // EN 319 412-1 semantics, "NTRIR-..."; may be missing
}

// Homes say where the keys live: base URIs, under which each key has its
// authority's id for a name. "" stands for the service's own home.
type Homes struct {
	Roots   string `yaml:"roots"` // the offline token
	Issuers string `yaml:"issuers"`
	// Existing names authorities whose keys are in their homes already; all
	// others must not be there when the ceremony begins.
	Existing []string `yaml:"existing"`
}

// Custodians are those who must agree.
type Custodians struct {
	Need int         `yaml:"need"`
	Keys []Custodian `yaml:"keys"`
}

// Custodian is named by a certificate of a key of their own, issued by
// anybody: it is the key that counts, found by the certificate's hash.
type Custodian struct {
	Name              string `yaml:"name" json:"name"`
	CertificateSHA256 string `yaml:"certificate_sha256" json:"certificate_sha256"` // lower-case hex
}

// Root is a root to be made.
type Root struct {
	ID         string        `yaml:"id"`
	CommonName string        `yaml:"common_name"`
	Algorithm  hsm.Algorithm `yaml:"algorithm"`
	Life       Life          `yaml:"life"`
	From       time.Time     `yaml:"from"` // zero: Date
}

// Issuer is an issuing CA to be made.
type Issuer struct {
	ID         string        `yaml:"id"`
	Name       string        `yaml:"name"` // what profiles ask for; "": the id
	CommonName string        `yaml:"common_name"`
	Root       string        `yaml:"root"`
	Algorithm  hsm.Algorithm `yaml:"algorithm"`
	Life       Life          `yaml:"life"`
	From       time.Time     `yaml:"from"`        // zero: Date
	PathLength *int          `yaml:"path_length"` // must be there, and 0
	Policies   []string      `yaml:"policies"`
}

// Cross is a certificate for one root's key by another root: whoever trusts
// the one follows to the other.
type Cross struct {
	Subject string `yaml:"subject"`
	By      string `yaml:"by"`
}

// ID names the cross-certificate.
func (c Cross) ID() string { return c.Subject + ".by-" + c.By }

// Revoke ends an authority or a cross-certificate.
type Revoke struct {
	ID     string `yaml:"id" json:"id"`
	Reason string `yaml:"reason" json:"reason"` // of RFC 5280 section 5.3.1
}

// Series is a number of CRLs of a root, signed ahead.
type Series struct {
	Root  string `yaml:"root"`
	Count int    `yaml:"count"`
	Every Life   `yaml:"every"` // from one thisUpdate to the next
	Life  Life   `yaml:"life"`  // from thisUpdate to nextUpdate
}

// Begins returns the first instant of the root's life.
func (r Root) Begins(p *Plan) time.Time { return orDate(r.From, p) }

// Begins returns the first instant of the issuing CA's life.
func (i Issuer) Begins(p *Plan) time.Time { return orDate(i.From, p) }

func orDate(t time.Time, p *Plan) time.Time {
	if t.IsZero() {
		t = p.Date
	}
	return t.UTC()
}

// Serves returns the name that profiles ask for.
func (i Issuer) Serves() string {
	if i.Name == "" {
		return i.ID
	}
	return i.Name
}

// Raw returns the file's exact bytes. They are not to be changed.
func (p *Plan) Raw() []byte { return p.raw }

// SHA256 returns the hex SHA-256 of the file's exact bytes, which names it.
func (p *Plan) SHA256() string {
	sum := sha256.Sum256(p.raw)
	return hex.EncodeToString(sum[:])
}

// Distinguished returns the name of an authority with the common name.
func (s Subject) Distinguished(commonName string) pkix.Name {
	n := pkix.Name{Country: []string{s.Country}, Organization: []string{s.Organisation}, CommonName: commonName}
	if s.OrganisationID != "" {
		n.ExtraNames = append(n.ExtraNames, pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{2, 5, 4, 97}, Value: s.OrganisationID})
	}
	return n
}

// Parse reads a plan: one YAML document of at most 64 KiB, with known keys
// only, each once, and without anchors, tags and characters that do not show.
// What breaks a rule is Invalid, all in one text.
func Parse(file []byte) (*Plan, error) {
	p := &Plan{raw: bytes.Clone(file)}
	if err := p.read(); err != nil {
		return nil, errPlan(err)
	}
	if err := p.validate(); err != nil {
		return nil, errPlan(err)
	}
	return p, nil
}

func errPlan(why error) error {
	return fault.New(fault.Invalid, "plan_invalid", "this is not a plan that a ceremony can be held from; mend the file and have it signed again: %v", why)
}

func (p *Plan) read() error {
	if len(p.raw) > maxPlan {
		return fmt.Errorf("it is longer than %d octets", maxPlan)
	}
	if err := visible(p.raw); err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(p.raw, &node); err != nil {
		return err
	}
	if err := plain(&node); err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(p.raw))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil {
		return err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more follows after the document")
	}
	return nil
}

// visible refuses what a reviewer would not see: control characters and the
// marks that turn the direction of text.
func visible(b []byte) error {
	for line, text := range bytes.Split(b, []byte("\n")) {
		for len(text) > 0 {
			r, n := utf8.DecodeRune(text)
			joiner := r == '\u200c' || r == '\u200d' // Persian words have them
			if r == utf8.RuneError && n == 1 || !joiner && (unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.IsControl(r) && r != '\r') {
				return fmt.Errorf("line %d has a character that does not show", line+1)
			}
			text = text[n:]
		}
	}
	return nil
}

// maxMembers bounds the members of one list or mapping: comparing the keys of a
// longer one would take its reader's time.
const maxMembers = 64

// plain refuses YAML whose meaning stands elsewhere than where it is read, and
// what is longer than any plan.
func plain(n *yaml.Node) error {
	if len(n.Content) > 2*maxMembers {
		return fmt.Errorf("line %d begins a list of more than %d members", n.Line, maxMembers)
	}
	if n.Kind == yaml.AliasNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 || n.Tag == "!!merge" {
		return fmt.Errorf("line %d has an anchor, an alias or a tag; write everything out", n.Line)
	}
	for _, c := range n.Content {
		if err := plain(c); err != nil {
			return err
		}
	}
	return nil
}
