package gateway

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// maxConnector bounds a connector file, octets.
const maxConnector = 32 << 10

// ConnectorFile is a connector as a file (YAML); docs/connectors.md explains
// each key. Unknown keys are refused.
type ConnectorFile struct {
	Connector   string            `yaml:"connector"` // name@version
	Asks        Kind              `yaml:"asks"`
	Environment string            `yaml:"environment"` // "simulated" or "production"
	URL         string            `yaml:"url"`
	Method      string            `yaml:"method"` // POST or PUT; "" is POST
	Timeout     time.Duration     `yaml:"timeout"`
	Headers     map[string]string `yaml:"headers"`
	Secrets     map[string]string `yaml:"secrets"`     // header -> file with its value
	BearerFile  string            `yaml:"bearer_file"` // file with the token
	RootFile    string            `yaml:"root_file"`   // PEM; "": the machine's
	Certificate string            `yaml:"certificate"` // PEM, for mutual TLS
	Key         string            `yaml:"key"`         // PEM
	Body        string            `yaml:"body"`        // expression: the question as a map
	HMAC        struct {
		Header     string `yaml:"header"`      // that carries the hex HMAC-SHA256 of the question's body
		SecretFile string `yaml:"secret_file"` // its key
	} `yaml:"hmac"`
	Rate     uint              `yaml:"rate"`     // questions a second at most; 0: as many as come
	Statuses []int             `yaml:"statuses"` // that carry an answer; none: 200
	About    string            `yaml:"about"`    // expression: the answer is about the question
	Result   string            `yaml:"result"`   // expression: match, mismatch or inconclusive
	Claims   map[string]string `yaml:"claims"`   // name -> expression
	Poll     *Polling          `yaml:"poll"`     // nil: the first answer is the answer
}

// Polling is how an answer is fetched that is not there at once.
type Polling struct {
	Until string        `yaml:"until"` // expression: the answer is there
	Ref   string        `yaml:"ref"`   // expression: what the gateway calls the open question
	URL   string        `yaml:"url"`
	Body  string        `yaml:"body"`  // expression, with ref
	Every time.Duration `yaml:"every"` // between two fetches; zero: one second
	For   time.Duration `yaml:"for"`   // all in all; zero: ten seconds
}

// longestPoll is how long a question may be waited for: a person may be
// waiting too. What takes longer is asked anew later.
const longestPoll = 20 * time.Second

func (p *Polling) every() time.Duration {
	if p.Every == 0 {
		return time.Second
	}
	return p.Every
}

func (p *Polling) longest() time.Duration {
	if p.For == 0 {
		return longestPoll / 2
	}
	return p.For
}

var connectorName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,40}@[a-z0-9.]{1,16}$`)

// claimsOf says which claims a kind has.
var claimsOf = map[Kind][]string{
	AskPerson:  {"first_name", "last_name", "father_name", "alive"},
	AskMobile:  {"sim_changed_days"},
	AskLegal:   {"name", "status", "signatories", "jointly", "domains"},
	AskLicence: {"number", "valid_to"},
	SendingSMS: {"id"},
}

func parseConnector(b []byte) (ConnectorFile, error) {
	var f ConnectorFile
	if len(b) > maxConnector {
		return f, fmt.Errorf("connector: longer than %d octets", maxConnector)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("connector: %w", err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return f, errors.New("connector: a second document follows")
	}
	return f, f.check()
}

// check reports all faults at once.
func (f *ConnectorFile) check() error {
	var errs []error
	need := func(ok bool, what string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("connector: "+what, args...))
		}
	}
	need(connectorName.MatchString(f.Connector), "%q is no name@version", f.Connector)
	_, known := questions[f.Asks]
	need(known, "%q is nothing that connectors ask: civil_registry, mobile_ownership, legal_registry, licence or sms", f.Asks)
	need(f.Environment == "simulated" || f.Environment == "production", "environment is neither simulated nor production")
	need(reaches(f.URL), "url is no https address")
	if p := f.Poll; p != nil {
		need(reaches(p.URL), "poll.url is no https address")
		need(p.Until != "" && p.Ref != "" && p.Body != "", "poll.until, poll.ref and poll.body are expressions, and needed")
		need(p.Every >= 0 && p.For >= 0 && p.For <= longestPoll, "poll.for is above %v, or poll.every or poll.for below zero", longestPoll)
		need(f.Asks != SendingSMS, "a message is handed over, not polled for")
	}
	need(f.Method == "" || f.Method == http.MethodPost || f.Method == http.MethodPut, "method is neither POST nor PUT: personal data is not for addresses")
	need(f.Timeout >= 0 && f.Timeout <= time.Minute, "timeout is above a minute")
	need(f.Body != "" && f.Result != "", "body and result are expressions, and needed")
	need((f.Certificate == "") == (f.Key == ""), "certificate and key belong together")
	need((f.HMAC.Header == "") == (f.HMAC.SecretFile == ""), "hmac.header and hmac.secret_file belong together")
	need(f.Rate <= 10_000, "rate is above 10000 a second")
	need(f.BearerFile == "" || f.Secrets["Authorization"] == "", "Authorization is set twice")
	for name := range f.Claims {
		need(slices.Contains(claimsOf[f.Asks], name), "%s has no claim %q", f.Asks, name)
	}
	for _, s := range f.Statuses {
		need(s >= 200 && s < 500 && s != http.StatusTooManyRequests && s != http.StatusUnauthorized, "status %d carries no answer", s)
	}
	return errors.Join(errs...)
}

// reaches reports whether s is an address that a question may go to: https,
// or http on this machine.
func reaches(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	host := u.Hostname()
	return u.Scheme == "https" || u.Scheme == "http" && (host == "127.0.0.1" || host == "localhost" || host == "::1")
}

func (f *ConnectorFile) timeout() time.Duration {
	if f.Timeout == 0 {
		return 5 * time.Second
	}
	return f.Timeout
}

func (f *ConnectorFile) method() string {
	if f.Method == "" {
		return http.MethodPost
	}
	return f.Method
}

func (f *ConnectorFile) takes(status int) bool {
	if len(f.Statuses) == 0 {
		return status == http.StatusOK
	}
	return slices.Contains(f.Statuses, status)
}

// head sets the headers. Secrets are read each time, so that one that is
// replaced needs no restart.
func (f *ConnectorFile) head(h http.Header, body []byte) error {
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json")
	for name, value := range f.Headers {
		h.Set(name, value)
	}
	for name, file := range f.Secrets {
		value, err := readSecret(file)
		if err != nil {
			return err
		}
		h.Set(name, value)
	}
	if f.BearerFile != "" {
		token, err := readSecret(f.BearerFile)
		if err != nil {
			return err
		}
		h.Set("Authorization", "Bearer "+token)
	}
	if f.HMAC.Header != "" {
		secret, err := readSecret(f.HMAC.SecretFile)
		if err != nil {
			return err
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		h.Set(f.HMAC.Header, hex.EncodeToString(mac.Sum(nil)))
	}
	return nil
}

func readSecret(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("connector's secret: %w", err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" || strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("connector's secret: %s is not one line", file)
	}
	return s, nil
}

// transport reaches the gateway where the file says it is: a configured
// address is not one that somebody else chose.
func (f *ConnectorFile) transport() (http.RoundTripper, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.RootFile != "" {
		b, err := os.ReadFile(f.RootFile)
		if err != nil {
			return nil, err
		}
		if conf.RootCAs = x509.NewCertPool(); !conf.RootCAs.AppendCertsFromPEM(b) {
			return nil, fmt.Errorf("%s holds no certificate", f.RootFile)
		}
	}
	if f.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
		if err != nil {
			return nil, err
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{
		TLSClientConfig: conf, TLSHandshakeTimeout: f.timeout(), ResponseHeaderTimeout: f.timeout(),
		MaxResponseHeaderBytes: 16 << 10, MaxIdleConnsPerHost: 32, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}, nil
}
