package document

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"
	"time"
)

// Indication is the main result (ETSI EN 319 102-1 section 5.1.3).
type Indication string

// The indications.
const (
	Passed        Indication = "TOTAL-PASSED"
	Indeterminate Indication = "INDETERMINATE"
	Failed        Indication = "TOTAL-FAILED"
)

// Sub says why it is not TOTAL-PASSED (ETSI EN 319 102-1 table 6).
type Sub string

// The sub-indications that Validate gives.
const (
	FormatFailure        Sub = "FORMAT_FAILURE"
	HashFailure          Sub = "HASH_FAILURE"
	SigCryptoFailure     Sub = "SIG_CRYPTO_FAILURE"
	SignedDataNotFound   Sub = "SIGNED_DATA_NOT_FOUND"
	NoSigningCertificate Sub = "NO_SIGNING_CERTIFICATE_FOUND"
	NoCertificateChain   Sub = "NO_CERTIFICATE_CHAIN_FOUND"
	ChainConstraints     Sub = "CHAIN_CONSTRAINTS_FAILURE"
	SigConstraints       Sub = "SIG_CONSTRAINTS_FAILURE"
	CryptoConstraints    Sub = "CRYPTO_CONSTRAINTS_FAILURE"
	TimestampOrder       Sub = "TIMESTAMP_ORDER_FAILURE"
	Revoked              Sub = "REVOKED"
	RevokedNoPOE         Sub = "REVOKED_NO_POE"
	RevokedCANoPOE       Sub = "REVOKED_CA_NO_POE"
	Expired              Sub = "EXPIRED"
	OutOfBoundsNoPOE     Sub = "OUT_OF_BOUNDS_NO_POE"
	NotYetValid          Sub = "NOT_YET_VALID"
	TryLater             Sub = "TRY_LATER"
)

// Subs are all of them, for who has a text for each.
func Subs() []Sub {
	return []Sub{
		FormatFailure, HashFailure, SigCryptoFailure, SignedDataNotFound, NoSigningCertificate, NoCertificateChain,
		ChainConstraints, SigConstraints, CryptoConstraints, TimestampOrder, Revoked, RevokedNoPOE, RevokedCANoPOE,
		Expired, OutOfBoundsNoPOE, NotYetValid, TryLater,
	}
}

// Level is how long a signature can be judged (B, T, LT and LTA of the baselines).
type Level string

// The levels.
const (
	LevelB  Level = "B-B"   // as long as the certificate is good
	LevelT  Level = "B-T"   // a time stamp holds: after its end too, while revocations are known
	LevelLT Level = "B-LT"  // they are carried along
	LevelA  Level = "B-LTA" // and stamped with all the rest: as long as that stamp holds, after the first one's end too
)

// Report is what Validate says. Its JSON is documented in docs/documents.md.
type Report struct {
	Indication Indication `json:"indication"` // the worst of the signatures
	At         time.Time  `json:"validation_time"`
	Signatures []Verdict  `json:"signatures"`
}

// Verdict is the judgement on one signature.
type Verdict struct {
	Indication    Indication `json:"indication"`
	SubIndication Sub        `json:"sub_indication,omitempty"`
	Why           string     `json:"why,omitempty"` // for experts, in English
	Format        string     `json:"format,omitempty"`
	Level         Level      `json:"level,omitempty"`
	Algorithm     string     `json:"algorithm,omitempty"`
	MIME          string     `json:"mime_type,omitempty"`
	Signer        *Party     `json:"signer,omitempty"`
	ClaimedTime   *time.Time `json:"claimed_time,omitempty"`   // what the signer says
	BestTime      *time.Time `json:"best_time,omitempty"`      // the signature certainly existed then
	Stamps        []Stamped  `json:"time_stamps,omitempty"`    // over the signature
	ContentStamps []Stamped  `json:"content_stamps,omitempty"` // over the document, before it was signed
	ArchiveStamps []Stamped  `json:"archive_stamps,omitempty"` // over the signature with its stamps and evidence
	Chain         []Link     `json:"chain,omitempty"`          // the signer first
}

// Party is a certificate's holder.
type Party struct {
	Name   string    `json:"name"`
	Issuer string    `json:"issuer"`
	Serial string    `json:"serial"` // hexadecimal
	SHA256 string    `json:"sha256"` // of the certificate
	From   time.Time `json:"not_before"`
	Until  time.Time `json:"not_after"`
}

// Stamped is a time stamp with whether it counts.
type Stamped struct {
	Holds bool       `json:"holds"`
	Why   string     `json:"why,omitempty"`
	At    *time.Time `json:"time,omitempty"`
	Unit  *Party     `json:"unit,omitempty"`
}

// Link is a certificate of the chain with what is known of its revocation.
type Link struct {
	Party
	Anchor bool    `json:"anchor,omitempty"` // one of those the judge was told to believe
	Status *Status `json:"revocation,omitempty"`
}

// Status is what a CRL or an OCSP response says of a certificate.
type Status struct {
	From       string     `json:"from"` // "ocsp" or "crl"
	Revoked    bool       `json:"revoked"`
	At         *time.Time `json:"revoked_at,omitempty"`
	Reason     int        `json:"reason,omitempty"` // RFC 5280 section 5.3.1
	ThisUpdate time.Time  `json:"this_update"`
	NextUpdate time.Time  `json:"next_update"`
	keepsFrom  time.Time  // entries are kept of certificates that ended after it; zero: they are not
}

// Unreadable is the report on what no reader could take apart.
func Unreadable(err error, now time.Time) Report {
	return Report{Indication: Failed, At: now, Signatures: []Verdict{{Indication: Failed, SubIndication: FormatFailure, Why: err.Error()}}}
}

// worst returns the worse of two indications.
func worst(a, b Indication) Indication {
	order := map[Indication]int{Passed: 0, Indeterminate: 1, Failed: 2}
	if order[b] > order[a] {
		return b
	}
	return a
}

func partyOf(c *x509.Certificate) *Party {
	sum := sha256.Sum256(c.Raw)
	name := c.Subject.CommonName
	if name == "" {
		name = c.Subject.String()
	}
	return &Party{
		Name: oneLine(name), Issuer: oneLine(c.Issuer.String()), Serial: c.SerialNumber.Text(16), SHA256: hex.EncodeToString(sum[:]),
		From: c.NotBefore.UTC(), Until: c.NotAfter.UTC(),
	}
}

// oneLine keeps a name from others' certificates from looking like our text.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
}
