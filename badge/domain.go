package badge

import (
	"crypto/sha256"
	"encoding/base64"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"

	"mohr/internal/fault"
)

// Domain is the host a badge is for, in both its forms (RFC 5890 section
// 2.3.2.1). Only ParseDomain makes one that may be asked for.
type Domain struct {
	ASCII   string `json:"ascii"`   // A-labels: what is looked up and compared
	Unicode string `json:"unicode"` // U-labels: what people read; equal where there is no IDN
}

// IDN reports whether the two forms differ; then both are shown.
func (d Domain) IDN() bool { return d.ASCII != d.Unicode }

// Is reports whether host, which may carry a port, is the domain, or its "www".
func (d Domain) Is(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return d.ASCII != "" && (host == d.ASCII || host == "www."+d.ASCII)
}

const maxDomain = 253 // octets of a name without its last dot (RFC 1035 section 2.3.4)

// ParseDomain reads a host name in A- or U-labels. It is Invalid if it is no
// registrable name: an address, a single label, a bare public suffix, or not
// valid under IDNA2008 lookup rules (RFC 5891 section 5). Stricter: it is
// given without port and without a last dot.
func ParseDomain(s string) (Domain, error) {
	malformed := fault.New(fault.Invalid, "badge_domain_malformed", "this is not the host name of a shop; give it alone, like shop.example, without https:// and without a port")
	if s == "" || len(s) > 4*maxDomain || strings.HasSuffix(s, ".") {
		return Domain{}, malformed
	}
	// Lookup, but with the length limits of DNS and the bidi rule (RFC 5893).
	profile := idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true), idna.StrictDomainName(true), idna.Transitional(false))
	ascii, err := profile.ToASCII(s)
	if err != nil || len(ascii) > maxDomain || !strings.Contains(ascii, ".") || looksLikeAddress(ascii) {
		return Domain{}, malformed
	}
	if _, err := publicsuffix.EffectiveTLDPlusOne(ascii); err != nil {
		return Domain{}, fault.New(fault.Invalid, "badge_domain_public_suffix", "under this name anybody can register a domain, so it is nobody's shop; give your own domain below it")
	}
	unicode, err := profile.ToUnicode(ascii)
	if err != nil {
		return Domain{}, malformed
	}
	return Domain{ASCII: ascii, Unicode: unicode}, nil
}

// looksLikeAddress also takes what some resolvers read as an IPv4 address: a
// last label that is a number (WHATWG URL, "ends in a number").
func looksLikeAddress(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	_, err := strconv.ParseUint(last, 0, 64)
	return err == nil
}

// challengePath is where the proof of control lies (RFC 8615).
const challengePath = "/.well-known/mohr-challenge/"

// challengeLabel is the name below the domain that has the TXT record, and
// challengeMeta the name of the meta element.
const (
	challengeLabel = "_mohr-challenge"
	challengeMeta  = "mohr-challenge"
)

// Challenge is what the merchant shows under its domain, in one of three
// ways: a file at URL, a TXT record of the name TXT, or in the head of the
// page Front an element <meta name="mohr-challenge" content=CONTENT>.
type Challenge struct {
	Token   string `json:"token"`
	URL     string `json:"url"`
	TXT     string `json:"txt,omitempty"`
	Front   string `json:"front,omitempty"`
	Content string `json:"content"` // exactly; in the file a line end after it is allowed
}

// Meta is the element for the front page. The content has nothing to escape.
func (c Challenge) Meta() string {
	return `<meta name="` + challengeMeta + `" content="` + c.Content + `">`
}

// newChallenge returns the challenge for a random token. Its content is bound
// to the applicant's key and the domain: nobody else's proof serves, and this
// one serves nobody else.
func newChallenge(token string, d Domain, spki []byte, port int) Challenge {
	key := sha256.Sum256(spki)
	bound := sha256.Sum256([]byte("mohr-challenge/1\x00" + token + "\x00" + d.ASCII + "\x00" + string(key[:])))
	host := d.ASCII
	if port != 0 && port != 80 {
		host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return Challenge{
		Token:   token,
		URL:     "http://" + host + challengePath + token,
		TXT:     challengeLabel + "." + d.ASCII,
		Front:   "http://" + host + "/",
		Content: token + "." + base64.RawURLEncoding.EncodeToString(bound[:]),
	}
}
