package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Linking is where a vendor sends the person.
type Linking struct {
	URL   string   `yaml:"url"`   // expression over the answer to the question
	Hosts []string `yaml:"hosts"` // host or host:port that it may lead to
}

// Calling is how a vendor calls us (Standard Webhooks).
type Calling struct {
	Secrets []string `yaml:"secrets"` // files with whsec_...; any of them may have signed
	Ref     string   `yaml:"ref"`     // expression over the call's body: what it is about
}

// Certificate is a laboratory's word on a vendor's procedure.
type Certificate struct {
	Covers   string `yaml:"covers" json:"covers"`     // Liveness or Identification
	Standard string `yaml:"standard" json:"standard"` // "ISO/IEC 30107-3"
	Level    string `yaml:"level" json:"level,omitempty"`
	Lab      string `yaml:"lab" json:"lab"`
	Number   string `yaml:"number" json:"number"`
	ValidTo  string `yaml:"valid_to" json:"valid_to"` // YYYY-MM-DD, the last day
}

// What a certificate covers.
const (
	Liveness       = "liveness"       // presentation attacks are detected (ISO/IEC 30107-3)
	Identification = "identification" // documents and persons are identified remotely (ETSI TS 119 461)
)

// mustCover says what has to be certified for a kind's answers to count.
var mustCover = map[Kind][]string{
	AskVideo: {Liveness, Identification},
	AskFace:  {Liveness},
}

// visited reports whether people go to the vendor to answer.
func (k Kind) visited() bool { return k == AskVideo || k == AskFace }

// Bounds of how long a vendor's answer may be waited for.
const (
	longestVisit = 24 * time.Hour
	usualVisit   = 30 * time.Minute
	usualEvery   = 15 * time.Second
)

// refPlace stands in the address of a fetch for the reference.
const refPlace = "{ref}"

// checkVendor collects what is wrong with a file for a vendor that people go to.
func (f *ConnectorFile) checkVendor(need func(ok bool, what string, args ...any)) {
	p := f.Poll
	if p == nil || f.Webhook == nil {
		need(false, "%s needs webhook, which wakes us, and poll, which fetches what counts", f.Asks)
		return
	}
	need(p.Until != "" && p.Ref != "", "poll.until and poll.ref are expressions, and needed")
	before, after, there := strings.Cut(p.URL, refPlace)
	need(reaches(before+"x"+after), "poll.url is no https address")
	switch p.Method {
	case http.MethodGet:
		u, err := url.Parse(before + "x" + after)
		need(err == nil && there && u.RawQuery == "" && u.Fragment == "" && strings.Count(before, "/") >= 3 && !strings.Contains(after, refPlace) && p.Body == "",
			"a poll by GET has %s once in the path of its url, and neither query nor body", refPlace)
	default:
		need(p.Method == "" || p.Method == http.MethodPost || p.Method == http.MethodPut, "poll.method is none of GET, POST, PUT")
		need(!there && p.Body != "", "a poll that is no GET has a body and no %s in its url", refPlace)
	}
	need(p.Every == 0 || p.Every >= time.Second, "poll.every is below a second")
	need(p.For >= 0 && p.For <= longestVisit, "poll.for is above %v", longestVisit)
	need(f.About != "", "about is needed: a vendor's answer says which session it is of")
	need(len(f.Webhook.Secrets) >= 1 && len(f.Webhook.Secrets) <= 4, "webhook.secrets are one to four files")
	need(f.Webhook.Ref != "", "webhook.ref is an expression, and needed")
	need(f.Link.URL != "" && len(f.Link.Hosts) > 0, "link.url and link.hosts are needed")
	for _, host := range f.Link.Hosts {
		u, err := url.Parse("https://" + host)
		need(err == nil && u.Host == host && host == strings.ToLower(host), "link.hosts has %q, which is no host", host)
	}
	for i, c := range f.Certificates {
		need(c.check(f.Asks) == nil, "certificate %d: %v", i+1, c.check(f.Asks))
	}
}

func (c Certificate) check(k Kind) error {
	_, err := time.Parse(time.DateOnly, c.ValidTo)
	switch {
	case !slices.Contains(mustCover[k], c.Covers):
		return fmt.Errorf("covers is none of %s", strings.Join(mustCover[k], ", "))
	case c.Standard == "" || c.Lab == "" || c.Number == "":
		return errors.New("standard, lab and number are needed")
	case err != nil:
		return errors.New("valid_to is no date YYYY-MM-DD")
	}
	return nil
}

// end is the instant from which the certificate no longer holds.
func (c Certificate) end() time.Time {
	last, _ := time.Parse(time.DateOnly, c.ValidTo) // checked when the file was read
	return last.AddDate(0, 0, 1)
}

// warnBefore is how long before a certificate ends operators are told.
const warnBefore = 30 * 24 * time.Hour

// Certified returns nil while laboratories vouch for all that the connector's
// answers rest on; else what is missing or has ended. Connectors that people
// do not go to need no certificate.
func (n *Connector) Certified(now time.Time) error {
	var errs []error
	for _, what := range mustCover[n.file.Asks] {
		c, ok := n.newest(what)
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("no certificate covers %s", what))
		case !now.Before(c.end()):
			errs = append(errs, fmt.Errorf("certificate %s of %s for %s ended with %s", c.Number, c.Lab, what, c.ValidTo))
		}
	}
	return errors.Join(errs...)
}

// Ending returns the certificates that Certified rests on and that end within
// thirty days.
func (n *Connector) Ending(now time.Time) (list []Certificate) {
	for _, what := range mustCover[n.file.Asks] {
		if c, ok := n.newest(what); ok && now.Before(c.end()) && !now.Before(c.end().Add(-warnBefore)) {
			list = append(list, c)
		}
	}
	return list
}

// newest returns the certificate for what that ends last.
func (n *Connector) newest(what string) (best Certificate, ok bool) {
	for _, c := range n.file.Certificates {
		if c.Covers == what && (!ok || c.end().After(best.end())) {
			best, ok = c, true
		}
	}
	return best, ok
}

// numbers names the certificates that the answers rest on.
func (n *Connector) numbers() (list []string) {
	for _, what := range mustCover[n.file.Asks] {
		if c, ok := n.newest(what); ok {
			list = append(list, c.Standard+" "+c.Number)
		}
	}
	return list
}

// PollEvery is how long after one fetch the next one is due that nobody called for.
func (n *Connector) PollEvery() time.Duration {
	if n.file.Poll.Every == 0 {
		return usualEvery
	}
	return n.file.Poll.Every
}

// waits is how long an answer is waited for.
func (n *Connector) waits() time.Duration {
	if n.file.Poll.For == 0 {
		return usualVisit
	}
	return n.file.Poll.For
}
