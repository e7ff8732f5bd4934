package evidence

import (
	"crypto/x509"
	"maps"
	"slices"
)

// QC is what the certificates of a profile state beside type, disclosure
// statements and semantics (EN 319 412-5 section 4). The zero value states
// nothing.
type QC struct {
	Compliance     bool     // 1: qualified, under the law that Legislation names
	Limit          Limit    // 2: zero: no limit is stated
	RetentionYears int      // 3: records are kept this long after the end; zero: not stated
	SSCD           bool     // 4: the key lives in a signature creation device
	Legislation    []string // 7: countries, two capital letters (ISO 3166-1)
	Identification string   // 8: how the person was identified: an OID in dots, or ""
}

// Limit bounds what a signature may be worth: Amount * 10^Exponent of the
// currency (ISO 4217).
type Limit struct {
	Currency string `yaml:"currency"`
	Amount   int64  `yaml:"amount"`
	Exponent int    `yaml:"exponent"`
}

func (q QC) clone() QC {
	q.Legislation = slices.Clone(q.Legislation)
	return q
}

// Claims reports whether q states what a test certificate must never state:
// compliance, a device, a legislation.
func (q QC) Claims() bool { return q.Compliance || q.SSCD || len(q.Legislation) > 0 }

// statements is QC as a policy file has it.
type statements struct {
	Compliance     bool     `yaml:"compliance"`
	Limit          *Limit   `yaml:"limit"`
	RetentionYears int      `yaml:"retention_years"`
	SSCD           bool     `yaml:"sscd"`
	Legislation    []string `yaml:"legislation"`
	Identification string   `yaml:"identification"`
}

func (s statements) rules() QC {
	q := QC{Compliance: s.Compliance, RetentionYears: s.RetentionYears, SSCD: s.SSCD, Legislation: slices.Clone(s.Legislation), Identification: s.Identification}
	if s.Limit != nil {
		q.Limit = *s.Limit
	}
	return q
}

// Bounds of statements. They are ours.
const (
	maxRetention   = 100 // years
	maxLegislation = 10  // countries
	maxExponent    = 12  // of a limit
)

func (c *check) statements(p profile, e Environment) {
	q := p.QC.rules()
	stated := q.Claims() || p.QC.Limit != nil || q.RetentionYears != 0 || q.Identification != ""
	c.need(!stated || slices.Contains(signing, c.profile), "qc is for profiles that sign")
	c.need(e != Simulated || !q.Claims(), "qc states compliance, sscd or legislation, which simulated evidence never supports")
	// Without statement 7 a compliance is one with the law of the EU.
	c.need(!q.Compliance || len(q.Legislation) > 0, "qc.compliance without qc.legislation claims the law of the EU; name the country")
	c.need(len(q.Legislation) <= maxLegislation, "qc.legislation has more than %d countries", maxLegislation)
	for i, country := range q.Legislation {
		c.need(capitals(country, 2), "qc.legislation has %q, which is not two capital letters", country)
		c.need(!slices.Contains(q.Legislation[:i], country), "qc.legislation has %s twice", country)
	}
	c.need(q.RetentionYears >= 0 && q.RetentionYears <= maxRetention, "qc.retention_years is not between 0 and %d", maxRetention)
	if l := p.QC.Limit; l != nil {
		c.need(capitals(l.Currency, 3), "qc.limit.currency is not three capital letters")
		c.need(l.Amount > 0, "qc.limit.amount is not positive")
		c.need(l.Exponent >= -maxExponent && l.Exponent <= maxExponent, "qc.limit.exponent is not between -%[1]d and %[1]d", maxExponent)
	}
	if q.Identification != "" {
		oid, err := x509.ParseOID(q.Identification)
		c.need(err == nil && oid.String() == q.Identification, "qc.identification %q is no object identifier", q.Identification)
	}
	if q.SSCD {
		c.device(p)
	}
}

// device wants hardware behind statement 4: no key home but the token, and
// its attestation asked each time.
func (c *check) device(p profile) {
	for _, home := range slices.Sorted(maps.Keys(p.PolicyOIDs)) {
		c.need(home == Token, "qc.sscd is for the key home token alone, and policy_oids has %s", home)
	}
	for i, set := range p.Evidence.AnyOf {
		c.need(slices.Contains(set, DeviceAttestation), "qc.sscd needs device_attestation in set %d", i+1)
	}
	c.need(p.Renewal.MaxDepth == 0 || slices.Contains(p.Renewal.Evidence, DeviceAttestation), "qc.sscd needs device_attestation in renewal.evidence")
}

// capitals reports whether s is n letters A to Z.
func capitals(s string, n int) bool {
	for _, c := range []byte(s) {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return len(s) == n
}
