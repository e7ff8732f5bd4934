package ca

import (
	"errors"
	"fmt"
	"time"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	certBucket     = "ca_certificates" // serial -> Certificate
	requestBucket  = "ca_requests"     // request id -> serial
	spkiBucket     = "ca_keys"         // hex SHA-256 of the SPKI -> keyUse
	keyCertBucket  = "ca_key_certs"    // hex SHA-256 of the SPKI/serial -> serial
	holderBucket   = "ca_holders"      // holder/serial -> serial
	businessBucket = "ca_businesses"   // business/serial -> serial
	pendingBucket  = "ca_pending"      // serial -> intent: written before the signature
	revokedBucket  = "ca_revoked"      // issuer/shard/serial -> Revoked
	revisionBucket = "ca_revisions"    // issuer/shard -> number of changes
	retireBucket   = "ca_retire"       // time/serial -> serial: to be superseded then
	holdBucket     = "ca_holds"        // time/serial -> serial: a suspension ends then
	blockedBucket  = "ca_blocked"      // hex SHA-256 of the SPKI -> Blocked
	foundBucket    = "ca_reconciled"   // time of the intent/serial -> Reconciled
	lookupBucket   = "ca_lookups"      // time/random -> Lookup
)

// State of a certificate's record.
type State string

// The states. Only Issued certificates can be good.
const (
	Pending State = "pending" // intent recorded, perhaps signed, never handed out
	Issued  State = "issued"
	Void    State = "void" // given up by the sweep: on the CRL and revoked in OCSP
)

// Certificate is the record of one certificate.
type Certificate struct {
	Serial      string               `json:"serial"` // lower-case hex
	Issuer      IssuerID             `json:"issuer"`
	Profile     string               `json:"profile"` // with its version: "natural-sign@1"
	State       State                `json:"state"`   //
	Holder      HolderID             `json:"holder,omitempty"`
	Business    BusinessID           `json:"business,omitempty"`
	Service     string               `json:"service,omitempty"` // common name of a certificate of the service itself
	Home        evidence.KeyHome     `json:"home,omitempty"`
	Environment evidence.Environment `json:"environment,omitempty"`
	PolicyOID   string               `json:"policy_oid,omitempty"`
	Policy      string               `json:"policy,omitempty"` // version of the assurance policy that decided
	Request     string               `json:"request"`          // application or statement it rests on
	SPKISHA256  string               `json:"spki_sha256"`
	NotBefore   time.Time            `json:"not_before"`
	NotAfter    time.Time            `json:"not_after"`
	Shard       int                  `json:"shard"`                 // of the CRL, fixed at issuance; or NoShard
	Lineage     string               `json:"lineage"`               // serial of the first certificate of the line
	Replaces    string               `json:"replaces,omitempty"`    // serial
	ReplacedBy  string               `json:"replaced_by,omitempty"` // serial
	Depth       int                  `json:"depth"`                 // renewals since ProofAt
	ProofAt     time.Time            `json:"proof_at,omitzero"`     // of the full proofing
	Evidence    []string             `json:"evidence,omitempty"`    // hex SHA-256 of each record
	Mandate     string               `json:"mandate,omitempty"`     // id of the mandate by which the holder acts for the business; "": its register says so
	Revoked     *Revoked             `json:"revoked,omitempty"`     // or suspended
	RenewNow    *RenewNow            `json:"renew_now,omitempty"`   // to be renewed at once, after an incident
	Leaf        string               `json:"leaf,omitempty"`        // of its issuance in the ledger (Event.ID)
	Version     int                  `json:"version"`               // of this record: status is ordered by it
	DER         []byte               `json:"der,omitempty"`
}

// RenewNow says since when and by which plan a certificate is to be renewed.
type RenewNow struct {
	At   time.Time `json:"at"`
	Plan string    `json:"plan"`
}

// Revoked says when and why a certificate ended, or rests.
type Revoked struct {
	Serial   string    `json:"serial"`
	At       time.Time `json:"at"`
	Reason   Reason    `json:"reason"`
	By       string    `json:"by"` // an actor: "holder", "operator:h-...", "job:retire"
	NotAfter time.Time `json:"not_after"`
	Leaf     string    `json:"leaf,omitempty"` // of this in the ledger (Event.ID)
}

// LoadCertificate reads the record inside tx; NotFound if there is none.
func LoadCertificate(tx store.Tx, serial string) (Certificate, error) {
	c, err := store.Load[Certificate](tx, certBucket, serial)
	return c, known(err)
}

// ReadCertificate is LoadCertificate for who reads the same few records again
// and again and changes none.
func ReadCertificate(m store.Memo[Certificate], tx store.Tx, serial string) (Certificate, error) {
	c, err := m.Load(tx, certBucket, serial)
	return c, known(err)
}

func known(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fault.New(fault.NotFound, "certificate_unknown", "there is no certificate with this serial number here")
	}
	return err
}

func saveCertificate(tx store.Tx, c Certificate) error {
	return store.Save(tx, certBucket, c.Serial, c)
}

func shardKey(issuer IssuerID, shard int) string { return fmt.Sprintf("%s/%04d", issuer, shard) }

// ShardRevision returns how many changes the CRL shard has seen. A CRL made
// at this revision is current as long as the revision stays.
func ShardRevision(tx store.Tx, issuer IssuerID, shard int) (int, error) {
	n, err := store.Load[int](tx, revisionBucket, shardKey(issuer, shard))
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return n, err
}

// EachRevoked calls fn with every entry of the CRL shard, in serial order.
func EachRevoked(tx store.Tx, issuer IssuerID, shard int, fn func(Revoked) error) error {
	return store.Each(tx, revokedBucket, shardKey(issuer, shard)+"/", "", func(_ string, r Revoked) error { return fn(r) })
}

// ahead says what writeAhead and settle are going to read for the certificate,
// with what one of them alone looks at.
func (o Order) ahead(tx store.Tx, c Certificate, also ...store.Key) {
	keys := append(also, store.Key{Bucket: certBucket, Key: c.Serial}, store.Key{Bucket: spkiBucket, Key: c.SPKISHA256})
	if c.Replaces != "" {
		keys = append(keys, store.Key{Bucket: certBucket, Key: c.Replaces})
	}
	store.Ahead(tx, append(keys, o.Reads...)...)
}
